#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries to make a user namespace, and to join one, by each system call that could, through both ABIs.

usage: user_namespace.py        (x86 machines with the 32-bit ABI)

Prints a line for each attempt: ABI, system call, outcome.  The outcome is "done" or the name of the
error.  The namespace to join is the process's own, for which the kernel says EINVAL.
"""
import errno
import os
import signal

from abi import call, low_copy

NEWUSER = 0x10000000
ABOVE = 1 << 32         # what an int's upper half may hold without the kernel's noticing
# name: number for x86_64, number for i386, arguments: n the namespace, a struct clone_args, s its size
CALLS = {
    "clone": (56, 120, (NEWUSER | signal.SIGCHLD,)), "clone3": (435, 435, ("a", 64)),
    "fork": (56, 120, (signal.SIGCHLD,)),
    "unshare": (272, 310, (NEWUSER,)), "setns": (308, 346, ("n", NEWUSER)), "setns-any": (308, 346, ("n", 0)),
    "setns-above": (308, 346, ("n", ABOVE)),
}
ARGUMENTS = b"".join(value.to_bytes(8, "little") for value in (NEWUSER, 0, 0, 0, signal.SIGCHLD, 0, 0, 0))


def attempt(abi, name):
    """Does it in a process of its own; a new process ends at once."""
    number64, number32, arguments = CALLS[name]
    values = {"n": os.open("/proc/self/ns/user", os.O_RDONLY), "a": low_copy(ARGUMENTS, 256)}
    maker = os.getpid()
    result = call(abi, number64, number32, *[values.get(one, one) for one in arguments])
    if os.getpid() == maker:
        print(abi, name, "done" if result >= 0 else errno.errorcode[-result], flush=True)
    os._exit(0)


def main():
    for abi in ("x86_64", "i386"):
        for name in CALLS:
            if os.fork() == 0:
                attempt(abi, name)
            os.wait()


main()
