# SPDX-License-Identifier: GPL-3.0-or-later
"""What galaf_conf.json, /etc/galaf/nftables.d and the accounts of this machine would render now is what is loaded."""
from .. import generation, paths
from ..errors import GalafError
from ..plan import Plan
from .results import OK, Result, WARNING, few


def check(known):
    try:
        plan = Plan(paths.CONF, known.meta.get("ebpf", True))
    except GalafError as error:
        return Result(WARNING, f"galaf_conf.json has faults, and is not what is loaded: {str(error).splitlines()[0]}",
                      "fix it and run sudo galaf_config")
    changed = [name for name in ("ruleset.nft", "dnsmasq.conf", "launch", "sysctl.conf", "socket_families", "untold")
               if plan.texts[name] != generation.text(known.folder, name)]
    if changed or plan.new_groups:
        return Result(WARNING, f"galaf_conf.json, /etc/galaf/nftables.d or this machine's accounts have changed since: "
                               f"another {few(changed) or 'group'} would be made",
                               "sudo galaf_config --diff, sudo galaf_config")
    return Result(OK, "galaf_conf.json is what is loaded")
