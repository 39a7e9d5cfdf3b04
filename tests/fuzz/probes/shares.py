# SPDX-License-Identifier: GPL-3.0-or-later
"""What is counted apart, since it is beyond a share."""
import contextlib
import time

import lab
import wire

from .stage import ECHO, OWN, PEER, V4, V6, elements, flush, opened, probe, sent

COUNTED = [f"{kind}{way}{family}" for kind in ("denied", "portless") for way in ("", "_in") for family in (4, 6)]
ALSO_OWN = "192.168.122.1", "fd00:122::1"
NUMBERS = [*range(61, 132), *range(141, 253)]       # protocols without ports, no extension headers of IPv6's


def floods_out(number, groups):
    """Alice sends to as many destinations from each group, in each way that is counted by rules of its own."""
    for family in V4, V6:
        for protocol in 0, 1 if family == V4 else 58:
            flush(*COUNTED)
            for group in groups:
                with opened("alice", family, protocol=protocol, group=group) as sock:
                    for each in range(number):
                        far = f"198.18.{each >> 8}.{each & 255}" if family == V4 else f"2001:2:0:9::{each:x}"
                        sent(sock, ECHO[family] if protocol else b"", (far, 0 if protocol else 9))
            yield "elements" in elements("denied_more")


def floods_in(peer, number, sources):
    """As many packets come from each of so many sources, in each way."""
    for family in 0, 1:
        own = OWN[family], ALSO_OWN[family]
        for portless in False, True:
            flush(*COUNTED)
            for source in range(sources):
                far = f"2001:db8:0:{source + 9:x}::9" if family else f"192.0.{source + 9}.9"
                for each in range(number):
                    peer.wire.send(
                        wire.ip_packet(far, own[each % 2], NUMBERS[each // 2], b"data") if portless else
                        wire.uninvited("udp", far, 4444, own[0], 6000 + each))
            yield "elements" in elements("denied_in_more")


@contextlib.contextmanager
def emptied():
    """The sets are empty before and after, however it ends: the next probe has whole shares."""
    flush(*COUNTED)
    try:
        yield
    finally:
        flush(*COUNTED)


@probe
def share_of_mark(_peer):
    """What one mark was refused fills a share of the sets; the rest is counted apart."""
    with emptied():
        assert all(floods_out(1050, [1000]))


@probe
def share_of_user(_peer):
    """So does what one user was, in whatever groups."""
    with emptied():
        assert all(floods_out(900, range(31001, 31010)))


@probe
def share_of_source(peer):
    """And what comes from one address."""
    with emptied():
        assert all(floods_in(peer, 270, 1))


@probe
def share_of_network(peer):
    """And from one network."""
    with emptied():
        assert all(floods_in(peer, 240, 18))


@probe
def overflow(peer):
    """What finds a set full is counted apart, too."""
    with emptied():
        overflows(peer)


def overflows(peer):
    for name, first in ("denied4", "0x00000001"), ("denied_in4", "192.0.2.9"):
        keys = ", ".join(f"{first} . 192.0.2.9 . tcp . {port}" for port in range(65536))
        lab.command("nft", "-f", "-", input=f"add element inet galaf {name} {{ {keys} }}\n")
    with opened("alice", V4) as sock:
        sent(sock, b"", (PEER[0], 5001))
    peer.wire.send(wire.uninvited("udp", PEER[0], 4444, OWN[0], 5001))
    time.sleep(0.01)
    assert "elements" in elements("denied_more") and "elements" in elements("denied_in_more")
