# SPDX-License-Identifier: GPL-3.0-or-later
"""Each entry whose executable is set-uid or has file capabilities says whether it keeps them."""
from ..system import executables
from .results import OK, Result, WARNING, few


def check(known):
    found = [f"{entry.path}: {entry.execv[0]} {gain}" for entry, gain in executables.privileged(known.conf)]
    if found:
        return Result(WARNING, f"no_new_privs is off, though no entry says so: {few(found)}",
                      'write "no_new_privs": true if it works without, else false, and run sudo galaf_config')
    return Result(OK, "each entry whose command gains privilege says whether it may")
