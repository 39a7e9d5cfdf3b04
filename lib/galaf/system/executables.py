# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of application groups on this machine: whether root alone decides what they are and what they gain."""
import dataclasses
import os
import stat

from . import labels

SET_GID = "is set-gid"
PERMITTED = slice(4, 8), slice(12, 16)  # of security.capability: struct vfs_cap_data in linux/capability.h
NAMESPACED = 3  # its revision, where a program gets the capabilities in one user namespace alone
LINKS = 40      # symbolic links on one way: MAXSYMLINKS in the kernel's include/linux/namei.h


def check(conf, faults):
    """Notes in faults each command that others than root can change.

    A program that is not installed is no fault; the folders that it would be in are looked at.
    """
    for entry in conf.groups.values():
        if not entry.execv:
            continue
        place, program = entry.place + ("execv", 0), entry.execv[0]
        found = None if entry.trusted else changeable(program)
        if found:
            faults.add(place, f'{found}, and so take the permission of this group: chown it to root and chmod go-w, '
                              'or, if that is meant, write "trusted": true beside "execv"')


def with_privilege(conf):
    """The configuration as it is carried out here: a command of privileged() starts without no_new_privs."""
    needed = {entry.name: dataclasses.replace(entry, no_new_privs=False) for entry, _ in privileged(conf)}
    return dataclasses.replace(conf, groups={**conf.groups, **needed})


def privileged(conf):
    """Each (entry, phrase) whose command no_new_privs, the default, would leave without what it is to gain.

    Those of entries that say themselves what they want are left out, and so is a set-gid
    command: with its other group it would lose its application's.
    """
    for entry in conf.groups.values():
        gain = entry.execv and not entry.no_new_privs_said and privilege(entry.execv[0])
        if gain and gain != SET_GID:
            yield entry, gain


def remarks(conf):
    """What is to be known of commands that gain privilege where the entry doesn't say, a sentence each."""
    for entry, gain in privileged(conf):
        yield (f'{entry.path}.execv[0]: {entry.execv[0]} {gain}, so it is started as with "no_new_privs": false: '
               "write that, or true if it works without")
    for entry in conf.groups.values():
        if entry.execv and not entry.no_new_privs_said and privilege(entry.execv[0]) == SET_GID:
            yield (f'{entry.path}.execv[0]: {entry.execv[0]} {SET_GID}, and is started without that: it would lose '
                   'the group of its permission; write "no_new_privs": true, or false if it needs its own')


def changeable(program):
    """Who can change a program or a folder that leads to it, as a phrase; None if root alone can.

    An access control list that lets someone write shows in the group's bit (acl(5)).
    """
    for path, status in steps(program):
        mode = stat.S_IMODE(status.st_mode)
        who = (f"its owner {labels.user_name(status.st_uid) if status.st_uid != 1 else 'daemon'}" if status.st_uid
               else "everyone" if mode & stat.S_IWOTH
               else f"the group {labels.group_name(status.st_gid)}" if mode & stat.S_IWGRP else None)
        if who:
            return f"{path} (mode {mode:04o}) can be changed by {who}"
    return None


def lack(program):
    """Why a program cannot be started, as a phrase; None if it can."""
    if not os.path.exists(program):
        apart = " ".join(f'"{word}",' for word in program.split()).rstrip(",")
        return f"is not installed; a word of its own for each: [{apart}]" if " " in program else "is not installed"
    if not os.path.isfile(program):
        return "is no program"
    return None if os.stat(program).st_mode & 0o111 else "is not executable"


def privilege(program):
    """What a program gains when it is executed, as a phrase such as "is set-uid"; None if nothing."""
    try:
        mode = os.stat(program).st_mode
        if capabilities(program):
            return "has file capabilities"
    except OSError:
        return None
    bits = {"is set-uid": stat.S_ISUID, SET_GID: stat.S_ISGID}
    return next((phrase for phrase, bit in bits.items() if mode & bit), None)


def capabilities(path):
    """The permitted capabilities that a file gives here, as bits; 0 where it gives none.

    Any user can give a file capabilities in a user namespace of the user's own: they are none outside.
    """
    try:
        data = os.getxattr(path, "security.capability", follow_symlinks=False)
    except OSError:
        return 0
    return 0 if data[3] == NAMESPACED else int.from_bytes(b"".join(data[part] for part in PERMITTED), "little")


def steps(path):
    """Each folder on the way to what an absolute path leads to, and that itself, as (path, os.stat_result).

    Symbolic links are followed one by one, so the folders that they stand in count.  Ends early
    where nothing is there, or this user may not look.
    """
    at, ahead, links = "/", path.split("/")[::-1], 0
    try:
        yield at, os.lstat(at)
        while ahead and links <= LINKS:
            name = ahead.pop()
            if name in ("", "."):
                continue
            below = os.path.dirname(at) if name == ".." else os.path.join(at, name)
            status = os.lstat(below)
            if stat.S_ISLNK(status.st_mode):
                target, links = os.readlink(below), links + 1
                ahead += target.split("/")[::-1]
                at = "/" if target.startswith("/") else at
                continue
            at = below
            yield at, status
    except OSError:
        return
