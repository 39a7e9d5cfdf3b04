# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting a generation in force, for good or on trial, and going back to the one before.

A trial is noted in /var/lib/galaf/trial before anything changes, and a process that does not
depend on the caller waits for its end: the way back works when the terminal, the connection
or the whole command is gone, tries until it has succeeded, and a reboot ends a trial too.
"""
import json
import os
import time
from pathlib import Path

from . import generation, paths
from .errors import GalafError
from .system import files, iprule, nft, ping_range, resolver, sweep
from .system.run import run

TRIAL = paths.STATE / "trial"
LOGGED = 50         # lines of one message in the journal
CLOSED = paths.RUNTIME / "closed"   # why the built-in ruleset is loaded, while it is
WAY_BACK = "galaf-revert.service"   # galaf_firewall revert
TRIES = 3           # of the way back, before nothing passes until it succeeds
PAUSE = 2, 60       # seconds between two of them: the first, and the most


def enforce(folder):
    """Loads a numbered generation and makes it the good one.  Returns a remark for the user, or None.

    settle() has to follow.
    """
    remark = nft.load(folder)
    reopen()
    generation.make_good(folder, spare=(trial() or {}).get("before"))
    return remark


def settle(folder, before):
    """Gives dnsmasq and the kernel's settings what belongs to a generation that is enforced; before: the one before it.

    The rules hold whether this succeeds or not.  Raises GalafError where a part of it fails, once all is tried.
    """
    failed = []
    for part in (lambda: _settle_names(folder, before),
                 lambda: ping_range.settle(generation.text(folder, "sysctl.conf"))):
        try:
            part()
        except (GalafError, OSError) as error:
            failed.append(f"the rules are loaded, and yet: {error}")
    if failed:
        raise GalafError("\n".join(failed))


def _settle_names(folder, before):
    old = generation.text(before, "dnsmasq.conf")
    if resolver.connect() or old != generation.text(folder, "dnsmasq.conf"):
        resolver.restart(resolver.service())
        sweep.begin(folder)


def reopen():
    """Takes back what stood in for rules that could not be loaded: the note of it, and lib/galaf/close's routing."""
    if CLOSED.exists():
        for family in iprule.families():
            run("ip", family, "rule", "flush", "protocol", "71")
        CLOSED.unlink()


def open_up():
    """Takes everything out of force, as before the first galaf_config: no firewall at all."""
    folder = generation.good()
    if folder:
        nft.unload(generation.table(folder))
        ping_range.give_back()
        paths.GOOD.unlink()
        resolver.forget_options()


def begin_trial(seconds):
    """Arms the way back to the generation in force, in so many seconds; in audit to what that ends in."""
    note, folder = trial(), generation.good()
    before = note["before"] if note else folder and folder.name
    _begin({"before": before, "boot": _boot(), "until": _clock() + seconds})


def begin_audit(before, seconds):
    """Arms the return from audit to an enforcing generation, in so many seconds of the wall's clock."""
    _begin({"before": before.name, "boot": None, "until": now() + seconds})


def _begin(note):
    _note(note)
    try:
        arm()
    except BaseException:
        end_trial()
        raise


def resume():
    """Ends a trial whose time is up or that a reboot cut short; has the end of one that goes on waited for.

    Returns a sentence where rules were changed back, else None.
    """
    note = trial()
    if note is None:
        return None
    if left(note) > 0:
        arm(wait_=False)
        return None
    return revert()


def restart_clock(seconds):
    """Gives a trial that is on its whole time from now, since looking up names may have taken some of it."""
    note = trial()
    if note:
        _note({**note, "until": _clock() + seconds})


def left(note):
    """The seconds that a trial or a span of audit still has; 0 where its time is up, or another boot's was."""
    if note["boot"] is None:
        return max(note["until"] - now(), 0)
    return max(note["until"] - _clock(), 0) if note["boot"] == _boot() else 0


def wait():
    """Waits until no trial is on or its time has passed, by a clock that goes on in a suspend."""
    while (note := trial()) and left(note) > 0:
        time.sleep(min(left(note), 1 if note["boot"] else 5))


def go_back():
    """Ends a trial whose time is up, and tries until it has succeeded: a lock, a disk or nft may not be there now.

    Where the rules before it can't be loaded nothing passes meanwhile, as at boot.  Returns what revert() returns.
    """
    tries = 0
    while True:
        wait()
        try:
            with generation.lock():
                note = trial()
                if note is None or left(note) <= 0:
                    return _revert_or_close(tries)
        except Exception as error:      # of whatever kind: it must not end this
            tries += 1
            log(f"the way back from rules on trial failed, try {tries}: {error}")
            time.sleep(min(PAUSE[0] * tries, PAUSE[1]))


def _revert_or_close(tries):
    """revert(); where that failed TRIES times nothing passes unless the rules before the trial are loaded by now."""
    try:
        return revert()
    except Exception as error:
        before = (trial() or {}).get("before")
        if before is not None and tries + 1 >= TRIES:
            load_or_close(paths.STATE / "generations" / before, error)
        raise


def load_or_close(folder, why):
    """Loads a generation's rules or, where that fails, the built-in ones; why: what is noted then."""
    try:
        nft.load(folder)
    except Exception:
        close(folder, why)


def close(folder, why):
    """Loads the built-in ruleset in the place of a generation's, and notes why."""
    nft.load_closed(generation.table(folder))
    files.replace(CLOSED, f"{why}\n", mode=0o600)


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
        note = json.loads(TRIAL.read_text(encoding="utf-8"))
        return note if {"before", "boot", "until"} <= note.keys() else None
    except (OSError, ValueError, AttributeError):
        return None


def revert():
    """Ends a trial: back to the generation before it, or to no firewall; what was tried is not kept.

    Returns a sentence that says so, or None if nothing was on trial.  The trial is on until all that matters is done.
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
        enforce(folder)
        said = f"generation {folder.name} is in force again"
    end_trial()
    if note["before"] is not None:
        try:
            settle(folder, tried)
        except GalafError as error:
            said += f"; {error}"
    if tried and tried != generation.good():
        generation.drop(tried)
    return said


def stop():
    """Removes the rules until the next start; a trial ends with that: what was good before it is good again.

    Returns a sentence about the trial, or None, and whether rules were removed.
    """
    note, folder = trial(), generation.good()
    reopen()
    removed = bool(folder) and nft.unload(generation.table(folder))
    ping_range.give_back()
    if note is None:
        return None, removed
    before = note["before"] and paths.STATE / "generations" / note["before"]
    if before:
        generation.make_good(before)
    else:
        open_up()
    end_trial()
    if before and before != folder:
        _settle_names(before, folder)
        generation.drop(folder)
    return f"what was on trial is not kept: generation {before.name} is next" if before else None, removed


def end_trial():
    """Ends a trial or a span of audit; what it tried stays loaded.  False if there was none."""
    try:
        TRIAL.unlink()
    except FileNotFoundError:
        return False
    files.sync(TRIAL.parent)
    return True


def log(text):
    """Lines in the journal; a long text's first ones."""
    lines = text.splitlines()
    shown = lines[:LOGGED] + ([f"and {len(lines) - LOGGED} more lines"] if len(lines) > LOGGED else [])
    try:
        run("logger", "--tag", "galaf", "--priority", "authpriv.notice", stdin="\n".join(shown) + "\n", seconds=10)
    except GalafError:
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
    files.replace(TRIAL, json.dumps(note) + "\n", mode=0o600)


def _clock():
    """Seconds since boot, suspended ones counted."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def arm(wait_=True):
    """Starts what waits for the end of a trial, a unit or a process of its own session; it ends when none is noted.

    wait_: whether to know that it runs; not at boot, where systemd starts one thing after the other.  One that runs
    already may be about to end, so it is started anew; it reverts nothing as long as the caller has the lock.
    """
    if Path("/run/systemd/system").is_dir():
        run("systemctl", "restart", *([] if wait_ else ["--no-block"]), WAY_BACK)
    else:
        run("setsid", "--fork", "sh", "-c", "exec galaf_firewall revert >/dev/null 2>&1 </dev/null")
