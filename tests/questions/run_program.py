#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Has the kernel run galaf_answers on packets to dnsmasq, made at random, and compares its verdict with messages.py's.

usage: run_program.py NUMBER [SEED]

Prints how many of them were plain questions and how many not; ends with 1, and the messages, where the two differ.
"""
import ctypes
import os
import random
import socket
import struct
import sys

import messages

PROGRAM = b"/sys/fs/bpf/galaf/socket_watch/prog/galaf_answers"
MARK, PRIORITY = 0x753403E8, 0xFFFF0000
BPF_OBJ_GET, BPF_PROG_TEST_RUN = 7, 10      # linux/bpf.h, as is what follows
NUMBER_OF_BPF = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
LIBRARY = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    """bpf(2); returns its result and the attributes after it."""
    buffer = ctypes.create_string_buffer(attributes, 128)
    result = LIBRARY.syscall(NUMBER_OF_BPF, command, buffer, 128)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result, buffer.raw


def passes(program, packet, priority=PRIORITY):
    """Whether the program lets a packet with this priority pass, on lo."""
    frame = ctypes.create_string_buffer(bytes(12) + (b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\0") + packet)
    context = ctypes.create_string_buffer(struct.pack("=9I", 0, 0, MARK, 0, 0, 0, 0, 0, priority), 192)
    attributes = struct.pack("=4I2Q4I2Q", program, 0, 14 + len(packet), 0, ctypes.addressof(frame), 0, 1, 0, 192, 0,
                             ctypes.addressof(context), 0)
    return struct.unpack_from("=2I", bpf(BPF_PROG_TEST_RUN, attributes)[1])[1] & 1


def datagram(message, version=4, options=b""):
    """A packet of UDP from and to this machine; options: IPv4's."""
    udp = struct.pack(">4H", 4242, 53, 8 + len(message), 0) + message
    if version == 6:
        return struct.pack(">IHBB", 6 << 28, len(udp), 17, 64) + socket.inet_pton(socket.AF_INET6, "::1") * 2 + udp
    words = 5 + len(options) // 4
    return struct.pack(">BBHHHBBH4s4s", 0x40 | words, 0, words * 4 + len(udp), 0, 0, 64, 17, 0, *[b"\x7f\0\0\1"] * 2
                       ) + options + udp


def main():
    number, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10 ** 9)
    print(f"seed {seed}")
    chance = random.Random(seed)
    path = ctypes.create_string_buffer(PROGRAM)
    program, _ = bpf(BPF_OBJ_GET, struct.pack("=Q", ctypes.addressof(path)))
    count, differ = {True: 0, False: 0}, []
    for turn in range(number):
        message = (messages.crooked if turn % 4 else messages.plain)(chance, b"web.example")
        wanted = messages.is_plain(message)
        count[wanted] += 1
        packet = datagram(message, *chance.choice(((4,), (6,), (4, b"\1\1\1\0"))))
        if passes(program, packet) != wanted or not passes(program, packet, 0):
            differ.append(f"{'plain' if wanted else 'crooked'}: {message.hex()}")
    wrong = struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + b"\0\0\1\0\1"
    four, six = datagram(wrong), datagram(wrong, 6)
    for packet in b"\x60" + four[1:], six[:6] + b"\x2b" + six[7:], b"\x45" + bytes(19):
        if passes(program, packet):
            differ.append(f"other headers: {packet.hex()}")
    print(f"{count[True]} plain, {count[False]} not", *differ[:20], sep="\n")
    return 1 if differ else 0


sys.exit(main())
