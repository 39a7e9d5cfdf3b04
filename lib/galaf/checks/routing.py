# SPDX-License-Identifier: GPL-3.0-or-later
"""No ip rule matches the mark of a group or user, as a VPN's might."""
from ..system import iprule
from .results import BROKEN, OK, Result, few


def check(known):
    if not known.meta.get("ebpf", True):
        return Result(OK, "sockets have no mark")
    found = iprule.taken(known.ids)
    if found:
        return Result(BROKEN, f"ip rule routes by the marks of {few(found)}", iprule.FIX)
    return Result(OK, "no ip rule matches the mark of an entry")
