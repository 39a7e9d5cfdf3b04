# SPDX-License-Identifier: GPL-3.0-or-later
"""No listed application runs outside its group.

One that was started before it was listed, or without galaf, has no permission until it is started again.
"""
from ..system import labels, outside
from .results import OK, Result, WARNING, few


def check(known):
    late = []
    found = list(outside.told(outside.found(known.conf, known.ids.groups, late.append)))
    if found:
        return Result(WARNING, few(found), "galaf_desktop status says what starts them without galaf")
    if late:
        return Result(WARNING, f"what {few(map(labels.user_name, late))} runs was not looked at: a file system of "
                               "that user's does not answer", "ps --user USER; findmnt --types fuse")
    return Result(OK, "no listed application runs outside its group")
