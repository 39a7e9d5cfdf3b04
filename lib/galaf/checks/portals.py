# SPDX-License-Identifier: GPL-3.0-or-later
"""No desktop portal is here that listed applications would ask in vain.

A portal looks at the root folder of the program that asks, and the kernel shows it none of another group.
"""
import glob

from .results import OK, Result, WARNING

PORTALS = "/usr/libexec/xdg-desktop-portal*"


def check(known):
    if not glob.glob(PORTALS) or not any(entry.execv for entry in known.conf.groups.values()):
        return Result(OK, "no listed application asks a desktop portal")
    return Result(WARNING, "desktop portals refuse listed applications, which share no screen on Wayland",
                  "Portals in galaf_desktop(8) has what they do instead")
