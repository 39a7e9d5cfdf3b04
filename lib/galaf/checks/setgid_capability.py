# SPDX-License-Identifier: GPL-3.0-or-later
"""No other file has the capability to become any group: a copy of the launcher, for one."""
from ..system import executables, groups
from .results import BROKEN, OK, Result, few

LAUNCHER = "/usr/bin/galaf"
CAP_SETGID = 1 << 6


def check(_known):
    found = [path for _, _, path in groups.executables() if executables.capabilities(path) & CAP_SETGID
             and path not in (LAUNCHER, "/usr/bin/newgidmap")]
    if found:
        return Result(BROKEN, f"cap_setgid, and with it every application group, is given to {few(found)}",
                      "sudo setcap -r, unless the program is meant to have it")
    return Result(OK, "no other file has cap_setgid")
