# SPDX-License-Identifier: GPL-3.0-or-later
"""net.ipv4.ping_group_range holds the groups with "ping"."""
from pathlib import Path

from ..limits import PING_GIDS
from .results import BROKEN, OK, Result, few


def check(known):
    wanted = [entry.path for entry in known.conf.groups.values() if entry.ping]
    low, high = map(int, Path("/proc/sys/net/ipv4/ping_group_range").read_text(encoding="ascii").split())
    if wanted and not low <= PING_GIDS[0] <= PING_GIDS[1] <= high:
        return Result(BROKEN, f"net.ipv4.ping_group_range is {low} {high}, so {few(wanted)} can't ping",
                      "sudo galaf_firewall start; if it comes again, see what sets it in sysctl.d(5)")
    return Result(OK, f"net.ipv4.ping_group_range is {low} {high}")
