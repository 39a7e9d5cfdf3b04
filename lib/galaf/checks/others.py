# SPDX-License-Identifier: GPL-3.0-or-later
"""Bridges of containers and virtual machines, and tunnels, have the rules that they need."""
import json
import re

from ..system.run import run
from .results import OK, Result, WARNING, few


def check(known):
    links = {link["ifname"] for link in json.loads(run("ip", "-j", "link"))}
    bridges = sorted(name for name in links if re.match(r"(docker|virbr|br-|lxcbr|podman)", name))
    tunnels = sorted(name for name in links if re.match(r"(wg|tun|tailscale)", name))
    if bridges and not known.conf.forward:
        yield Result(WARNING, f"{few(bridges)}: containers and virtual machines reach nothing, since nothing is "
                              "forwarded", 'if they shall: "forward" in $.config, see galaf_conf.json(5)')
    if tunnels:
        yield Result(WARNING, f"{few(tunnels)}: a tunnel; what carries it needs a rule, and what goes through it is "
                              "held to the same rules", "see EXAMPLES in galaf_conf.json(5)")
    if not tunnels and (known.conf.forward or not bridges):
        yield Result(OK, "no bridge or tunnel needs rules that are lacking")
