# SPDX-License-Identifier: GPL-3.0-or-later
"""The controllers net_cls and net_prio of cgroup v1 are not mounted.

On Linux before 5.15 they take sockets out of cgroup2.
"""
from pathlib import Path

from .results import OK, Result, WARNING


def check(_known):
    found = version1(Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace"))
    if found:
        return Result(WARNING, f"cgroup v1's {' and '.join(found)} mounted: on Linux before 5.15 that takes sockets "
                               "out of cgroup2", "boot with systemd.unified_cgroup_hierarchy=1")
    return Result(OK, "cgroup v1's net_cls and net_prio are not used")


def version1(mountinfo):
    """Which of net_cls and net_prio are mounted, by the text of proc_pid_mountinfo(5)."""
    used = {name for line in mountinfo.splitlines() if " - cgroup " in line for name in line.split()[-1].split(",")}
    return sorted(used & {"net_cls", "net_prio"})
