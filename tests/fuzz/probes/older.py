# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections that are older than what conntrack or the rules know."""
import contextlib
import errno
import socket
import struct
import time

import lab
import programs

from .stage import (
    ACK, CLOSE_WAIT, DGRAM, OWN, PEER, STREAM, V4, V6, WAIT, answered, asleep, connection, elements, flush, made_up,
    opened, probe, sent, set_uid, tells, went_out)


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
def raw_by_set_uid(peer):
    """What a set-uid program sends by a raw socket as if inside a connection does not leave, though root is listed."""
    acknowledgement = struct.pack(">HHIIBBHHH", 7011, 7012, 1, 1, 5 << 4, ACK, 512, 0, 0)
    with contextlib.ExitStack() as stack:
        lab.command("nft", "add element inet galaf listed_users { 0 }")
        stack.callback(lab.command, "nft", "delete element inet galaf listed_users { 0 }")
        for user, expected in ("root", 1), ("alice", 0):
            with set_uid(user):
                sock = stack.enter_context(socket.socket(V4, socket.SOCK_RAW, socket.IPPROTO_TCP))
            peer.clear()
            sent(sock, acknowledgement + b"data", (PEER[0], 0))
            assert len(peer.got()) == expected, user


@probe
def address_gone(peer):
    """TCP by loopback, of which one end is closed, sends nothing to an address that is another machine's by then,
    also where conntrack would have forgotten it: its timeout, here none, is not for what began on loopback."""
    for family, own, address in zip((V4, V6), OWN, PEER):
        with contextlib.ExitStack() as stack:
            stack.callback(lab.setting, CLOSE_WAIT, 60)
            lab.setting(CLOSE_WAIT, 0)
            gone = stack.enter_context(passing(family, address))
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


@probe
def error_too_late(peer):
    """What the kernel answers to a program's own packet by loopback stays on the machine, also where the address that
    it is from has become another machine's on the way."""
    for family, own, address in zip((V4, V6), OWN, PEER):
        with contextlib.ExitStack() as stack:
            lab.command("tc", *"qdisc add dev lo root tbf rate 64kbit burst 1600 latency 2s".split())
            stack.callback(lab.command, "tc", "qdisc", "del", "dev", "lo", "root")
            gone = stack.enter_context(passing(family, address))
            sock = stack.enter_context(opened("alice", family, bound=(address, 7004)))
            for _ in range(3):
                sent(sock, bytes(1200), (own, 9))       # the last one waits for 0.3 s
            gone.close()
            peer.wire.frames()
            time.sleep(1)
            assert not peer.got(), address


@contextlib.contextmanager
def passing(family, address):
    """The machine has the peer's address until this is closed."""
    with contextlib.ExitStack() as gone:
        lab.command("ip", "address", "add", address, "dev", "eth0", *["nodad"] * (family == V6))
        gone.callback(lab.command, "ip", "address", "del", address, "dev", "eth0")
        while "local" not in lab.command("ip", "route", "get", address):     # IPv6 has it a moment later
            time.sleep(0.01)
        yield gone


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


def begin_beside(client):
    """Sends a SYN of a connection's by a second socket: where the first is bound to its interface there may be one."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
    with opened("alice", V4, STREAM) as beside:
        beside.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        beside.bind(client.getsockname())
        assert beside.connect_ex(client.getpeername()) == errno.ECONNREFUSED


@probe
def crooked(_peer):
    """Of queries to dnsmasq a plain one is answered, by a refusal at least, and none with bytes behind it."""
    for kind in DGRAM, STREAM:
        for rest in b"", b"secret":
            question = programs.query("other.example", 1) + rest
            with opened("alice", V4, kind, group="web") as asking:
                asking.settimeout(WAIT if rest else 10 * WAIT)
                asking.connect(("127.0.0.1", 53))
                asking.sendall(question if kind == DGRAM else struct.pack(">H", len(question)) + question)
                assert bool(answered(asking)) != bool(rest), f"{kind} {rest}"


@probe
def older(peer):
    """TCP that conntrack knows from before the rules goes on where its owner is listed, where it is the kernel's and
    "kernel" lists it, and on loopback, but there not by the cable; it ends elsewhere, also where another socket has
    begun the same anew, and dnsmasq, where it has no mark, is not asked by it.  By UDP it is."""
    with contextlib.ExitStack() as stack:
        with asleep():
            listed = [reached(stack, peer, "bob"), reached(stack, peer, "alice", "any")]
            mounted, rest = left_behind(stack, peer)
            far, client = reached(stack, peer, "alice")
            near, listed_near = by_loopback(stack), by_loopback(stack, "any")
            asking = stack.enter_context(opened("alice", V4, STREAM))
            asking.connect(("127.0.0.1", 53))
            known = stack.enter_context(opened("alice", V4, group="web", bound=("127.0.0.1", 0)))
            known.connect(("127.0.0.1", 53))
            known.send(programs.query(made_up(), 1))
            assert answered(known)
        known.send(programs.query(name := made_up(), 1))
        assert name.split(".")[0].encode() in (answered(known) or b""), "a query by UDP"
        for end, own in listed:
            assert tells(own, end) and tells(end, own), "a listed owner's"
        flush("post-filter-out")
        while rest > 0 and (data := answered(mounted)):
            rest -= len(data)
        assert rest == 0, "the kernel's"
        assert "00000001 counter" in elements("post-filter-out"), "counts as root's"
        far.settimeout(0.05)
        begin_beside(client)
        assert not tells(client, far), "another's"
        assert tells(*near) and tells(*reversed(near)), "on loopback"
        assert stays_away(peer, near) and stays_away(peer, listed_near), "from loopback over the cable"
        question = programs.query(made_up(), 1)
        asking.sendall(struct.pack(">H", len(question)) + question)
        assert answered(asking) is None and not went_out(peer), "a query"
