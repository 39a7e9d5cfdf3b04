#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a socket, connects it and sends by io_uring, so that no system call of that name is made.

usage: io_uring.py worker|poller        (which thread of the kernel's does it)

Prints "done" or the name of the error.  The structures are those of linux/io_uring.h; the
numbers of the system calls are the same on every architecture of Debian's but alpha.
"""
import ctypes
import errno
import mmap
import socket
import struct
import sys

SETUP, ENTER = 425, 426
OP_CONNECT, OP_SEND, OP_SOCKET = 16, 26, 45
SETUP_SQPOLL, SQE_ASYNC = 2, 1 << 4
ENTER_GETEVENTS, ENTER_WAKEUP = 1, 2
OFFSET_RING, OFFSET_ENTRIES = 0, 0x10000000
PEER = bytes((198, 18, 0, 10))
LIBC = ctypes.CDLL(None, use_errno=True)


def call(number, *arguments):
    """A system call; raises OSError."""
    result = LIBC.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


class Ring:
    """One io_uring, used for one operation at a time."""

    def __init__(self, flags):
        parameters = ctypes.create_string_buffer(struct.pack("<3I", 0, 0, flags), 120)
        self.fd = call(SETUP, 4, parameters)
        self.sent = struct.unpack_from("<8I", parameters, 40)
        self.done = struct.unpack_from("<8I", parameters, 80)
        self.ring = mmap.mmap(self.fd, 4096, offset=OFFSET_RING)
        self.entries = mmap.mmap(self.fd, 4096, offset=OFFSET_ENTRIES)

    def number(self, offset):
        """The 32-bit number at an offset of the ring."""
        return struct.unpack_from("<I", self.ring, offset)[0]

    def operate(self, opcode, fd, offset=0, address=0, length=0):
        """Does one operation; returns its result; raises OSError."""
        tail = self.number(self.sent[1])
        slot = tail & self.number(self.sent[2])
        entry = struct.pack("<BBHiQQIIQ24x", opcode, SQE_ASYNC, 0, fd, offset, address, length, 0, 0)
        self.entries[slot * 64:slot * 64 + 64] = entry
        struct.pack_into("<I", self.ring, self.sent[6] + slot * 4, slot)
        struct.pack_into("<I", self.ring, self.sent[1], tail + 1)
        call(ENTER, self.fd, 1, 1, ENTER_GETEVENTS | ENTER_WAKEUP, None, 0)
        head = self.number(self.done[0])
        place = self.done[5] + (head & self.number(self.done[2])) * 16
        result = struct.unpack_from("<i", self.ring, place + 8)[0]
        struct.pack_into("<I", self.ring, self.done[0], head + 1)
        if result < 0:
            raise OSError(-result, "")
        return result


def main():
    ring = Ring(SETUP_SQPOLL if sys.argv[1] == "poller" else 0)
    request = ctypes.create_string_buffer(b"GET / HTTP/1.0\r\n\r\n")
    peer = ctypes.create_string_buffer(struct.pack("=H", socket.AF_INET) + struct.pack(">H4s8x", 80, PEER))
    try:
        sock = ring.operate(OP_SOCKET, socket.AF_INET, socket.SOCK_STREAM)
        ring.operate(OP_CONNECT, sock, 16, ctypes.addressof(peer))
        ring.operate(OP_SEND, sock, 0, ctypes.addressof(request), len(request) - 1)
        print("done")
    except OSError as error:
        print(errno.errorcode[error.errno])


main()
