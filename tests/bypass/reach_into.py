#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries to get hold of what another process of the same user has.

usage: reach_into.py PID

Prints a line for each way: its name, and "done" or the name of the error.
"""
import ctypes
import errno
import os
import sys

PTRACE_ATTACH, PTRACE_DETACH = 16, 17
PIDFD_GETFD = 438       # the number is the same on every architecture of Debian's but alpha
LIBC = ctypes.CDLL(None, use_errno=True)


def check(result):
    """Raises OSError for a C function that says -1."""
    if result == -1:
        raise OSError(ctypes.get_errno(), "")
    return result


def ptrace(pid):
    check(LIBC.ptrace(PTRACE_ATTACH, pid, None, None))
    os.waitpid(pid, 0)
    check(LIBC.ptrace(PTRACE_DETACH, pid, None, None))


def mem(pid):
    os.open(f"/proc/{pid}/mem", os.O_RDWR)


def environ(pid):
    with open(f"/proc/{pid}/environ", "rb") as file:
        file.read()


def maps(pid):
    with open(f"/proc/{pid}/maps", "rb") as file:
        file.read()


def process_vm_readv(pid):
    """Reads at an address that nobody has: EFAULT comes after permission."""
    byte = ctypes.create_string_buffer(1)
    local = (ctypes.c_void_p * 2)(ctypes.addressof(byte), 1)
    remote = (ctypes.c_void_p * 2)(4096, 1)
    try:
        check(LIBC.process_vm_readv(pid, local, ctypes.c_ulong(1), remote, ctypes.c_ulong(1), ctypes.c_ulong(0)))
    except OSError as error:
        if error.errno != errno.EFAULT:
            raise


def pidfd_getfd(pid):
    check(LIBC.syscall(ctypes.c_long(PIDFD_GETFD), os.pidfd_open(pid), 0, 0))


def descriptors(pid):
    os.open(f"/proc/{pid}/fd/0", os.O_RDONLY)


def namespace(pid):
    os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)


def root(pid):
    os.listdir(f"/proc/{pid}/root/")


def main():
    for way in (ptrace, mem, environ, maps, process_vm_readv, pidfd_getfd, descriptors, namespace, root):
        try:
            way(int(sys.argv[1]))
            print(way.__name__, "done")
        except OSError as error:
            print(way.__name__, errno.errorcode[error.errno])


main()
