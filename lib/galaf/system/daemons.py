# SPDX-License-Identifier: GPL-3.0-or-later
"""Daemons of this machine: told by the file that they execute and whose they are, since any program may have a name."""
import contextlib
import os
import re
from pathlib import Path

_UIDS = re.compile(r"^Uid:\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)$", re.MULTILINE)


def running(program, uid=0):
    """The number of a process that executes a program, an absolute path, and is one user's by all its ids, or None."""
    file = os.path.realpath(program)
    return next((number for number in map(int, filter(str.isdigit, os.listdir("/proc")))
                 if _is(number, file) and is_of(number, uid)), None)


def noted(file, program):
    """The number of the process that a daemon has noted in a file and that executes a program, or None."""
    try:
        number = int(Path(file).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return number if _is(number, os.path.realpath(program)) else None


def _is(number, file):
    """Whether a process executes a file, which an upgrade may have replaced since."""
    with contextlib.suppress(OSError):      # it has ended, or is the kernel's
        return os.readlink(f"/proc/{number}/exe").removesuffix(" (deleted)") == file
    return False


def is_of(number, uid):
    """Whether a process is a user's by its real, effective, saved and file system uid."""
    with contextlib.suppress(OSError):      # it has ended
        found = _UIDS.search(Path(f"/proc/{number}/status").read_text(encoding="utf-8", errors="replace"))
        return set(found.groups()) == {str(uid)}
    return False
