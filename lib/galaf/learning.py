# SPDX-License-Identifier: GPL-3.0-or-later
"""Learning: a span of audit in which what is used is noted, and that ends in what was before it."""
import signal
import time
from pathlib import Path

from . import apply, generation, trial
from .config import conf
from .errors import GalafError
from .observe import counters, learned
from .system.run import run

STEP = 2                            # seconds after which what notes sees that it is over
ENDED = {"boot": None, "until": 0}
LONGEST = 30 * 86400                # seconds
NOTES = "galaf-learn.service"       # galaf_setup --notes


def seconds(text):
    """The seconds of a span of learning.  Raises GalafError."""
    try:
        found = conf.seconds(text)
    except ValueError as error:
        raise GalafError(f"--learn {error}, or end") from None
    if found > LONGEST:
        raise GalafError(f"--learn {text}: longer than 30d, in which nothing would be refused")
    return found


def check():
    """Raises GalafError where it can't begin."""
    note = trial.noted()
    if note and note["boot"] is None:
        end = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(note["until"]))
        raise GalafError(f"nothing is refused until {end} as it is: galaf_config ends that; nothing was changed")
    folder = generation.good()
    if folder and not generation.meta(folder)["ebpf"]:
        raise GalafError("only the eBPF programs tell which program it was: run galaf_config without --no-ebpf first")


def begin(plan, span):
    """Applies a plan in audit mode, with the lock, for so many seconds; returns (Applied, when it ends)."""
    before = generation.good()
    applied = apply.commit(plan, lambda: trial.begin_audit(before, span))
    try:
        learned.begin(trial.noted()["until"], plan.conf.table)
        if Path("/run/systemd/system").is_dir():
            run("systemctl", "restart", NOTES)
        else:
            run("setsid", "--fork", "sh", "-c", "exec galaf_setup --notes >/dev/null 2>&1 </dev/null")
    except BaseException:
        apply.give_up()
        raise
    return applied, trial.noted()["until"]


def is_on():
    """Whether it goes on."""
    notes = learned.read()
    return bool(notes and learned.goes_on(notes))


def note_down():
    """Notes what is used until it is over, once a minute, and once more where the machine goes down before."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    notes, stopped, due = learned.read(), False, 0
    while notes and learned.goes_on(notes) and not stopped:
        stopped = signal.sigtimedwait({signal.SIGTERM}, STEP) is not None
        due += STEP
        if stopped or due >= learned.EVERY or trial.left(trial.noted() or ENDED) <= 2 * STEP:
            learned.look(counters.table())
            due = 0


def end():
    """Ends it, with the lock; what was noted stays.  Says what is active now; prefetch.fill() has to follow."""
    if not is_on():
        raise GalafError("nothing is being learned")
    learned.look(counters.table())
    return apply.give_up()
