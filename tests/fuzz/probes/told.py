# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever listens is told that something was refused."""
import contextlib
import socket
import struct

from .stage import PEER, V4, WAIT, answered, opened, probe, sent

LOG = 30000         # the group of nfnetlink_log
AT_ONCE = struct.pack(">I", 1)      # packets that the kernel gathers


@contextlib.contextmanager
def listening():
    """A socket that hears what is logged: linux/netfilter/nfnetlink_log.h."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as log:
        log.settimeout(WAIT)
        for kind, value in (1, b"\1"), (2, struct.pack(">IBx", 0, 0)), (5, AT_ONCE):
            attribute = struct.pack("=HH", 4 + len(value), kind) + value.ljust(-(-len(value) // 4) * 4, b"\0")
            log.send(struct.pack("=IHHIIBB", 20 + len(attribute), 4 << 8 | 1, 1, 0, 0, 0, 0) + struct.pack(">H", LOG) +
                     attribute)
        yield log


@probe
def told(_peer):
    """A packet that is refused, and a name server's answer that refuses a name; not one that doesn't."""
    with listening() as log, opened("alice", V4) as sock:
        sent(sock, b"", (PEER[0], 5001))
        assert answered(log), "a packet"
    with listening() as log, opened("root", V4, bound=("127.0.0.9", 53)) as server, opened("alice", V4) as sock:
        sock.bind(("127.0.0.1", 0))

        def heard(flags):
            sent(server, b"\0\1" + flags + b"\0" * 8, sock.getsockname())
            return answered(sock) and answered(log)

        assert heard(b"\x81\x85"), "a name"
        assert not all(heard(b"\x81\x80") for _ in range(3)), "an answer"       # something else may be refused by then
