# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever listens is told that something was refused."""
import contextlib
import socket
import struct

from .stage import PEER, V4, WAIT, answered, opened, probe, sent

LOG = 30000         # the group of nfnetlink_log
AT_ONCE = struct.pack(">I", 1)      # packets that the kernel gathers
WHOLE = struct.pack(">IBx", 0, 2)   # it shows the packets too, to be told from what else is refused meanwhile


@contextlib.contextmanager
def listening():
    """A socket that hears what is logged: linux/netfilter/nfnetlink_log.h."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as log:
        log.settimeout(WAIT)
        for kind, value in (1, b"\1"), (2, WHOLE), (5, AT_ONCE):
            attribute = struct.pack("=HH", 4 + len(value), kind) + value.ljust(-(-len(value) // 4) * 4, b"\0")
            log.send(struct.pack("=IHHIIBB", 20 + len(attribute), 4 << 8 | 1, 1, 0, 0, 0, 0) + struct.pack(">H", LOG) +
                     attribute)
        yield log


def heard(log, data):
    """Whether a packet with this is among what is logged."""
    return any(data in packet for packet in iter(lambda: answered(log), None))


@probe
def told(_peer):
    """A packet that is refused, and a name server's answer that refuses a name; not one that doesn't."""
    with listening() as log, opened("alice", V4) as sock:
        sent(sock, b"refused", (PEER[0], 5001))
        assert heard(log, b"refused"), "a packet"
    with listening() as log, opened("root", V4, bound=("127.0.0.9", 53)) as server, opened("alice", V4) as sock:
        sock.bind(("127.0.0.1", 0))
        for flags, wanted in (b"\x81\x85", True), (b"\x81\x80", False):
            answer = b"\0\1" + flags + b"answer\0\0"
            sent(server, answer, sock.getsockname())
            assert answered(sock) == answer and heard(log, answer) == wanted, "a name" if wanted else "an answer"
