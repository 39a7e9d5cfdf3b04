# SPDX-License-Identifier: GPL-3.0-or-later
"""Making and removing application groups."""
import functools
import grp
import json
import os
import pwd
import re

from .. import limits, paths
from ..errors import GalafError
from . import files, granted
from .run import CommandFailed, records, run

LOCK_WAIT = 15      # seconds for the account files' lock, as lckpwdf(3) waits
AT_ONCE = 200       # groups that are surely made within another second
TOLD = 1000         # folders between two calls of progress
SYSUSERS = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,30}\Z")   # the names that systemd-sysusers takes: sysusers.d(5)
NOTE = paths.STATE / "groups"   # "NAME GID" of each group that galaf made
FREED = paths.RUNTIME / "freed"     # the gid of each that galaf deleted since boot


def create(gids):
    """Makes groups, all in one go: systemd-sysusers writes the account files once, however many there are.

    It takes no dot and 31 characters at most: groupadd makes the rest, one by one.

    gids: name to gid.  With the first one comes limits.LAST_GROUP.  Raises GalafError if one of them could
    not be made as asked.
    """
    last = limits.GIDS[1]
    wanted = gids if any(entry.gr_gid == last for entry in grp.getgrall()) else {**gids, limits.LAST_GROUP: last}
    lines = "".join(f"g {name} {gid}\n" for name, gid in wanted.items() if SYSUSERS.match(name))
    try:
        run("timeout", str(LOCK_WAIT + len(gids) // AT_ONCE), "systemd-sysusers", "-", stdin=lines)
        for name, gid in wanted.items():
            if not SYSUSERS.match(name):
                run("groupadd", "--gid", str(gid), "--", name)
    except CommandFailed as error:
        why = "another program holds the lock of /etc/group" if error.status == 124 else error.said
        raise GalafError(f"the groups can't be made: {why}; the rules were not changed") from None
    there = {entry.gr_name: entry.gr_gid for entry in grp.getgrall()}
    wrong = [name for name, gid in gids.items() if there.get(name) != gid]
    if wrong:
        raise GalafError(f"not made with the gid wanted: {', '.join(wrong)}; run galaf_config again")
    _note({**made(), **gids})


def rename(old, new):
    """Gives a group another name; its gid, and so its files and running programs, stay."""
    before = made()
    run("groupmod", "--new-name", new, "--", old)
    _note({new if name == old else name: gid for name, gid in before.items()})


def made():
    """{name: gid} of the groups that galaf made and that are still what it made."""
    try:
        noted = dict(line.split() for line in NOTE.read_text(encoding="utf-8").splitlines())
    except (OSError, ValueError):
        return {}
    there = {entry.gr_name: str(entry.gr_gid) for entry in grp.getgrall()}
    return {name: int(gid) for name, gid in noted.items() if there.get(name) == gid}


def _note(gids):
    files.folder(NOTE.parent)
    files.replace(NOTE, "".join(f"{name} {gid}\n" for name, gid in sorted(gids.items())))


def freed():
    """The gids of the groups that were deleted since boot, which a socket may still have that was handed on."""
    try:
        return set(map(int, FREED.read_text(encoding="ascii").split()))
    except (OSError, ValueError):
        return set()


def _note_freed(gid):
    files.folder(FREED.parent, 0o700)
    files.replace(FREED, "".join(f"{number}\n" for number in sorted({*freed(), gid})), 0o600)


def holders():
    """{gid: phrase} of the groups that are not to be deleted: by whom or what they are held."""
    found = {limits.GIDS[1]: "keeps the ids that groupadd gives to others out of the range"}
    for entry in grp.getgrall():
        if entry.gr_mem:
            found[entry.gr_gid] = (f"has the members {', '.join(entry.gr_mem)}: take them out with "
                                   "gpasswd --delete first")
    for user in pwd.getpwall():
        found[user.pw_gid] = f"is the login group of {user.pw_name}: give them another with usermod first"
    for line in run("ps", "-A", "-o", "gid=,egid=,comm=").splitlines():
        *gids, program = line.split(None, 2)
        for gid in map(int, gids):
            found.setdefault(gid, f"still runs {program.strip()}: end it first")
    return found


def owned(low, high, progress=None):
    """{path: gid} of the files with a gid from low to high on the local file systems.

    Looks at every file, which takes its time.  progress: called as progress(mount point, folders looked
    at in it, ended=True when that were all), now and then.
    """
    found = {}
    for line in _find(progress, "-gid", f"+{low - 1}", "-gid", f"-{high + 1}", "-printf", "%G %p\\0"):
        gid, path = line.split(" ", 1)
        found[path] = int(gid)
    return found


@functools.lru_cache(maxsize=None)
def executables():
    """(mode, gid, path) of each executable file of the local file systems.

    Less those that are mounted nosuid, where neither modes nor capabilities give anything: users bring some.
    """
    lines = _find(None, "-type", "f", "-perm", "/111", "-printf", "%m %G %p\\0", without="nosuid")
    return [(int(mode, 8), int(gid), path) for mode, gid, path in (line.split(" ", 2) for line in lines)]


def delete(name, progress=None):
    """Gives the files of a group to nogroup, so that no later group of its gid inherits them; then removes it.

    Returns the paths of the files, and of those among them that keep the gid, as on a read-only file
    system.  They are changed from within their folders and only if they still have the gid: a user
    who puts a link in a folder's place leads it to no other file.
    """
    gid = grp.getgrnam(name).gr_gid
    found = list(_find(progress, "-gid", str(gid), "-print0", "-execdir", "chown", "--no-dereference",
                       f"--from=:{gid}", ":nogroup", "--", "{}", "+"))
    kept = [path for path in found if os.path.lexists(path) and os.lstat(path).st_gid == gid]
    granted.forget_group(gid)
    run("groupdel", "--", name)
    _note(made())
    _note_freed(gid)
    return found, kept


def deleted(name, found, kept):
    """What delete() did, in a sentence, and in another what it could not do, "" where it could do all."""
    said = f"group {name} deleted, {len(found) - len(kept)} files given to nogroup"
    if not kept:
        return said, ""
    return said, (f"{len(kept)} files keep the gid of {name}, which a later group may get, as they can't be changed; "
                  f"the first is {kept[0]!r}")


def _find(progress, *expression, without=None):
    """What find(1) prints of each local file system, cut at NUL; folders that can't be read are left out.

    without: an option of the mounts to leave out.
    """
    listed = _mounts()
    mounts = {mount: kind for mount, (kind, _) in listed.items()}
    for mount, (kind, options) in listed.items():
        if _is_local(kind) and without not in options:
            yield from _counted(progress, mount, records(
                "find", mount, "-ignore_readdir_race", *_within(mount, kind, mounts), *expression,
                ",", "-type", "d", "-printf", "\\0"))


def _counted(progress, mount, found):
    """The records less the empty ones, of which there is one for each folder; tells their number as it goes."""
    folders = 0
    for record in found:
        if record:
            yield record
        elif progress and folders % TOLD == 0:
            progress(mount, folders)
        folders += not record
    if progress:
        progress(mount, folders, ended=True)


def _mounts():
    """{mount point: (type of its file system, its mount's options)}."""
    listed = json.loads(run("findmnt", "--json", "--list", "--output", "TARGET,FSTYPE,VFS-OPTIONS"))["filesystems"]
    return {mount["target"]: (mount["fstype"], mount["vfs-options"].split(",")) for mount in listed}


@functools.lru_cache(maxsize=None)
def _is_local(kind):
    """Whether the files of such a file system are this machine's own."""
    with open("/proc/filesystems", encoding="ascii") as stream:
        on_a_device = {line.strip() for line in stream if not line.startswith("nodev")}
    return kind in ("tmpfs", "overlay", "zfs") or kind in on_a_device


def _within(mount, kind, mounts):
    """What keeps find(1) on a file system.

    btrfs gives each subvolume a device number of its own, and users may make some: there find
    goes by the mount points.
    """
    if kind != "btrfs":
        return ["-xdev"]
    below = (other for other in mounts if other.startswith(mount.rstrip("/") + "/"))
    return [word for other in below for word in ("-path", re.sub(r"([\\*?[])", r"\\\1", other), "-prune", "-o")]
