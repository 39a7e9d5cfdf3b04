# SPDX-License-Identifier: GPL-3.0-or-later
"""Which interfaces are of the networks that the file names: has their sets filled, and reads them."""
import json
from pathlib import Path

from .. import generation, paths
from ..config import networks
from .run import CommandFailed, run

PROGRAM = paths.LIB / "networks"        # what NetworkManager's dispatcher calls, too


def fill(folder):
    """Fills the sets of a generation that is loaded by what NetworkManager has active; a set is never half filled."""
    if generation.text(folder, "networks"):
        run(str(PROGRAM), "all", str(folder))


def named(folder):
    """The names of a generation's networks."""
    lines = generation.text(folder, "networks").splitlines()[1:]
    return list(dict.fromkeys(line.split("\t")[0] for line in lines))


def where(table, names):
    """{interface: [network]} of the interfaces that this machine has and anything is known of, in order."""
    found = {interface: [] for interface in _elements(table, networks.KNOWN)}
    for name in names:
        for interface in _elements(table, networks.set_of(name)):
            found.setdefault(interface, []).append(name)
    return {name: found[name] for name in sorted(found) if Path("/sys/class/net", name).exists()}


def _elements(table, name):
    """The elements of a set; none where there is no such set."""
    try:
        listed = json.loads(run("nft", "-j", "list", "set", "inet", table, name))["nftables"]
    except CommandFailed:
        return []
    return [element for item in listed for element in item.get("set", {}).get("elem", [])]
