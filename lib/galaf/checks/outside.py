# SPDX-License-Identifier: GPL-3.0-or-later
"""No listed application runs outside its group.

One that was started before it was listed, or without galaf, has no permission until it is started again.
"""
from ..system import outside
from .results import OK, Result, WARNING, few


def check(known):
    found = list(outside.told(outside.found(known.conf, known.ids.groups)))
    if found:
        return Result(WARNING, few(found), "galaf_desktop status says what starts them without galaf")
    return Result(OK, "no listed application runs outside its group")
