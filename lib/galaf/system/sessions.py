# SPDX-License-Identifier: GPL-3.0-or-later
"""People's sessions, and whether they know of the folder in which galaf_desktop lays what starts applications.

When one began is told by logind and by the system's own systemd, which no user can mislead.  What is in
a program's environment is its user's to write: it tells a session of which nothing else is known, its user's own.
"""
import contextlib
import re
import time
from collections import namedtuple
from pathlib import Path

from ..limits import GIDS
from . import aside, desktop
from .run import CommandFailed, run

MOST = 1 << 17          # bytes of an environment, which its owner can make as long as memory
FIRST_PERSON = 1000     # the first uid of a person's
_MANAGER = re.compile(r"user@(\d+)\.service\Z")

Session = namedtuple("Session", "uid what since graphical scope")
Session.__doc__ = """A session, or a person's systemd, which all of that person's sessions share.

what: a phrase, "session 4"; since: microseconds of CLOCK_MONOTONIC; graphical: whether a desktop is shown in it;
scope: the unit of systemd's that its programs are in.
"""


def found():
    """Every Session of a person's."""
    if not Path("/run/systemd/system").is_dir():
        return []
    managers = run("systemctl", "show", "user@*.service", "--state=active", "-p", "Id,ActiveEnterTimestampMonotonic")
    sessions = [_manager(block) for block in _blocks(managers)]
    with contextlib.suppress(CommandFailed):        # no logind
        numbers = [line.split()[0] for line in run("loginctl", "list-sessions", "--no-legend").splitlines()]
        if numbers:
            shown = run("loginctl", "show-session", *numbers, ok=(0, 1))    # 1: one has ended meanwhile
            sessions += map(_session, _blocks(shown))
    return [one for one in sessions if one and one.uid >= FIRST_PERSON]


def _blocks(text):
    """A dictionary of the NAME=VALUE lines of each block of a text."""
    for block in text.split("\n\n"):
        yield dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _manager(shown):
    unit = _MANAGER.fullmatch(shown.get("Id", ""))
    return unit and Session(int(unit[1]), "systemd", int(shown["ActiveEnterTimestampMonotonic"]), False, unit[0])


def _session(shown):
    if shown.get("Class") != "user" or not shown.get("Scope"):
        return None
    return Session(int(shown["User"]), f"session {shown['Id']}", int(shown["TimestampMonotonic"]),
                   shown.get("Type") in ("x11", "wayland", "mir"), shown["Scope"])


def lacking(sessions):
    """Those that don't know the folder: older than it is, or graphical ones in which no program was told of it."""
    made = desktop.made()
    return [one for one in sessions if one.since < made or one.graphical and _untold(one)]


def _untold(session):
    """Whether a session has programs of the person's that are in no application group, and none was told."""
    def look(process):
        with contextlib.suppress(OSError):      # it has ended
            return _is_told(process) if _is_of(process, session) else None
        return None

    said = [told for _, told in aside.each(aside.processes(), look, aside.keeper) if told is not None]
    return bool(said) and not any(said)


def _is_of(process, session):
    """Whether a folder of /proc is of a session's program, in no application group."""
    status = process.stat()
    groups = (process / "cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
    return (status.st_uid == session.uid and not GIDS[0] <= status.st_gid <= GIDS[1]
            and any(line.endswith(f"/{session.scope}") for line in groups))


def _is_told(process):
    """Whether a folder of /proc is of a program that was told of galaf's folder."""
    with open(process / "environ", "rb", buffering=0) as stream:
        return f"XDG_DATA_DIRS={desktop.TOP}/share".encode() in stream.read(MOST)


def clock(monotonic):
    """A time of CLOCK_MONOTONIC, in microseconds, as the day and time that it was."""
    then = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC) + monotonic / 1e6
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(then))
