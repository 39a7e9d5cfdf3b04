# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders what is allowed for now.  Pure: grants in, nft's lines out.

Each grant has a set of its own, "allowed/NUMBER", whose elements have the grant's time: its rules look into the
set, so that it ends in the kernel, to the second, whatever becomes of galaf's programs.
"""
import dataclasses
import ipaddress
from dataclasses import dataclass

from .. import mark as marks

PREFIX = "allowed/"                 # of the sets; galaf_conf.json takes no name with a slash
JUMPED = ("allowed_out", "allowed_in")
CHAINS = (*JUMPED, "allowed_queries", "allowed_elsewhere")
_PROTO = {4: "ip", 6: "ip6"}
_KEYS = {"groups": ("gid", "meta skgid"), "users": ("uid", "meta skuid")}


@dataclass(frozen=True)
class Grant:
    """Something that is allowed for a time.

    number: from 1, of this boot; way: "out", it may send, or "in", its server may be asked; kind: "groups" or
    "users"; name: the group's or user's; ids: the exact gids or uids; mark: what a connection from outside gets;
    address: an address or network as text, None for any; domain: a domain, whose addresses it may reach; ports:
    (protocol, first, last) each, none for every protocol; seconds: what was asked for, None until reboot; began:
    seconds since 1970; until: seconds on the clock that goes on in a suspend (CLOCK_BOOTTIME), or None; by: who
    allowed it.
    """
    number: int
    way: str
    kind: str
    name: str
    ids: tuple
    mark: int
    address: str = None
    domain: str = None
    ports: tuple = ()
    seconds: int = None
    began: int = 0
    until: float = None
    by: str = ""

    @classmethod
    def of(cls, values):
        """The Grant of what asdict() made of one, by way of JSON."""
        return cls(**{**values, "ids": tuple(values["ids"]), "ports": tuple(map(tuple, values["ports"]))})

    def asdict(self):
        """Its values, for JSON."""
        return dataclasses.asdict(self)

    def same(self, other):
        """Whether another one allows the same thing to the same."""
        return self.what() == other.what() and (self.way, self.kind, self.ids) == (
            other.way, other.kind, other.ids)

    def what(self):
        """What it allows, in words."""
        ports = ", ".join(f"{protocol} {_span(low, high)}" for protocol, low, high in self.ports)
        if self.way == "in":
            return f"{ports} from {self.address or 'anywhere'}"
        where = self.address or self.domain or ("every address" if ports else "everything")
        return f"{where} {ports}".strip()

    @property
    def resolves_any(self):
        """Whether it goes anywhere, and so may resolve any name."""
        return self.way == "out" and not self.address and not self.domain

    @property
    def resolved(self):
        """What its sets of addresses are called, less _4 and _6: in dnsmasq's options a name has no slash, and an
        entry's begins with no dot."""
        return f".allowed-{self.number}"


def known(ruleset):
    """Whether a rendered ruleset has the chains that grants fill, and a skeleton that asks them."""
    return all(f"jump {chain}\n" in ruleset for chain in JUMPED)


def declarations(grants, table):
    """The lines that declare their sets."""
    return [f"table inet {table} {{",
            *(f"    set {name} {kind}" for grant in grants for name, kind in sets(grant).items()), "}"]


def rules(grants, table):
    """The lines that fill the chains anew."""
    lines = [f"flush chain inet {table} {chain}" for chain in CHAINS]
    if grants:
        lines.append(f"add rule inet {table} allowed_out jump unasked_out")
    for grant in grants:
        lines += [f"add rule inet {table} {chain} {rule}" for chain, rule in _rules(grant)]
    return lines


def own(grant):
    """The name of the set that ends with a grant."""
    return f"{PREFIX}{grant.number}"


def sets(grant):
    """{name: declaration} of the sets of a grant."""
    return {name: f"{{ {kind}; }}" for name, (kind, _) in _contents(grant).items()}


def elements(grant, table, seconds):
    """The lines that let a grant begin; seconds: how long it lasts yet, to the millisecond, None until reboot."""
    timeout = "" if seconds is None else f" timeout {int(seconds)}s{int(seconds % 1 * 1000)}ms"
    return [f"add element inet {table} {name} {{ {', '.join(f'{key}{timeout}' for key in keys)} }}"
            for name, (_, keys) in _contents(grant).items() if keys]


def _contents(grant):
    """{set: (its kind, its elements)}; what is allowed inwards has one for its ports, and one for who may answer."""
    whose = f"type {_KEYS[grant.kind][0]}; flags timeout", grant.ids
    if grant.domain:
        kept = "" if grant.seconds is None else f"; flags timeout; timeout {grant.seconds}s"
        return {own(grant): whose,
                **{f"{grant.resolved}_{family}": (f"type ipv{family}_addr{kept}", ()) for family in _PROTO}}
    if grant.way == "out":
        return {own(grant): whose}
    return {own(grant): ("type inet_proto . inet_service; flags interval,timeout",
                         [f"{protocol} . {low}-{high}" for protocol, low, high in grant.ports]),
            f"{own(grant)}_answers": whose}


def _rules(grant):
    """Each (chain, rule) of a grant."""
    key = _KEYS[grant.kind][1]
    if grant.way == "in":
        yield "allowed_in", (f"{_address(grant, 'saddr')}meta l4proto . th dport @{own(grant)} "
                             f"ct mark set {grant.mark} accept")
        yield "allowed_out", f"ct direction reply {key} @{own(grant)}_answers ct mark {grant.mark} accept"
        return
    to = ([f"{proto} daddr @{grant.resolved}_{family} " for family, proto in _PROTO.items()] if grant.domain
          else [_address(grant, "daddr")])
    for ports in _matches(grant.ports) or [""]:
        yield from (("allowed_out", f"{key} @{own(grant)} {each}{ports}accept") for each in to)
    yield from _queries(grant, key)


def _queries(grant, key):
    """What holds for DNS queries: a user's mark is that user's own, as ruleset.py has it for who has an entry."""
    if grant.resolves_any:
        yield "allowed_elsewhere", f"{key} @{own(grant)} accept"
    if grant.kind == "users" and not grant.address:
        uids = ", ".join(map(str, sorted({0, *grant.ids})))
        yield "allowed_queries", f"ct mark & {marks.USER_MASK:#x} == {grant.mark} meta skuid != {{ {uids} }} reject"


def _address(grant, way):
    if grant.address is None:
        return ""
    return f"{'ip' if ipaddress.ip_network(grant.address).version == 4 else 'ip6'} {way} {grant.address} "


def _matches(ports):
    """The matches on ports, one for each protocol."""
    spans = {}
    for protocol, low, high in ports:
        spans.setdefault(protocol, []).append(_span(low, high))
    return [f"{protocol} dport {{ {', '.join(found)} }} " for protocol, found in spans.items()]


def _span(low, high):
    return f"{low}" if low == high else f"{low}-{high}"
