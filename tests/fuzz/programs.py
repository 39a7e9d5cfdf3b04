# SPDX-License-Identifier: GPL-3.0-or-later
"""Random programs of an ordinary user's: made from a seed, run, and printed as Python.

A program is a list of steps; a step is (result, target, name, arguments): the result's variable or None, the
variable whose method it calls or None for a function, and arguments, among them variables (Var).
"""
import ctypes
import inspect
import os
import random
import socket
import struct

LIBC = ctypes.CDLL(None, use_errno=True)


class Named(int):
    """A number that prints as its name."""

    def __new__(cls, name, value=None):
        self = super().__new__(cls, getattr(socket, name) if value is None else value)
        self.name = name
        return self

    def __repr__(self):
        return self.name


class Var(str):
    """A variable of the program."""

    def __repr__(self):
        return str(self)


# What a program may call beside methods of its sockets; printed with it, so they stand for themselves.

def raw_connect(sock, address):
    """connect(2) with the bytes of an address, family first."""
    LIBC.connect(sock.fileno(), address, len(address))


def raw_sendto(sock, data, address):
    """sendto(2) with the bytes of an address, family first."""
    LIBC.sendto(sock.fileno(), data, len(data), 0, address, len(address))


def answer(sock):
    """Sends what came back to where it came from."""
    sock.sendto(*sock.recvfrom(2000))


def accepted(sock):
    """The next connection of a listening socket."""
    connection = sock.accept()[0]
    connection.setblocking(False)
    return connection


def query(name, kind):
    """The bytes of a DNS query."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, kind, 1)


def unshare(flags):
    """New namespaces, in which the program is root."""
    ids = os.getuid(), os.getgid()
    if LIBC.unshare(flags) == 0:
        for file, text in (("setgroups", "deny"), ("uid_map", f"0 {ids[0]} 1"), ("gid_map", f"0 {ids[1]} 1")):
            with open(f"/proc/self/{file}", "w", encoding="ascii") as where:
                where.write(text)


HELPERS = {function.__name__: function for function in (raw_connect, raw_sendto, answer, accepted, query, unshare)}

INET, INET6 = Named("AF_INET"), Named("AF_INET6")
STREAM, DGRAM, RAW = Named("SOCK_STREAM"), Named("SOCK_DGRAM"), Named("SOCK_RAW")
SOCKET, IP, IPV6 = Named("SOL_SOCKET"), Named("IPPROTO_IP"), Named("IPPROTO_IPV6")
TCP_LEVEL, UDP_LEVEL = Named("IPPROTO_TCP"), Named("IPPROTO_UDP")
NEWUSER, NEWNET = 0x10000000, 0x40000000

# Addresses by what they are to the machine: IPv4, IPv6.
PLACES = {
    "own": ("192.0.2.2", "2001:db8::2"), "peer": ("198.18.0.10", "2001:2:0:1::10"),
    "other peer": ("198.18.0.20", "2001:2:0:1::20"), "router": ("192.0.2.1", "2001:db8::1"),
    "loopback": ("127.0.0.1", "::1"), "any": ("0.0.0.0", "::"), "resolver": ("127.0.2.1", "::ffff:127.0.2.1"),
    "bridge": ("192.168.122.1", "fd00:122::1"), "bridge's": ("192.168.122.9", "fd00:122::9"),
    "link": ("169.254.3.3", "fe80::3"), "neighbour": ("192.0.2.77", "2001:db8::77"),
    "all": ("255.255.255.255", "ff02::1"), "broadcast": ("192.0.2.255", "ff01::1"),
    "group": ("224.0.0.251", "ff02::fb"), "far group": ("239.1.2.3", "ff0e::1234"), "test": ("203.0.113.9", "3fff::9"),
}
NEAR = ("own", "own", "own", "loopback", "any", "bridge")
FAR = ("peer", "peer", "peer", "other peer", "router")
PEERS = (PLACES["peer"], PLACES["other peer"])
PORTS = (4444, 5000, 6000, 7001)
SERVICES = (53, 80, 67, 123, 443, 546, 547, 5353, 0)
LINK_SCOPED = ("fe80", "ff01", "ff02")
NAMES = ("web.example", "secret.web.example", "data.other.example", "n7.many.example")

# Kind of an inet socket, and how often.
KINDS = ((DGRAM, 0), (STREAM, 0), (DGRAM, Named("UDPLITE", 136)), (DGRAM, Named("PING", 1)),
         (STREAM, Named("MPTCP", 262)), (STREAM, Named("SCTP", 132)), (DGRAM, Named("SCTP", 132)),
         (Named("SOCK_DCCP", 6), Named("DCCP", 33)),
         (RAW, 255), (RAW, 253), (DGRAM, Named("L2TP", 115)))
KIND_WEIGHTS = (50, 30, 3, 5, 3, 1, 1, 1, 2, 1, 1)
# Families that any user may ask for, most of which load a module.
OTHER_FAMILIES = (("AF_PACKET", 17), ("AF_PPPOX", 24), ("AF_BLUETOOTH", 31), ("AF_ALG", 38), ("AF_KCM", 41),
                  ("AF_TIPC", 30), ("AF_RDS", 21), ("AF_CAN", 29), ("AF_SMC", 43), ("AF_RXRPC", 33), ("AF_PHONET", 35),
                  ("AF_LLC", 26), ("AF_APPLETALK", 5), ("AF_AX25", 3), ("AF_X25", 9), ("AF_NETROM", 6), ("AF_ROSE", 11),
                  ("AF_QIPCRTR", 42), ("AF_XDP", 44), ("AF_MCTP", 45), ("AF_IEEE802154", 36), ("AF_VSOCK", 40),
                  ("AF_KEY", 15), ("AF_NETLINK", 16))


def interface(rng):
    """The index of lo, of eth0 or of none."""
    return rng.choice((Named("LO", socket.if_nametoindex("lo")), Named("ETH0", socket.if_nametoindex("eth0")), 0, 99))


def switch(_family, rng):
    """A truth value, mostly true."""
    return int(rng.random() < 0.8)


def number(*values):
    """One of the values."""
    return lambda _family, rng: rng.choice(values)


def index_of_interface(_family, rng):
    return interface(rng)


def index_in_network_order(_family, rng):
    return struct.pack(">I", interface(rng))


def device(_family, rng):
    return rng.choice((b"lo", b"lo", b"eth0", b"bridge", b""))


def group(family, rng):
    """A multicast group and an interface: struct ip_mreqn, ipv6_mreq."""
    place = PLACES[rng.choice(("group", "far group", "all"))]
    if family == INET:
        return socket.inet_aton(place[0]) + socket.inet_aton("0.0.0.0") + struct.pack("@i", interface(rng))
    return socket.inet_pton(INET6, place[1]) + struct.pack("@i", interface(rng))


def source_group(_family, rng):
    return b"".join(map(socket.inet_aton, (PLACES["group"][0], rng.choice(("192.0.2.2", "127.0.0.1")), "198.18.0.10")))


def ip_options(_family, rng):
    """A source route, a record of the route, time stamps, router alert, or none."""
    return rng.choice((bytes((1, 131, 7, 4)) + socket.inet_aton("198.18.0.10"), bytes((7, 15, 4)) + bytes(13),
                       bytes((68, 12, 5, 0)) + bytes(8), bytes((148, 4, 0, 0)), b""))


def routing_header(_family, rng):
    """Type 0, 2 or a segment routing header, with one address."""
    kind = rng.choice((0, 2, 4))
    return bytes((0, 2, kind, 1)) + bytes(4) + socket.inet_pton(INET6, rng.choice(PEERS)[1])


def multicast_source(_family, rng):
    return socket.inet_aton(rng.choice(("192.0.2.2", "127.0.0.1", "192.168.122.1")))


def padding_header(_family, _rng):
    return bytes((0, 0, 1, 4, 0, 0, 0, 0))


def options(families, level, *some):
    """Socket options: (name and its number or None, value by family and chance)."""
    return [(families, level, Named(*(name if isinstance(name, tuple) else (name,))), value) for name, value in some]


# Those that say from where, to where or by which interface are here twice.
ON = switch
OPTIONS = [
    *options((4, 6), SOCKET, ("SO_REUSEADDR", ON), ("SO_REUSEPORT", ON), ("SO_BROADCAST", ON), ("SO_DONTROUTE", ON),
             ("SO_BINDTODEVICE", device), ("SO_BINDTODEVICE", device), (("SO_BINDTOIFINDEX", 62), index_of_interface),
             ("SO_MARK", number(1000, 1)), ("SO_PRIORITY", number(6, 1)), (("SO_ZEROCOPY", 60), ON),
             ("SO_KEEPALIVE", ON), ("SO_LINGER", lambda *_: struct.pack("ii", 1, 0)), (("SO_NO_CHECK", 11), ON),
             (("SO_TIMESTAMPING", 37), number(0x7F)), (("SO_TXREHASH", 74), ON),
             (("SO_MAX_PACING_RATE", 47), number(1000, 100000))),
    *options((4, 6), TCP_LEVEL, ("TCP_NODELAY", ON), ("TCP_CORK", ON), ("TCP_FASTOPEN", number(5)),
             (("TCP_FASTOPEN_CONNECT", 30), ON), (("TCP_FASTOPEN_NO_COOKIE", 34), ON), ("TCP_DEFER_ACCEPT", number(1)),
             (("TCP_REPAIR", 19), ON), (("TCP_USER_TIMEOUT", 18), number(1)), (("TCP_ULP", 31), lambda *_: b"tls")),
    *options((4, 6), UDP_LEVEL, (("UDP_CORK", 1), ON), (("UDP_SEGMENT", 103), number(5, 100)), (("UDP_GRO", 104), ON),
             (("UDP_ENCAP", 100), number(1, 2, 3)), (("UDP_NO_CHECK6_TX", 101), ON)),
    *options((4,), IP, (("IP_FREEBIND", 15), ON), (("IP_FREEBIND", 15), ON), (("IP_TRANSPARENT", 19), ON),
             (("IP_UNICAST_IF", 50), index_in_network_order), (("IP_UNICAST_IF", 50), index_in_network_order),
             ("IP_TTL", number(1, 255)), ("IP_TOS", number(0x10, 3)), ("IP_OPTIONS", ip_options), ("IP_HDRINCL", ON),
             (("IP_RECVERR", 11), ON), (("IP_RETOPTS", 7), ON), (("IP_RECVOPTS", 6), ON), (("IP_ROUTER_ALERT", 5), ON),
             (("IP_MTU_DISCOVER", 10), number(0, 2, 3, 5)), (("IP_BIND_ADDRESS_NO_PORT", 24), ON),
             ("IP_MULTICAST_IF", multicast_source), ("IP_MULTICAST_TTL", number(0, 1, 9)),
             ("IP_MULTICAST_LOOP", number(0, 1)), ("IP_ADD_MEMBERSHIP", group), (("IP_NODEFRAG", 22), ON),
             (("IP_ADD_SOURCE_MEMBERSHIP", 39), source_group)),
    *options((6,), IP, (("IP_FREEBIND", 15), ON), (("IP_UNICAST_IF", 50), index_in_network_order)),
    *options((6,), IPV6, (("IPV6_FREEBIND", 78), ON), (("IPV6_FREEBIND", 78), ON), (("IPV6_TRANSPARENT", 75), ON),
             (("IPV6_UNICAST_IF", 76), index_in_network_order), ("IPV6_V6ONLY", number(0, 1)),
             ("IPV6_UNICAST_HOPS", number(1, 255)), ("IPV6_MULTICAST_IF", index_of_interface),
             ("IPV6_MULTICAST_HOPS", number(0, 1, 255)), ("IPV6_JOIN_GROUP", group), (("IPV6_JOIN_ANYCAST", 27), group),
             ("IPV6_RTHDR", routing_header), ("IPV6_HOPOPTS", padding_header), ("IPV6_DSTOPTS", padding_header),
             ("IPV6_TCLASS", number(3, 0x20)), (("IPV6_MTU", 24), number(1280)), ("IPV6_DONTFRAG", ON),
             (("IPV6_AUTOFLOWLABEL", 70), ON), (("IPV6_RECVERR", 25), ON), (("IPV6_ADDRFORM", 1), number(2)),
             (("IPV6_ADDR_PREFERENCES", 72), number(1, 2, 4)), (("IPV6_ROUTER_ALERT", 22), number(0)),
             ("IPV6_CHECKSUM", number(-1, 2))),
]
OPTIONS_OF = {family: [option for option in OPTIONS if family in option[0]] for family in (4, 6)}
MESSAGE_FLAGS = (0, 0, 0, Named("MSG_DONTROUTE"), Named("MSG_MORE"), Named("MSG_CONFIRM", 0x800), Named("MSG_OOB"),
                 Named("MSG_ZEROCOPY", 0x4000000), Named("MSG_FASTOPEN", 0x20000000), Named("MSG_PROBE", 0x10))


class Maker:
    """Makes one program."""

    def __init__(self, rng):
        self.rng = rng
        self.steps = []
        self.sockets = []       # (variable, family number, kind)
        self.usual = rng.choice((4, 6, 6))
        # Two ends that most of its sockets are at, so that they meet.
        self.ends = [(rng.choice(NEAR), rng.choice(PORTS)),
                     (rng.choice(FAR if rng.random() < 0.7 else tuple(PLACES)), self.port())]

    def chance(self, probability):
        return self.rng.random() < probability

    def port(self):
        return self.rng.choice(PORTS) if self.chance(0.75) else self.rng.choice(SERVICES)

    def end(self, family, likely):
        """An address as a socket of that family takes it; likely: which of the two ends it most often is."""
        roll = self.rng.random()
        if roll < 0.55:
            place, port = self.ends[likely]
        elif roll < 0.8:
            place, port = self.ends[1 - likely]
        else:
            place, port = self.rng.choice(tuple(PLACES)), self.port()
        if family == 4:
            return PLACES[place][0], port
        host = PLACES[place][1]
        if self.chance(0.08):
            host = "::ffff:" + PLACES[place][0]
        return host, port, 0, interface(self.rng) if host.startswith(LINK_SCOPED) else 0

    def step(self, result, target, name, *arguments):
        self.steps.append((result, target, name, arguments))

    def make(self):
        if self.chance(0.004):
            self.step(None, None, "unshare", NEWUSER | (NEWNET if self.chance(0.3) else 0))
        for _ in range(self.rng.choice((1, 1, 2, 2, 2, 3))):
            if self.chance(0.015):
                self.other_family()
            else:
                self.inet()
        for _ in range(self.rng.randrange(1, 5)):
            if self.sockets:
                self.act(*self.rng.choice(self.sockets))
        if self.chance(0.25):
            self.step(None, None, "knock")
        return self.steps

    def other_family(self):
        """A socket of another family, which connects and sends with an address that begins as its family's."""
        name, value = self.rng.choice(OTHER_FAMILIES)
        variable = Var(f"s{len(self.sockets)}")
        kind = self.rng.choice((STREAM, DGRAM, RAW, Named("SOCK_SEQPACKET"), Named("SOCK_RDM")))
        self.step(variable, None, "socket", Named(name, value), kind, self.rng.choice((0, 0, 1, 2, 3, 5, 6)))
        inner = struct.pack(">H4s", self.port(), socket.inet_aton(PEERS[0][0]))
        address = struct.pack("@H", value) + self.rng.choice((
            struct.pack("@IHBBBBBB", 0, 7, 2, 0, 0, 0, 0, 9) + b"eth0".ljust(16, b"\0"),     # sockaddr_pppox
            inner.ljust(14, b"\0"), struct.pack("@HHH", 7, 2, 16) + struct.pack("@H", 2) + inner + bytes(20),
            self.rng.randbytes(26)))
        self.step(None, None, "raw_connect", variable, address)
        self.step(None, None, "raw_sendto", variable, b"fuzz", address)

    def inet(self):
        rng = self.rng
        family = self.usual if self.chance(0.85) else 10 - self.usual
        (kind, protocol), = rng.choices(KINDS, KIND_WEIGHTS)
        if protocol == 1 and family == 6:
            protocol = 58
        variable = Var(f"s{len(self.sockets)}")
        self.sockets.append((variable, family, kind))
        self.step(variable, None, "socket", INET if family == 4 else INET6, kind, protocol)
        for _ in range(rng.choice((0, 1, 1, 2, 3))):
            self.option(variable, family)
        likely = len(self.sockets) % 2
        if kind == STREAM and self.chance(0.5):
            self.step(None, variable, "setsockopt", SOCKET, Named("SO_REUSEADDR"), 1)
        if self.chance(0.7):
            self.step(None, variable, "bind", self.end(family, likely))
        if kind == STREAM and self.chance(0.45):
            self.step(None, variable, "listen", 5)
        elif self.chance(0.6 if kind == STREAM else 0.2):
            self.step(None, variable, "connect_ex", self.end(family, 1 - likely))

    def option(self, variable, family):
        _, level, name, value = self.rng.choice(OPTIONS_OF[family])
        self.step(None, variable, "setsockopt", level, name, value(INET if family == 4 else INET6, self.rng))

    def act(self, variable, family, kind):
        """One more thing that a socket does."""
        rng = self.rng
        likely = int(variable[1:]) % 2
        roll = rng.random()
        if roll < 0.36:
            self.step(None, variable, "sendto", self.data(), rng.choice(MESSAGE_FLAGS), self.end(family, likely))
        elif roll < 0.48:
            self.step(None, variable, "sendmsg", [self.data()], self.ancillary(family), rng.choice(MESSAGE_FLAGS),
                      self.end(family, likely))
        elif roll < 0.58:
            self.step(None, variable, "send", self.data(), rng.choice(MESSAGE_FLAGS))
        elif roll < 0.68:
            if kind == STREAM:
                connection = Var(variable + "c")
                self.step(connection, None, "accepted", variable)
                self.step(None, connection, "send", self.data())
            else:
                self.step(None, None, "answer", variable)
        elif roll < 0.76:
            self.step(None, variable, "connect_ex", self.end(family, likely))
        elif roll < 0.84:
            self.option(variable, family)
        elif roll < 0.88:
            self.query(variable, family)
        elif roll < 0.91:
            self.step(None, variable, "shutdown", rng.randrange(3))
        elif roll < 0.95:
            self.step(None, variable, "close")
        else:
            self.step(None, None, "knock")

    def query(self, variable, family):
        """Asks a name server, most often one of the machine's own."""
        hosts = ("127.0.0.1", "127.0.2.1", "192.168.122.1", "192.0.2.2", "192.0.2.1")
        host = self.rng.choice(hosts)
        six = ("::1", "fd00:122::1", "2001:db8::1", "::ffff:" + host)
        end = (host, 53) if family == 4 else (self.rng.choice(six), 53)
        self.step(Var("asked"), None, "query", self.rng.choice(NAMES), self.rng.choice((1, 28, 16)))
        self.step(None, variable, "sendto", Var("asked"), end)

    def data(self):
        """Plain, an echo request of either family, more than a packet holds, nothing."""
        return self.rng.choice((b"fuzz", b"fuzz", b"\x80\0\0\0\0\7\0\1fuzz", b"\x08\0\0\0\0\7\0\1fuzz",
                                bytes(3000), b""))

    def ancillary(self, family):
        """Control messages: a source address and an interface, hop limits, headers."""
        rng = self.rng
        host = PLACES[rng.choice(NEAR + FAR)][family == 6]
        one, hops = struct.pack("@i", 1), struct.pack("@i", 255)
        if family == 4:
            source = struct.pack("@i", interface(rng)) + socket.inet_aton(host) + bytes(4)
            found = [(IP, Named("IP_PKTINFO", 8), source), (IP, Named("IP_TTL"), one),
                     (IP, Named("IP_RETOPTS", 7), ip_options(family, rng)), (SOCKET, Named("SO_MARK"), one)]
        else:
            source = socket.inet_pton(INET6, host) + struct.pack("@i", interface(rng))
            found = [(IPV6, Named("IPV6_PKTINFO"), source), (IPV6, Named("IPV6_HOPLIMIT"), hops),
                     (IPV6, Named("IPV6_RTHDR"), routing_header(family, rng)),
                     (IPV6, Named("IPV6_HOPOPTS"), padding_header(family, rng)),
                     (IPV6, Named("IPV6_DSTOPTS"), padding_header(family, rng))]
        return found[:1] if self.chance(0.6) else rng.sample(found, 2)


def make(seed, index):
    """The program of that number of a seed; the same each time."""
    return Maker(random.Random(f"{seed}/{index}")).make()


class Run:
    """A program's variables while it runs, and what it was told by the peer."""

    def __init__(self, knock):
        self.variables = {}
        self.knock = lambda: knock(self)
        self.functions = {**HELPERS, "socket": self.socket, "knock": self.knock}
        self.failed = set()

    @staticmethod
    def socket(*arguments):
        """A socket that waits for nothing."""
        sock = socket.socket(*arguments)
        sock.setblocking(False)
        return sock

    def steps(self, steps):
        """Takes the steps one after another, whatever becomes of each."""
        for at, (result, target, name, arguments) in enumerate(steps):
            try:
                function = getattr(self.variables[target], name) if target else self.functions[name]
                value = function(*[self.variables[each] if type(each) is Var else each for each in arguments])
                if result:
                    self.variables[result] = value
            except (OSError, KeyError, ValueError, TypeError, OverflowError):
                self.failed.add(at)

    def close(self):
        for value in self.variables.values():
            if isinstance(value, socket.socket):
                value.close()


def joined(some):
    """Programs as one, each with variables of its own, which it closes at its end."""
    if len(some) == 1:
        return some[0]
    steps = []
    for number, program in enumerate(some):
        def renamed(value):
            return Var(f"p{number}{value}") if type(value) is Var else value
        steps += [(renamed(result), renamed(target), name, tuple(map(renamed, arguments)))
                  for result, target, name, arguments in program]
        steps += [(None, renamed(step[0]), "close", ()) for step in program if step[2] in ("socket", "accepted")]
    return steps


def simpler(step):
    """What may stand in the place of a step, as lists of steps: nothing; the same without a flag, or without one of its
    control messages or with other data."""
    yield []
    result, target, name, arguments = step
    for at, value in enumerate(arguments):
        if name.startswith("send") and isinstance(value, Named):
            others = [0]
        elif name == "sendmsg" and at == 1:
            others = [value[:one] + value[one + 1:] for one in range(len(value))]
        else:
            others = [b"fuzz"] if name.startswith("send") and isinstance(value, bytes) and value != b"fuzz" else []
        for other in others:
            yield [(result, target, name, (*arguments[:at], other, *arguments[at + 1:]))]


def text(steps):
    """The program as Python that stands for itself."""
    names = {each.name: int(each) for step in steps for each in _constants(step[3]) if not hasattr(socket, each.name)}
    helpers = [HELPERS[name] for name in dict.fromkeys(step[2] for step in steps) if name in HELPERS]
    lines = ["import ctypes, os, struct, time", "from contextlib import suppress", "from socket import *", ""]
    lines += [f"{name} = {value:#x}" for name, value in names.items()]
    if any(step[2] in ("raw_connect", "raw_sendto", "unshare") for step in steps):
        lines.append("LIBC = ctypes.CDLL(None, use_errno=True)")
    if any(step[2] == "knock" for step in steps):
        lines += ["", "def knock():", '    input("The peer sends to each port of this program, then: Enter")']
    for helper in helpers:
        lines += ["", *inspect.getsource(helper).splitlines()]
    lines += ["", "setdefaulttimeout(0)"]
    for result, target, name, arguments in steps:
        call = f"{target + '.' if target else ''}{name}({', '.join(map(repr, arguments))})"
        lines.append(f"with suppress(OSError): {result + ' = ' if result else ''}{call}")
    return "\n".join(lines) + "\n"


def _constants(value):
    if isinstance(value, Named):
        yield value
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from _constants(each)
