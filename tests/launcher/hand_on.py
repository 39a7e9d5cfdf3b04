#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes set-gid files of an application's group together with it: the user prepares, it does the rest.

usage: hand_on.py prepare|change|fill|allow FOLDER      (x86 machines with the 32-bit ABI)

prepare  by the user: set-gid files and folders, one for each way of changing their group
change   by the application: changes the group to its own, by each system call that can
fill     by the user: makes a set-gid file in each of the folders, which comes to the folder's group
allow    by the application: writes into these, and lets the group execute each file, by an access control list

change and allow print a line for each attempt: ABI, system call, argument, outcome.  The outcome is "done" or
the name of the error.
"""
import errno
import os
import shutil
import struct
import sys
from pathlib import Path

from abi import call, low_copy

AT_FDCWD = -100
NOBODY = 0xffffffff
ABOVE = 1 << 32         # what a register may hold beside 32 bits, and beside 16 for the calls of old
# name: number for x86_64, number for i386, arguments: p the path, f the opened file, d AT_FDCWD, u no user, g the gid
CHANGES = {
    "chown": (92, 212, "pug"), "fchown": (93, 207, "fug"), "lchown": (94, 198, "pug"), "fchownat": (260, 298, "dpug"),
    "chown16": (None, 182, "pug"), "fchown16": (None, 95, "fug"), "lchown16": (None, 16, "pug"),
}
GIDS = {"plain": 0, "above": ABOVE, "above16": 1 << 16}
# n the list's name, l the list, s its size
LISTS = {"setxattr": (188, 226, "pnls"), "lsetxattr": (189, 227, "pnls"), "fsetxattr": (190, 228, "fnls")}
# rwxr-xr-x for the owner, the group and others: linux/posix_acl_xattr.h
LIST = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, allowed, NOBODY)
                                       for tag, allowed in ((1, 7), (4, 5), (32, 5)))


def changes():
    """(ABI, system call, what is beside the gid) of each way; a call of 16 bits has no other way."""
    for abi in ("x86_64", "i386", "x32"):
        for name, (number64, _, _) in CHANGES.items():
            for beside in GIDS:
                if (abi == "i386" or number64) and (beside != "above16" or name.endswith("16")):
                    yield abi, name, beside


def do(abi, numbers, letters, path, gid):
    """Does a system call on a file or folder; returns "done" or the error's name."""
    opened = os.open(path, os.O_RDONLY)
    values = {"p": low_copy(os.fsencode(path) + b"\0", 256), "f": opened, "d": AT_FDCWD, "u": NOBODY, "g": gid,
              "n": low_copy(b"system.posix_acl_access\0", 1024), "l": low_copy(LIST, 2048), "s": len(LIST)}
    result = call(abi, *numbers, *[values[letter] for letter in letters])
    os.close(opened)
    return "done" if result >= 0 else errno.errorcode[-result]


def prepare(folder):
    for way in changes():
        for name, mode in ("file", 0o2644), ("folder", 0o2777):
            path = folder / "-".join((name, *way))
            if name == "file":
                shutil.copyfile("/usr/bin/id", path)
            else:
                path.mkdir()
            path.chmod(mode)


def change(folder):
    for abi, name, beside in changes():
        for kind in "file", "folder":
            number64, number32, letters = CHANGES[name]
            outcome = do(abi, (number64, number32), letters, folder / f"{kind}-{abi}-{name}-{beside}",
                         os.getgid() | GIDS[beside])
            print(abi, name, beside, kind, outcome)


def fill(folder):
    os.umask(0)
    for path in folder.glob("folder-*"):
        os.close(os.open(path / "made", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o2644))


def allow(folder):
    for path in folder.glob("folder-*/made"):
        shutil.copyfile("/usr/bin/id", path)    # the bit would go if the user, who isn't in the group, wrote
    for path in (*folder.glob("file-*"), *folder.glob("folder-*/made")):
        for abi in ("x86_64", "i386", "x32"):
            for name, (number64, number32, letters) in LISTS.items():
                print(abi, name, path.name.split("-")[0], do(abi, (number64, number32), letters, path, 0))


def main():
    {"prepare": prepare, "change": change, "fill": fill, "allow": allow}[sys.argv[1]](Path(sys.argv[2]).resolve())


main()
