# SPDX-License-Identifier: GPL-3.0-or-later
"""No executable file sets an application group."""
from ..system import groups
from .results import BROKEN, OK, Result, few


def check(known):
    low, high = known.conf.gid_range
    found = [path for mode, gid, path in groups.executables() if mode & 0o2000 and low <= gid <= high]
    if found:
        return Result(BROKEN, f"set-gid files with an application group: {few(found)}",
                      "sudo chmod g-s, or remove them")
    return Result(OK, f"no set-gid file has a gid from {low} to {high}")
