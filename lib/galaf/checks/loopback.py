# SPDX-License-Identifier: GPL-3.0-or-later
"""A program outside every group sends nothing over lo from or to an address that is not this machine's.

Else conntrack would let the stranger's packets in, and the answers out.
"""
from ..system import probe
from .results import BROKEN, OK, Result, few
from .tries import NEW_SKELETON, own_addresses, untried


def check(known):
    obstacle = untried(known)
    if obstacle:
        return obstacle
    found = [f"sends from {theirs}, which is not this machine's, to {ours}"
             for ours, theirs in zip(own_addresses(), probe.ADDRESSES.values()) if probe.forge(ours)]
    found += [f"sends to {address} by way of lo" for address in probe.divert()]
    if found:
        return Result(BROKEN, f"a program outside every group {few(found)}: conntrack takes that for a connection with "
                              "the stranger, and lets its packets pass", NEW_SKELETON)
    return Result(OK, "a program outside every group sent nothing over lo from or to a stranger's address")
