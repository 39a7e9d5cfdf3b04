# SPDX-License-Identifier: GPL-3.0-or-later
"""The eBPF programs are attached at the top of cgroup2, and a socket made now is marked."""
from ..system import marking
from .results import BROKEN, OK, Result, WARNING, few


def check(known):
    if not known.meta.get("ebpf", True):
        return Result(OK, "connections are marked by nft alone, as chosen by --no-ebpf")
    found = marking.status()
    if not found.marked:
        return Result(BROKEN, "sockets are not marked: accounting is partial",
                      "sudo galaf_mark start")
    if found.lacking():
        return Result(WARNING, f"not attached at {found.top}: {few(found.lacking())}", "sudo galaf_mark start")
    return Result(OK, f"the eBPF programs are attached at {found.top}, and sockets are marked")
