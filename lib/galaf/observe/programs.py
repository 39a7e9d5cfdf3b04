# SPDX-License-Identifier: GPL-3.0-or-later
"""Which executable a program was that the eBPF programs saw: the file whose inode's number and size they noted.

A program that means to can execute another's file, or have the kernel take that for its own (prctl(2)): this tells
what runs, not that it is honest.
"""
import functools
import glob
import os
import re

from ..system import aside
from ..system.run import SEARCH
from . import watch

_NAME = re.compile(r"[\w.+-]+", re.ASCII)       # of a file that may be looked for in SEARCH
_PATH = re.compile(r"[\w./+-]+", re.ASCII)
HELPERS = "/usr/lib/*/*", "/usr/libexec/*", "/usr/libexec/*/*"      # such as /usr/lib/git-core/git-remote-http
_SCRIPT = re.compile(rb"#! *(\S+)(?: +(\S+))?")
_COMM = 15              # bytes of a name that the kernel keeps: TASK_COMM_LEN


@functools.lru_cache(maxsize=None)
def executable(name, run):
    """The path of the executable, or of the script that it interprets, where it can be told; None elsewhere.

    name: of the process, as watch.text() has it; run: what the kernel said of its file, as identity() has it.  It is
    told where the name leads to it, some process executes it by now, or it is one of HELPERS; and safe to be shown.
    """
    if not run[0]:
        return None
    for path in _named(name):
        found = _interpreter(path) or path
        if identity(found) == run:
            return path if found != path else os.path.realpath(path)
    return _running().get(run) or _helpers().get(run)


def which(name):
    """The path of a program in SEARCH, or None."""
    return next((f"{folder}/{name}" for folder in SEARCH[:2] if os.path.isfile(f"{folder}/{name}")), None)


def forget():
    """Has the files and processes be looked at anew."""
    executable.cache_clear()
    _running.cache_clear()
    _helpers.cache_clear()


def identity(path):
    """(inode, size) of what a path leads to; None where that is nothing."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_ino, status.st_size


def _named(name):
    """The paths in SEARCH that a process of this name may have come from."""
    if not _NAME.fullmatch(name):
        return
    for folder in SEARCH[:2]:
        yield f"{folder}/{name}"
        if len(name) == _COMM:
            yield from sorted(glob.glob(f"{folder}/{glob.escape(name)}?*"))


def _interpreter(path):
    """The program that runs a script; None where the file is none, or can't be read."""
    try:
        with open(path, "rb") as stream:
            found = _SCRIPT.match(stream.readline(256))
    except OSError:
        return None
    if not found:
        return None
    program, word = os.fsdecode(found[1]), found[2] and os.fsdecode(found[2])
    if os.path.basename(program) == "env" and word and "/" not in word:
        program = next((f"{folder}/{word}" for folder in SEARCH if os.path.exists(f"{folder}/{word}")), program)
    return program


@functools.lru_cache(maxsize=None)
def _running():
    """{identity: path} of what is executed by now; less what was replaced or removed since."""
    return {tuple(found[0]): found[1] for _, found in aside.each(aside.processes(), _executed, aside.keeper) if found}


def _executed(process):
    """(identity, path) of what a folder of /proc executes; None where it was replaced or removed since."""
    try:
        run, path = identity(process / "exe"), os.readlink(process / "exe")
    except OSError:
        return None
    return (run, "/".join(map(watch.text, os.fsencode(path).split(b"/")))) if run and identity(path) == run else None


@functools.lru_cache(maxsize=None)
def _helpers():
    """{identity: path} of the executables that other programs of packages start, and which may be gone by now."""
    return {identity(path): path for pattern in HELPERS for path in sorted(glob.glob(pattern))
            if _PATH.fullmatch(path) and not os.path.islink(path) and os.path.isfile(path)
            and os.access(path, os.X_OK)}
