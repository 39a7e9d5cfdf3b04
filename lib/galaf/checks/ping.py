# SPDX-License-Identifier: GPL-3.0-or-later
"""net.ipv4.ping_group_range holds the groups with "ping"."""
from pathlib import Path

from ..config import conf
from .results import BROKEN, OK, Result, few


def check(known):
    wanted = [entry.path for entry in known.conf.groups.values() if entry.ping]
    low, high = map(int, Path("/proc/sys/net/ipv4/ping_group_range").read_text(encoding="ascii").split())
    if wanted and not low <= conf.PING_RANGE[0] <= conf.PING_RANGE[1] <= high:
        return Result(BROKEN, f"net.ipv4.ping_group_range is {low} {high}, so {few(wanted)} can't ping",
                      "galaf_firewall start; if it comes again, see what sets it in sysctl.d(5)")
    return Result(OK, f"net.ipv4.ping_group_range is {low} {high}")
