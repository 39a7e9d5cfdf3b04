# SPDX-License-Identifier: GPL-3.0-or-later
"""The locks of galaf's commands: one file each, in a folder that root alone can open.

Whoever can open a file, if only to read it, can lock it (flock(2)).  So no file or folder is locked that anyone else
can open, and no lock is waited for without a limit.  Who holds one asks nobody anything and writes to no terminal:
that may take as long as someone likes.
"""
import contextlib
import fcntl
import os
import signal
import sys
import time

from .. import paths
from ..errors import GalafError
from . import files

FOLDER = paths.RUNTIME / "locks"
WAIT = 30           # seconds
STOPS = (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)    # what a terminal stops a process with


def take(name):
    """The locked lock of a name as a descriptor, which holds it until it is closed; None if another process has it.

    Raises GalafError where the file can't be made.
    """
    files.folder(paths.RUNTIME, 0o700)
    files.folder(FOLDER, 0o700)
    try:
        descriptor = os.open(FOLDER / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise GalafError(f"{FOLDER / name}: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    with contextlib.suppress(OSError):      # a note for people; the disk in memory may be full
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.path.basename(sys.argv[0])}, process {os.getpid()}\n".encode(), 0)
    return descriptor


@contextlib.contextmanager
def held(name, seconds=WAIT):
    """Holds a lock; waits so many seconds at most, then raises GalafError.  Ctrl-Z stops nobody who holds one."""
    deadline = time.monotonic() + seconds
    while (descriptor := take(name)) is None:
        if time.monotonic() > deadline:
            raise GalafError(f"{holder(name)} is at work: try again when it has ended")
        time.sleep(0.1)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(descriptor)


def holder(name):
    """Who has a lock, as a phrase."""
    try:
        return (FOLDER / name).read_text(encoding="utf-8", errors="replace").strip() or "another command of galaf's"
    except OSError:
        return "another command of galaf's"
