# SPDX-License-Identifier: GPL-3.0-or-later
"""Root alone can change the executables of the groups.

Those with "trusted" are warnings.
"""
from ..system import executables
from .results import BROKEN, OK, Result, WARNING, few


def check(known):
    found = [(entry, executables.changeable(entry.execv[0])) for entry in known.conf.groups.values() if entry.execv]
    wrong = [f"{entry.path}.execv[0]: {what}" for entry, what in found if what and not entry.trusted]
    trusted = [f"{entry.path}.execv[0]: {what}" for entry, what in found if what and entry.trusted]
    if wrong:
        return Result(BROKEN, few(wrong), "chown them to root, chmod go-w")
    if trusted:
        return Result(WARNING, f"trusted: {few(trusted)}", 'chown to root and chmod go-w, then take "trusted" out')
    return Result(OK, f"{len(found)} commands can be changed by root alone")
