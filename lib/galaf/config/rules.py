# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of an entry, of "inbound", "kernel" and "forward", each a match, or an object with one and its networks."""
from dataclasses import dataclass, replace

from . import jsontext, networks, rulesyntax


@dataclass(frozen=True)
class Rule:
    """One match.  text: nft's words, "" for everything; families: (4,), (6,) or (4, 6); path: its JSON path.

    of_tunnel: whether it is of packets with a tunnel's mark, which the text names, whoever's packets they carry;
    networks: what of the text asks for them, as "on" or "not_on" says.
    """
    text: str
    families: tuple
    path: str
    of_tunnel: bool = False
    networks: str = ""


def parse_grants(merged, at, families, has_domains, named, faults):
    """The rules of an entry: rule for both families, or for IPv4 alone where rule6 is given.

    merged: the entry's values; at: {key: its place}; named: the networks.
    """
    def of(value, key, allowed):
        return parse(value, at(key), named, faults, allowed, upper=merged)
    if "rule" not in merged and "rule6" not in merged:
        return tuple(of("", "domains", families)) if has_domains else ()
    grants = []
    if "rule" in merged:
        grants += of(merged["rule"], "rule", tuple(f for f in families if f == 4 or "rule6" not in merged))
    if "rule6" in merged:
        grants += of(merged["rule6"], "rule6", tuple(f for f in families if f == 6))
    return tuple(grants)


def parse(value, place, named, faults, allowed=(4, 6), side="o", upper=None):
    """Each Rule of a match, an object, or an array of them.

    named: the networks; allowed: the families that it may hold for; side: "i" where its networks are those that a
    packet comes by; upper: what says so of networks where an object doesn't.
    """
    items = [(place + (i,), each) for i, each in enumerate(value)] if isinstance(value, list) else [(place, value)]
    for at, item in items:
        said = upper or {}
        if isinstance(item, dict):
            networks.check(item, at, named, faults)
            said = item if networks.said(item) else said
            at, item = at + ("rule",), item["rule"]
        for families, text in _parse_text(item.strip(), at, named, faults, allowed):
            for words in networks.matches(said, side, named):
                yield Rule(f"{words} {text}".strip(), families, jsontext.path(at), networks=words)


def _parse_text(text, place, named, faults, allowed):
    """(families, text) of a match, or nothing once its fault was noted."""
    what = rulesyntax.fault(text) or networks.fault(text, named)
    if what:
        faults.add(place, what)
        return
    families = rulesyntax.families(text)
    if not families:
        faults.add(place, "matches on both IPv4's and IPv6's header, which no packet has: make it two rules")
    usable = tuple(f for f in families if f in allowed)
    if families and allowed and not usable:
        faults.add(place, f"matches IPv{families[0]} only, which the entry may not use: "
                          "see its families, rule and rule6")
    if usable:
        yield usable, text


def parse_kernel(value, named, faults):
    """Each Rule of the section "kernel": matches, and objects with a tunnel's mark and a match."""
    for place, item in [(("kernel",), value)] if isinstance(value, str) else [
            (("kernel", index), item) for index, item in enumerate(value)]:
        if isinstance(item, str):
            yield from parse(item, place, named, faults)
        else:
            for rule in parse(item["rule"], place + ("rule",), named, faults):
                yield replace(rule, text=f"meta mark {item['mark']} {rule.text}".strip(), of_tunnel=True)
