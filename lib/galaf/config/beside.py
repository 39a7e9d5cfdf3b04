# SPDX-License-Identifier: GPL-3.0-or-later
"""What an entry of galaf_conf.json lacks of a known one, and how both stand side by side in the file.  Pure.

A user's entry may have to hold what several known ones grant, as root's does.
"""
import json

from ..errors import GalafError
from . import conf, jsontext
from . import known as library


def lacks(known, entry):
    """What a library's Known grants and a conf.Entry of its account does not, as phrases; an empty list for nothing.

    By the words of rules, in the families that the entry has: one that is written otherwise counts as lacking.
    """
    wanted = _by_itself(known)
    had = set() if entry.domains and not wanted.domains else _granted(entry)    # its rules are for its domains alone
    missing = [text for text, family in _wanted(wanted, entry) if not had & {(text, family), ("", family)}]
    said = [f'the rule "{text}"' for text in dict.fromkeys(missing)]
    if not entry.resolves_any:
        said += [f"the domain {name}" for name in wanted.domains if not _below(name, entry.domains)]
        said += ['names, of which its "domains" lets it resolve these alone' if entry.domains else
                 'names, of which its "domains" lets it resolve none'] if wanted.resolves_any else []
    return said


def joined(files, file, known, entry):
    """The text of a file in which an entry has a known one's rules beside its own; the same where it lacks none.

    files: the sources.Sources; file: galaf_conf.json's path.  Raises GalafError where that would be more or less than
    the two by themselves: each rule of an entry holds for all of its domains.
    """
    missing = lacks(known, entry)
    if not missing:
        return files.text
    text = _written(files.text, known, entry)
    if text not in (None, files.text):
        try:
            after = getattr(files.changed(file, text).parse(), known.section)[known.account]
        except GalafError:
            after = None
        if after and _granted(after) == _granted(entry) | set(_wanted(_by_itself(known), entry)):
            return text
    raise GalafError(f"{file}: {entry.path}: is there already, and was left as it is, since rules and domains of one "
                     f"entry go together; of what is known of {known.name} it lacks {'; '.join(missing)}")


def _written(text, known, entry):
    """The text with the known rules behind the entry's own; None where that is for a person to write."""
    values = json.loads(text).get(known.section, {}).get(known.account)
    if (not isinstance(values, dict) or "known" in values or "rule" not in values and entry.rules
            or set(entry.domains) != set(known.entry.get("domains", ()))):
        return None
    six = "rule6" if "rule6" in values else "rule"
    rules, rules6 = (library.listed(known.entry.get(key, [])) for key in ("rule", "rule6"))
    if six == "rule6" and "rule6" not in known.entry:
        rules6 = rules
    for key, more in ("rule", rules), (six, rules6 if 6 in entry.families else []):
        had = library.listed(json.loads(text)[known.section][known.account].get(key, []))
        if fresh := [rule for rule in more if rule not in had]:
            text = jsontext.replace(text, (known.section, known.account, key), [*had, *fresh])
    return text


def _by_itself(known):
    """The conf.Entry that a known one is."""
    return getattr(conf.parse(json.dumps(known.grants()), known.name, checked=True), known.section)[known.account]


def _granted(entry):
    """{(match, family)} of an entry's rules, less the networks that they are for."""
    return {(rule.text.removeprefix(rule.networks).lstrip(), family)
            for rule in entry.rules for family in rule.families}


def _wanted(known, entry):
    """[(match, family)] of a known conf.Entry's rules in an entry's families; all where it has none of these."""
    pairs = [(rule.text, family) for rule in known.rules for family in rule.families]
    return [pair for pair in pairs if pair[1] in entry.families] or pairs


def _below(name, domains):
    return any(name == above or name.endswith(f".{above}") for above in domains)
