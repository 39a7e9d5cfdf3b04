# SPDX-License-Identifier: GPL-3.0-or-later
"""Who of this machine can have an entry: what is installed and known, or why not; and who is logged in to it by ssh."""
import contextlib
import grp
import ipaddress
import os
import pwd
import re
from pathlib import Path

from ..config import conf, known
from . import aside, executables, flatpak, listeners, sessions


def library(settings):
    """The known entries that can be used here: installed, root's alone to change, of accounts that are there."""
    return [each for each in [*known.every(), *flatpaks()] if each.installed and usable(each, settings)]


def flatpaks():
    """A Known for each flatpak of everyone's whose application is known, and whose name a group can have."""
    applications = known.of_flatpaks()
    return [applications[name].as_flatpak(name) for name in flatpak.installed()
            if name in applications and conf.NAME.fullmatch(name)]


def unknown_flatpaks(settings):
    """The names of the flatpaks of everyone's that no entry starts and none is known for."""
    started = {word for entry in settings.groups.values() for word in entry.execv or ()}
    known_ = {each.name for each in flatpaks()}
    return [name for name in flatpak.installed() if name not in started and name not in known_]


def usable(each, settings):
    """Whether an entry's group can be made, or its user is there, and those that serve."""
    accounts = [name for name in each.inbound if name not in settings.groups and name != each.account]
    if each.section == "groups":
        return (not obstacle(each.program, each.account, settings) and each.account not in settings.users
                and all(map(is_user, accounts)))
    return all(map(is_user, [*accounts, *([each.account] if each.section else [])]))


def hindered(settings):
    """Sentences on the installed applications that are not in the file and can't be offered, each with why."""
    found = [f"{each.name}: {why}" for each in [*known.every(), *flatpaks()]
             if each.installed and each.section == "groups" and each.account not in settings.groups
             and (why := obstacle(each.program, each.account, settings))]
    return found + [f'{name}, a flatpak: what it needs is not known: "Sandboxes and limits" in man galaf_conf.json has '
                    "an entry to begin with" for name in unknown_flatpaks(settings)]


def obstacle(program, name, settings):
    """What this machine has against a group of a name for a program, a phrase; None if nothing."""
    if taken(name, settings):
        return f"the group {name} is none of applications"
    return executables.changeable(program)


def is_user(name):
    """Whether there is a user of a name."""
    try:
        return bool(pwd.getpwnam(name))
    except KeyError:
        return False


def taken(name, settings):
    """Whether a group of a name is none of applications."""
    low, high = settings.gid_range
    try:
        return not low <= grp.getgrnam(name).gr_gid <= high
    except KeyError:
        return False


def ssh_login():
    """(address, port of this machine) of the ssh connection that this is run through, or None.

    sudo keeps the variable from its programs, and so it is looked for in whatever started this one.  Any program of
    the person's may have set it: what it says counts where a service of root's has such a connection.
    """
    for _, connections in list(aside.each(list(_ancestors()), _ssh_connections, aside.keeper)):
        for found in connections:
            if listeners.is_served(*found):
                return tuple(found)
    return None


def _ancestors():
    """The folders in /proc of this process and of those that started it."""
    process = os.getpid()
    while process > 1:
        yield Path("/proc") / str(process)
        process = parent(process)


def _ssh_connections(process):
    """The (address, port) that the environment of a folder of /proc says in SSH_CONNECTION, see ssh(1)."""
    with contextlib.suppress(OSError, ValueError):      # another's process; no address
        return list(_connections(process))
    return []


def _connections(process):
    with open(process / "environ", "rb", buffering=0) as stream:
        variables = os.fsdecode(stream.read(sessions.MOST)).split("\0")
    for variable in variables:
        words = variable.split(" ")
        if variable.startswith("SSH_CONNECTION=") and len(words) == 4:
            address = ipaddress.ip_address(words[0].removeprefix("SSH_CONNECTION=").partition("%")[0])
            yield str(getattr(address, "ipv4_mapped", None) or address), int(words[3])


def parent(process):
    """The process that started one; 0 where that can't be seen."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8", errors="replace")
        return int(re.search(r"^PPid:\s+(\d+)", status, re.MULTILINE)[1])
    except OSError:
        return 0
