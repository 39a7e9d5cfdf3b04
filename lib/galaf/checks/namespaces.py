# SPDX-License-Identifier: GPL-3.0-or-later
"""Neither /etc/subgid nor a running process maps gids of the range into a user namespace."""
import contextlib
from pathlib import Path

from .results import BROKEN, OK, Result, few


def check(known):
    low, high = known.conf.gid_range
    found = []
    for line in Path("/etc/subgid").read_text(encoding="utf-8").splitlines() if Path("/etc/subgid").exists() else ():
        name, first, count = (line.split(":") + ["", ""])[:3]
        if first.isdigit() and count.isdigit() and int(first) <= high and low < int(first) + int(count):
            found.append(name)
    found += [f"process {process}" for process, first, count in gid_maps()
              if 1 < count < 0xFFFFFFFF and first <= high and low < first + count]
    if found:
        return Result(BROKEN, f"a user namespace has, or /etc/subgid gives, gids from {low} to {high}: {few(found)}",
                      "give other numbers: sudo usermod --del-subgids FIRST-LAST --add-subgids FIRST-LAST NAME")
    return Result(OK, f"no one may map a gid from {low} to {high} into a user namespace")


def gid_maps():
    """Each (pid, first gid outside, how many) of the running processes' user namespaces."""
    for entry in Path("/proc").glob("[0-9]*/gid_map"):
        with contextlib.suppress(OSError):      # it ended meanwhile
            for line in entry.read_text(encoding="ascii").splitlines():
                _, first, count = map(int, line.split())
                yield entry.parent.name, first, count
