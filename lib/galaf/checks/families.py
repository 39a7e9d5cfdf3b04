# SPDX-License-Identifier: GPL-3.0-or-later
"""No program but root's has a socket of an address family that the rules do not see.

galaf_mark's guard refuses one of a family that no kernel has; where it does not, a socket of PPPoE is tried, for
which the kernel may load a module.
What "socket_families" opens is a warning.
"""
from ..render.families import FAMILIES
from ..system import families, probe
from .results import BROKEN, OK, Result, WARNING

DENIED_MODULES = "/usr/share/galaf/modprobe.d/galaf-sockets.conf"


def check(known):
    outcome, listed = probe.other_sockets(), known.conf.socket_families
    if families.MAP.exists() and {FAMILIES[name] for name in listed} != families.opened():
        return Result(BROKEN, 'the kernel opens other families of sockets than "socket_families" names',
                      "sudo galaf_mark start")
    if listed and (outcome != "made" or "pppox" in listed):
        return Result(WARNING, f"any program may have sockets of {', '.join(listed)}, which the rules do not see",
                      'take out of "socket_families" what nothing needs, and run sudo galaf_config')
    if outcome == "refused":
        return Result(OK, "a program outside every group has no socket that the rules do not see")
    if outcome == "none":
        return Result(OK, "no program is given PPPoE's sockets, by /etc/modprobe.d or by this kernel")
    start = ("sudo galaf_mark start, which says why if the kernel can't guard them" if known.meta.get("ebpf", True)
             else "sudo galaf_config without --no-ebpf")
    return Result(BROKEN, "any program may send Ethernet frames, by PPPoE's sockets, which the rules do not see",
                  f"{start}; or sudo ln -s {DENIED_MODULES} /etc/modprobe.d/; sudo modprobe -r pppoe")
