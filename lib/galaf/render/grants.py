# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders what is allowed for now.  Pure: grants in, nft's lines out.

Each grant has a set of its own, "allowed/NUMBER", whose elements have the grant's time: its rules look into the
set, so that it ends in the kernel, to the second, whatever becomes of galaf's programs.
"""
import dataclasses
import ipaddress
from dataclasses import dataclass

from .. import mark as marks
from .lines import ACCEPTED

PREFIX = "allowed/"                 # of the sets; galaf_conf.json takes no name with a slash
RESOLVED = ".allowed-"               # of a domain's: dnsmasq takes no slash in a name, and no entry's begins with a dot
JUMPED = ("allowed_out", "allowed_in")
CHAINS = (*JUMPED, "allowed_queries", "allowed_elsewhere", "allowed_forward")
CLOSING = ("closing_out", "closing_in", "closing_forward")      # base chains, there while everything is closed
CLOSING_LINK = "closing_link"
_PROTO = {4: "ip", 6: "ip6"}
# The skeleton's neighbours_out, but for the count: what passes here comes to be counted there.
_LINK = ("meta skuid >= 1000 return", "meta mark & 0x0000ffff >= 1000 return",
         "icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept",
         "icmpv6 type mld2-listener-report ip6 daddr ff02::16 accept",
         "meta skuid < 1000 udp sport 68 udp dport 67 accept", "meta skuid < 1000 udp sport 546 udp dport 547 accept")
_KEYS = {"groups": ("gid", "meta skgid"), "users": ("uid", "meta skuid"), "machine": ("", "meta nfproto")}


@dataclass(frozen=True)
class Grant:
    """Something that is allowed for a time.

    number: from 1, of this boot; way: "out", it may send, "in", its server may be asked, "pause", everything may
    pass, or "block", nothing may; kind: "groups", "users" or, for the last two, "machine"; name: the group's or
    user's; ids: the exact gids or uids; mark: what a connection from outside gets; address: an address or network
    as text, None for any; domain: a domain, whose addresses it may reach; ports: (protocol, first, last) each, none
    for every protocol; seconds: what was asked for, None until reboot; began: seconds since 1970; until: seconds on
    the clock that goes on in a suspend (CLOCK_BOOTTIME), or None; by: who allowed it.
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
        if self.kind == "machine":
            return "everything passes" if self.way == "pause" else "nothing passes"
        ports = ", ".join(f"{protocol} {_span(low, high)}" for protocol, low, high in self.ports)
        if self.way == "in":
            return f"{ports} from {self.address or 'anywhere'}"
        where = self.address or self.domain or ("every address" if ports else "everything")
        return f"{where} {ports}".strip()

    @property
    def resolves_any(self):
        """Whether it goes anywhere, and so may resolve any name."""
        return self.way == "pause" or self.way == "out" and not self.address and not self.domain

    @property
    def resolved(self):
        """What its sets of addresses are called, less _4 and _6."""
        return f"{RESOLVED}{self.number}"


def words(kind, name, to, ports, length=()):
    """The words by which galaf_allow is told to let something out, in the one form that pkexec(1) may show.

    to: an address, a domain or None; ports: as --port has them; length: such as ("--for", "10m").
    """
    begin = ["--user", name] if kind == "users" else [name]
    return [*begin, *([to] if to else []), *(word for each in ports for word in ("--port", each)), *length]


def known(ruleset):
    """Whether a rendered ruleset has the chains that grants fill and lead to, and a skeleton that asks them."""
    return f"chain {ACCEPTED.removeprefix('goto ')} {{" in ruleset and all(
        f"jump {chain}\n" in ruleset for chain in JUMPED)


def declarations(grants, table):
    """The lines that declare their sets."""
    return [f"table inet {table} {{",
            *(f"    set {name} {kind}" for grant in grants for name, kind in sets(grant).items()),
            *(f"    {line}" for grant in grants if grant.way == "block" for line in _closing(grant)), "}"]


def rules(grants, table):
    """The lines that fill the chains anew; those of CLOSING are there where a grant needs them."""
    closing = (CLOSING_LINK, *CLOSING) if any(grant.way == "block" for grant in grants) else ()
    lines = [f"flush chain inet {table} {chain}" for chain in (*CHAINS, *closing)]
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
    key = "typeof meta nfproto" if grant.kind == "machine" else f"type {_KEYS[grant.kind][0]}"
    whose = f"{key}; flags timeout", grant.ids
    if grant.domain:
        kept = "" if grant.seconds is None else f"; flags timeout; timeout {grant.seconds}s"
        return {own(grant): whose,
                **{f"{grant.resolved}_{family}": (f"type ipv{family}_addr{kept}", ()) for family in _PROTO}}
    if grant.way != "in":
        return {own(grant): whose}
    return {own(grant): ("type inet_proto . inet_service; flags interval,timeout",
                         [f"{protocol} . {low}-{high}" for protocol, low, high in grant.ports]),
            f"{own(grant)}_answers": whose}


def _rules(grant):
    """Each (chain, rule) of a grant."""
    key = _KEYS[grant.kind][1]
    if grant.kind == "machine":
        yield from (_open if grant.way == "pause" else _closed)(f"@{own(grant)}")
        return
    if grant.way == "in":
        yield "allowed_in", (f"{_address(grant, 'saddr')}meta l4proto . th dport @{own(grant)} "
                             f"ct mark set {grant.mark} accept")
        yield "allowed_out", f"ct direction reply {key} @{own(grant)}_answers ct mark {grant.mark} {ACCEPTED}"
        return
    to = ([f"{proto} daddr @{grant.resolved}_{family} " for family, proto in _PROTO.items()] if grant.domain
          else [_address(grant, "daddr")])
    for ports in _matches(grant.ports) or [""]:
        yield from (("allowed_out", f"{key} @{own(grant)} {each}{ports}{ACCEPTED}") for each in to)
    yield from _queries(grant, key)


def _open(now):
    """Everything passes; what comes in counts as others', since its connections need a mark."""
    yield "allowed_out", f"meta nfproto {now} {ACCEPTED}"
    for chain in "allowed_queries", "allowed_forward":
        yield chain, f"meta nfproto {now} accept"
    yield "allowed_in", f"meta nfproto {now} ct mark set {marks.OTHERS} accept"


def _closing(_grant):
    """The base chains that come before the others: they cost nothing while they are not there."""
    yield f"chain {CLOSING_LINK} {{ }}"
    for chain in CLOSING:
        hook = {"out": "output", "in": "input"}.get(chain.removeprefix("closing_"), "forward")
        yield f"chain {chain} {{ type filter hook {hook} priority filter - 5; policy accept; }}"


def _closed(now):
    """Nothing passes but loopback and what an interface needs; what had begun waits, what is new is told at once."""
    for way, loopback in ("out", "oif"), ("in", "iif"):
        chain = f"closing_{way}"
        yield chain, f'{loopback} "lo" accept'
        yield chain, f"meta nfproto != {now} accept"
        yield chain, f"jump {CLOSING_LINK}" if way == "out" else "jump neighbours_in"
    yield from ((CLOSING_LINK, rule) for rule in _LINK)
    yield "closing_out", "update @refused-out { ct mark }"
    yield "closing_out", "ct state != new drop"
    yield "closing_out", "meta l4proto tcp reject with tcp reset"
    yield "closing_out", "reject with icmpx admin-prohibited"
    yield "closing_in", "drop"
    yield "closing_forward", f"meta nfproto {now} drop"


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
