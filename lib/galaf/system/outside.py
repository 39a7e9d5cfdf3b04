# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of entries that run outside of their group: they were started without galaf(1), and go on so."""
import contextlib
import os
import re
import time
from collections import namedtuple

from . import aside
from .desktop import Programs, packages_programs

MOST = 65536            # bytes of a command line

Running = namedtuple("Running", "entry pid since")
Running.__doc__ = """A process with an entry's program and another effective group.

entry: the entry's name; pid: the process; since: seconds since 1970.
"""


def found(conf, groups, late=lambda uid: None):
    """Every Running of the entries that have an execv, of each entry the oldest first.

    groups: names to gids; late: takes the uid of each user whose files keep from telling what that user runs.
    """
    programs = Programs(conf)
    if not programs or not groups:
        return []
    packaged = packages_programs(conf.groups.values())

    def look(process):
        with contextlib.suppress(OSError, ValueError):      # it ended meanwhile, or is the kernel's
            return _outside(process, programs, packaged, groups)
        return None

    running = [Running(*one) for _, one in aside.each(aside.processes(), look, aside.keeper, late) if one]
    return sorted(running, key=lambda one: (one.entry, one.since, one.pid))


def _outside(process, programs, packaged, groups):
    """The Running of a folder of /proc; None where it is none."""
    exe = os.readlink(process / "exe").removesuffix(" (deleted)")
    started = programs.whose([exe, *arguments(process)])
    name = started[0].name if started else packaged.get(exe)
    if name not in groups or _group(process) == groups[name]:
        return None
    return Running(name, int(process.name), _since(process))


def told(running):
    """A sentence for each entry with such processes: the oldest one counts."""
    oldest = {}
    for one in running:
        oldest.setdefault(one.entry, one)
    day = time.strftime("%Y-%m-%d")
    for one in oldest.values():
        since = time.localtime(one.since)
        when = time.strftime("%H:%M" if time.strftime("%Y-%m-%d", since) == day else "%Y-%m-%d %H:%M", since)
        yield f"{one.entry} runs outside its group since {when} (process {one.pid}): close it and start it again"


def arguments(process):
    """The arguments of a folder of /proc: what begins them, since their owner can make them as long as memory."""
    with open(process / "cmdline", "rb", buffering=0) as stream:
        return os.fsdecode(stream.read(MOST)).split("\0")[1:-1]


def _group(process):
    """The effective gid of a folder of /proc."""
    status = (process / "status").read_text(encoding="utf-8", errors="replace")
    return int(re.search(r"^Gid:\s+\d+\s+(\d+)", status, re.MULTILINE)[1])


def _since(process):
    """When a process started, in seconds since 1970: field 22 of proc(5)'s stat, after the name in brackets."""
    ticks = int((process / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19])
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return booted + ticks / os.sysconf("SC_CLK_TCK")
