# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check says."""
from collections import namedtuple

from ..errors import GalafError

OK, WARNING, BROKEN = "ok", "warning", "broken"
SHOWN = 5           # items of a list, before "and N more"

Result = namedtuple("Result", "state what fix", defaults=("",))
Result.__doc__ = """One line of galaf_doctor's.

state: OK; WARNING, which its owner alone can judge; BROKEN: a program may reach what it should not, or nothing may
be reached at all.  what: was seen, a phrase.  fix: what to do, "" where there is nothing to do.
"""


def examine(check, known):
    """The list of Results of one check; what can't be looked at is a warning, a check that crashes is broken."""
    try:
        found = check(known)
        return [found] if isinstance(found, Result) else list(found)
    except (GalafError, OSError) as error:
        return [Result(WARNING, f"could not be looked at: {few([' '.join(str(error).split())])}",
                       "fix that, and try again")]
    except Exception as error:      # the other checks go on
        return [Result(BROKEN, f"this check itself failed: {type(error).__name__}: {few([error])}",
                       "see whether the files that it looks at are damaged: galaf_doctor(8)")]


def few(items):
    """Some of the items as a phrase; what a terminal would obey in a file's name is escaped."""
    items = ["".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(item))
             for item in items]
    return ", ".join(items[:SHOWN]) + (f" and {len(items) - SHOWN} more" if len(items) > SHOWN else "")
