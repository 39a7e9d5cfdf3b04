# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders what becomes of a packet that is refused: it is counted, within the share of who sent it.  Pure."""
from .. import mark as marks
from ..limits import TOLD_GROUP
from .lines import ACCEPTED, PROTO, chain, plain

ELEMENTS = 65536        # most elements of a set that packets fill
THROUGH = 4096          # of what others wanted to send through this machine
TIMEOUT = "604800s"     # 7 days
TOLD = "5/second burst 5 packets"       # often enough for who then looks
# What one may add to the sets of what was refused, at once and then in a day.  7 marks that fill a
# user's share, or 14 networks, fill the sets.
SHARES = {"mark": (1000, 100), "user": (8000, 200), "source": (250, 100), "network": (4000, 100)}
_PORTS = "{ tcp, udp, udplite, sctp, dccp }"


def sets():
    """What was refused by destination or source, and who may still add to that, and what was beyond a share."""
    kept = f"size {ELEMENTS}; flags dynamic,timeout; timeout {TIMEOUT};"
    for family, proto in PROTO.items():
        ends = "meta l4proto . th dport"
        yield f"set denied{family} {{ typeof ct mark . {proto} daddr . {ends}; {kept} counter; }}", None
        yield f"set denied_in{family} {{ typeof {proto} saddr . {proto} daddr . {ends}; {kept} counter; }}", None
        yield (f"set denied_through{family} {{ typeof {proto} saddr . {proto} daddr . {ends}; size {THROUGH}; "
               f"flags dynamic,timeout; timeout {TIMEOUT}; counter; }}"), None
        yield f"set portless{family} {{ typeof ct mark . {proto} daddr . meta l4proto; {kept} }}", None
        yield f"set portless_in{family} {{ typeof {proto} saddr . {proto} daddr . meta l4proto; {kept} }}", None
        for share in ("source", "network"):
            yield f"set share_{share}{family} {{ type ipv{family}_addr; {kept} }}", None
    for share in ("mark", "user"):
        yield f"set share_{share} {{ type mark; {kept} }}", None
    yield f"set denied_more {{ type mark; {kept} counter; }}", None
    yield f"set denied_in_more {{ type inet_proto; {kept} counter; }}", None


def chains(audit):
    """Counts what is refused, then tells the program at once; with audit only counts it.

    Whoever listens hears that something was, on its way out; with nobody there the kernel looks no further.
    """
    verdicts = ["accept"] if audit else ["meta l4proto tcp reject with tcp reset", "reject with icmpx admin-prohibited"]
    out = [ACCEPTED] if audit else ['oif != "lo" update @refused-out { ct mark }', *verdicts]
    yield from chain("told", plain(f"limit rate {TOLD} log group {TOLD_GROUP}"))
    yield from chain("more_out", plain("update @denied_more { ct mark }"))
    yield from chain("more_in", plain("update @denied_in_more { meta l4proto }"))
    yield from chain("denied_out", plain("jump told", *_counting("denied", "out"), "goto more_out"))
    yield from chain("denied_in", plain(*_counting("denied_in", "in"), "goto more_in"))
    yield from chain("refused_out", plain("jump denied_out", *out))
    yield from chain("refused_in", plain("jump denied_in", *verdicts))
    yield from chain("refused_forward", plain(*_counting_through(), *verdicts))


def _counting(name, way):
    """The rules that count a packet in the set of its family; what has no port counts with port 0.

    What is not in the set yet enters it within the shares of who sends it, or else is counted apart.
    A look-up that has to fail leaves the counter of what it finds alone (nft_lookup_eval in the kernel).
    nft looks no constant up, so what has no port has a set beside that is looked up in its place.
    """
    for family, proto in PROTO.items():
        ends = f"{'ct mark' if way == 'out' else f'{proto} saddr'} . {proto} daddr . meta l4proto"
        portless = f"portless{name.removeprefix('denied')}{family}"
        for match, key, known, noting in (
                (f"meta l4proto {_PORTS}", f"{ends} . th dport", f"{ends} . th dport != @{name}{family}", ""),
                (f"meta l4proto != {_PORTS}", f"{ends} . 0", f"{ends} != @{portless}",
                 f"update @{portless} {{ {ends} }} ")):
            head = f"meta nfproto ipv{family} {match}"
            for share, whose in _sharing(way, family, proto):
                burst, rate = SHARES[share.rstrip("46")]
                yield (f"{head} {known} update @share_{share} {{ {whose} limit rate over {rate}/day "
                       f"burst {burst} packets }} goto more_{way}")
            yield f"{head} {noting}update @{name}{family} {{ {key} }} return"


def _counting_through():
    """The rules that count what is refused on its way through, port 0 for what has none.

    Only other machines can fill these sets, and nothing else is counted there: so nobody has a share of them.
    """
    for family, proto in PROTO.items():
        for match, port in (f"meta l4proto {_PORTS}", "th dport"), (f"meta l4proto != {_PORTS}", "0"):
            yield (f"meta nfproto ipv{family} {match} update @denied_through{family} "
                   f"{{ {proto} saddr . {proto} daddr . meta l4proto . {port} }}")


def _sharing(way, family, proto):
    """The shares that a refused packet is of, as (set, key)."""
    if way == "out":
        return ("mark", "ct mark"), ("user", f"ct mark & {marks.USER_MASK:#010x}")
    mask = {4: "255.255.0.0", 6: "ffff:ffff:ffff::"}[family]
    return (f"source{family}", f"{proto} saddr"), (f"network{family}", f"{proto} saddr & {mask}")
