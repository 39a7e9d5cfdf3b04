# SPDX-License-Identifier: GPL-3.0-or-later
"""Names: who may ask for which."""
import grp
import pwd
import socket
import struct
import time

import lab
import programs

from .stage import V4, asked, elements, flush, made_up, mark, opened, probe, sent, went_out

SOA, REFUSED = 6, 5


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
    or a user's low bits, by a port that one has just left, at another name server.  By such a port nothing reaches
    dnsmasq either, where that one's questions may wait for an answer in its name."""
    web, bob = grp.getgrnam("web").gr_gid, pwd.getpwnam("bob").pw_uid
    for user, group in ("alice", None), ("alice", "web"), ("alice", 131072 + web), (131072 + bob, None):
        for host in "127.0.0.1", "127.0.2.1", "192.168.122.1", "fd00:122::1":
            name = f"s{time.monotonic_ns()}.other.example" if group == "web" else made_up()
            assert not asked(peer, user, name, host, group)[1], f"{user} in {group} at {host}"
    for port, user, group in (4555, "alice", "web"), (4556, "bob", None):
        assert asked(peer, user, made_up(), group=group, port=port)[0] == 0
        beside = asked(peer, "alice", made_up(), port=port)
        assert beside == (None, False), f"by a port that {group or user} has just left"


@probe
def nobody_below_local(peer):
    """Everybody is told that names below local are DNS's, as avahi-daemon may not ask; by that port nothing else."""
    for user, group in ("alice", None), ("alice", "web"), ("bob", None), ("root", None):
        assert asked(peer, user, "local", group=group, kind=SOA) == (0, False), f"{user} in {group}"
    for user, name, kind in ("alice", "local", 1), ("alice", "locam", SOA), ("alice", "x.local", SOA):
        assert asked(peer, user, name, kind=kind) == (REFUSED, False), f"{name} {kind}"
    assert asked(peer, "alice", "local", "127.0.2.1", kind=SOA) == (None, False), "at another name server"
    for port, group in (4557, None), (4558, "web"):
        asked(peer, "alice", "local", group=group, port=port, kind=SOA)
        assert not asked(peer, "alice", f"s{time.monotonic_ns()}.other.example", group=group, port=port)[1], group


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
