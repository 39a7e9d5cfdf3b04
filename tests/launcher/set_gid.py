#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries to make set-gid and set-uid files by each system call that could, and plain ones too.

usage: set_gid.py FOLDER        (x86 machines with the 32-bit ABI; FOLDER is empty and stays so)

Prints a line for each attempt: ABI, system call, mode, outcome.  The outcome is the mode that
the file has, or the name of the error.  The 32-bit calls go through int 0x80, the x32 ones
through their own numbers.
"""
import ctypes
import errno
import mmap
import os
import stat
import sys

AT_FDCWD = -100
TMPFILE = os.O_TMPFILE | os.O_RDWR
CREATE = os.O_CREAT | os.O_RDWR
MAP_32BIT = 0x40
X32 = 0x40000000
# name: number for x86_64, number for i386, what follows: p the path, d AT_FDCWD, f an open file, 0 zero,
# c and t flags that create or make a nameless file, m the mode, r the mode of a regular file, h open_how
CALLS = {
    "chmod": (90, 15, "pm"), "fchmod": (91, 94, "fm"), "fchmodat": (268, 306, "dpm"), "fchmodat2": (452, 452, "dpm0"),
    "creat": (85, 8, "pm"), "open": (2, 5, "pcm"), "open-tmpfile": (2, 5, "Dtm"), "openat": (257, 295, "dpcm"),
    "openat-tmpfile": (257, 295, "dDtm"), "openat2": (437, 437, "dphs"), "mkdir": (83, 39, "pm"),
    "mkdirat": (258, 296, "dpm"), "mknod": (133, 14, "pr0"), "mknodat": (259, 297, "dpr0"),
}
ON_A_FILE = ("chmod", "fchmod", "fchmodat", "fchmodat2")
MODES = (0o755, 0o2755, 0o4755)
# push rbx; eax, ebx, ecx, edx, esi = the five arguments of the C call; int 0x80; pop rbx; ret
INT80 = bytes.fromhex("53 89f8 89f3 4887d1 4489c6 cd80 5b c3")

libc = ctypes.CDLL(None, use_errno=True)
low = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_32BIT,
                prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
base = ctypes.addressof(ctypes.c_char.from_buffer(low))
low[:len(INT80)] = INT80
int80 = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_long] * 5)(base)


def low_copy(data, offset):
    """Puts bytes where a 32-bit pointer reaches them; returns their address."""
    low[offset:offset + len(data)] = data
    return base + offset


def call(abi, name, arguments):
    """Does one system call; returns its result, or minus the error."""
    number64, number32, _ = CALLS[name]
    arguments = arguments + [0] * (4 - len(arguments))
    if abi == "i386":
        return int80(number32, *arguments)
    result = libc.syscall(ctypes.c_long(number64 | (X32 if abi == "x32" else 0)), *map(ctypes.c_long, arguments))
    return -ctypes.get_errno() if result < 0 else result


def attempt(abi, name, mode, folder):
    path = folder + "/file"
    opened = os.open(path, os.O_CREAT | os.O_RDWR, 0o644) if name in ON_A_FILE else -1
    values = {"p": low_copy(path.encode() + b"\0", 256), "D": low_copy(folder.encode() + b"\0", 1024),
              "h": low_copy(CREATE.to_bytes(8, "little") + mode.to_bytes(8, "little") + bytes(8), 2048), "s": 24,
              "d": AT_FDCWD, "f": opened, "c": CREATE, "t": TMPFILE, "m": mode, "r": stat.S_IFREG | mode, "0": 0}
    result = call(abi, name, [values[letter] for letter in CALLS[name][2]])
    if result < 0:
        outcome = errno.errorcode[-result]
    elif name.endswith("tmpfile"):
        outcome = f"{stat.S_IMODE(os.fstat(result).st_mode):o}"
    else:
        outcome = f"{stat.S_IMODE(os.stat(path).st_mode):o}"
    print(abi, name, f"{mode:o}", outcome)
    if os.path.isdir(path):
        os.rmdir(path)
    elif os.path.exists(path):
        os.remove(path)


def main():
    os.umask(0)
    folder = sys.argv[1]
    for abi in ("x86_64", "i386", "x32"):
        for name in CALLS:
            for mode in MODES:
                attempt(abi, name, mode, folder)
    for name, number in ("setup", 425), ("enter", 426), ("register", 427):
        libc.syscall(ctypes.c_long(number), -1, 0, 0, 0, 0, 0)
        print("x86_64", f"io_uring_{name}", "-", errno.errorcode[ctypes.get_errno()])
        print("i386", f"io_uring_{name}", "-", errno.errorcode[-int80(number, -1, 0, 0, 0)])


main()
