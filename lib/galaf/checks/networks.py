# SPDX-License-Identifier: GPL-3.0-or-later
"""The connections that the file names for its networks are NetworkManager's, and the machine's own.

By a name that is mistyped, or a single person's connection's, the machine is never there, and what is for that network
alone is off for good.  Told is also on which networks the machine is, and whose entries hold on none of these.
"""
from ..config import networks as config
from ..errors import GalafError
from ..system import networks
from ..system.run import run
from .results import OK, Result, WARNING, few


def check(known):
    named = list(known.conf.networks.values())
    if not named:
        return Result(OK, "the file names no networks")
    where = networks.where(known.conf.table, list(known.conf.networks))
    return [*unknown(named, profiles({each for network in named for each in network.connections})),
            here(config.off(known.conf.entries(), where), where)]


def profiles(names):
    """{UUID or name: whether it counts for a network}, of NetworkManager's connections, names of these alone.

    Of a single person's its UUID counts.  None where NetworkManager can't be asked.
    """
    found = {}
    try:
        for line in run("nmcli", "-e", "no", "-t", "-f", "UUID,NAME", "connection", "show").splitlines():
            uuid, _, name = line.partition(":")
            found[uuid] = True
            if name in names:
                found[name] = found.get(name, False) or not run(
                    "nmcli", "-g", "connection.permissions", "connection", "show", "uuid", uuid).strip()
    except GalafError:
        return None
    return found


def unknown(named, there):
    """A Result for each connection of some networks that isn't there, or doesn't count; there: as profiles() has it."""
    for network in named if there is not None else ():
        for each in network.connections:
            if each not in there:
                yield Result(WARNING, f"{network.path}: NetworkManager has no connection {few([each])}",
                             "write a name or UUID there that nmcli connection shows")
            elif not there[each]:
                yield Result(WARNING, f"{network.path}: the connection {few([each])} is a single person's, and its "
                                      "name counts for nothing", "write its UUID there, which nmcli connection shows")


def here(off, where):
    """The Result that says where the machine is.  off: entries that hold nowhere now; where: {interface: [network]}."""
    places = [f"{interface} is of {', '.join(names)}" for interface, names in where.items() if names]
    return Result(OK, (few(places) or "the machine is on no network that the file names")
                  + (f"; off here: {few(entry.name for entry in off)}" if off else ""))
