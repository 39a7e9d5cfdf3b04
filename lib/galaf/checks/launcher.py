# SPDX-License-Identifier: GPL-3.0-or-later
"""/usr/bin/galaf is root's alone to change, has its capability, and no hard link to it is there."""
import os

from ..system import executables
from .results import BROKEN, OK, Result

LAUNCHER = "/usr/bin/galaf"
CAP_SETGID = 1 << 6


def check(_known):
    try:
        status = os.stat(LAUNCHER)
    except OSError:
        return Result(BROKEN, f"{LAUNCHER} is missing", "sudo apt install --reinstall galaf")
    changeable = executables.changeable(LAUNCHER)
    if changeable:
        return Result(BROKEN, changeable,
                      f"sudo chown root:root {LAUNCHER}; sudo chmod 755 {LAUNCHER}; sudo dpkg-reconfigure galaf")
    if status.st_nlink > 1:
        return Result(BROKEN, f"{LAUNCHER} has another name: a hard link", "find it with find / -samefile, remove it")
    if not executables.capabilities(LAUNCHER) & CAP_SETGID:
        return Result(BROKEN, f"{LAUNCHER} lacks cap_setgid: it starts nothing", "sudo dpkg-reconfigure galaf")
    return Result(OK, f"{LAUNCHER} is root's and has cap_setgid")
