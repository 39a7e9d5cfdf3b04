# SPDX-License-Identifier: GPL-3.0-or-later
"""The library: entries for what Debian has, a file each in /usr/share/galaf/known, which galaf_conf.json may refer to.

A file says what it is for, and has in "groups" or "users" the one entry that it grants, written as galaf_conf.json
has it; in "inbound" what others may reach of it, and in "forward" what they may send through this machine, which
nothing takes without being asked to.
"""
import dataclasses
import functools
import json
import os
from dataclasses import dataclass, field

from .. import paths
from ..errors import GalafError
from . import jsontext

FLATPAK = "/usr/bin/flatpak"
KEYS = {"summary": str, "topic": str, "packages": list, "program": str, "menu": list, "services": list,
        "flatpaks": list, "rests_on": list, "serves": str,
        "groups": dict, "users": dict, "inbound": dict, "forward": list}


@dataclass(frozen=True)
class Known:
    """One file of the library.

    name: the file's, without .json; section: "groups", "users", or None where it is "inbound" alone; account: the
    group or user that the entry is of; program: the path by which one sees whether it is installed; serves: what
    others reach by "inbound", where that is another thing than summary says; forward: rules on what they send through;
    flatpaks: the names that flatpaks of it have, other than those of its menu entries; flatpak: of as_flatpak(), which.
    """
    name: str
    summary: str
    topic: str
    packages: tuple
    program: str
    section: str = None
    account: str = None
    entry: dict = field(default_factory=dict)
    inbound: dict = field(default_factory=dict)
    serves: str = ""
    menu: tuple = ()
    services: tuple = ()
    rests_on: tuple = ()
    forward: tuple = ()
    flatpaks: tuple = ()
    flatpak: str = ""

    @property
    def installed(self):
        """Whether its program is on this machine."""
        return os.path.exists(self.program)

    def grants(self, inbound=False):
        """What galaf_conf.json would have of it, by section; inbound: with what others may reach."""
        entry = {self.section: {self.account: self.entry}} if self.section else {}
        forward = {"config": {"forward": list(self.forward)}} if inbound and self.forward else {}
        return {**forward, **entry, **({"inbound": self.inbound} if inbound and self.inbound else {})}

    def serving(self):
        """The rules by which it serves others, by their place in galaf_conf.json."""
        forward = {("config", "forward"): list(self.forward)} if self.forward else {}
        return {**forward, **{("inbound", name): rules for name, rules in self.inbound.items()}}

    def as_flatpak(self, name):
        """The same for a flatpak of it: an entry of that name, as galaf_conf.json(5) has one."""
        execv = [FLATPAK, "run", "--file-forwarding", name, "…"]
        kept = {key: value for key, value in self.entry.items() if key not in ("comment", "user_namespaces")}
        entry = {**kept, "execv": execv, "env": {"set": {"FLATPAK_USER_DIR": "/nonexistent"}}, "no_new_privs": False}
        return dataclasses.replace(self, name=name, account=name, summary=f"{self.summary} (flatpak)", program=FLATPAK,
                                   entry=entry, inbound={}, flatpak=name)

    def mentions(self, word):
        """Whether a word, in lower case, is part of its names, its summary or its topic."""
        return any(word in text.lower() for text in (self.name, self.account or "", self.summary, self.topic,
                                                     *self.packages))


def names():
    """The names of all known entries, sorted."""
    return sorted(file.stem for file in paths.KNOWN.glob("*.json"))


@functools.lru_cache(maxsize=None)
def read(name):
    """The Known of a name, or None where there is none.  Raises GalafError where its file is damaged."""
    file = paths.KNOWN / f"{name}.json"
    if "/" in name or not file.is_file():
        return None
    try:
        data = jsontext.parse(file.read_text(encoding="utf-8"), str(file))
        section = next((section for section in ("groups", "users") if section in data), None)
        (account, entry), = data[section].items() if section else [(None, {})]
        program = data.get("program") or entry["execv"][0]
        return Known(name, data["summary"], data["topic"], tuple(data["packages"]), program, section, account, entry,
                     data.get("inbound", {}), data.get("serves", ""),
                     *(tuple(data.get(key, ())) for key in ("menu", "services", "rests_on", "forward", "flatpaks")))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise GalafError(f"{file}: damaged ({error!r}): reinstall galaf") from None


def every():
    """All of the library, by name."""
    return [read(name) for name in names()]


def of(section, account):
    """The known entries of an account: section: "groups" or "users"; more than one for a user such as root."""
    return [known for known in every() if (known.section, known.account) == (section, account)]


def of_flatpaks():
    """{a flatpak's name: the Known of its application}: by the names of menu entries, which many flatpaks have too."""
    found = {}
    for each in every():
        if each.section == "groups":
            menus = [name.removesuffix(".desktop") for name in each.menu]
            found.update(dict.fromkeys([*each.flatpaks, *(name for name in menus if name.count(".") > 1)], each))
    return found


def added(text, known, entry=True, inbound=False, follow=False):
    """The text of galaf_conf.json with what a known entry grants; comments and layout stay.

    entry, inbound: whether its entry is written, and what others may reach of it; follow: whether to refer to it.
    """
    if entry and known.section:
        alone = follow and len(of(known.section, known.account)) == 1
        value = ("known" if alone else {"known": known.name}) if follow and not known.flatpak else known.entry
        text = jsontext.replace(with_section(text, known.section), (known.section, known.account), value)
    for place, rules in known.serving().items() if inbound else ():
        text = with_section(text, place[0])
        had = listed(json.loads(text)[place[0]].get(place[1], []))
        text = jsontext.replace(text, place,
                                [*had, *(rule for rule in listed(rules) if rule not in had)] if had else rules)
    return text


def listed(rules):
    """One rule or several, as a list."""
    return rules if isinstance(rules, list) else [rules]


def matches(rules):
    """The matches of one rule or several, of which some may be objects with their networks."""
    return [rule["rule"] if isinstance(rule, dict) else rule for rule in listed(rules)]


def with_section(text, name):
    """The text of galaf_conf.json with an empty section of that name, unless it has one."""
    return text if name in json.loads(text) else jsontext.replace(text, (name,), {})


def resolve(data, faults):
    """A configuration's value with the entries themselves where it refers to known ones; notes in faults what can't be.

    The keys of an object win over those of the entry that it names; a rule of its own holds for both families.
    """
    defaults = data.get("config", {}).get("defaults")
    if isinstance(defaults, str) or "known" in (defaults or {}):
        faults.add(("config", "defaults"), "a known entry is for a group or a user, not for all of them")
    found = dict(data)
    for section in ("groups", "users"):
        for name, entry in data.get(section, {}).items():
            if not name.startswith("#") and (entry == "known" or isinstance(entry, dict) and "known" in entry):
                found[section] = {**found[section], name: _resolved((section, name), entry, faults)}
    return found


def _resolved(place, entry, faults):
    """What an entry comes to that refers to a known one; None after noting a fault."""
    own = {key: value for key, value in entry.items() if key != "known"} if entry != "known" else {}
    base = _only(place, faults) if entry == "known" else _named(place, entry["known"], faults)
    if base is None:
        return None
    left = {key: value for key, value in base.entry.items() if not (key == "rule6" and "rule" in own)}
    return {**left, **own}


def _only(place, faults):
    """The one known entry of the account at a place."""
    found = of(*place)
    if len(found) > 1:
        faults.add(place, f'several known entries are {place[1]}\'s: write {{ "known": "{found[0].name}" }}, or one of '
                          + ", ".join(known.name for known in found[1:]))
    elif not found:
        faults.add(place, f"there is no known entry of this name among {place[0]}: galaf_group known lists them")
    return found[0] if len(found) == 1 else None


def _named(place, name, faults):
    """The known entry of a name, if it is one for a place's section."""
    found = read(name)
    if found is None or found.section != place[0]:
        faults.add(place + ("known",), f"there is no known entry {name!r}" if found is None else
                   f"the known entry {name!r} is none for {place[0]}")
        return None
    return found
