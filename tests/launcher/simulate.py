#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the launcher's filters, as they are built for arm64, about that architecture's system calls and arm's.

usage: simulate.py FILTER_H

Prints a line for each filter, architecture and system call: what it gives with an argument that is to be refused,
and with a plain one.  The numbers are those of the kernel's tables (asm-generic/unistd.h, arm's syscall.tbl).
"""
import errno
import re
import struct
import sys

ARCHITECTURES = {"arm64": 0xc00000b7, "arm": 0x40000028, "amd64": 0xc000003e}
ALLOW, ERRNO = 0x7fff0000, 0x50000
CREATE, GID, ABOVE, NEWUSER = 0o100, 30004, 1 << 32, 0x10000000
TMPFILE = 0o20040000    # with O_DIRECTORY as arm has it
SET_GID, PLAIN = 0o2755, 0o755
# name: number for arm64, number for arm, arguments to be refused, plain ones
CALLS = {
    "chmod": (None, 15, (0, SET_GID), (0, PLAIN)), "fchmod": (52, 94, (0, SET_GID), (0, PLAIN)),
    "fchmodat": (53, 333, (0, 0, SET_GID), (0, 0, PLAIN)), "fchmodat2": (452, 452, (0, 0, SET_GID), (0, 0, PLAIN)),
    "creat": (None, 8, (0, SET_GID), (0, PLAIN)), "open": (None, 5, (0, CREATE, SET_GID), (0, CREATE, PLAIN)),
    "openat": (56, 322, (0, 0, CREATE, SET_GID), (0, 0, CREATE, PLAIN)),
    "openat-tmpfile": (56, 322, (0, 0, TMPFILE, SET_GID), (0, 0, TMPFILE, PLAIN)),
    "openat-folder": (56, 322, None, (0, 0, 0o40000, SET_GID)),
    "mkdir": (None, 39, (0, SET_GID), (0, PLAIN)), "mkdirat": (34, 323, (0, 0, SET_GID), (0, 0, PLAIN)),
    "mknod": (None, 14, (0, SET_GID), (0, PLAIN)), "mknodat": (33, 324, (0, 0, SET_GID), (0, 0, PLAIN)),
    "fchown": (55, 207, (0, 0, GID), (0, 0, 1000)), "fchown-above": (55, 207, (0, 0, ABOVE | GID), (0, 0, 0xffffffff)),
    "fchown-other": (55, 207, None, (0, 0, 1 << 16 | GID)),
    "chown16-above": (None, 182, (0, 0, 1 << 16 | GID), (0, 0, 0xffff)),
    "fchownat": (54, 325, (0, 0, 0, 59999), (0, 0, 0, 60000)), "chown": (None, 212, (0, 0, 30000), (0, 0, 29999)),
    "lchown": (None, 198, (0, 0, GID), (0, 0, 1000)), "chown16": (None, 182, (0, 0, GID), (0, 0, 1000)),
    "fchown16": (None, 95, (0, 0, GID), (0, 0, 1000)), "lchown16": (None, 16, (0, 0, GID), (0, 0, 1000)),
    "openat2": (437, 437, (), None), "io_uring_setup": (425, 425, (), None), "io_uring_enter": (426, 426, (), None),
    "io_uring_register": (427, 427, (), None), "clone": (220, 120, (NEWUSER,), (17,)), "clone3": (435, 435, (), None),
    "unshare": (97, 337, (NEWUSER,), (0,)), "setns": (268, 375, (3, 0), (3, 0x40000000)), "getpid": (172, 20, None, ()),
}


def instructions(text, name):
    """The (code, jt, jf, k) of an array in the C source."""
    body = re.search(name + r"\[\] = \{(.*?)\n\};", text, re.S)[1]
    return [tuple(int(word, 0) for word in re.findall(r"[0-9a-fx]+", line)) for line in body.strip().splitlines()]


def answer(program, architecture, number, arguments):
    """What classic BPF gives: "allowed", or the error's name (Documentation/networking/filter.rst)."""
    data = struct.pack("<IIQ6Q", number, ARCHITECTURES[architecture], 0, *(tuple(arguments) + (0,) * 6)[:6])
    at = accumulator = 0
    while True:
        code, jump, other, k = program[at]
        at += 1
        if code == 0x20:            # load 32 bits
            accumulator = struct.unpack_from("<I", data, k)[0]
        elif code == 0x54:          # and
            accumulator &= k
        elif code == 0x05:          # jump always
            at += k
        elif code in (0x15, 0x25, 0x35, 0x45):      # jump if equal, greater, greater or equal, any bit set
            holds = {0x15: accumulator == k, 0x25: accumulator > k, 0x35: accumulator >= k, 0x45: accumulator & k}[code]
            at += jump if holds else other
        elif code == 0x06:          # return
            return "allowed" if k == ALLOW else errno.errorcode[k - ERRNO]
        else:
            sys.exit(f"simulate.py: an instruction that it does not know: {code:#x}")


def main():
    with open(sys.argv[1], encoding="ascii") as stream:
        text = stream.read()
    for name in "with_user_namespaces", "without_user_namespaces":
        program = instructions(text, name)
        for architecture in ARCHITECTURES:
            for call, (number64, number32, refused, plain) in CALLS.items():
                number = number32 if architecture == "arm" else number64
                if number is not None:
                    print(name, architecture, call, *("-" if arguments is None else
                                                      answer(program, architecture, number, arguments)
                                                      for arguments in (refused, plain)))


main()
