# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders of whom nobody is told what was refused, as "notify" says, for galaf_notify(1), which has no root.  Pure."""
from .. import mark as marks

EVERYONE = "*"


def render(conf, ids):
    """A line for each entry that is not told of, "gid N" or "uid N"; "*" alone where nothing is told; "" for none.

    In audit mode nothing is refused.
    """
    if not conf.notify or conf.mode == "audit":
        return f"{EVERYONE}\n"
    silent = [(kind, own[entry.name]) for kind, own, entries in (
        ("gid", ids.groups, conf.groups), ("uid", ids.users, conf.users))
        for entry in entries.values() if (not entry.notify or entry.mode == "audit") and entry.name in own]
    return "".join(f"{kind} {number}\n" for kind, number in sorted(silent))


def holds(text, mark, gid_range):
    """Whether a text that render() made leaves out what has a mark; gid_range: of application groups."""
    gid, uid = marks.decode(mark)
    lines = text.splitlines()
    return EVERYONE in lines or (f"gid {gid}" if gid_range[0] <= gid <= gid_range[1] else f"uid {uid}") in lines
