# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of users and groups for people to read."""
import functools
import grp
import pwd

from .. import limits
from .. import mark as marks
from ..errors import GalafError

DOCTOR = "galaf_doctor"     # who tries what should be refused


@functools.lru_cache(maxsize=None)
def user_name(uid):
    """The name of a mark's uid, or a number: root for 1, which daemon shares; others for what the mark can't hold."""
    if uid == 1:
        return "root"
    if uid == marks.OTHERS:
        return "others"
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


def asked(user, group):
    """(user, group) as a person named them, root and daemon as the id of a mark that they share.

    Each is a name, a number or None for any.  Raises GalafError for a name that is not on this machine.
    """
    for word, kind, look_up in ((user, "user", pwd.getpwnam), (group, "group", grp.getgrnam)):
        if word is None or word.isdigit() or word in ("unmarked", "others"):
            continue
        try:
            look_up(word)
        except KeyError:
            raise GalafError(f"there is no {kind} {word!r} on this machine") from None
    return "1" if user in ("0", "root", "daemon") else user, group


def is_doctor(mark):
    """Whether a mark is of galaf_doctor's tries: of an id that is nobody's."""
    return mark == marks.encode(limits.STRANGER, limits.STRANGER) and user_name(limits.STRANGER).isdigit()


def describe(mark):
    """(user, group) of a mark, as names; ("unmarked", "") for 0, (DOCTOR, "") for galaf_doctor's tries.

    nft alone marks with application groups only, so that another user's gid 0 is no group.
    """
    if mark == marks.UNMARKED:
        return "unmarked", ""
    if is_doctor(mark):
        return DOCTOR, ""
    gid, uid = marks.decode(mark)
    return user_name(uid), group_name(gid) if gid or uid == 1 else ""


def label(mark):
    """user/group of a mark in one word, to be searched for with grep; "unmarked" for 0."""
    return "/".join(filter(None, describe(mark)))
