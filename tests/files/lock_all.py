#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""lock_all.py [PATH ...]: holds every lock that this user can have on these files and folders, and all in them.

Prints each path that it could open, then "held", and holds until it is ended: flock(2) exclusive, fcntl(2) of the
kinds that a descriptor for reading may have, the open file descriptions' too.  A folder that opens is no file, and
locks as one.
"""
import contextlib
import fcntl
import os
import resource
import signal
import struct
import sys

F_OFD_SETLK = 37        # asm-generic/fcntl.h


def hold(path):
    """Takes each lock on a path that is to be had; returns whether it could be opened."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return False
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    whole = struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
    for command in (F_OFD_SETLK, fcntl.F_SETLK):
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, command, whole)
    with contextlib.suppress(OSError):
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    return True


def below(path):
    """A path and all that this user can see below it."""
    yield path
    for top, folders, files in os.walk(path):
        yield from (os.path.join(top, name) for name in folders + files)


def main():
    """Holds, and waits for a signal."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for path in (each for top in sys.argv[1:] for each in below(top)):
        if not os.path.islink(path) and hold(path):
            print(path)
    print("held", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
