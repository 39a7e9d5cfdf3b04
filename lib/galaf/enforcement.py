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
TIMER = "galaf-trial"
SYSCTL = Path("/etc/sysctl.d/60-galaf.conf")


def put_in_force(folder):
    """Loads a numbered generation and makes it the good one, with its names and kernel settings.

    Returns a remark for the user, or None.
    """
    old = generation.text(generation.good(), "dnsmasq.conf")
    remark = firewall.load(folder)
    generation.make_good(folder)
    if resolver.connect() or old != generation.text(folder, "dnsmasq.conf"):
        resolver.restart(resolver.service())
    settings = generation.text(folder, "sysctl.conf")
    if settings:
        SYSCTL.write_text(settings, encoding="utf-8")
        run("sysctl", "--quiet", f"--load={SYSCTL}")
    else:
        SYSCTL.unlink(missing_ok=True)
    return remark


def open_up():
    """Takes everything out of force, as before the first galaf_config: no firewall at all."""
    folder = generation.good()
    if folder:
        firewall.unload(generation.meta(folder)["table"])
        paths.GOOD.unlink()
        resolver.forget_options()
    SYSCTL.unlink(missing_ok=True)


def begin_trial(seconds):
    """Arms the way back to the generation in force, in so many seconds.

    A trial that is on already keeps the generation that it would go back to.
    """
    folder = generation.good()
    note = trial() or {"before": folder.name if folder else None}
    _arm(seconds)
    generation.write_through(TRIAL, json.dumps({**note, "boot": _boot()}) + "\n")


def trial():
    """What is noted of a trial that is on: "before", a generation's number or None, and "boot"; None if none is."""
    try:
        return json.loads(TRIAL.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def from_earlier_boot(note):
    """Whether a trial was cut short by a reboot."""
    return note is not None and note["boot"] != _boot()


def confirm():
    """Keeps the generation on trial.  False if none was on trial."""
    if trial() is None:
        return False
    TRIAL.unlink()
    _disarm()
    return True


def revert():
    """Ends a trial: back to the generation before it, or to no firewall.

    Returns a sentence that says so, or None if nothing was on trial.
    """
    note = trial()
    if note is None:
        return None
    folder = paths.STATE / "generations" / str(note["before"])
    if note["before"] is not None and folder.is_dir():
        put_in_force(folder)
        said = f"generation {folder.name} is in force again"
    else:
        open_up()
        said = "there was no firewall before, and there is none again"
    TRIAL.unlink()
    _disarm()
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


def _arm(seconds):
    """Starts the timer: systemd's, or where that does not run, a process of its own session."""
    _disarm()
    if Path("/run/systemd/system").is_dir():
        run("systemd-run", "--quiet", "--collect", f"--unit={TIMER}", f"--on-active={seconds}s",
            "--timer-property=AccuracySec=1s", "galaf_firewall", "revert")
    else:
        run("setsid", "--fork", "sh", "-c",
            'exec >/dev/null 2>&1 </dev/null; echo $$ >"$2"; sleep "$1"; exec galaf_firewall revert', "sh",
            str(seconds), str(paths.RUNTIME / TIMER))


def _disarm():
    """Stops the timer, if one is armed and is not what runs this."""
    try:
        if Path("/run/systemd/system").is_dir():
            run("systemctl", "stop", f"{TIMER}.timer")
        elif (paths.RUNTIME / TIMER).exists():
            process = int((paths.RUNTIME / TIMER).read_text(encoding="ascii"))
            (paths.RUNTIME / TIMER).unlink()
            if process not in (os.getpid(), os.getppid()):
                run("pkill", "--session", str(process))
    except (CommandFailed, ValueError):
        pass
