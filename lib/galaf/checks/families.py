# SPDX-License-Identifier: GPL-3.0-or-later
"""No program but root's has a socket of an address family that the rules do not see.

galaf_mark's guard refuses one of a family that no kernel has; where it does not, a socket of PPPoE is tried, for
which the kernel may load a module.
"""
from ..system import probe
from .results import BROKEN, OK, Result

DENIED_MODULES = "/usr/share/galaf/modprobe.d/galaf-sockets.conf"


def check(known):
    outcome = probe.other_sockets()
    if outcome == "refused":
        return Result(OK, "a program outside every group has no socket that the rules do not see")
    if outcome == "none":
        return Result(OK, "no program is given PPPoE's sockets, by /etc/modprobe.d or by this kernel")
    start = ("galaf_mark start, which says why if the kernel can't guard them" if known.meta.get("ebpf", True)
             else "galaf_config without --no-ebpf")
    return Result(BROKEN, "any program may send Ethernet frames, by PPPoE's sockets, which the rules do not see",
                  f"{start}; or ln -s {DENIED_MODULES} /etc/modprobe.d/; modprobe -r pppoe")
