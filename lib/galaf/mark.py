# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounting mark: which user and application group a socket or connection belongs to.

mark = (gid & 0xffff) << 16 | (uid & 0xffff), with uid 0 written as 1 so that 0 always
means "unmarked".  bpf/socket_mark_giduid.bpf.c sets it on every socket; the ruleset
copies it to the conntrack mark.  It is for accounting: permission never rests on it.
"""

UNMARKED = 0
GROUP_MASK = 0xFFFF0000
USER_MASK = 0x0000FFFF


def encode(gid, uid):
    """The mark of a user's program in a group; of each id the low 16 bits count."""
    return (gid & 0xFFFF) << 16 | ((uid & 0xFFFF) or 1)


def decode(mark):
    """(gid, uid) of a mark, each 0 to 65535; uid 1 stands for root and for daemon alike."""
    return mark >> 16, mark & USER_MASK
