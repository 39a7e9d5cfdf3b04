#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a command as another id of a user namespace.

usage: namespace.py make UID GID COMMAND ...   a new one, with the ids of /etc/subuid and /etc/subgid
                                               from 100000 that newuidmap and newgidmap map; UID and
                                               GID are the numbers that they have outside
       namespace.py own GID COMMAND ...        a new one, mapping that gid by the process itself
       namespace.py join PID COMMAND ...       that of a process, as the gid that is mapped first
       namespace.py join-pidfd PID COMMAND ... the same, without opening its namespace in /proc
       namespace.py set-gid PID FILE           joins it, and makes a file of the user's set-gid there

Exit status: the command's; 1 with the name of the error if the kernel or newgidmap refuses.
"""
import ctypes
import errno
import os
import subprocess
import sys

CLONE_NEWUSER = 0x10000000
LIBC = ctypes.CDLL(None, use_errno=True)


def check(result):
    """Raises OSError for a C function that says -1."""
    if result == -1:
        raise OSError(ctypes.get_errno(), "")
    return result


def map_ids(pid):
    """The caller as 0, the 65,536 subordinate ids from 100000 as 1 and up."""
    for program, own in (("newuidmap", os.getuid()), ("newgidmap", os.getgid())):
        subprocess.run([program, str(pid), "0", str(own), "1", "1", "100000", "65536"], check=True)


def make(uid, gid, *command):
    pid = os.getpid()
    ready, go = os.pipe(), os.pipe()
    if os.fork() == 0:          # outside of the namespace, where the programs may map
        os.read(ready[0], 1)
        map_ids(pid)
        os.write(go[1], b".")
        os._exit(0)
    os.close(go[1])
    check(LIBC.unshare(CLONE_NEWUSER))
    os.write(ready[1], b".")
    if not os.read(go[0], 1):
        raise OSError(errno.EPERM, "")
    os.setgroups([])
    os.setgid(int(gid) - 100000 + 1)
    os.setuid(int(uid) - 100000 + 1)
    os.execvp(command[0], command)


def own(gid, *command):
    check(LIBC.unshare(CLONE_NEWUSER))
    with open("/proc/self/setgroups", "w", encoding="ascii") as file:
        file.write("deny")
    with open("/proc/self/gid_map", "w", encoding="ascii") as file:
        file.write(f"0 {gid} 1")
    os.setgid(0)
    os.execvp(command[0], command)


def enter(fd):
    """Joins a namespace, or the one of a process."""
    check(LIBC.setns(fd, CLONE_NEWUSER))


def join(pid, *command):
    enter(os.open(f"/proc/{pid}/ns/user", os.O_RDONLY))
    become_first(*command)


def join_pidfd(pid, *command):
    enter(os.pidfd_open(int(pid)))
    become_first(*command)


def set_gid(pid, file):
    enter(os.open(f"/proc/{pid}/ns/user", os.O_RDONLY))
    os.chmod(file, 0o2755)


def become_first(*command):
    """Runs a command as the gid that is mapped first."""
    with open("/proc/self/gid_map", encoding="ascii") as file:
        first = file.readline().split()
    if not first:
        raise OSError(errno.EINVAL, "")
    os.setgid(int(first[0]))
    os.execvp(command[0], command)


def main():
    try:
        globals()[sys.argv[1].replace("-", "_")](*sys.argv[2:])
    except OSError as error:
        print(errno.errorcode[error.errno])
        sys.exit(1)


main()
