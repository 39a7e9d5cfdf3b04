#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries to make set-gid and set-uid files by each system call that could, and plain ones too.

usage: set_gid.py FOLDER        (x86 machines with the 32-bit ABI; FOLDER is empty and stays so)

Prints a line for each attempt: ABI, system call, mode, outcome.  The outcome is the mode that
the file has, or the name of the error.
"""
import errno
import os
import stat
import sys

from abi import call, low_copy

AT_FDCWD = -100
TMPFILE = os.O_TMPFILE | os.O_RDWR
CREATE = os.O_CREAT | os.O_RDWR
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


def attempt(abi, name, mode, folder):
    path = folder + "/file"
    opened = os.open(path, os.O_CREAT | os.O_RDWR, 0o644) if name in ON_A_FILE else -1
    values = {"p": low_copy(path.encode() + b"\0", 256), "D": low_copy(folder.encode() + b"\0", 1024),
              "h": low_copy(CREATE.to_bytes(8, "little") + mode.to_bytes(8, "little") + bytes(8), 2048), "s": 24,
              "d": AT_FDCWD, "f": opened, "c": CREATE, "t": TMPFILE, "m": mode, "r": stat.S_IFREG | mode, "0": 0}
    number64, number32, letters = CALLS[name]
    result = call(abi, number64, number32, *[values[letter] for letter in letters])
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
        for abi in ("x86_64", "i386"):
            print(abi, f"io_uring_{name}", "-", errno.errorcode[-call(abi, number, number, -1)])


main()
