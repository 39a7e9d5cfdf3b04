# SPDX-License-Identifier: GPL-3.0-or-later
"""No resolver or proxy on this machine, which works for whoever asks it, has an entry that lets it out.

Each that listens is told, by its port or its program's name, and each program of an application group that listens
with TCP: what it is, who runs it, and where it listens; of one user's five at most, and how many more there are.
"""
from ..render import local_names
from ..system import aside, listeners
from ..system.labels import user_name
from . import deputies
from .results import OK, SHOWN, Result, WARNING, few
from .tries import SERVER


def check(known):
    found, late = {}, []
    for one in others_listeners(late.append):
        entry = entry_of(known, one)
        if entry and one.program == local_names.DAEMON and not deputies.lets(entry, None):
            continue        # Debian's avahi-daemon resolves no other names then than the link's
        application = entry and entry.place[0] == "groups" and one.protocol == "tcp"
        if listeners.works_for_others(one) or application:
            programs = found.setdefault((one.uid, entry.path if entry else ""), {})
            programs.setdefault(described(one.program, one.uid), []).append(listeners.place(one))
    for (uid, path), programs in found.items():
        told = [f"{who} listens at {few(places)}" for who, places in programs.items()]
        more = [described(f"{len(told) - SHOWN} more programs", uid) + " listen"] if len(told) > SHOWN else []
        yield from (result(words, path) for words in told[:SHOWN] + more)
    if late:
        yield Result(WARNING, f"not all that {few(map(user_name, late))} has open was looked at within {aside.SECONDS} "
                              "seconds: what listens there is told by its port alone", "ps --user USER")
    elif not found:
        yield Result(OK, "no resolver or proxy listens on this machine, but for galaf's dnsmasq")


def result(words, path):
    """The Result for a program that listens; path: of the entry that lets it out, or ""."""
    if not path:
        return Result(OK, f"{words}; no entry lets it out")
    return Result(WARNING, f"{words}, and {path} lets it out, and whoever asks it",
                  f"{path} should have domains, or go; or stop the program: see galaf_doctor(8)")


def others_listeners(late):
    """The Listeners of this machine, less those of the dnsmasq that programs ask; late: as listeners.found() has it."""
    every = listeners.found(late)
    own = {(one.program, one.uid) for one in every
           if one.program == "dnsmasq" and one.port == 53 and one.address in (SERVER, "0.0.0.0")}
    return [one for one in every if (one.program, one.uid) not in own]


def entry_of(known, listener):
    """The entry whose rules let a listener's process out, or None."""
    for entry in known.conf.entries():
        number = known.ids.of(entry)
        if entry.rules and number is not None and number == (
                listener.gid if entry.place[0] == "groups" else listener.uid):
            return entry
    return None


def described(program, uid):
    """A program and who runs it, as a phrase; uid: None for the kernel."""
    if uid is None:
        return program
    return f"{few([program])}, run by {user_name(uid) if uid != 1 else 'daemon'},"
