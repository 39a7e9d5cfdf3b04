# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes on, and what is granted."""
import errno
import grp
import pwd
import socket

import lab
import wire

from .stage import OWN, PEER, STREAM, V4, V6, answered, elements, flush, mark, opened, page, probe, sent


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
    names = ("post-filter-out", "post-filter-in")
    flush(*names)
    with opened("bob", V4) as sock:
        sock.sendto(b"data", (PEER[0], 5000))
        answered(sock)
    for name in names:
        assert f"{pwd.getpwnam('bob').pw_uid:04x} " in elements(name), name


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
def marked_by_socket(_peer):
    """What a socket's mark names counts for that, as dnsmasq's queries for who asks it."""
    flush("post-filter-out")
    with opened("alice", V4, STREAM, group="any") as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 0x75310001)
        sock.connect((PEER[0], 80))
        assert page(sock)
    with opened("bob", V4) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 0x75310002)
        sock.sendto(b"data", (PEER[0], 5000))
        assert answered(sock)
    counted = elements("post-filter-out")
    assert "75310001 counter" in counted and "75310002 counter" in counted


@probe
def marked_again(peer):
    """What is sent from a port that bob has left, to where he was answered, counts for who sends it now."""
    flush("refused-out", "denied4")
    with opened("bob", V4, bound=(OWN[0], 0)) as sock:
        sock.sendto(b"data", (PEER[0], 5000))
        assert answered(sock)
        left = sock.getsockname()
    peer.got()
    for user, own in ("alice", mark("alice", "alice")), (131072, "0x0000ffff"):
        with opened(user, V4, bound=left) as sock:
            assert sent(sock, b"data", (PEER[0], 5000)) == errno.EPERM
        for name, element in ("denied4", f"{own} . {PEER[0]} . udp . 5000"), ("refused-out", f"{own} "):
            assert element in elements(name), f"{name} of {user}"
    assert mark("bob", "bob") not in elements("denied4")
    assert not peer.got()
