# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused."""
import contextlib
import errno
import socket
import struct
import time

import wire

from .stage import (
    DGRAM, ECHO, OWN, PEER, STREAM, V4, V6, WAIT, answered, elements, flush, invalid, opened, probe, raw, sent)


@probe
def refused(peer):
    """An ordinary user's packets are refused at once, and counted by destination, protocol and port for the user."""
    flush("denied4", "denied6", "refused-out")
    for family, host in (V4, PEER[0]), (V6, PEER[1]):
        with opened("alice", family, STREAM) as sock:
            began = time.monotonic()
            assert sock.connect_ex((host, 81)) == 111 and time.monotonic() - began < WAIT / 2, "ECONNREFUSED"
        with opened("alice", family) as sock:
            sock.setsockopt(*((socket.IPPROTO_IP, 11) if family == V4 else (socket.IPPROTO_IPV6, 25)), 1)
            sent(sock, b"data", (host, 5001))
            assert sock.recvmsg(100, 500, 0x2000)[1], "an ICMP error"
        with opened("alice", family, protocol=1 if family == V4 else 58) as sock:
            sent(sock, ECHO[family], (host, 0))
    for name, host, icmp in ("denied4", PEER[0], "icmp . 0"), ("denied6", PEER[1], "ipv6-icmp . 0"):
        found = elements(name)
        for rest in "tcp . 81", "udp . 5001", icmp:
            assert f"03e8 . {host} . {rest}" in found, f"{name}: {rest}"
    assert "03e8 counter" in elements("refused-out"), "is counted"
    assert not peer.got()


@probe
def forged(peer):
    """Nothing leaves by a source address that isn't the machine's, on loopback or on the cable; it is counted."""
    flush("denied6", "refused-out")
    for to in (OWN[1], 7001), (PEER[1], 5000), ("::1", 7001):
        for kind in DGRAM, STREAM:
            with opened("alice", V6, kind) as sock:
                sock.setsockopt(socket.IPPROTO_IPV6, 78, 1)
                sock.bind((PEER[1], 4444))
                sock.setblocking(False)
                sock.connect_ex(to)
                with contextlib.suppress(OSError):
                    sock.send(b"data")
    assert not peer.got()
    assert "7001" in elements("denied6") and "5000" in elements("denied6")
    assert "03e8 counter" in elements("refused-out"), "is counted"


@probe
def invited(peer):
    """A datagram that is sent to a peer by way of loopback lets none of the peer's in."""
    for family, option, host, own in (V4, (0, 50), PEER[0], OWN[0]), (V6, (41, 76), PEER[1], OWN[1]):
        with opened("alice", family, bound=(own, 6001)) as sock:
            sock.setsockopt(*option, struct.pack(">I", 1))
            assert sent(sock, b"data", (host, 4444)) == errno.EPERM, "is sent"
            peer.wire.send(wire.uninvited("udp", host, 4444, own, 6001))
            assert not answered_now(sock)
    with opened("alice", V6, bound=(OWN[1], 6001)) as sock, opened("alice", V6, bound=(OWN[1], 6002)):
        sock.sendto(b"data", (OWN[1], 6002))
        peer.wire.send(wire.uninvited("udp", OWN[1], 6002, OWN[1], 6001))
        assert not answered_now(sock), "from this machine's own address"


def answered_now(sock):
    sock.setblocking(False)
    return answered(sock)


@probe
def stays(peer):
    """What is from one local address to another stays in the machine, bound to the cable or not."""
    with opened("alice", V6, STREAM, bound=("::1", 0)) as sock:
        sock.setblocking(False)
        sock.connect_ex((OWN[1], 7002))
    with opened("alice", V4, STREAM, bound=("192.168.122.1", 0)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
        sock.setblocking(False)
        sock.connect_ex((PEER[0], 81))
    assert not peer.got(), "a reset"
    for kind in DGRAM, STREAM:
        with opened("alice", V4, kind, bound=("192.168.122.1", 7003)) as far, opened("alice", V4, kind) as sock:
            if kind == STREAM:
                far.listen()
            else:
                far.connect((OWN[0], 7004))
                far.send(b"data")
                sock.bind((OWN[0], 7004))
            sock.connect(("192.168.122.1", 7003))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
            with contextlib.suppress(OSError):
                sock.send(b"data")
        assert not peer.got(), f"data, {kind}"


@probe
def uninvited(peer):
    """What comes in uninvited is refused, TCP by a reset, else by an ICMP error, and counted; not so what is no
    part of any connection."""
    flush("denied_in4", "denied_in6")
    for family in 0, 1:
        peer.wire.frames()
        peer.wire.send(wire.uninvited("tcp", PEER[family], 4444, OWN[family], 82))
        peer.wire.send(wire.uninvited("udp", PEER[family], 4444, OWN[family], 5001))
        time.sleep(0.01)
        names = [wire.Packet(frame).name() for frame in peer.wire.frames()]
        assert "TCP RA" in names, "a reset"
        assert any(name in names for name in ("ICMP type 3 code 13", "ICMPv6 type 1 code 1")), "an ICMP error"
        peer.wire.send(wire.ip_packet(PEER[family], OWN[family], 253, b"data"))
        found = elements("denied_in6" if family else "denied_in4")
        for rest in "tcp . 82", "udp . 5001", "253 . 0":
            assert f"{PEER[family]} . {OWN[family]} . {rest}" in found, rest
    peer.wire.send(invalid(PEER[0], OWN[0], 83))
    assert "tcp . 83" not in elements("denied_in4"), "an invalid packet counts as refused"


@probe
def invalid_out(peer):
    """What conntrack calls no part of any connection does not leave, by whom its kind is granted either."""
    for packet, leaves in ((wire.uninvited("tcp", OWN[0], 4445, PEER[0], 7010), True),
                           (invalid(OWN[0], PEER[0], 7010), False)):
        with raw("bob", V4, socket.IPPROTO_TCP) as sock:
            sent(sock, packet[20:], (PEER[0], 0))
        assert bool(peer.got()) == leaves, "a packet of a granted connection" if leaves else "one of none"
