# SPDX-License-Identifier: GPL-3.0-or-later
"""ufw's rules, as user.rules and user6.rules have them, as "inbound": what maps does, the rest is named.  Pure.

ufw opens a port for whoever serves it, galaf for an account: the one that serves it now.
"""
import ipaddress
import json
import re

from . import jsontext, known

_TUPLE = re.compile(r"^### tuple ### (.+)$", re.MULTILINE)
_ANY = {4: "0.0.0.0/0", 6: "::/0"}
_PORTS = re.compile(r"\d{1,5}(?::\d{1,5})?(?:,\d{1,5}(?::\d{1,5})?)*")


class Unmapped(Exception):
    """Why a rule opens nothing, a phrase."""


def imported(text, texts, serving):
    """(the text of galaf_conf.json with what ufw lets in under "inbound", [(rule, why not)]); comments and layout stay.

    texts: {4: user.rules', 6: user6.rules' text}; serving: {(protocol, port): {account}} that serve it now.
    """
    found, left = {}, {}        # (account, match) -> families
    for version, rules in texts.items():
        for line in _TUPLE.findall(rules):
            rule = re.sub(r" comment=\S*$", "", line.strip())
            try:
                for wish in _wishes(rule.split(), version, serving):
                    found.setdefault(wish, []).append(version)
            except Unmapped as error:
                left.setdefault(rule, str(error))
    for (account, match), versions in found.items():
        both = len(set(versions)) == 2 or "saddr" in match
        rule = match if both else f"meta nfproto ipv{versions[0]} {match}"
        text = known.with_section(text, "inbound")
        had = known.listed(json.loads(text)["inbound"].get(account, []))
        if rule not in had and match not in had:
            text = jsontext.replace(text, ("inbound", account), [*had, rule] if had else rule)
    return text, list(left.items())


def _wishes(words, version, serving):
    """(account, match) of each port that a rule opens.  Raises Unmapped."""
    if not 7 <= len(words) <= 9:
        raise Unmapped("is no rule of ufw's that is known")
    (action, protocol, ports, to, source_port, source), way = words[:6], words[-1]
    if action.startswith("route:"):
        raise Unmapped('is for what passes through: see "forward"')
    if action.removesuffix("_log").removesuffix("_log-all") != "allow":
        raise Unmapped(f"is no plain allow but {action!r}: galaf refuses what is not listed, and counts no tries")
    if way.partition("_")[0] != "in":
        raise Unmapped("is about what goes out: galaf lists programs for that")
    if protocol not in ("tcp", "udp", "any") or not _PORTS.fullmatch(ports):
        raise Unmapped("names no port of TCP or UDP")
    if to != _ANY[version] or source_port != "any":
        raise Unmapped("asks for an address of this machine, or for the other side's port: write it by hand")
    begin = (f'iifname "{way.partition("_")[2]}" ' if "_" in way else "") + _source(source, version)
    return [wish for each in (["tcp", "udp"] if protocol == "any" else [protocol])
            for wish in _ports(each, ports, begin, serving)] or _nobody()


def _source(source, version):
    """nft's match on where it comes from."""
    if source == _ANY[version]:
        return ""
    try:
        network = ipaddress.ip_network(source, strict=False)
    except ValueError:
        raise Unmapped(f"names {source!r}, which is no address") from None
    return f"ip{'' if network.version == 4 else '6'} saddr {source} "


def _ports(protocol, ports, begin, serving):
    """(account, match) of those that serve a port of a list."""
    for span in ports.split(","):
        low, _, high = span.partition(":")
        accounts = {account for (of, port), accounts in serving.items() for account in accounts
                    if of == protocol and int(low) <= port <= int(high or low)}
        yield from ((account, f"{begin}{protocol} dport {span.replace(':', '-')}") for account in sorted(accounts))


def _nobody():
    raise Unmapped("nobody serves it now: start what does, or galaf_group add --inbound NAME")
