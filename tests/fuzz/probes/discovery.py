# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes in because an entry has "discovery": answers to its questions to the whole link, and nothing else."""
import contextlib
import socket
import struct

import wire

from .stage import DGRAM, HOME, OWN, PEER_LINK, V4, V6, answered, elements, flush, mark, opened, probe, sent

GROUPS = {V4: ("239.255.255.250", 1900), V6: ("ff02::c", 1900)}
ROUTER = "192.0.2.1"
MDNS = ("224.0.0.251", 5353)
NEAR, OWN_NEAR = {V4: "10.7.0.1", V6: "fe80::7:1%tun0"}, {V4: "10.7.0.2", V6: "fe80::7:2%tun0"}
# Off the link, as far as the rules know: the address of who answers, and what it sends to.
FAR = [(V4, "198.18.0.10", "10.7.0.2"), (V4, "10.8.0.1", "10.7.0.2"), (V6, "fd00:7::1", "fd00:7::2")]
SETS = ("discovery4", "discovery6", "share_discovery")


def at(family, host, port):
    """The address of a port in the network of tun0."""
    return socket.getaddrinfo(host, port, family, DGRAM)[0][4]


def asker(family, user="alice", group="finder", bound=None):
    """A socket that asks by tun0."""
    sock = opened(user, family, group=group, bound=bound)
    index = socket.if_nametoindex("tun0")
    if family == V4:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("4s4si", bytes(4), bytes(4), index))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    return sock


def port(sock):
    """The port that a socket has."""
    return sock.getsockname()[1]


@contextlib.contextmanager
def answering(peer, host=None, family=V4):
    """A socket of another machine's, with that address."""
    with peer.open(family, DGRAM) as sock:
        sock.bind(wire.in_namespace(wire.INTERNET, lambda: at(family, host or NEAR[family], 0)))
        yield sock


def answer(other, sock, host=None):
    """Sends to a socket's port."""
    host = host or OWN_NEAR[sock.family]
    other.sendto(b"answer", wire.in_namespace(wire.INTERNET, lambda: at(sock.family, host, port(sock))))


@contextlib.contextmanager
def ready(peer):
    """Nobody has asked yet."""
    flush(*SETS)
    peer.conntrack.flush()
    yield
    flush(*SETS)


@probe
def discovery(peer):
    """What answers an application's question to a multicast group comes in to its port, and counts as its own."""
    for family in V4, V6:
        with ready(peer), asker(family) as sock, answering(peer, family=family) as other:
            flush("post-filter-in")
            assert sent(sock, b"who?", GROUPS[family]) == 0
            answer(other, sock)
            assert answered(sock) == b"answer", f"the answer to {GROUPS[family]}"
            assert mark("alice", "finder") in elements("post-filter-in"), "counts"


@probe
def discovery_broadcast(peer):
    """So does what answers a broadcast."""
    with ready(peer), asker(V4) as sock, answering(peer) as other:
        assert sent(sock, b"who?", ("10.7.0.255", 1900)) == 0
        answer(other, sock)
        assert answered(sock) == b"answer"


@probe
def discovery_alone(peer):
    """Nothing comes in that nobody asked for, to another port, or after a question to one machine."""
    for family in V4, V6:
        with ready(peer), asker(family, bound=("", 0)) as sock, asker(family, bound=("", 0)) as silent, \
                answering(peer, family=family) as other, answering(peer, family=family) as third:
            answer(other, sock)
            assert not answered(sock), "nobody asked"
            assert sent(sock, b"who?", at(family, NEAR[family], 1900)) == 0
            answer(third, sock)
            assert not answered(sock), "one was asked"
            assert sent(sock, b"who?", GROUPS[family]) == 0
            answer(other, silent)
            assert not answered(silent), "another port"


@probe
def discovery_near(peer):
    """Nothing comes in from off the link, or by another link than was asked."""
    for family, host, to in FAR:
        with ready(peer), asker(family) as sock, answering(peer, host, family) as far:
            assert sent(sock, b"who?", GROUPS[family]) == 0
            answer(far, sock, to)
            assert not answered(sock), host
    with ready(peer), opened("alice", V4, group="finder", bound=(OWN[0], 0)) as sock, answering(peer, ROUTER) as far:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(OWN[0]))
        assert sent(sock, b"who?", GROUPS[V4]) == 0
        answer(far, sock, OWN[0])
        assert not answered(sock), "from a public address"
    with ready(peer), asker(V6) as sock, answering(peer, f"{PEER_LINK}%eth0", V6) as other:
        assert sent(sock, b"who?", GROUPS[V6]) == 0
        answer(other, sock, f"{HOME}%eth0")
        assert not answered(sock), "by another link"


@probe
def discovery_shared(peer):
    """An answer to a port that another program shares is for who asked alone."""
    for family in V4, V6:
        for user, group in ("alice", None), ("bob", "finder"):
            with ready(peer), asker(family, bound=("", 0)) as sock, answering(peer, family=family) as other, \
                    asker(family, user, group, bound=("", port(sock))) as thief:
                assert sent(sock, b"who?", GROUPS[family]) == 0
                answer(other, sock)
                assert not answered(thief), f"{user}, {group}"


@probe
def discovery_multicast(peer):
    """An answer to the group that was asked comes to who asked alone, of those that share the port and joined it."""
    with ready(peer), asker(V4, group=None, bound=("", 5353)) as thief, asker(V4, bound=("", 5353)) as sock, \
            answering(peer) as other:
        for each in thief, sock:
            each.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
            each.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, struct.pack(
                "4s4si", socket.inet_aton(MDNS[0]), bytes(4), socket.if_nametoindex("tun0")))
        assert sent(sock, b"who?", MDNS) == 0
        other.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(NEAR[V4]))
        other.sendto(b"answer", MDNS)
        assert answered(sock) == b"answer"
        assert not answered(thief)


@probe
def discovery_share(peer):
    """A program that asks from port after port fills no more of the set than its share."""
    with ready(peer):
        for number in range(400):
            with asker(V4, bound=("", 20000 + number)) as sock:
                sent(sock, b"who?", GROUPS[V4])
        assert elements("discovery4").count("expires") < 320        # 200 at once, 20 in each of 5 seconds
