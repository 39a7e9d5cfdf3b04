# SPDX-License-Identifier: GPL-3.0-or-later
"""Which executable a program was that the eBPF programs saw: the file whose inode's number and size they noted.

A program that means to can execute another's file, or have the kernel take that for its own (prctl(2)): this tells
what runs, not that it is honest.
"""
import functools
import glob
import os
import re
from pathlib import Path

from ..system.run import SEARCH

_NAME = re.compile(r"[\w.+-]+", re.ASCII)       # of a file that may be looked for in SEARCH
_SCRIPT = re.compile(rb"#! *(\S+)(?: +(\S+))?")
_COMM = 15              # bytes of a name that the kernel keeps: TASK_COMM_LEN


@functools.lru_cache(maxsize=None)
def executable(name, inode, size):
    """The path of the executable, or of the script that it interprets, where it can be told; None elsewhere.

    name: of the process, as watch.text() has it; inode, size: what the kernel said of its file.  It is told where
    the name leads to it, or some process executes it by now.
    """
    if not inode:
        return None
    for path in _named(name):
        found = _interpreter(path) or path
        if is_file(found, inode, size):
            return path if found != path else os.path.realpath(path)
    return _running().get((inode, size))


def forget():
    """Has the files and processes be looked at anew."""
    executable.cache_clear()
    _running.cache_clear()


def is_file(path, inode, size):
    """Whether a path leads to the file that the kernel noted."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return False
    return (status.st_ino, status.st_size) == (inode, size)


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
    """{(inode, size): path} of what is executed by now; less what was replaced or removed since."""
    found = {}
    for link in Path("/proc").glob("[0-9]*/exe"):
        try:
            status, path = os.stat(link), os.readlink(link)
        except OSError:
            continue
        if is_file(path, status.st_ino, status.st_size):
            found[status.st_ino, status.st_size] = path
    return found
