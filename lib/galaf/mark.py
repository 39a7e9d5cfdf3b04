# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounting mark: which user and application group a socket or connection belongs to.

mark = (gid & 0xffff) << 16 | (uid & 0xffff), with uid 0 written as 1 so that 0 always
means "unmarked".  bpf/socket_mark_giduid.bpf.c sets it on every socket; the ruleset
copies it to the conntrack mark.  It is for accounting: permission never rests on it.

A uid above 65535 is OTHERS, since its low 16 bits are somebody's.
"""

UNMARKED = 0
GROUP_MASK = 0xFFFF0000
USER_MASK = 0x0000FFFF
OTHERS = 0xFFFF             # 65535 is nobody's: Debian Policy 9.2.2 forbids it


def encode(gid, uid):
    """The mark of a user's program in a group; an id that it can't hold is OTHERS."""
    return min(gid, OTHERS) << 16 | (min(uid, OTHERS) or 1)


def decode(mark):
    """(gid, uid) of a mark, each 0 to 65535; uid 1 stands for root and for daemon alike."""
    return mark >> 16, mark & USER_MASK
