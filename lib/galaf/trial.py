# SPDX-License-Identifier: GPL-3.0-or-later
"""A trial: rules that go back by themselves unless a person keeps them; and a span of audit, which ends by itself.

It is noted in /var/lib/galaf/trial before anything changes, and a process that does not depend on the caller waits
for its end: the way back works when the terminal, the connection or the whole command is gone.
"""
import json
import time
from pathlib import Path

from . import generation, paths
from .system import files
from .system.run import run

TRIAL = paths.STATE / "trial"
WAY_BACK = "galaf-revert.service"   # galaf_firewall revert


def noted():
    """What is noted of a trial that is on, or None.

    "before": a generation's number, or None; "boot": the boot it began in, and "until": seconds on that boot's
    clock; for a span of audit, which goes on over a reboot, "boot" is None, and "until" and "since", when it began,
    count from 1970.
    """
    try:
        note = json.loads(TRIAL.read_text(encoding="utf-8"))
        return note if {"before", "boot", "until"} <= note.keys() else None
    except (OSError, ValueError, AttributeError):
        return None


def unanswered():
    """The note of a trial that a person may still keep, or None; a span of audit is none."""
    note = noted()
    return note if note and note["boot"] and left(note) > 0 else None


def begin(seconds):
    """Arms the way back to the active generation, in so many seconds; in audit to what that ends in."""
    note, folder = noted(), generation.good()
    before = note["before"] if note else folder and folder.name
    _begin({"before": before, "boot": _boot(), "until": _clock() + seconds})


def begin_audit(before, seconds):
    """Arms the return from audit to a generation, None for no firewall, in so many seconds of the wall's clock."""
    now = int(time.time())
    _begin({"before": before and before.name, "boot": None, "since": now, "until": now + seconds})


def _begin(note):
    before = noted()
    _note(note)
    try:
        arm()
    except BaseException:
        if before:      # a span of audit, which goes on
            _note(before)
        else:
            end()
        raise


def restart_clock(seconds):
    """Gives a trial that is on its whole time from now, since looking up names may have taken some of it."""
    note = noted()
    if note:
        _note({**note, "until": _clock() + seconds})


def left(note):
    """The seconds that a trial or a span of audit still has; 0 where its time is up, or another boot's was.

    A wall's clock that is before a span's beginning was set back, and would keep the audit on for as long: it is up.
    """
    if note["boot"] is None:
        now = int(time.time())
        return max(note["until"] - now, 0) if now >= note.get("since", 0) else 0
    return max(note["until"] - _clock(), 0) if note["boot"] == _boot() else 0


def wait():
    """Waits until no trial is on or its time has passed, by a clock that goes on in a suspend."""
    while (note := noted()) and left(note) > 0:
        time.sleep(min(left(note), 1 if note["boot"] else 5))


def end():
    """Ends a trial or a span of audit; what it tried stays loaded.  False if there was none."""
    try:
        TRIAL.unlink()
    except FileNotFoundError:
        return False
    files.sync(TRIAL.parent)
    return True


def arm(wait_=True):
    """Starts what waits for the end of a trial, a unit or a process of its own session; it ends when none is noted.

    wait_: whether to know that it runs; not at boot, where systemd starts one thing after the other.  One that runs
    already may be about to end, so it is started anew; it reverts nothing as long as the caller has the lock.
    """
    if Path("/run/systemd/system").is_dir():
        run("systemctl", "restart", *([] if wait_ else ["--no-block"]), WAY_BACK)
    else:
        run("setsid", "--fork", "sh", "-c", "exec galaf_firewall revert >/dev/null 2>&1 </dev/null")


def _note(note):
    files.replace(TRIAL, json.dumps(note) + "\n", mode=0o600)


def _clock():
    """Seconds since boot, suspended ones counted."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _boot():
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
