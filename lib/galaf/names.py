# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of users and groups for people to read."""
import functools
import grp
import pwd

from . import mark as marks


@functools.lru_cache(maxsize=None)
def user_name(uid):
    """The name of a mark's uid; 1 is root or daemon, which share it; an unknown one as its number."""
    if uid == 1:
        return "root/daemon"
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@functools.lru_cache(maxsize=None)
def group_name(gid):
    """The name of a gid; an unknown one as its number."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def describe(mark):
    """(user, group) of a mark, as names; ("unmarked", "") for 0."""
    if mark == marks.UNMARKED:
        return "unmarked", ""
    gid, uid = marks.decode(mark)
    return user_name(uid), group_name(gid)
