#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Has the kernel make a set-gid file of the caller's group, without a system call that has a mode or a group.

usage: copy_up.py PROGRAM FOLDER

In a user namespace of its own it mounts a file system that it serves itself (FUSE), whose only file is that program,
set-gid and of the caller's group, and an overlay on top of it; what is written to there the kernel copies into
FOLDER/up, which is outside, with that mode.  Prints the mode of FOLDER/up/made, octal; exit 1 with the name of the
error if the kernel refuses.
"""
import ctypes
import errno
import os
import signal
import struct
import sys

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
LIBC = ctypes.CDLL(None, use_errno=True)
# linux/fuse.h: what is asked, by its number, and the answers to it
LOOKUP, GETATTR, OPEN, READ, STATFS, RELEASE, FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, ACCESS = \
    1, 3, 14, 15, 17, 18, 25, 26, 27, 28, 29, 34
UNANSWERED = (2, 36, 42)    # FORGET, INTERRUPT, BATCH_FORGET
ROOT, FILE = 1, 2
OPENED = struct.pack("QII", 1, 0, 0)


def check(result):
    """Raises OSError for a C function that says -1."""
    if result == -1:
        raise OSError(ctypes.get_errno(), "")


def mount(kind, target, options):
    check(LIBC.mount(b"none", target.encode(), kind.encode(), 0, options.encode()))


def attributes(node, size):
    mode, size = (0o40755, 0) if node == ROOT else (0o102755, size)
    return struct.pack("QQQQQQIIIIIIIIII", node, size, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def answer(what, node, body, content):
    """(error, bytes) for one question."""
    if what == LOOKUP:
        found = struct.pack("QQQQII", FILE, 0, 100, 100, 0, 0) + attributes(FILE, len(content))
        return (0, found) if body == b"made\0" else (-errno.ENOENT, b"")
    if what == READ:
        _, offset, size = struct.unpack_from("QQI", body)
        return 0, content[offset:offset + size]
    plain = {INIT: struct.pack("IIIIHHI", 7, 31, 65536, 0, 0, 0, 65536) + bytes(40),
             GETATTR: struct.pack("QII", 100, 0, 0) + attributes(node, len(content)),
             STATFS: struct.pack("QQQQQIIII24x", 0, 0, 0, 0, 0, 4096, 255, 4096, 0), OPEN: OPENED, OPENDIR: OPENED}
    if what in plain or what in (RELEASE, FLUSH, READDIR, RELEASEDIR, ACCESS):
        return 0, plain.get(what, b"")
    return -errno.ENOSYS, b""


def serve(device, content):
    """Answers the kernel until the file system is gone."""
    while True:
        asked = os.read(device, 1 << 20)
        _, what, unique, node = struct.unpack_from("IIQQ", asked)
        if what not in UNANSWERED:
            error, said = answer(what, node, asked[40:], content)
            os.write(device, struct.pack("IiQ", 16 + len(said), error, unique) + said)


def own_namespace():
    ids = {"setgroups": "deny", "uid_map": f"0 {os.getuid()} 1", "gid_map": f"0 {os.getgid()} 1"}
    check(LIBC.unshare(CLONE_NEWUSER | CLONE_NEWNS))
    for name, text in ids.items():
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def main():
    program, folder = sys.argv[1:]
    with open(program, "rb") as file:
        content = file.read()
    parts = {name: os.path.join(folder, name) for name in ("low", "up", "work", "merged")}
    for part in parts.values():
        os.makedirs(part, exist_ok=True)
    own_namespace()
    device = os.open("/dev/fuse", os.O_RDWR)
    mount("fuse", parts["low"], f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other")
    server = os.fork()
    if not server:
        serve(device, content)
    try:
        mount("overlay", parts["merged"], "lowerdir={low},upperdir={up},workdir={work},userxattr".format(**parts))
        os.utime(os.path.join(parts["merged"], "made"))
        print(f"{os.stat(os.path.join(parts['up'], 'made')).st_mode & 0o7777:o}")
    except OSError as error:
        print(errno.errorcode[error.errno])
        sys.exit(1)
    finally:
        os.kill(server, signal.SIGKILL)


main()
