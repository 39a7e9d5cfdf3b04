# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules are there for, each tried by real packets in some milliseconds.

A probe raises AssertionError where it isn't so.  They are tried one after another on a lab with CONFIGURATION, in
the order in which they stand here.
"""
import contextlib
import errno
import grp
import ipaddress
import os
import pwd
import select
import socket
import struct
import time

import lab
import programs
import wire

CONFIGURATION = """{
    "config": { "forward": [ "ip saddr 10.9.0.2 tcp dport 80", "iifname eth1 oifname tun0 tcp dport 443" ] },
    "kernel": [ "ip protocol igmp", "tcp dport 7010", { "mark": 7, "rule": "udp dport 5012" } ],
    "users": { "dnsmasq": { "rule": "udp dport 53" }, "resolver": { "rule": "udp dport 53" },
               "bob": { "rule": [ "udp dport 5000", "tcp dport 7010" ] } },
    "groups": { "any": { "rule": "tcp dport { 80, 7010 }" },
                "web": { "domains": [ "web.example" ], "rule": "tcp dport 80" },
                "tunnel": { "rule": "oifname tun0 meta l4proto { tcp, udp } th dport 7030" } },
    "inbound": { "games": "iifname tun0 meta l4proto { tcp, udp } th dport 8450",
                 "any": [ "udp dport 8445", "tcp dport 8445" ],
                 "www-data": [ "tcp dport 8443", "udp dport { 8443, 8444 }", "icmp type echo-request" ] }
}"""
OWN, PEER = programs.PLACES["own"], programs.PLACES["peer"]
V4, V6, DGRAM, STREAM = socket.AF_INET, socket.AF_INET6, socket.SOCK_DGRAM, socket.SOCK_STREAM
HOME, PEER_LINK = "fe80::1:1", "fe80::1"
ECHO = {V4: b"\x08\0\0\0\0\7\0\1", V6: b"\x80\0\0\0\0\7\0\1"}
CLOSE_WAIT = "net/netfilter/nf_conntrack_tcp_timeout_close_wait"
WAIT = 0.3      # seconds for what comes at once
PROBES = []


def probe(function):
    PROBES.append(function)
    return function


class Peer:
    """The other end of the cable."""

    def __init__(self):
        self.wire, self.conntrack = wire.Wire(), lab.Conntrack()

    def clear(self):
        """Forgets connections and what was recorded."""
        self.conntrack.flush()
        self.wire.frames()

    def got(self):
        """The packets that have arrived since, but discovery and reports."""
        time.sleep(0.005)
        packets = map(wire.Packet, self.wire.frames())
        return [packet for packet in packets if not wire.listed(packet) and packet.protocol != wire.IGMP and not (
            packet.protocol == wire.ICMP6 and packet.data[0] in (133, 135, 136, 143))]

    def names(self):
        return [packet.name() for packet in self.got()]

    def frames(self, seconds=WAIT):
        """Every packet that arrives within some time, as it comes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            select.select([self.wire.sock], [], [], end - time.monotonic())
            yield from map(wire.Packet, self.wire.frames())

    @staticmethod
    def open(*arguments):
        """A socket in the peer's network."""
        sock = wire.in_namespace(wire.INTERNET, lambda: socket.socket(*arguments))
        sock.settimeout(WAIT)
        return sock


@contextlib.contextmanager
def being(user, group=None):
    """As a user, in an application's group or the user's own, by name or number: sockets made now are theirs."""
    uid, gid = (user, user) if isinstance(user, int) else pwd.getpwnam(user)[2:4]
    if group is not None:
        gid = group if isinstance(group, int) else grp.getgrnam(group).gr_gid
    os.setgroups([])
    os.setresgid(gid, gid, 0)
    os.setresuid(uid, uid, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)


def opened(user, family, kind=DGRAM, protocol=0, group=None, bound=None):
    """A socket of a user's, with options that let it share its port."""
    with being(user, group):
        sock = socket.socket(family, kind, protocol)
    sock.settimeout(WAIT)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if bound:
        sock.bind(bound)
    return sock


def sent(sock, data, address):
    """The error's number, or 0."""
    try:
        sock.sendto(data, address)
        return 0
    except OSError as error:
        return error.errno


def answered(sock):
    """What a socket receives, or None."""
    try:
        return sock.recv(4000)
    except OSError:
        return None


def page(sock):
    """Whether a connected web server answers."""
    sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
    return (answered(sock) or b"").startswith(b"HTTP/1.1 200")


def elements(name):
    """The text of a set."""
    return lab.command("nft", "list", "set", "inet", "galaf", name)


def flush(*names):
    for name in names:
        lab.command("nft", "flush", "set", "inet", "galaf", name)


# What goes on and what is granted.

@probe
def local(_peer):
    """An ordinary user's programs talk to each other over loopback."""
    for family, host in (V4, "127.0.0.1"), (V6, "::1"), (V6, OWN[1]), (V4, OWN[0]):
        with opened("alice", family, STREAM, bound=(host, 0)) as server, opened("alice", family, STREAM) as client:
            server.listen()
            client.connect(server.getsockname())
        with opened("alice", family, bound=(host, 0)) as server, opened("alice", family) as client:
            client.sendto(b"data", server.getsockname())
            assert answered(server) == b"data"


@probe
def granted(_peer):
    """A group's connection and a user's datagram get an answer, over IPv6 with neighbours to be found first."""
    lab.command("ip", "neighbour", "flush", "dev", "eth0")
    lab.command("nsenter", f"--net={wire.INTERNET}", "ip", "neighbour", "flush", "dev", "eth0")
    for family, host in (V6, PEER[1]), (V4, PEER[0]):
        with opened("alice", family, STREAM, group="any") as sock:
            sock.connect((host, 80))
            assert page(sock)
        with opened("bob", family) as sock:
            sock.sendto(b"data", (host, 5000))
            assert answered(sock) == b"data"


@probe
def goes_on(_peer):
    """A TCP connection goes on when its group is no longer granted it."""
    gid = grp.getgrnam("any").gr_gid
    with opened("alice", V4, STREAM, group="any") as sock:
        sock.connect((PEER[0], 80))
        lab.command("nft", "delete", "element", "inet", "galaf", "apps", f"{{ {gid} }}")
        try:
            assert page(sock)
        finally:
            lab.command("nft", "add", "element", "inet", "galaf", "apps", f"{{ {gid} : jump group_any }}")


@probe
def statistics(_peer):
    """What a user sends and receives counts for the user."""
    names = ("pre-filter-out", "post-filter-out", "post-filter-in")
    flush(*names)
    with opened("bob", V4) as sock:
        sock.sendto(b"data", (PEER[0], 5000))
        answered(sock)
    for name in names:
        assert f"{pwd.getpwnam('bob').pw_uid:04x} " in elements(name), name


def mark(user, group):
    """A mark as nft prints it."""
    return f"{grp.getgrnam(group).gr_gid << 16 | pwd.getpwnam(user).pw_uid:#010x}"


@probe
def marked(_peer):
    """A connection of MPTCP, whose sockets are the kernel's, counts for who made it; that of an id that the mark
    can't hold for nobody."""
    flush("post-filter-out", "denied4")
    with opened("alice", V4, STREAM, 262, "any") as sock:
        sock.connect((PEER[0], 80))
        assert page(sock)
    assert mark("alice", "any") in elements("post-filter-out")
    with opened(131072, V4, STREAM, 262) as sock:
        sock.connect_ex((PEER[0], 81))
    assert f"ffff . {PEER[0]} . tcp . 81" in elements("denied4")


@probe
def marked_again(peer):
    """What is sent from a port that bob has left, to where he was answered, counts for who sends it now."""
    flush("pre-filter-out", "denied4")
    with opened("bob", V4, bound=(OWN[0], 0)) as sock:
        sock.sendto(b"data", (PEER[0], 5000))
        assert answered(sock)
        left = sock.getsockname()
    peer.got()
    for user, own in ("alice", mark("alice", "alice")), (131072, "0x0000ffff"):
        with opened(user, V4, bound=left) as sock:
            assert sent(sock, b"data", (PEER[0], 5000)) == errno.EPERM
        for name, element in ("denied4", f"{own} . {PEER[0]} . udp . 5000"), ("pre-filter-out", f"{own} "):
            assert element in elements(name), f"{name} of {user}"
    assert mark("bob", "bob") not in elements("denied4")
    assert not peer.got()


# What is refused.

@probe
def refused(peer):
    """An ordinary user's packets are refused at once, and counted by destination, protocol and port for the user."""
    flush("denied4", "denied6")
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
    assert not peer.got()


@probe
def forged(peer):
    """Nothing leaves by a source address that isn't the machine's, on loopback or on the cable; it is counted."""
    flush("denied6")
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


def invalid(source, destination, port):
    """A TCP packet with SYN and FIN."""
    packet = bytearray(wire.uninvited("tcp", source, 4444, destination, port))
    packet[33], packet[36:38] = 3, bytes(2)
    pseudo = packet[12:20] + struct.pack(">HH", wire.TCP, 20)
    packet[36:38] = struct.pack(">H", wire.checksum(bytes(pseudo + packet[20:])))
    return bytes(packet)


# Inbound.

@probe
def inbound(peer):
    """An inbound service is reached, and answers: TCP, UDP, the kernel's answer to a ping, a closed port's error."""
    with opened("www-data", V4, STREAM, bound=(OWN[0], 8443)) as server, peer.open(V4, STREAM) as client:
        server.listen()
        client.connect((OWN[0], 8443))
        connection, _ = server.accept()
        connection.sendall(b"data")
        assert answered(client) == b"data", "TCP"
        connection.close()
    with opened("www-data", V4, bound=(OWN[0], 8443)) as server, peer.open(V4, DGRAM) as client:
        client.sendto(b"data", (OWN[0], 8443))
        server.sendto(*server.recvfrom(100))
        assert answered(client) == b"data", "UDP"
    with opened("alice", V4, group="any", bound=(OWN[0], 8445)) as server, peer.open(V4, DGRAM) as client:
        client.sendto(b"data", (OWN[0], 8445))
        server.sendto(*server.recvfrom(100))
        assert answered(client) == b"data", "UDP of a group"
    peer.wire.frames()
    peer.wire.send(wire.uninvited("udp", PEER[0], 4444, OWN[0], 8444))
    assert "ICMP type 3 code 3" in peer.names(), "an error that a packet from outside caused"
    head = struct.pack(">BBHHH", 8, 0, 0, 7, 1)
    head = head[:2] + struct.pack(">H", wire.checksum(head)) + head[4:]
    peer.wire.send(wire.ip_packet(PEER[0], OWN[0], 1, head))
    assert "ICMP type 0 code 0" in peer.names(), "an answer to a ping"


@probe
def allowed_for_now(peer):
    """What galaf_allow allows passes, out, in and to another name server; and it holds a user's queries to the user."""
    rules = ("allowed_out meta skuid 1000 udp dport 7777 accept", "allowed_in tcp dport 8446 ct mark set 1000 accept",
             "allowed_elsewhere meta skuid 1000 accept", "allowed_queries meta skuid 1001 reject")
    for rule in rules:
        lab.command("nft", "add", "rule", "inet", "galaf", *rule.split())
    try:
        with opened("alice", V4) as sock:
            sent(sock, b"data", (PEER[0], 7777))
        assert "UDP" in peer.names(), "out"
        with opened("alice", V4, STREAM, bound=(OWN[0], 8446)) as server, peer.open(V4, STREAM) as client:
            server.listen()
            client.connect((OWN[0], 8446))
        assert asked(peer, "alice", made_up(), "127.0.2.1")[0] == 0, "another name server"
        assert not asked(peer, "bob", made_up())[1], "a query that the chain rejects"
    finally:
        for chain in "allowed_out", "allowed_in", "allowed_elsewhere", "allowed_queries":
            lab.command("nft", "flush", "chain", "inet", "galaf", chain)


@probe
def shared_port(peer):
    """Another user who shares an inbound port with its service cannot answer."""
    with opened("www-data", V4, bound=(OWN[0], 8443)), opened("alice", V4, bound=(OWN[0], 8443)) as thief:
        peer.wire.send(wire.uninvited("udp", PEER[0], 4444, OWN[0], 8443))
        thief.recv(100)
        sent(thief, b"data", (PEER[0], 4444))
    assert not peer.got()


# The link.

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
        sent(sock, b"\x88".ljust(8, b"\0") + ipaddress.ip_address(PEER[1]).packed + b"data", (PEER[1], 0))
        assert not any(b"data" in packet.data for packet in icmp6(peer.frames(0.02), 136))


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


def raw(user, family, protocol):
    """A raw socket of a user's, as by a capability of the program's file."""
    wire.LIBC.setfsuid(pwd.getpwnam(user).pw_uid)
    try:
        return socket.socket(family, socket.SOCK_RAW, protocol)
    finally:
        wire.LIBC.setfsuid(0)


def icmp6(packets, kind):
    """Those that are ICMPv6 of that type; a report, 143, has 4 at offset 8 for a new group and 2 for an answer."""
    return (packet for packet in packets if packet.protocol == wire.ICMP6 and packet.data[0] == kind)


def mld_query():
    """A general query that is to be answered within a millisecond, behind a router alert."""
    body = struct.pack(">BBHHH", 130, 0, 0, 1, 0) + bytes(16) + bytes((2, 1, 0, 0))
    ends = ipaddress.ip_address(PEER_LINK).packed + ipaddress.ip_address("ff02::1").packed
    body = body[:2] + struct.pack(">H", wire.checksum(ends + struct.pack(">LL", len(body), 58) + body)) + body[4:]
    return struct.pack(">LHBB", 6 << 28, 8 + len(body), 0, 1) + ends + bytes((58, 0, 5, 2, 0, 0, 1, 0)) + body


# Names.

def asked(peer, user, name, host="127.0.0.1", group=None, port=0):
    """Asks a name server of the machine's; returns its answer's code or None, and whether the name went out."""
    peer.wire.frames()
    with opened(user, V6 if ":" in host else V4, group=group, bound=("", port)) as sock:
        answer = None if sent(sock, programs.query(name, 1), (host, 53)) else answered(sock)
    return answer and answer[3] & 15, went_out(peer)


def went_out(peer):
    """Whether a name has gone to the internet's name server."""
    time.sleep(0.01)
    return any(packet.destination == "192.0.2.1" and packet.data[2:4] == b"\0\x35" for packet in peer.got())


def made_up():
    """A name that was not asked for yet, which exists."""
    return f"s{time.monotonic_ns()}.web.example"


@probe
def names(peer):
    """An application is answered for its names, and what goes out for that counts for it; who may resolve any name is
    for any, also by another name server."""
    flush("post-filter-out")
    assert asked(peer, "alice", made_up(), group="web")[0] == 0
    assert mark("alice", "web") in elements("post-filter-out"), "counts for the application"
    said = lab.command("conntrack", "-L", "-p", "udp", "--dport", "53", "-d", "127.0.0.1").split()
    assert int(said[2]) <= 10, f"conntrack remembers a query for {said[2]} s"
    for user, group in ("alice", "any"), ("bob", None):
        assert asked(peer, user, made_up(), group=group)[0] == 0
        for host in "127.0.2.1", "fd00:122::1":
            assert asked(peer, user, made_up(), host, group)[0] == 0, f"{group or user} at another name server"


@probe
def no_names(peer):
    """Nobody else's question goes out: of a user, of an application for another name, of an id with an application's
    or a user's low bits, by a port that one has just left, at another name server."""
    web, bob = grp.getgrnam("web").gr_gid, pwd.getpwnam("bob").pw_uid
    for user, group in ("alice", None), ("alice", "web"), ("alice", 131072 + web), (131072 + bob, None):
        for host in "127.0.0.1", "127.0.2.1", "192.168.122.1", "fd00:122::1":
            name = f"s{time.monotonic_ns()}.other.example" if group == "web" else made_up()
            assert not asked(peer, user, name, host, group)[1], f"{user} in {group} at {host}"
    for port, user, group in (4555, "alice", "web"), (4556, "bob", None):
        assert asked(peer, user, made_up(), group=group, port=port)[0] == 0
        assert not asked(peer, "alice", made_up(), port=port)[1], f"by a port that {group or user} has just left"


@probe
def in_nobodys_name(peer):
    """dnsmasq asks in the name of who asked it, and not in its own or nobody's."""
    asker = grp.getgrnam("web").gr_gid << 16 | pwd.getpwnam("alice").pw_uid
    cases = [(own_mark, host) for own_mark in (None, 0) for host in ("192.0.2.1", "127.0.2.1")]
    for own_mark, host in *cases, (asker, "192.0.2.1"):
        peer.wire.frames()
        with opened("dnsmasq", V4) as sock:
            if own_mark is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, struct.pack("@I", own_mark))
            sent(sock, programs.query(made_up(), 1), (host, 53))
            assert went_out(peer) == bool(own_mark), f"mark {own_mark} at {host}"


# Forwarding.

def prepare():
    """A guest behind the machine, 10.9.0.2, and link-local addresses that are known."""
    for line in ("netns add guest", "link add eth1 type veth peer name eth0 netns guest", "link set eth1 up",
                 "address add 10.9.0.1/24 dev eth1", "-n guest address add 10.9.0.2/24 dev eth0",
                 "-n guest link set eth0 up", "-n guest route add default via 10.9.0.1",
                 "link add tun0 type veth peer name tun0 netns internet", "link set tun0 up",
                 "-n internet link set tun0 up", "address add 10.7.0.2/24 dev tun0",
                 "address add fd00:7::2/64 dev tun0 nodad", "-n internet address add 10.7.0.1/24 dev tun0",
                 "-n internet address add fd00:7::1/64 dev tun0 nodad",
                 f"address add {NEAR_END[0]}/24 dev eth0", f"address add {NEAR_END[1]}/128 dev bridge nodad",
                 f"-n internet route add 10.9.0.0/24 via {OWN[0]}", f"address add {HOME}/64 dev eth0 nodad"):
        lab.command("ip", *line.split())
    lab.setting("net/ipv4/ip_forward", 1)
    lab.setting("net/ipv4/icmp_ratelimit", 0)
    lab.setting("net/ipv6/icmp/ratelimit", 0)


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
def strange(peer):
    """A guest's packet with a stranger's address is refused, and no error tells the stranger what it said."""
    datagram = struct.pack("!4H", 4444, 5001, 12, 0) + b"data"
    header = struct.pack("!2B3H2BH4s4s", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0,
                         socket.inet_aton("198.18.0.20"), socket.inet_aton(PEER[0]))
    with wire.in_namespace("/run/netns/guest", lambda: socket.socket(V4, socket.SOCK_RAW, socket.IPPROTO_RAW)) as raw:
        raw.sendto(header + datagram, (PEER[0], 0))
    assert not peer.got(), "a stranger is told"


# Connections that are older than what conntrack or the rules know.

def connection(stack, server, client, address, *owner):
    """A connection between two sockets: (its end at the server, the client); both end with the stack, by a reset.

    owner: the server's user and group; a connection is whose program accepts it.
    """
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(address)
    server.listen()
    client.connect(address)
    with being(*owner or ["root"]):
        end = server.accept()[0]
    server.close()
    for sock in client, end:
        sock.settimeout(WAIT)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stack.callback(sock.close)
    return end, client


def tells(sock, other):
    """Whether what is sent by a socket comes to another."""
    with contextlib.suppress(OSError):
        sock.sendall(b"data")
        return answered(other) == b"data"
    return False


@contextlib.contextmanager
def asleep():
    """Without the rules; conntrack goes on."""
    lab.command("nft", "add table inet galaf { flags dormant; }")
    try:
        yield
    finally:
        lab.command("nft", "add table inet galaf")


@probe
def resumed(peer):
    """TCP that conntrack has forgotten goes on where a listed user or group holds the socket, whoever speaks first."""
    for user, group, port in ("www-data", None, 8443), ("alice", "any", 8445):
        with contextlib.ExitStack() as stack:
            server = opened(user, V4, STREAM, group=group)
            end, client = connection(stack, server, peer.open(V4, STREAM), (OWN[0], port), user, group)
            peer.conntrack.flush()
            assert tells(end, client), f"{group or user} serves"
    for user, group in ("bob", None), ("alice", "any"):
        with contextlib.ExitStack() as stack:
            end, client = reached(stack, peer, user, group)
            peer.conntrack.flush()
            assert tells(end, client), f"{group or user} is served"
    with contextlib.ExitStack() as stack:
        near = by_loopback(stack, "any")
        peer.conntrack.flush()
        assert stays_away(peer, near), "from loopback over the cable"


@probe
def address_gone(peer):
    """TCP by loopback, of which one end is closed, sends nothing to an address that is another machine's by then,
    also where conntrack would have forgotten it: its timeout, here none, is not for what began on loopback."""
    for family, own, address in zip((V4, V6), OWN, PEER):
        with contextlib.ExitStack() as stack:
            stack.callback(lab.setting, CLOSE_WAIT, 60)
            lab.setting(CLOSE_WAIT, 0)
            gone = stack.enter_context(contextlib.ExitStack())
            nodad = ["nodad"] if family == V6 else []
            lab.command("ip", "address", "add", address, "dev", "eth0", *nodad)
            gone.callback(lab.command, "ip", "address", "del", address, "dev", "eth0")
            while "local" not in lab.command("ip", "route", "get", address):     # IPv6 has it a moment later
                time.sleep(0.01)
            near = [opened("alice", family, STREAM, group="any") for _ in range(2)]
            near[1].bind((own, 0))
            end, client = connection(stack, *near, (address, 7003), "alice", "any")
            end.shutdown(socket.SHUT_WR)
            time.sleep(0.02)
            gone.close()
            peer.wire.frames()
            with contextlib.suppress(OSError):
                client.sendall(b"data")
            assert not peer.got(), address


def by_loopback(stack, group=None):
    """A connection of alice's by loopback, to an address of another interface than the cable: both ends."""
    near = [opened("alice", V4, STREAM, group=group) for _ in range(2)]
    return connection(stack, *near, ("192.168.122.1", 7003), "alice", group)


def stays_away(peer, near):
    """Whether nothing of a connection by loopback is led over the cable."""
    peer.wire.frames()
    near[0].settimeout(0.05)
    near[1].setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
    return not tells(*reversed(near)) and not peer.got()


def reached(stack, peer, user, group=None):
    """A user's connection to the peer: (the peer's end, the user's)."""
    return connection(stack, peer.open(V4, STREAM), opened(user, V4, STREAM, group=group), (PEER[0], 7010))


def left_behind(stack, peer):
    """A connection of no program, as of a CIFS mount: (the peer's end, how many bytes come until its end).

    Its program has closed it with more to send than the peer takes before it reads.
    """
    server = peer.open(V4, STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    end, client = connection(stack, server, opened("alice", V4, STREAM), (PEER[0], 7010))
    client.setblocking(False)
    sent_bytes = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            sent_bytes += client.send(bytes(4096))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
    client.close()
    return end, sent_bytes


@probe
def crooked(_peer):
    """Of queries to dnsmasq a plain one is answered, by a refusal at least, and none with bytes behind it."""
    for kind in DGRAM, STREAM:
        for rest in b"", b"secret":
            question = programs.query("other.example", 1) + rest
            with opened("alice", V4, kind, group="web") as asking:
                asking.connect(("127.0.0.1", 53))
                asking.sendall(question if kind == DGRAM else struct.pack(">H", len(question)) + question)
                assert bool(answered(asking)) != bool(rest), f"{kind} {rest}"


@probe
def older(peer):
    """TCP that conntrack knows from before the rules goes on where its owner is listed, where it is the kernel's and
    "kernel" lists it, and on loopback, but there not by the cable; it ends elsewhere, and dnsmasq, where it has no
    mark, is not asked by it."""
    with contextlib.ExitStack() as stack:
        with asleep():
            listed = [reached(stack, peer, "bob"), reached(stack, peer, "alice", "any")]
            mounted, rest = left_behind(stack, peer)
            far, client = reached(stack, peer, "alice")
            near, listed_near = by_loopback(stack), by_loopback(stack, "any")
            asking = stack.enter_context(opened("alice", V4, STREAM))
            asking.connect(("127.0.0.1", 53))
        for end, own in listed:
            assert tells(own, end) and tells(end, own), "a listed owner's"
        flush("post-filter-out")
        while rest > 0 and (data := answered(mounted)):
            rest -= len(data)
        assert rest == 0, "the kernel's"
        assert "00000001 counter" in elements("post-filter-out"), "counts as root's"
        far.settimeout(0.05)
        assert not tells(client, far), "another's"
        assert tells(*near) and tells(*reversed(near)), "on loopback"
        assert stays_away(peer, near) and stays_away(peer, listed_near), "from loopback over the cable"
        question = programs.query(made_up(), 1)
        asking.sendall(struct.pack(">H", len(question)) + question)
        assert answered(asking) is None and not went_out(peer), "a query"


# Connections of rules about an interface, tun0: between FAR_END and NEAR_END, or a guest.

NEAR_END, FAR_END = ("192.0.2.50", "2001:db8:50::50"), ("198.18.0.77", "2001:2:0:1::77")
ROUTER = {"tun0": ("10.7.0.1", "fd00:7::1"), "eth0": programs.PLACES["router"]}
NEAR = {"tun0": ("10.7.0.2", "fd00:7::2"), "eth0": OWN}


def lead(out, back):
    """By which interface each end reaches the other, and the guest."""
    for family in 0, 1:
        lab.command("ip", *f"route replace {FAR_END[family]} via {ROUTER[out][family]} dev {out}".split())
        for host in (NEAR_END[family], "10.9.0.2")[:2 - family]:
            lab.command("ip", *f"-n internet route replace {host} via {NEAR[back][family]} dev {back}".split())


@contextlib.contextmanager
def tunnel(out="tun0", back="tun0"):
    """The tunnel leads there and back; afterwards it doesn't, and everything is forgotten."""
    lead(out, back)
    with contextlib.ExitStack() as stack:
        yield stack
        lead("tun0", "tun0")
    lead("eth0", "eth0")


def kept(stack, peer, serving=("games",), family=V4):
    """A connection to the peer that a rule about tun0 let begin, and from there, to whom is serving: (near, far)s."""
    own, others = NEAR_END[family == V6], FAR_END[family == V6]
    client, far = opened("bob", family, STREAM, group="tunnel", bound=(own, 0)), peer.open(family, STREAM)
    end, client = connection(stack, far, client, (others, 7030))
    near, far = opened("root", family, STREAM), peer.open(family, STREAM)
    far.bind((others, 0))
    server, far = connection(stack, near, far, (own, 8450), *serving)
    return (client, end), (server, far)


def kept_datagrams(stack, peer):
    """The same over UDP."""
    pairs = []
    for user, group, near_end, far_end in ("alice", "tunnel", 0, 7030), ("games", None, 8450, 0):
        near, far = opened(user, V4, group=group, bound=(NEAR_END[0], near_end)), peer.open(V4, DGRAM)
        far.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        far.bind((FAR_END[0], far_end))
        far.connect(near.getsockname())
        near.connect(far.getsockname())
        for sock in near, far:
            stack.callback(sock.close)
        pairs.append((near, far))
    return pairs


def to_and_fro(pair):
    """Whether each end hears the other."""
    return tells(*pair) and tells(*reversed(pair))


@probe
def by_interface(peer):
    """What a rule about an interface let begin goes on by it alone: what is sent, answers, and what comes in, which is
    counted."""
    flush("denied_in4")
    for moved in ("eth0", "tun0"), ("tun0", "eth0"):
        for pairs in kept, kept_datagrams:
            with tunnel() as stack:
                near, served = pairs(stack, peer)
                assert to_and_fro(near) and to_and_fro(served[::-1]), f"{pairs.__name__}, by tun0"
                lead(*moved)
                peer.wire.frames()
                for mine, other in near, served:
                    other.settimeout(0.05)
                    mine.settimeout(0.05)
                    way = (other, mine) if moved[0] == "tun0" else (mine, other)
                    assert not tells(*way), f"{pairs.__name__}, by the cable: {moved}"
                assert not peer.got(), f"by the cable: {moved}"
    assert f"{FAR_END[0]} . {NEAR_END[0]}" in elements("denied_in4"), "what came in counts as refused"


@probe
def by_interface_related(peer):
    """So does an ICMP error about it; what is rejected is not answered over the cable when the address is gone."""
    with tunnel("eth0", "tun0"), peer.open(V4, DGRAM) as sock:
        sock.bind((FAR_END[0], 0))
        peer.wire.frames()
        sock.sendto(b"data", (NEAR_END[0], 8450))
        assert not peer.got(), "an error"
    address = f"{NEAR_END[1]}/128", "dev", "bridge"
    with tunnel() as stack:
        (near, _), _ = kept(stack, peer, family=V6)
        lab.command("ip", "address", "del", *address)
        try:
            lead("eth0", "tun0")
            peer.wire.frames()
            with contextlib.suppress(OSError):
                near.send(b"data")
            assert not peer.got(), "a reset"
        finally:
            lab.command("ip", "address", "add", *address, "nodad")


@probe
def by_interface_forwarded(peer):
    """And what a guest's began."""
    for moved in ("eth0", "tun0"), ("tun0", "eth0"):
        with tunnel():
            sock = wire.in_namespace("/run/netns/guest", lambda: socket.socket(V4, STREAM))
            sock.settimeout(WAIT)
            with sock:
                sock.connect((FAR_END[0], 443))
                sock.sendall(b"GET /bytes/10 HTTP/1.1\r\n\r\n")
                assert (answered(sock) or b"").startswith(b"HTTP/1.1 200"), "by tun0"
                lead(*moved)
                peer.wire.frames()
                sock.settimeout(0.05)
                answered(sock)
                sock.sendall(b"GET /bytes/10 HTTP/1.1\r\n\r\n")
                assert answered(sock) is None, f"it is answered: {moved}"
                assert moved[0] == "tun0" or not peer.got(), "by the cable"


@probe
def by_interface_older(peer):
    """What is older than the rules, or forgotten, goes on by the interface of its owner's rule alone."""
    for serving in "games", "root":
        for forget in asleep, None:
            for first in (0, 1), (1, 0):
                with tunnel() as stack:
                    with forget() if forget else contextlib.nullcontext():
                        pairs = kept(stack, peer, [serving])
                    if not forget:
                        peer.conntrack.flush()
                    for pair in pairs:
                        assert tells(*(pair[each] for each in first)), f"{serving} by tun0, {first}, {forget}"
                        assert to_and_fro(pair)
                    lead("eth0", "tun0")
                    peer.wire.frames()
                    if not forget and serving == "games":       # root is listed, since others serve as well
                        peer.conntrack.flush()
                    for near, far in pairs:
                        far.settimeout(0.05)
                        assert not tells(near, far), f"{serving} by the cable"
                    assert not peer.got()


# What is counted apart, since it is beyond a share.

COUNTED = [f"{kind}{way}{family}" for kind in ("denied", "portless") for way in ("", "_in") for family in (4, 6)]
SHARING = ["share_mark", "share_user", "denied_more", "denied_in_more",
           *(f"share_{whose}{family}" for whose in ("source", "network") for family in (4, 6))]
ALSO_OWN = "192.168.122.1", "fd00:122::1"
NUMBERS = [*range(61, 132), *range(141, 253)]       # protocols without ports, no extension headers of IPv6's


def floods_out(number, groups):
    """Alice sends to as many destinations from each group, in each way that is counted by rules of its own."""
    for family in V4, V6:
        for protocol in 0, 1 if family == V4 else 58:
            flush(*COUNTED, *SHARING)
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
            flush(*COUNTED, *SHARING)
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
    flush(*COUNTED, *SHARING)
    try:
        yield
    finally:
        flush(*COUNTED, *SHARING)


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
