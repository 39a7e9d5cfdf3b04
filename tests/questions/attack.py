#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks 127.0.0.1 what is no plain question, in each way that there is, and plain questions between; waits for nothing.

usage: attack.py NUMBER [SEED]

NUMBER messages go by UDP, and a twentieth as many streams by TCP, cut in many ways; all plain questions are for
names below web.example.
"""
import contextlib
import random
import socket
import struct
import sys
import time

import messages

SERVER = "127.0.0.1", 53
DOMAIN = b"web.example"


def framed(message):
    return struct.pack(">H", len(message)) + message


def cuts(chance, stream):
    """A stream of bytes, in pieces."""
    while stream:
        length = chance.choice((1, 2, 3, 14, len(stream), chance.randint(1, len(stream))))
        yield stream[:length]
        stream = stream[length:]


def hidden(chance):
    """A crooked message in a stream that may look like plain ones: before, within or after them."""
    plain, crooked = (kind(chance, DOMAIN) for kind in (messages.plain, messages.crooked))
    inner = framed(plain)
    return chance.choice((
        inner, framed(crooked), inner + framed(crooked), struct.pack(">H", len(inner)) + inner, framed(plain)[1:],
        struct.pack(">H", len(plain) + chance.randint(1, 40)) + plain + inner, b"\0" + inner,
        b"\0\0" + framed(crooked)))


def over_tcp(chance, plainly):
    """One connection: bytes in several pieces, some of them urgent, or one plain question."""
    with contextlib.suppress(OSError), socket.create_connection(SERVER, 1) as asking:
        asking.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))     # dnsmasq holds 20 at once
        stream, way = framed(messages.plain(chance, DOMAIN)), 0
        if not plainly:
            stream, way = b"".join(hidden(chance) for _ in range(chance.randint(1, 3))), chance.randrange(4)
        for piece in cuts(chance, stream) if way else [stream]:
            asking.send(piece, socket.MSG_OOB if way == 1 and chance.random() < 0.3 else 0)
            if way == 2:
                time.sleep(0.0005)
        asking.settimeout(0.1)
        asking.recv(600)


def over_udp(chance, number):
    """Datagrams from a few sockets, one after the other, so slowly that dnsmasq hears each."""
    with contextlib.ExitStack() as stack:
        every = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(8)]
        for turn in range(number):
            asking = every[turn % 8]
            kind = messages.plain if turn % 10 == 0 else messages.crooked
            with contextlib.suppress(OSError):
                asking.sendto(kind(chance, DOMAIN), SERVER)
            asking.settimeout(0.002)
            with contextlib.suppress(OSError):
                asking.recv(600)


def main():
    number, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10 ** 9)
    print(f"seed {seed}")
    chance = random.Random(seed)
    over_udp(chance, number)
    for turn in range(number // 20):
        over_tcp(chance, turn % 10 == 0)


main()
