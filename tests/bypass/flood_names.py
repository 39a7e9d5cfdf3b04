#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the name server on 127.0.0.1 for so many different names as fast as it can, from one socket.

usage: flood_names.py NUMBER
"""
import contextlib
import socket
import struct
import sys

asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.connect(("127.0.0.1", 53))
asking.setblocking(False)
for number in range(int(sys.argv[1])):
    label = b"secret-%d" % number
    name = bytes([len(label)]) + label + b"\4test\0"
    with contextlib.suppress(OSError):      # the buffer is full, or it is refused: the next one
        asking.send(struct.pack(">6H", number & 0xFFFF, 0x0100, 1, 0, 0, 0) + name + struct.pack(">2H", 1, 1))
    with contextlib.suppress(OSError):
        while True:
            asking.recv(600)
