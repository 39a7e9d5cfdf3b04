# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is allowed for now to what galaf_conf.json says for good.  Pure.

An entry's rules hold for each of its domains: so a domain enters an entry that has domains or nothing at all, and
an address one that has none.
"""
import ipaddress

from ..errors import GalafError
from . import jsontext


def changed(text, name, grant):
    """(the file's text with what a grant allows, [remark]); comments and layout stay.

    name: the file's, for errors; grant: a render.grants.Grant of a group, a user or an inbound port.  Raises GalafError
    where the entry can't take it.
    """
    data = jsontext.parse(text, name)
    if grant.way == "in":
        found = data.get("inbound", {}).get(grant.name, [])
        return _put(text, data, ("inbound", grant.name), _joined(found, _matches(grant, "saddr"))), []
    entry = data.get(grant.kind, {}).get(grant.name) or {}
    values, remarks = _additions(entry, {**(data.get("config", {}).get("defaults") or {}), **entry}, grant,
                                 jsontext.path((grant.kind, grant.name)))
    if not entry:
        return _put(text, data, (grant.kind, grant.name), values), remarks
    for key, value in values.items():
        text = jsontext.replace(text, (grant.kind, grant.name, key), value)
    return text, remarks


def _put(text, data, place, value):
    """The text with a value at a place of two steps, whose object may be missing."""
    if place[0] not in data:
        return jsontext.replace(text, place[:1], {place[1]: value})
    return jsontext.replace(text, place, value)


def _additions(entry, values, grant, path):
    """({key: value} for an entry, [remark]); values: the entry's with the defaults."""
    named, ruled = bool(values.get("domains")), "rule" in values or "rule6" in values
    if values.get("rule6") or set(values.get("families", (4, 6))) != {4, 6}:
        raise GalafError(f"{path}: has rules of its own for IPv6, or families: change it by hand; nothing was changed")
    if grant.domain is None:
        if named:
            raise GalafError(f"{path}: has domains, and its rules hold for these alone: an address needs an entry "
                             "without domains; nothing was changed")
        nothing = {"domains": []} if grant.address and not ruled and "domains" not in values else {}   # to resolve
        return {**nothing, "rule": _joined(values.get("rule", []), _matches(grant, "daddr"))}, []
    if ruled and not named:
        raise GalafError(f"{path}: has rules and no domains: a domain would narrow them to itself; it needs an entry "
                         "of its own; nothing was changed")
    if isinstance(values.get("domains"), str):
        raise GalafError(f"{path}.domains: are those of {values['domains']}: change them there; nothing was changed")
    ports = _matches(grant, None) if grant.ports else []
    domains = list(dict.fromkeys([*values.get("domains", []), grant.domain]))
    if not named:
        return {"domains": domains, **({"rule": _joined([], ports)} if ports else {})}, []
    if not ruled:
        return {"domains": domains}, [f"{path}: allows every port of its domains"] if ports else []
    joined = _joined(values.get("rule", []), ports or [""])
    return {"domains": domains, "rule": joined}, [f"{path}: each rule holds for each of its domains"]


def _joined(own, more):
    """The rules that there are with more of them, as the file writes one or several."""
    own = own if isinstance(own, list) else [own]
    found = own + [rule for rule in dict.fromkeys(more) if rule not in own]
    return found[0] if len(found) == 1 else found


def _matches(grant, way):
    """The matches of a grant, one for each protocol; way: "saddr", "daddr" or None to leave the address out."""
    spans = {}
    for protocol, low, high in grant.ports:
        spans.setdefault(protocol, []).append(f"{low}" if low == high else f"{low}-{high}")
    ports = [f"{protocol} dport {each[0] if len(each) == 1 else '{ ' + ', '.join(each) + ' }'}"
             for protocol, each in spans.items()] or [""]
    at = ""
    if grant.address and way:
        at = f"{'ip' if ipaddress.ip_network(grant.address).version == 4 else 'ip6'} {way} {grant.address} "
    return [f"{at}{each}".strip() for each in ports]
