# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenSnitch's rules, one JSON file each, as entries of galaf_conf.json: what maps does, the rest is named.  Pure.

An entry's rules hold for each of its domains, and so an entry takes further rules of its program where that grants
no more than they do.  A domain covers all below it, which OpenSnitch's host does not.
"""
import ipaddress
import json
from collections import namedtuple
from pathlib import PurePosixPath

from ..errors import GalafError
from . import conf, jsontext, known

OPERANDS = {"process.path", "dest.host", "dest.ip", "dest.network", "dest.port", "protocol", "user.id", "true"}

Wish = namedtuple("Wish", "file program user domains matches addressed")
Wish.__doc__ = """What one rule allows.

file: the rule's; program: its path, or None for all of a user's; user: a name, or None for everyone; domains: a
tuple; matches: a tuple of nft's, each a way that is allowed; addressed: whether they name an address.
"""


class Unmapped(Exception):
    """Why a rule becomes no entry, a phrase."""


def imported(text, settings, rules, names, obstacle=lambda program, name: None):
    """(the text of galaf_conf.json with entries for rules, [(file, why not)]); comments and layout stay.

    settings: the text's Conf; rules: {file name: text}; names: {uid: user's name}; obstacle: says of a program and an
    entry's name what this machine has against a group for them, a phrase or None.
    """
    wishes, left = [], []
    for file in sorted(rules):
        try:
            wishes.append(wish(file, rules[file], names))
        except Unmapped as error:
            left.append((file, str(error)))
    for place, entry in _entries(wishes, settings, left, obstacle).items():
        text = jsontext.replace(known.with_section(text, place[0]), place, entry)
    return text, sorted(left)


def wish(file, text, names):
    """The Wish of one rule's text; raises Unmapped."""
    try:
        rule = jsontext.parse(text, file)
        _check_state(rule)
        found = dict(map(_condition, _operators(rule["operator"])))
    except GalafError as error:
        raise Unmapped(str(error).removeprefix(f"{file}: ")) from None
    except (LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise Unmapped(f"is no rule of OpenSnitch's ({type(error).__name__})") from None
    return _wish(file, found, names)


def _check_state(rule):
    """Raises Unmapped for a rule that allows nothing for good."""
    for key, wanted, why in (("action", "allow", "refuses, and galaf refuses what is not listed"),
                             ("enabled", True, "is switched off"), ("duration", "always", "is for a time alone")):
        if rule[key] != wanted:
            raise Unmapped(why)


def _operators(operator):
    """The operators that all have to hold: those of a list, which older versions keep as text, or the one."""
    if operator["type"] != "list":
        return [operator]
    operators = operator.get("list") or json.loads(operator["data"])
    if not operators:
        raise Unmapped("has an empty list")
    if len({each["operand"] for each in operators}) < len(operators):
        raise Unmapped("asks for one thing twice")
    return operators


def _condition(operator):
    """(operand, data) of an operator; raises Unmapped for what is no plain comparison."""
    kind, operand, data = operator["type"], str(operator["operand"]), operator["data"]
    if operand not in OPERANDS:
        raise Unmapped(f"asks for {operand!r}, which galaf does not look at")
    if kind != ("network" if operand == "dest.network" else "simple"):
        raise Unmapped(f"compares {operand} by {kind!r}: write what it means by hand")
    if not isinstance(data, str):
        raise Unmapped(f"has a {operand} that is no text")
    return operand, data


def _wish(file, found, names):
    """The Wish of plain comparisons, {operand: data}."""
    program = found.get("process.path")
    if program is not None and (not program.startswith("/") or not program.isprintable()):
        raise Unmapped(f"has a program {program!r} that is no path")
    user = _user(found["user.id"], names) if "user.id" in found else None
    if program is None and user is None:
        raise Unmapped("is for every program: galaf lists programs")
    domains, address = (), _address(found)
    if "dest.host" in found:
        if address:
            raise Unmapped("asks for a host and for an address")
        try:
            domains = (conf.domain(found["dest.host"]),)
        except GalafError as error:
            raise Unmapped(str(error)) from None
    return Wish(file, program, user, domains, _matches(found, address), bool(address))


def _user(data, names):
    if not data.isdecimal() or int(data) not in names:
        raise Unmapped(f"is for the user {data!r}, who is not on this machine")
    return names[int(data)]


def _address(found):
    """nft's match on the address that is asked for, "" where none is."""
    data = found.get("dest.ip", found.get("dest.network"))
    if data is None:
        return ""
    if "dest.ip" in found and "dest.network" in found:
        raise Unmapped("asks for an address and for a network")
    try:
        network = ipaddress.ip_network(data, strict=False)
    except ValueError:
        raise Unmapped(f"names the network {data!r}, which is none in numbers") from None
    if network.prefixlen == 0:
        return "ip daddr 0.0.0.0/0 " if network.version == 4 else "ip6 daddr ::/0 "
    written = network.network_address if network.prefixlen == network.max_prefixlen else network
    return f"ip{'' if network.version == 4 else '6'} daddr {written} "


def _matches(found, address):
    """nft's matches, one for each protocol that is allowed."""
    protocol, port = found.get("protocol", "").lower(), found.get("dest.port")
    if protocol not in ("", "tcp", "udp"):
        raise Unmapped(f"is for the protocol {protocol!r}: write what it means by hand")
    if port is None:
        return (f"{address}meta l4proto {protocol}" if protocol else address.strip(),)
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise Unmapped(f"has a port {port!r} that is none")
    return tuple(f"{address}{each} dport {int(port)}" for each in ([protocol] if protocol else ["tcp", "udp"]))


def _entries(wishes, settings, left, obstacle):
    """{place: entry} of what is wished, each with all of its rules; adds to left what no entry takes."""
    programs = {entry.execv[0]: entry.name for entry in settings.groups.values() if entry.execv}
    found = {}
    for each in wishes:
        place = ("groups", PurePosixPath(each.program).name) if each.program else ("users", each.user)
        why = (_clash(each, place, settings, programs, found.get(place, ()))
               or each.program and obstacle(each.program, place[1]))
        if why:
            left.append((each.file, why))
        else:
            found.setdefault(place, []).append(each)
    return {place: _entry(several) for place, several in found.items()}


def _clash(each, place, settings, programs, before):
    """Why an entry can't take a wish, a phrase; None where it can.  before: the wishes that it has."""
    section, name = place
    if each.program in programs:
        return f"{each.program} has the entry {programs[each.program]} already"
    if name in settings.groups or name in settings.users:
        return f"there is an entry {name} already"
    if not conf.NAME.match(name):
        return f"{name!r} can be no group's name: galaf_group add makes one by another"
    if not before:
        return None
    first = before[0]
    if (each.program, each.user) != (first.program, first.user):
        return f"{first.file} has made the entry {name} for another program or user"
    if bool(each.domains) != bool(first.domains) or each.domains and set(each.matches) != set(first.matches):
        return f"the entry {name}, of {first.file}, can't hold it too: its rules hold for each of its domains"
    return None


def _entry(wishes):
    """The entry of wishes that go together."""
    first = wishes[0]
    domains = list(dict.fromkeys(domain for each in wishes for domain in each.domains))
    matches = list(dict.fromkeys(match for each in wishes for match in each.matches))
    matches = [""] if "" in matches else matches
    entry = {"execv": [first.program, conf.CALLER_ARGUMENTS]} if first.program else {}
    if first.program and first.user:
        entry["users"] = [first.user]
    if domains or all(each.addressed for each in wishes):
        entry["domains"] = domains      # none: it resolves nothing
    if not (domains and matches == [""]):
        entry["rule"] = matches[0] if len(matches) == 1 else matches
    return entry
