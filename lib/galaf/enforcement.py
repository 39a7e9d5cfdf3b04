# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting a generation in force, for good or on trial, and going back to the one before.

A trial is noted in /var/lib/galaf/trial before anything changes, and a timer that does not
depend on the caller is armed first: the way back works when the terminal, the connection
or the whole process is gone, and a reboot ends a trial too.
"""
import json
import os
import time
from pathlib import Path

from . import firewall, generation, paths, resolver
from .run import CommandFailed, run

TRIAL = paths.STATE / "trial"
CLOSED = paths.RUNTIME / "closed"   # why the built-in ruleset is loaded, while it is
SYSCTL = Path("/etc/sysctl.d/60-galaf.conf")


def put_in_force(folder):
    """Loads a numbered generation and makes it the good one, with its names and kernel settings.

    Returns a remark for the user, or None.
    """
    old = generation.text(generation.good(), "dnsmasq.conf")
    remark = firewall.load(folder)
    reopen()
    generation.make_good(folder, spare=(trial() or {}).get("before"))
    if resolver.connect() or old != generation.text(folder, "dnsmasq.conf"):
        resolver.restart(resolver.service())
    settings = generation.text(folder, "sysctl.conf")
    if settings:
        SYSCTL.write_text(settings, encoding="utf-8")
        run("sysctl", "--quiet", f"--load={SYSCTL}")
    else:
        SYSCTL.unlink(missing_ok=True)
    return remark


def reopen():
    """Takes back what stood in for rules that could not be loaded: the note of it, and lib/galaf/close's routing."""
    if CLOSED.exists():
        for family in ("-4", "-6"):
            run("ip", family, "rule", "flush", "protocol", "71")
        CLOSED.unlink()


def open_up():
    """Takes everything out of force, as before the first galaf_config: no firewall at all."""
    folder = generation.good()
    if folder:
        firewall.unload(generation.table(folder))
        paths.GOOD.unlink()
        resolver.forget_options()
    SYSCTL.unlink(missing_ok=True)


def begin_trial(seconds):
    """Arms the way back to the generation in force, in so many seconds.

    A trial that is on already keeps the generation that it would go back to.
    """
    folder = generation.good()
    note = trial() or {"before": folder.name if folder else None, "boot": _boot()}
    _arm(seconds)
    _note({**note, "until": _clock() + seconds})


def begin_audit(before, seconds):
    """Arms the return from audit to an enforcing generation, in so many seconds, reboots or not."""
    _arm(seconds)
    _note({"before": before.name, "boot": None, "until": now() + seconds})


def resume():
    """After a reboot: ends the trial that it cut short, or goes on with a span of audit.

    Returns a sentence where rules were changed back, else None.
    """
    note = trial()
    if note is None or note["boot"] == _boot():
        return None
    if note["boot"] is None and note["until"] > now():
        _arm(note["until"] - now())
        return None
    return revert()


def restart_clock(seconds):
    """Gives a trial that is on its whole time from now, since looking up names may have taken some of it."""
    note = trial()
    if note:
        _note({**note, "until": _clock() + seconds})


def wait():
    """Waits until no trial is on, or the time of the one that is has passed."""
    while True:
        note = trial()
        left = note["until"] - (_clock() if note["boot"] else now()) if note else 0
        if left <= 0:
            return
        time.sleep(min(left, 1))


def announce():
    """Has systemd know that the rules are in force, so that stopping the unit removes them."""
    if Path("/run/systemd/system").is_dir():
        run("systemctl", "start", "--no-block", "galaf-firewall.service")


def trial():
    """What is noted of a trial that is on, or None.

    "before": a generation's number, or None; "boot": the boot it began in, and "until": seconds on that boot's
    clock; for a span of audit, which goes on over a reboot, "boot" is None and "until" counts from 1970.
    """
    try:
        return json.loads(TRIAL.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def confirm():
    """Keeps the generation on trial.  False if none was on trial."""
    if trial() is None:
        return False
    TRIAL.unlink()
    return True


def revert():
    """Ends a trial: back to the generation before it, or to no firewall; what was tried is not kept.

    Returns a sentence that says so, or None if nothing was on trial.
    """
    note = trial()
    if note is None:
        return None
    tried = generation.good()
    folder = paths.STATE / "generations" / str(note["before"])
    if note["before"] is None:
        open_up()
        said = "there was no firewall before, and there is none again"
    else:
        put_in_force(folder)
        said = f"generation {folder.name} is in force again"
    TRIAL.unlink()
    if tried and tried != generation.good():
        generation.drop(tried)
    return said


def log(text):
    """A line in the journal."""
    try:
        run("logger", "--tag", "galaf", "--priority", "authpriv.notice", text)
    except CommandFailed:
        pass        # no syslog runs, as early at boot


def caller():
    """The name of the user on whose behalf this runs: sudo's, or the own."""
    return os.environ.get("SUDO_USER") or os.environ.get("USER") or str(os.getuid())


def now():
    """Seconds since 1970."""
    return int(time.time())


def _boot():
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _note(note):
    generation.write_through(TRIAL.with_suffix(".next"), json.dumps(note) + "\n")
    TRIAL.with_suffix(".next").rename(TRIAL)


def _clock():
    """Seconds since boot, suspended ones counted."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _arm(seconds):
    """Starts a timer: systemd's, or where that does not run, a process of its own session.

    None is ever stopped: one that fires early waits, one that fires late finds nothing to do.
    """
    revert_ = ("galaf_firewall", "revert")
    if Path("/run/systemd/system").is_dir():
        run("systemd-run", "--quiet", "--collect", f"--on-active={seconds}s", "--timer-property=AccuracySec=1s",
            *revert_)
    else:
        run("setsid", "--fork", "sh", "-c",
            'exec >/dev/null 2>&1 </dev/null; sleep "$1"; shift; exec "$@"', "sh", str(seconds), *revert_)
