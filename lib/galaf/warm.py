# SPDX-License-Identifier: GPL-3.0-or-later
"""Resolves entries' domains ahead of use, so that a program that cached an address is not refused.

Each entry's names are asked for by getent(1) under the entry's own gid or uid, through the
local dnsmasq like any query of the application's, so that they enter its sets.
"""
import concurrent.futures
import sys
import time

from .run import CommandFailed, run

SECONDS = 10        # most time for all of it
AT_ONCE = 16        # processes
NAMES = 20          # of one process
PATIENCE = 2        # seconds for a name server that was just started to learn whom to ask


def resolve(entries, ids):
    """Resolves the domains of entries, SECONDS at most; returns how many names were asked for in time.

    A name that does not resolve is nothing to fail for.  Shows progress on a terminal.
    """
    jobs = [(entry, entry.domains[start:start + NAMES]) for entry in entries if ids.of(entry) is not None
            for start in range(0, len(entry.domains), NAMES)]
    deadline = time.monotonic() + SECONDS
    asked = 0
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [pool.submit(_ask, _identity(entry, ids), names, deadline) for entry, names in jobs]
        for count, job in enumerate(concurrent.futures.as_completed(waiting), 1):
            asked += job.result()
            if sys.stderr.isatty():
                print(f"\rresolving names: {count} of {len(jobs)} ", end="", file=sys.stderr, flush=True)
    if jobs and sys.stderr.isatty():
        print(file=sys.stderr)
    return asked


def _identity(entry, ids):
    """setpriv's options for an entry's own id."""
    if entry.place[0] == "groups":
        return ("--regid", str(ids.of(entry)), "--clear-groups")
    return ("--reuid", str(ids.of(entry)), "--clear-groups")


def _ask(identity, names, deadline):
    """Has processes resolve some names, and again for a while where one has no address; how many were asked for."""
    patient_until = time.monotonic() + PATIENCE
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return 0
        try:
            run("timeout", f"{left:.1f}", "setpriv", *identity, "getent", "ahosts", *names)
            return len(names)
        except CommandFailed as error:
            if error.status == 124:
                return 0
            if time.monotonic() > patient_until:
                return len(names)
        time.sleep(0.3)
