# SPDX-License-Identifier: GPL-3.0-or-later
"""A group's name wherever it stands: in galaf_conf.json, in rules, in nft's own words.  Pure: text in, text out."""
import json
import re

from . import jsontext


def words(old, new):
    """{word: new word} of what a group's name is part of in nft's language: its define, sets and chain."""
    sets = ["{}_4", "{}_6", "old/{}_4", "old/{}_6",
            *(f"record/{{}}/{way}{family}" for way in ("out", "in") for family in (4, 6))]
    forms = ["${}", "group_{}", *sets, *("@" + name for name in sets)]
    return {form.format(old): form.format(new) for form in forms}


def in_words(text, new):
    """nft's text with some of its words replaced; new: as words() has it."""
    return re.sub(r"[$@]?[A-Za-z_][A-Za-z0-9_./-]*", lambda word: new.get(word[0], word[0]), text)


def renamed(text, old, new):
    """The text of galaf_conf.json, or of a drop-in, with a group's new name in each place that means it."""
    data, nft = json.loads(text), words(old, new)
    for place, prefix in _mentions(data, old):
        text = jsontext.replace(text, place, prefix + new)
    for place, rule in _rules(data):
        if in_words(rule, nft) != rule:
            text = jsontext.replace(text, place, in_words(rule, nft))
    if data.get("groups", {}).get(old) == "known":
        text = jsontext.replace(text, ("groups", old), {"known": old})
    for section in ("groups", "inbound"):
        if old in data.get(section, {}):
            text = jsontext.rename(text, (section, old), new)
    return text


def uses(text, name):
    """The places of one file that stand on a group, but for its own entry."""
    data, nft = json.loads(text), words(name, "")
    yield from (place for place, _ in _mentions(data, name))
    yield from (place for place, rule in _rules(data) if in_words(rule, nft) != rule and place[:2] != ("groups", name))
    if name in data.get("inbound", {}):
        yield "inbound", name


def _mentions(data, name):
    """The (place, prefix) of each value that means a group: borrowed domains, "from", %name in "users"."""
    entries = {(kind, key): entry for kind in ("groups", "users") for key, entry in data.get(kind, {}).items()
               if not key.startswith("#")}
    entries["config", "defaults"] = data.get("config", {}).get("defaults")
    for place, entry in entries.items():
        if not isinstance(entry, dict):
            continue
        if entry.get("domains") == name:
            yield place + ("domains",), ""
        for key, prefix in (("from", ""), ("users", "%")):
            for index, word in enumerate(entry.get(key, ())):
                if word == prefix + name:
                    yield place + (key, index), prefix


def _rules(value, place=()):
    """The (place, text) of each rule of the file."""
    if isinstance(value, str):
        key = place[-1] if isinstance(place[-1], str) else place[-2]
        if key in ("rule", "rule6", "forward") or place[0] in ("inbound", "kernel"):
            yield place, value
        return
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in pairs:
        if not str(key).startswith("#") and key not in ("on", "not_on"):
            yield from _rules(below, place + (key,))
