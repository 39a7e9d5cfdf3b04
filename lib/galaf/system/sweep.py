# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps in the sets whatever dnsmasq has answered, for as long as a program may hold on to the answer.

The kernel counts an element's time from when it was added: dnsmasq's adding it again changes
nothing.  So what has been learned is moved, ahead of its end, from the set that dnsmasq adds
to into another one, "old/…", where it keeps the time that it has left; the next answer adds it
anew, with its whole time.  Rules look into both sets.

With a timeout of T and a sweep every T / 2 an element in the first set is younger than T / 2
whenever dnsmasq answers, so it stays T / 2 longer at least; answers hold for less (dnsmasq's
max-ttl, dnsmasq.SPARE).
"""
import contextlib
import ipaddress
import os
import signal
import time
from pathlib import Path

from .. import generation, paths
from ..config import conf
from ..render import dnsmasq, ruleset
from . import daemons, elements, files, lock, nft
from .run import CommandFailed, run

UNIT = "galaf-sweep"
_NOTE = paths.RUNTIME / "sweep"


def names(entries):
    """The sets that dnsmasq adds to."""
    return [f"{entry.name}_{family}" for entry in entries for family in ruleset.domain_families(entry)]


def run_once(folder):
    """Moves what dnsmasq has added into the sets of old elements, in one transaction, where the rules are loaded."""
    table = generation.table(folder)
    if nft.loaded(table):
        _move(table, _entries(folder))


def begin(folder):
    """Has galaf_dns sweep run again and again for a generation, by a timer of systemd's or, without it, a process.

    One that runs as often already goes on; where it ran at other times, a sweep comes first, since what
    was added meanwhile may be older than the new period reckons with.
    """
    with lock.held("sweep"):    # galaf_config and a change of networks may come together
        seconds = dnsmasq.sweep_period(_entries(folder))
        before = _running()
        if seconds == before:
            return
        _end()
        if before:
            run_once(folder)
        if seconds and _booted():
            _start_timer(seconds)
            files.replace(_NOTE, f"{seconds} 0\n")
        elif seconds:
            run("setsid", "--fork", "sh", "-c", 'echo "$2 $$" >"$1"; exec >/dev/null 2>&1 </dev/null; '
                'while sleep "$2" && galaf_dns sweep; do :; done', "galaf_dns sweep", str(_NOTE), str(seconds))


def _start_timer(seconds, tries=20):
    """Has systemd sweep so often; while it still holds the timer that was stopped, tries again, 5 seconds at most."""
    try:
        run("systemd-run", "--quiet", "--no-block", f"--unit={UNIT}.service", f"--on-active={seconds}s",
            f"--on-unit-active={seconds}s", "--timer-property=AccuracySec=1s")
    except CommandFailed as error:
        if tries == 1 or "already loaded" not in error.said:
            raise
        time.sleep(0.25)
        _start_timer(seconds, tries - 1)


def end():
    """Ends what sweeps, if anything does."""
    with lock.held("sweep"):
        _end()


def _end():
    """end(): a sweep that is at work, too, for whose sake systemd would hold the timer."""
    if _booted():
        run("systemctl", "stop", f"{UNIT}.timer", f"{UNIT}.service", ok=(0, 5))    # 5: one is not loaded
    elif _running():
        with contextlib.suppress(OSError):      # it has just ended
            os.killpg(_noted()[1], signal.SIGTERM)
    _NOTE.unlink(missing_ok=True)


def _running():
    """The seconds between the sweeps that are going on; None if none are."""
    seconds, process = _noted()
    if _booted():
        alive = run("systemctl", "is-active", f"{UNIT}.timer", ok=(0, 3, 4)).strip() == "active"
    else:
        try:
            alive = daemons.is_of(process, 0) and b"galaf_dns sweep" in Path(f"/proc/{process}/cmdline").read_bytes()
        except OSError:
            alive = False
    return seconds if alive else None


def _noted():
    """(seconds between two sweeps, the process that sweeps or 0); (None, 0) where nothing is noted."""
    try:
        seconds, process = map(int, _NOTE.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return None, 0
    return seconds, process


def _booted():
    return Path("/run/systemd/system").is_dir()


def _entries(folder):
    return conf.parse(*generation.source(folder), checked=True).entries()


def _move(table, entries):
    text = "".join(moving(table, name, elements.dumped(table, name)) for name in names(entries))
    if text:
        run("nft", "-f", "-", stdin=text)


def moving(table, name, found):
    """The nft lines that move elements, elements.Element each; "" for none.

    An element may go meanwhile, and deleting none is an error: so each is added before it is deleted.
    """
    left = {str(ipaddress.ip_address(one.key)): max(one.expires or 0, 1) for one in found}
    if not left:
        return ""
    addresses = ", ".join(left)
    timed = ", ".join(f"{address} timeout {seconds}s" for address, seconds in left.items())
    old, new = f"inet {table} old/{name}", f"inet {table} {name}"
    return (f"add element {old} {{ {addresses} }}\ndelete element {old} {{ {addresses} }}\n"
            f"add element {old} {{ {timed} }}\n"
            f"add element {new} {{ {addresses} }}\ndelete element {new} {{ {addresses} }}\n")
