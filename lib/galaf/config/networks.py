# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks by name: what the file says of them, and what "on" and "not_on" ask of a packet's interface.  Pure.

Each is a set of the names of interfaces, network/NAME, that system/networks.py fills; a rule may name it itself, as
in oifname @network/home.  KNOWN has every interface of which NetworkManager has said what connection it has: where
that was not said yet, it isn't known that the machine is not at home.
"""
import re
from dataclasses import dataclass

from . import jsontext

KNOWN = "networks_known"
_NAMED = re.compile(r"@network/([\w.-]+)")
_SHUT = re.compile(r"!= @network/([\w.-]+)")


@dataclass(frozen=True)
class Network:
    """connections: names or UUIDs of NetworkManager's; interfaces: names of interfaces that are always of it."""
    name: str
    connections: tuple
    interfaces: tuple

    @property
    def path(self):
        """Its JSON path."""
        return jsontext.path(("networks", self.name))


def set_of(name):
    """The name of a network's set."""
    return f"network/{name}"


def parse(data, faults):
    """{name: Network} of a file's value."""
    found = {}
    for name, value in data.get("networks", {}).items():
        if name.startswith("#"):
            continue
        found[name] = Network(name, tuple(value.get("connection", ())), tuple(value.get("interface", ())))
        for index, interface in enumerate(found[name].interfaces):
            if interface in ("lo", ".", ".."):
                faults.add(("networks", name, "interface", index), f"{interface!r} is no interface of a network")
        if not any(value.get(key) for key in ("connection", "interface")):
            faults.add(("networks", name), 'is empty: write "connection": ["Home"], a name or UUID that '
                                           'nmcli connection shows, or "interface": ["wg0"]')
    return found


def said(values):
    """Whether something says on which networks it holds."""
    return "on" in values or "not_on" in values


def outdone(defaults, values):
    """Defaults without what they say of networks, where an entry says that itself."""
    return {key: value for key, value in defaults.items() if key not in ("on", "not_on") or not said(values)}


def check(values, place, named, faults):
    """Notes what is wrong with "on" and "not_on" of an entry, a rule or the defaults."""
    if "on" in values and "not_on" in values:
        faults.add(place + ("not_on",), 'stands beside "on": keep one of the two')
    for key in ("on", "not_on"):
        for index, name in enumerate(values.get(key, ())):
            if name not in named:
                faults.add(place + (key, index), _unknown(name, named))


def _unknown(name, named):
    return f"there is no network {name!r}: known are {', '.join(named) or 'none'}: name it under \"networks\""


def fault(text, named):
    """What is wrong with the networks that a match names itself, as a phrase, or None."""
    return next((_unknown(name, named) for name in _NAMED.findall(text) if name not in named), None)


def matches(values, side, named):
    """What "on" and "not_on" ask of the interface, as matches of which one has to hold; side: "i" or "o"."""
    if "on" in values:
        return [f"{side}ifname @{set_of(name)}" for name in values["on"]]
    shut = [name for name in values.get("not_on", ()) if name in named]
    known = [f"{side}ifname @{KNOWN}"] if any(named[name].connections for name in shut) else []
    return [" ".join([*known, *(f"{side}ifname != @{set_of(name)}" for name in shut)])]


def off(entries, where):
    """Those of some entries that hold nowhere now, by "on" and "not_on"; where: {interface: [network]}."""
    return [entry for entry in entries
            if entry.rules and all(rule.networks and not _holds(rule.networks, where) for rule in entry.rules)]


def _holds(words, where):
    """Whether there is an interface for a match of matches()."""
    shut = set(_SHUT.findall(words))
    if shut:
        return KNOWN not in words or any(not shut.intersection(names) for names in where.values())
    return any(set(_NAMED.findall(words)).intersection(names) for names in where.values())
