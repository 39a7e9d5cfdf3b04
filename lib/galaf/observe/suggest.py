# SPDX-License-Identifier: GPL-3.0-or-later
"""From refused traffic to the entries of galaf_conf.json that would allow it.  Pure.

An entry allows either domains or addresses, and its rules hold for each of its domains.  So
a refusal enters an entry with domains by its domain, and any other entry by its address.
"""
import ipaddress
import json
import re

from .. import mark as marks
from ..config import conf
from ..render import dnsmasq, ruleset
from ..system import labels
from . import denied, special

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?!\d+\Z){_LABEL}\Z")
HUMANS = range(1000, 60000)             # uids of people: Debian policy 9.2.2
_ADDRESSES = {1, 28, 64, 65}            # the types of DNS records that lead to addresses
ALLOWED = "what was refused is allowed by now"
GROUNDS = 10                            # most refusals that are told beside a suggestion
_WITH_PORTS = ("tcp", "udp", "udplite", "sctp", "dccp")
_PORTS = re.compile(r"(tcp|udp|udplite|sctp|dccp) dport (?:\{([\d ,-]+)\}|(\d+(?:-\d+)?))\Z")
_TO = re.compile(r"ip6? daddr (\{[^}]*\}|\S+)(?: |\Z)")
_ECHO = {1: "icmp type echo-request", 58: "icmpv6 type echo-request"}


def suggest(data, refusals, name, proposed=None, search=()):
    """The entries that would allow refusals of outgoing traffic, remarks, and what they rest on.

    data: the value of galaf_conf.json; refusals: [denied.Refusal]; name: the file's, for
    errors; proposed: gives, as proposals.entry_for(), the group and entry for an executable, or raises LookupError;
    None: people get entries as users; search: domains of resolv.conf.  Returns
    ({"users": {...}, "groups": {...}}, [sentence], [sentence]): each entry as a whole, with all that it has already.
     Raises GalafError where data is no valid configuration.
    """
    configuration = conf.parse(json.dumps(data), name)
    rows, remarks = _to_be_allowed(refusals, search)
    applications, said = by_application(rows, configuration.gid_range)
    fresh, more = _own_entries(applications, configuration, proposed) if proposed else ({}, [])
    remarks += said + more
    blank = {**data, **{kind: {**data.get(kind, {})} for kind in ("users", "groups")}}
    for kind, key in applications:
        own = fresh.get(key) if kind == "groups" else None
        blank[kind][key] = own or blank[kind].get(key) or {}       # null takes no defaults, but {} does
    configuration = conf.parse(json.dumps(blank), name)
    found, reasons = {}, []
    for (kind, key), rows in sorted(applications.items()):
        values = {**(data.get("config", {}).get("defaults") or {}), **blank[kind][key]}
        added, said = additions(getattr(configuration, kind)[key], values, rows, ruleset.strict_dns(configuration))
        new = kind == "groups" and key in fresh
        said = [text for text in said if not (new and text == ALLOWED)]
        remarks += [f"$.{kind}.{key}: {text}" for text in said]
        if added or new:
            found.setdefault(kind, {})[key] = {**blank[kind][key], **added}
            reasons += [f"$.{kind}.{key}: {text}" for text in grounds(rows)]
    return found, remarks, reasons


def _to_be_allowed(refusals, search):
    """(the refusals that an entry may be for, remarks on the others)."""
    kept, remarks = [], special.remarks(refusals)
    for row in refusals:
        why = row.way == "name" and (special.local(row.domain) or special.searched(row.domain, search))
        if why:
            remarks.append(why)
        else:
            kept.append(row)
    return kept, list(dict.fromkeys(remarks))


def _own_entries(applications, configuration, proposed):
    """({group: entry} that are new, remarks); gives what people's programs tried to groups of their own, in place."""
    fresh, remarks = {}, []
    for place in [place for place in applications if _is_person(place, applications[place])]:
        for row in applications.pop(place):
            who, found = f"{labels.label(row.mark)} {denied.program_words(row)}".strip(), []
            for path in row.executables:
                try:
                    found.append(proposed(path, configuration.groups, configuration.gid_range))
                except LookupError as error:
                    remarks.append(f"{who}: {error}; or --as user, for all that {place[1]} runs")
            if not row.executables:
                remarks.append(f"{who}: its executable is not known, so no entry of its own can be suggested: have it "
                               f"try again, and look while it runs; or --as user, for all that {place[1]} runs")
            for group, entry in found:
                applications.setdefault(("groups", group), []).append(row)
                fresh.update({group: entry} if entry is not None else {})
                remarks.append(f"$.groups.{group}: start it by galaf {group}")
    return fresh, list(dict.fromkeys(remarks))


def _is_person(place, rows):
    """Whether an entry would be a person's, for all that this person runs."""
    return place[0] == "users" and marks.decode(rows[0].mark)[1] in HUMANS


def grounds(rows):
    """Who tried what and when, and where its name comes from, in words; the newest GROUNDS of the refusals."""
    newest = sorted(rows, key=lambda row: row.last or 0)
    said = [f"and {len(rows) - GROUNDS} more, which galaf_denied shows"] if len(rows) > GROUNDS else []
    for row in newest[-GROUNDS:]:
        who = f"{labels.label(row.mark)} {', '.join(row.programs) or '(program not known)'}"
        named_so = (f", which is {row.domain} by an answer to {row.answer.program} at {denied.clock(row.answer.when)}"
                    if row.answer else "")
        wanted = row.domain if row.way == "name" else what(row) + named_so
        times = "once" if row.tries == 1 else f"{row.tries} times"
        said.append(f"{who} tried {times}, last {denied.clock(row.last) or 'at no known time'}: {wanted}")
    return said


def by_application(refusals, gid_range):
    """({(kind, name): refusals}, remarks): who has to be given what; kind: "groups" or "users"."""
    found, nameless = {}, set()
    for one in refusals:
        if one.way not in ("out", "name") or denied.of_doctor(one):
            continue
        place = application(one.mark, gid_range)
        if place is None:
            nameless.add(labels.label(one.mark))
        else:
            found.setdefault(place, []).append(one)
    return found, [f"{who}: nothing can be suggested for it, since it has no name" for who in sorted(nameless)]


def application(mark, gid_range):
    """The (kind, name) of the entry that a mark's traffic needs: its application group's, else its user's.

    None for one without a mark or without a name.  gid_range: first and last gid of application groups.
    """
    gid, uid = marks.decode(mark)
    if mark == marks.UNMARKED:
        return None
    kind, name = "users", "root" if uid == 1 else labels.user_name(uid)
    if gid_range[0] <= gid <= gid_range[1]:
        kind, name = "groups", labels.group_name(gid)
    return None if name.isdigit() or (kind, uid) == ("users", marks.OTHERS) else (kind, name)


def additions(entry, values, rows, strict=True):
    """({key: value} to put into an entry, [sentence]).

    entry: conf.Entry as it is; values: its JSON object with the defaults in it; rows: its refusals;
    strict: whether DNS is, and names are refused at all.
    """
    traffic, useful, remarks = [], [], []
    for row in rows:
        if row.way == "out":
            traffic.append(row)
        elif _resolves(entry, row.domain, strict):
            continue
        elif named(row) and _ADDRESSES.intersection(row.types):
            useful.append(row)
        else:
            remarks.append(f"{row.domain} ({denied.type_names(row.types)}) is left out: it leads to no address")
    if entry.domains or not entry.rules and (useful or traffic and all(map(named, traffic))):
        added, said = _by_name(entry, values, useful, traffic)
    else:
        added, said = _by_address(entry, values, traffic), _no_place_for(useful)
    if 6 in added.get("families", ()) and entry.rules:
        said.append("its other rules hold for IPv6 too from then on")
    if added and entry.place[0] == "users" and marks.decode(rows[0].mark)[1] in HUMANS:
        said.append("holds for whatever this user runs; start the program with galaf NAME instead, if it has an entry")
    remarks += said + _elsewhere(entry, rows, strict)
    return added, remarks or ([] if added else [ALLOWED])


def _resolves(entry, name, strict):
    """Whether the name server answers an entry's queries for a name."""
    if not strict or entry.resolves_any or entry.mode == "audit":
        return True
    above = (domain for domain in entry.domains if _covered(name, [domain]))
    return "_" not in name and any(name.count(".") - domain.count(".") <= dnsmasq.DEPTH for domain in above)


def _elsewhere(entry, rows, strict):
    """A remark on what the entry's rules allow, but not on the network where it was refused."""
    def held(row):
        if row.way == "name":
            asked = entry.rules if _resolves(entry, row.domain, strict) else ()
        else:
            asked = [rule for rule in entry.rules if _allows(rule, row)]
        return asked and all(rule.networks for rule in asked)
    every = sorted({row.domain if row.way == "name" else what(row) for row in rows if held(row)})
    return [f"{', '.join(every)} is for other networks alone than where it was refused, by \"on\" or \"not_on\": "
            "galaf_firewall status says where this machine is"] if every else []


def _no_place_for(rows):
    """Remarks on names refused to an entry whose rules hold for any address."""
    every = ", ".join(sorted({row.domain for row in rows}))
    return [f"{every} stays refused: the entry has rules and may resolve nothing, and a domain would narrow its rules "
            "to that domain: give the program an entry of its own"] if rows else []


def named(row):
    """Whether the domain of a refusal is known, and is one that a configuration takes."""
    return bool(row.domain and len(row.domain) <= 253 and _DOMAIN.match(row.domain))


def _by_name(entry, values, refused_names, traffic):
    """What an entry with domains needs, and remarks."""
    known = [row for row in traffic if named(row)]
    remarks = [f"{what(row)} is left out, since its domain is not known and the entry has domains: "
               "give it to an application group without domains" for row in traffic if not named(row)]
    beyond = sorted({row.domain for row in refused_names if _covered(row.domain, entry.domains)})
    remarks += [f"{name} stays refused: the name server answers for no name with _ in it or more than {dnsmasq.DEPTH} "
                "labels below a domain of the entry" for name in beyond]
    fresh = sorted({row.domain for row in refused_names + known if not _covered(row.domain, entry.domains)})
    added = {}
    if fresh:
        own = values["domains"] if isinstance(values.get("domains"), list) else list(entry.domains)
        added["domains"] = own + fresh
    every_port = entry.domains and "rule" not in values and "rule6" not in values
    matches = {} if every_port else _matches(known, entry)
    added.update(_with_rules(entry, values, known, matches))
    if fresh and not matches and not entry.rules:
        remarks.append("which ports it needs is not known yet, so every port of these domains is allowed")
    elif matches and len(set(fresh).union(entry.domains)) > 1:
        remarks.append("each rule holds for each of its domains, which may be more than what was refused")
    return added, remarks


def _by_address(entry, values, traffic):
    """What an entry without domains needs; the domain of an address, if known, stands beside it as a comment."""
    ports = {}
    for row in traffic:
        if not any(_allows(rule, row) for rule in entry.rules):
            ports.setdefault((family(row), row.protocol, row.destination), set()).add(row.port)
    alike = {}
    for (version, protocol, address), numbers in ports.items():
        alike.setdefault((version, protocol, tuple(sorted(numbers))), []).append(address)
    matches = {}
    for (version, protocol, numbers), addresses in sorted(alike.items()):
        header = f"{'ip' if version == 4 else 'ip6'} daddr {_set_of(sorted(addresses, key=ipaddress.ip_address))}"
        matches.setdefault(version, []).append(f"{header} {match(protocol, numbers)}")
    refused = [row for row in traffic if row.port in ports.get((family(row), row.protocol, row.destination), ())]
    added = {f"# {row.destination}": row.domain for row in refused if named(row)}
    added.update(_with_rules(entry, values, refused, matches))
    return added


def _with_rules(entry, values, rows, matches):
    """The keys rule, rule6 and families with matches ({family: [text]}) added to what the entry has."""
    added = {}
    for version, texts in matches.items():
        key = "rule6" if version == 6 and "rule6" in values else "rule"
        own = added.get(key, values.get(key, []))
        own = own if isinstance(own, list) else [own]
        added[key] = own + [text for text in texts if text not in own]
    added = {key: value[0] if len(value) == 1 else value for key, value in added.items()}
    families = sorted({family(row) for row in rows} | set(entry.families))
    if families != sorted(entry.families):
        added["families"] = families
    return added


def _matches(rows, entry):
    """{family: [match]} on protocol and ports for what no rule of the entry allows.

    A rule holds for both families where there is no rule6, so each text is given once then.
    """
    ports = {}
    for row in rows:
        if not any(_allows(rule, row) for rule in entry.rules):
            ports.setdefault((family(row), row.protocol), set()).add(row.port)
    matches = {}
    for (version, protocol), numbers in sorted(ports.items()):
        matches.setdefault(version, []).append(match(protocol, sorted(numbers)))
    return matches


def match(protocol, ports):
    """An nft match on a protocol (IP's number) and its ports, if it has any.

    An ICMP refused on its way out is taken for an echo request: programs without privilege send no other.
    """
    name = denied.protocol_name(protocol)
    if name in _WITH_PORTS:
        return f"{name} dport {_set_of(ports)}"
    return _ECHO.get(protocol) or f"meta l4proto {protocol}"


def family(row):
    """4 or 6."""
    return ipaddress.ip_address(row.destination).version


def what(row):
    """A refused destination in words."""
    return f"{row.destination} {denied.protocol_name(row.protocol)}{f' {row.port}' if row.port else ''}"


def _set_of(items):
    items = [str(item) for item in items]
    return items[0] if len(items) == 1 else f"{{ {', '.join(items)} }}"


def _covered(domain, domains):
    return any(domain == above or domain.endswith("." + above) for above in domains)


def _allows(rule, row):
    """Whether a rule surely allows what a row tried, on a network it is for; a form not written here counts as not."""
    text = rule.text.removeprefix(rule.networks).lstrip()
    to = _TO.match(text)
    if to:
        text = text[to.end():]
        if row.destination not in re.split(r"[{ ,}]+", to[1]):
            return False
    if family(row) not in rule.families:
        return False
    found = _PORTS.match(text)
    if not found or found[1] != denied.protocol_name(row.protocol):
        return text in ("", _ECHO.get(row.protocol), f"meta l4proto {row.protocol}")
    spans = [span.strip().split("-") for span in (found[2] or found[3]).split(",")]
    return any(int(span[0]) <= row.port <= int(span[-1]) for span in spans)
