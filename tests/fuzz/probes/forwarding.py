# SPDX-License-Identifier: GPL-3.0-or-later
"""What is forwarded."""
import contextlib
import socket
import struct
import time

import lab
import wire

from .stage import DGRAM, ECHO, PEER, STREAM, V4, V6, WAIT, elements, flush, invalid, page, probe


@probe
def forwarded(peer):
    """A guest's connection passes both ways where "forward" allows it, and else is refused at once."""
    sock = wire.in_namespace("/run/netns/guest", lambda: socket.socket(V4, STREAM))
    sock.settimeout(WAIT)
    with sock:
        sock.connect((PEER[0], 80))
        assert page(sock)
    for kind, port in (STREAM, 81), (DGRAM, 5001):
        sock = wire.in_namespace("/run/netns/guest", lambda kind=kind: socket.socket(V4, kind))
        sock.settimeout(WAIT)
        with sock:
            assert sock.connect_ex((PEER[0], port)) in (0, 111)
            if kind == DGRAM:
                sock.send(b"data")
                with contextlib.suppress(ConnectionRefusedError, OSError):
                    sock.recv(10)
                    assert False
    raw = wire.in_namespace("/run/netns/guest", lambda: socket.socket(V4, socket.SOCK_RAW, socket.IPPROTO_RAW))
    with raw:
        raw.sendto(invalid("10.9.0.2", PEER[0], 80), (PEER[0], 0))
    ports = [packet.data[:4] for packet in peer.got()]
    assert not any(each[2:] in (b"\0\x51", b"\x13\x89") for each in ports), "what is not allowed"
    assert not any(each[:2] == b"\x11\x5c" for each in ports), "an invalid packet"


@probe
def counted(peer):
    """What is refused to a guest is counted by who wanted it, destination, protocol and port."""
    names = "denied_through4", "denied_through6"
    flush(*names)
    lab.setting("net/ipv6/conf/all/forwarding", 1)
    try:
        for family, echo, protocol, host in (V4, b"\x08\0\xf7\xf7\0\7\0\1", 1, PEER[0]), (V6, ECHO[V6], 58, PEER[1]):
            guests(family, DGRAM, 0, b"data", (host, 5001))
            guests(family, socket.SOCK_RAW, protocol, echo, (host, 0))
        ends = (names[0], "10.9.0.2", PEER[0], "icmp"), (names[1], "fd00:9::2", PEER[1], "ipv6-icmp")
        wanted = [(name, f"{guest} . {host} . {rest} ") for name, guest, host, icmp in ends
                  for rest in ("udp . 5001", f"{icmp} . 0")]
        until(lambda: all(element in elements(name) for name, element in wanted))
    finally:
        lab.setting("net/ipv6/conf/all/forwarding", 0)
    assert not peer.got()


def guests(family, kind, protocol, data, place):
    """Sends a guest's packet."""
    with wire.in_namespace("/run/netns/guest", lambda: socket.socket(family, kind, protocol)) as sock:
        sock.sendto(data, place)


def until(true):
    """Waits for something to be true, WAIT seconds at most."""
    end = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < end, "\n".join(map(elements, ("denied_through4", "denied_through6")))


@probe
def strange(peer):
    """A guest's packet with a stranger's address is refused, and no error tells the stranger what it said."""
    datagram = struct.pack("!4H", 4444, 5001, 12, 0) + b"data"
    header = struct.pack("!2B3H2BH4s4s", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0,
                         socket.inet_aton("198.18.0.20"), socket.inet_aton(PEER[0]))
    with wire.in_namespace("/run/netns/guest", lambda: socket.socket(V4, socket.SOCK_RAW, socket.IPPROTO_RAW)) as raw:
        raw.sendto(header + datagram, (PEER[0], 0))
    assert not peer.got(), "a stranger is told"
