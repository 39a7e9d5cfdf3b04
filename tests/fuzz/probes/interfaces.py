# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections of rules about an interface, tun0: between FAR_END and NEAR_END, or a guest."""
import contextlib
import socket

import lab
import programs
import wire

from .stage import (
    DGRAM, FAR_END, NEAR_END, OWN, STREAM, V4, V6, WAIT, answered, asleep, connection, elements, flush, opened,
    probe, tells)

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
