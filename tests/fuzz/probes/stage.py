# SPDX-License-Identifier: GPL-3.0-or-later
"""What the probes stand on: the peer at the other end of the cable, sockets of users, sets, connections."""
import contextlib
import grp
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
                "finder": { "discovery": true, "rule": "udp dport { 1900, 5353 }" },
                "tunnel": { "rule": "oifname tun0 meta l4proto { tcp, udp } th dport 7030" } },
    "inbound": { "games": "iifname tun0 meta l4proto { tcp, udp } th dport 8450",
                 "any": [ "udp dport 8445", "tcp dport 8445" ],
                 "www-data": [ "tcp dport 8443", "udp dport { 8443, 8444 }", "icmp type echo-request" ] }
}"""
OWN, PEER = programs.PLACES["own"], programs.PLACES["peer"]
V4, V6, DGRAM, STREAM = socket.AF_INET, socket.AF_INET6, socket.SOCK_DGRAM, socket.SOCK_STREAM
HOME, PEER_LINK = "fe80::1:1", "fe80::1"
ACK = 0x10      # a flag of TCP's
ECHO = {V4: b"\x08\0\0\0\0\7\0\1", V6: b"\x80\0\0\0\0\7\0\1"}
CLOSE_WAIT = "net/netfilter/nf_conntrack_tcp_timeout_close_wait"
WAIT = 0.3      # seconds for what comes at once
SHARING = ["share_mark", "share_user", "denied_more", "denied_in_more",
           *(f"share_{whose}{family}" for whose in ("source", "network") for family in (4, 6))]
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


@contextlib.contextmanager
def set_uid(user):
    """As a set-uid program of root's that a user runs."""
    os.setresuid(pwd.getpwnam(user).pw_uid, 0, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


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
    """Empties these sets, and those of the shares, of which the probes before have used some."""
    lab.command("nft", "-f", "-", input="".join(f"flush set inet galaf {name}\n" for name in {*names, *SHARING}))


def mark(user, group):
    """A mark as nft prints it."""
    return f"{grp.getgrnam(group).gr_gid << 16 | pwd.getpwnam(user).pw_uid:#010x}"


def invalid(source, destination, port):
    """A TCP packet with SYN and FIN."""
    packet = bytearray(wire.uninvited("tcp", source, 4444, destination, port))
    packet[33], packet[36:38] = 3, bytes(2)
    pseudo = packet[12:20] + struct.pack(">HH", wire.TCP, 20)
    packet[36:38] = struct.pack(">H", wire.checksum(bytes(pseudo + packet[20:])))
    return bytes(packet)


def raw(user, family, protocol):
    """A raw socket of a user's, as by a capability of the program's file."""
    wire.LIBC.setfsuid(pwd.getpwnam(user).pw_uid)
    try:
        return socket.socket(family, socket.SOCK_RAW, protocol)
    finally:
        wire.LIBC.setfsuid(0)


def asked(peer, user, name, host="127.0.0.1", group=None, port=0, kind=1):
    """Asks a name server of the machine's; returns its answer's code or None, and whether the name went out."""
    peer.wire.frames()
    with opened(user, V6 if ":" in host else V4, group=group, bound=("", port)) as sock:
        answer = None if sent(sock, programs.query(name, kind), (host, 53)) else answered(sock)
    return answer and answer[3] & 15, went_out(peer)


def went_out(peer):
    """Whether a name has gone to the internet's name server."""
    time.sleep(0.01)
    return any(packet.destination == "192.0.2.1" and packet.data[2:4] == b"\0\x35" for packet in peer.got())


def made_up():
    """A name that was not asked for yet, which exists."""
    return f"s{time.monotonic_ns()}.web.example"


def prepare():
    """A guest behind the machine, 10.9.0.2, and link-local addresses that are known."""
    for line in ("netns add guest", "link add eth1 type veth peer name eth0 netns guest", "link set eth1 up",
                 "address add 10.9.0.1/24 dev eth1", "-n guest address add 10.9.0.2/24 dev eth0",
                 "-n guest link set eth0 up", "-n guest route add default via 10.9.0.1",
                 "address add fd00:9::1/64 dev eth1 nodad", "-n guest address add fd00:9::2/64 dev eth0 nodad",
                 "-n guest route add default via fd00:9::1",
                 "link add tun0 type veth peer name tun0 netns internet", "link set tun0 up",
                 "-n internet link set tun0 up", "address add 10.7.0.2/24 dev tun0",
                 "address add fd00:7::2/64 dev tun0 nodad", "-n internet address add 10.7.0.1/24 dev tun0",
                 "-n internet address add fd00:7::1/64 dev tun0 nodad", "address add fe80::7:2/64 dev tun0 nodad",
                 "-n internet address add fe80::7:1/64 dev tun0 nodad", "-n internet address add 10.8.0.1/24 dev tun0",
                 "route add 10.8.0.0/24 dev tun0",
                 f"address add {NEAR_END[0]}/24 dev eth0", f"address add {NEAR_END[1]}/128 dev bridge nodad",
                 f"-n internet route add 10.9.0.0/24 via {OWN[0]}", f"address add {HOME}/64 dev eth0 nodad"):
        lab.command("ip", *line.split())
    lab.setting("net/ipv4/ip_forward", 1)
    lab.setting("net/ipv4/icmp_ratelimit", 0)
    lab.setting("net/ipv6/icmp/ratelimit", 0)


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


NEAR_END, FAR_END = ("192.0.2.50", "2001:db8:50::50"), ("198.18.0.77", "2001:2:0:1::77")
