# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person is told of refusals in a desktop session: which, how often, in which words.  Pure.

Text of the refused program's own, its name and the names that it asks for, comes escaped: see watch.text() and
answers.name().
"""
import re
from collections import namedtuple

from .. import limits
from .. import mark as marks
from ..render import grants
from ..system import labels
from . import denied

AGAIN = 600             # seconds after which the same is told again, once it is no longer shown
SPAN, MOST = 60, 4      # so many in so many seconds; what is more is summed up
NAMES = 3               # programs of one refusal that are named
QUIET = 1000            # lines of a person's file that are read
ANY = "*"
GRANTED = ("tcp", "udp")                                # protocols that galaf_allow narrows something to
_PLAIN = re.compile(r"[\w.:-]+", re.ASCII)              # of a destination that can be allowed; escaped ones can't be

Notice = namedtuple("Notice", "key program destination title body ways")
Notice.__doc__ = """One refusal as a person is told it.

key: what is shown once at a time; program, destination: as a person's file names them; title, body: the text;
ways: {action's key: what galaf_allow is to be told}, less what can't be allowed so.
"""


def whom(mark, gid_range=limits.GIDS):
    """("groups" or "users", name) of whom a permission for a mark is for."""
    gid, uid = marks.decode(mark)
    if gid_range[0] <= gid <= gid_range[1]:
        return "groups", labels.group_name(gid)
    return "users", labels.user_name(uid)


def program(one):
    """The program of a refusal as it is called: its executable, else its name; "" where neither is known."""
    return ", ".join((one.executables or one.programs)[:NAMES])


def where(one):
    """Where a refusal's program wanted to go, in words."""
    to = one.domain or one.destination
    if one.way == "name":
        return f"the name {to}"
    protocol = denied.protocol_name(one.protocol)
    if not one.port:
        return f"{to}, {protocol}"
    return f"{to}, {'' if protocol == 'tcp' else f'{protocol} '}port {one.port}"


def notice(one):
    """The Notice of a Refusal on the way out, or of a name."""
    kind, name = whom(one.mark)
    called, to = program(one), one.domain or one.destination
    short = ", ".join(each.rpartition("/")[2] for each in called.split(", "))
    title = f"{short or 'a program'} ({name}) was refused {where(one)}"
    held = (f"Allowing it holds for every program of {name}." if kind == "users" else
            f"It runs in the application group {name}.")
    words = what(one)
    ways = {} if words is None else {"allow": [*words, "--for", "10m"]}
    if ways and kind == "groups":
        ways["always"] = [*words, "--keep"]
    return Notice((one.mark, called, to, one.protocol, one.port), called or ANY, to, title,
                  f"{called}\n{held}" if "/" in called else held, ways)


def what(one):
    """What galaf_allow is to be told of a refusal, but for how long; None where that can't be allowed by itself."""
    kind, name = whom(one.mark)
    to = one.domain or one.destination
    protocol = one.way == "out" and denied.protocol_name(one.protocol)
    if not _PLAIN.fullmatch(to) or protocol and protocol not in GRANTED:
        return None
    return grants.words(kind, name, to, [f"{protocol}/{one.port}"] if protocol else [])


def told_of(one):
    """Whether a refusal is one that a person is told of."""
    return one.way in ("out", "name") and one.mark is not None


class Bounds:
    """No flood: what is told at all, by what was told before.  Times are seconds of one clock."""

    def __init__(self):
        self.shown = set()      # keys of what is on the screen
        self.left_out = 0       # how many are summed up, since that was last seen
        self._when = {}         # key: when it was told last, or summed up
        self._times = []

    def chosen(self, notices, now):
        """Those to be shown now; the rest is counted in left_out, or was told."""
        self._when = {key: when for key, when in self._when.items() if now - when < AGAIN}
        self._times = [when for when in self._times if now - when < SPAN]
        for one in notices:
            if one.key in self.shown or one.key in self._when:
                continue
            self._when[one.key] = now
            if len(self._times) < MOST:
                self._times.append(now)
                self.shown.add(one.key)
                yield one
            else:
                self.left_out += 1

    def closed(self, key):
        """What had this key is no longer on the screen."""
        self.shown.discard(key)


def summary(number):
    """The text for what was left out."""
    return f"and {number} more: galaf_denied --mine"


def quiet(text):
    """The (program, destination) pairs of a person's file, as a set; what is no such line is left out."""
    found = set()
    for line in text.splitlines()[:QUIET]:
        words = line.strip().split("\t")
        if words[0] and not words[0].startswith("#"):
            found.add((words[0], words[1] if len(words) > 1 else ANY))
    return found


def silenced(one, pairs):
    """Whether a person wants to be told nothing of a Notice."""
    return any((called, to) in pairs for called in (one.program, one.program.rpartition("/")[2], ANY)
               for to in (one.destination, ANY))


def line(one):
    """The line of a person's file that silences a Notice."""
    return f"{one.program}\t{one.destination}\n"
