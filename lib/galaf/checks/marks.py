# SPDX-License-Identifier: GPL-3.0-or-later
"""The eBPF programs are attached at the top of cgroup2, and a socket made now is marked."""
import json

from ..system.run import run
from .results import BROKEN, OK, Result, WARNING, few


def check(known):
    if not known.meta.get("ebpf", True):
        return Result(OK, "connections are marked by nft alone, as chosen by --no-ebpf")
    said = json.loads(run("galaf_mark", "status", "--json", ok=(0, 3)))
    lacking = [name for name, number in said["programs"].items()
               if not number and name not in ("galaf_capable", "galaf_set_gid", "galaf_families")]
    if not said["marked"]:
        return Result(BROKEN, "sockets are not marked: accounting is partial",
                      "sudo galaf_mark start")
    if lacking:
        return Result(WARNING, f"not attached at {said['cgroup2']}: {few(lacking)}", "sudo galaf_mark start")
    return Result(OK, f"the eBPF programs are attached at {said['cgroup2']}, and sockets are marked")
