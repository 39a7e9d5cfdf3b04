# SPDX-License-Identifier: GPL-3.0-or-later
"""Where avahi-daemon runs, what finds names and printers of the local network has its entries.

avahi-daemon asks for names below local and for printers; CUPS, or cups-browsed, makes queues of these as root, and CUPS
prints on them as lp.  Told is each that has no rule for that; and where avahi-daemon has none, whether such a name
waits for it, or fails at once, as it does from the next galaf_config on.
"""
import os
from collections import namedtuple
from pathlib import Path

from ..render import local_names
from .results import OK, Result, WARNING, few
from .sharing import named

Finder = namedtuple("Finder", "known user programs protocol port lacks")
Finder.__doc__ = """What has to send, for names or printers to be found.

known: its known entry; user: who sends; programs: of which one runs; protocol, port: by which it sends; lacks: what
there is not without such a rule, a phrase.
"""
CUPSD, BROWSED = "/usr/sbin/cupsd", "/usr/sbin/cups-browsed"
AVAHI = Finder("avahi", local_names.USER, ("/usr/sbin/avahi-daemon",), "udp", 5353,
               "no name below local is resolved, and no printer found")
FINDERS = (AVAHI, Finder("cups-browsed", "root", (BROWSED, CUPSD), "tcp", 631, "no printer that is found gets a queue"),
           Finder("cups", "lp", (CUPSD,), "tcp", 631, "nothing is printed by the network"))
AGAIN = "then sudo galaf_config: see LOCAL NAMES AND PRINTERS in galaf_conf.json(5)"


def check(known):
    running = programs()
    there = [one for one in FINDERS if running.intersection(one.programs)]
    if AVAHI not in there:
        return Result(OK, "avahi-daemon does not run: no name below local is looked for")
    lacking = [one for one in there if lacks(known.conf, one)]
    if not lacking:
        return Result(OK, f"{few(one.user for one in there)} may find names and printers of the local network")
    return [told(one, known.folder) for one in lacking]


def told(one, folder):
    """The Result for a Finder that has no rule; folder: of the active generation."""
    if one is not AVAHI:
        return Result(WARNING, f"{one.user} has no rule for {one.protocol} {one.port}: {one.lacks}",
                      f"sudo galaf_group add {one.known}, {AGAIN}")
    waits = "" if answered(folder) else ", and whoever looks one up waits 5 seconds, until sudo galaf_config was run"
    return Result(WARNING, f"avahi-daemon runs without its entry: {one.lacks}{waits}",
                  f"sudo galaf_group add --inbound avahi, {AGAIN}; or, where nothing is to be found, "
                  "sudo systemctl disable --now avahi-daemon.socket avahi-daemon.service")


def lacks(conf, one):
    """Whether a Finder has no rule to send by, or avahi-daemon none to hear by, by the words of the rules."""
    entry = conf.users.get(one.user)
    if conf.mode == "audit" or entry and entry.mode == "audit":
        return False
    hears = one is not AVAHI or any(named(rule.text, one.protocol, one.port) for rule in conf.inbound.get(one.user, ()))
    return not (hears and entry and any(named(rule.text, one.protocol, one.port) for rule in entry.rules))


def answered(folder):
    """Whether dnsmasq's options of a generation say at once that there are no such names."""
    file = folder and Path(folder, "dnsmasq.conf")
    return bool(file) and file.exists() and "\ndns-rr=local," in file.read_text(encoding="utf-8")


def programs():
    """The executables that run on this machine."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.add(os.readlink(process / "exe").removesuffix(" (deleted)"))
        except OSError:
            continue        # it ended meanwhile, or is the kernel's
    return found
