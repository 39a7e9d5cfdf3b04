# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machine and its link say to each other."""
import errno
import ipaddress
import socket
import struct

import lab
import wire

from .stage import DGRAM, HOME, OWN, PEER, PEER_LINK, V4, V6, answered, opened, probe, raw, sent, set_uid


@probe
def dhcp(peer):
    """A DHCP client, which is root's or a service's, asks and is answered; an ordinary user is not."""
    lab.setting("net/ipv4/ip_unprivileged_port_start", 0)
    for family, port, to, host in (V4, 68, 67, "192.0.2.1"), (V6, 546, 547, "2001:db8::1"):
        peer.clear()
        with opened("alice", family, bound=("" if family == V4 else "::", port)) as sock:
            sent(sock, b"data", (host, to))
        assert not peer.got(), "an ordinary user"
        with opened("root", family, bound=("" if family == V4 else "::", port)) as sock:
            assert sent(sock, b"data", (host, to)) == 0, "root"
            peer.clear()
            own = OWN[0] if family == V4 else HOME
            peer.wire.send(wire.uninvited("udp", host if family == V4 else PEER_LINK, to, own, port))
            assert answered(sock) == wire.KNOCK, f"an answer from port {to}"


@probe
def set_uid_programs(peer):
    """What a set-uid program sends for a user is none of the machine's own words: discovery or DHCP."""
    for user, expected in ("root", 2), ("alice", 0):
        with (set_uid(user), socket.socket(V6, DGRAM) as dhcp_client,
              socket.socket(V6, socket.SOCK_RAW, wire.ICMP6) as tool):
            dhcp_client.bind(("::", 546))
            tool.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255)
            peer.clear()
            sent(dhcp_client, b"data", (PEER[1], 547))
            sent(tool, advertisement(), (PEER[1], 0))
            assert sum(b"data" in packet.data for packet in peer.frames(0.05)) == expected, user


@probe
def reports(peer):
    """A multicast group is told to the link by MLDv2, also where a router asks, and not by the older MLD."""
    cable = struct.pack("@I", socket.if_nametoindex("eth0"))
    join = socket.inet_pton(V6, "ff02::6461") + cable
    with opened("alice", V6) as sock:
        peer.clear()
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, join)
        assert any(packet.data[8] == 4 for packet in icmp6(peer.frames(0.05), 143)), "MLDv2"
        peer.wire.send(mld_query())
        assert any(packet.data[8] == 2 for packet in icmp6(peer.frames(), 143)), "a query"
    lab.setting("net/ipv6/conf/eth0/force_mld_version", 1)
    try:
        with opened("alice", V6) as sock:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, join)
            assert not list(icmp6(peer.frames(0.05), 131))
    finally:
        lab.setting("net/ipv6/conf/eth0/force_mld_version", 0)


@probe
def discovery(peer):
    """A user's program that may use raw sockets, as by a capability of its file, has no part in neighbour discovery."""
    with raw("alice", V6, wire.ICMP6) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255)
        sent(sock, advertisement(), (PEER[1], 0))
        assert not any(b"data" in packet.data for packet in icmp6(peer.frames(0.02), 136))


def advertisement():
    """A neighbour's, of the peer's address, with data behind it."""
    return b"\x88".ljust(8, b"\0") + ipaddress.ip_address(PEER[1]).packed + b"data"


@probe
def kernel(peer):
    """What "kernel" lists passes as the kernel sends it, a report of a multicast group or what NFS's socket sends,
    which is root's without a mark; from no program; with a tunnel's mark whoever's packet it carries."""
    for user in "alice", "root":
        with raw(user, V4, wire.IGMP) as sock:
            sent(sock, b"data", (PEER[0], 0))
            assert not any(packet.data == b"data" for packet in peer.frames(0.01)), f"a program's of {user}"
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 0)
            sent(sock, b"data", (PEER[0], 0))
            left = any(packet.data == b"data" for packet in peer.frames(0.01))
            assert left == (user == "root"), f"without a mark, of {user}"
    with opened("root", V4, socket.SOCK_RAW, wire.IGMP) as sock:
        group = socket.inet_aton("239.1.2.3") + socket.inet_aton(OWN[0])
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        assert any(packet.protocol == wire.IGMP for packet in peer.frames(0.1)), "the kernel's"
    for mark, number in (7, 0), (8, errno.EPERM):
        with opened("alice", V4) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
            assert sent(sock, b"data", (PEER[0], 5012)) == number, f"mark {mark}"


def icmp6(packets, kind):
    """Those that are ICMPv6 of that type; a report, 143, has 4 at offset 8 for a new group and 2 for an answer."""
    return (packet for packet in packets if packet.protocol == wire.ICMP6 and packet.data[0] == kind)


def mld_query():
    """A general query that is to be answered within a millisecond, behind a router alert."""
    body = struct.pack(">BBHHH", 130, 0, 0, 1, 0) + bytes(16) + bytes((2, 1, 0, 0))
    ends = ipaddress.ip_address(PEER_LINK).packed + ipaddress.ip_address("ff02::1").packed
    body = body[:2] + struct.pack(">H", wire.checksum(ends + struct.pack(">LL", len(body), 58) + body)) + body[4:]
    return struct.pack(">LHBB", 6 << 28, 8 + len(body), 0, 1) + ends + bytes((58, 0, 5, 2, 0, 0, 1, 0)) + body
