# SPDX-License-Identifier: GPL-3.0-or-later
"""Making and removing application groups."""
import grp
import json

from .errors import GalafError
from .run import CommandFailed, run

LOCK_WAIT = "15"    # seconds for the account files' lock, as lckpwdf(3) waits


def create(gids):
    """Makes groups, all in one go: systemd-sysusers writes the account files once, however many there are.

    gids: name to gid.  Raises GalafError if one of them could not be made as asked.
    """
    lines = "".join(f"g {name} {gid}\n" for name, gid in gids.items())
    try:
        run("timeout", LOCK_WAIT, "systemd-sysusers", "-", stdin=lines)
    except CommandFailed as error:
        why = "another program holds the lock of /etc/group" if error.status == 124 else error.stderr.strip()
        raise GalafError(f"the groups can't be made: {why}; the rules were not changed") from None
    made = {entry.gr_name: entry.gr_gid for entry in grp.getgrall()}
    wrong = [name for name, gid in gids.items() if made.get(name) != gid]
    if wrong:
        raise GalafError(f"not made with the gid wanted: {', '.join(wrong)}; run galaf_config again")


def owned_files(gid):
    """The files of a gid on the local file systems, as paths; looks at every file, which takes its time."""
    found = run("find", *_local_mounts(), "-xdev", "-gid", str(gid), "-print0")
    return [path for path in found.split("\0") if path]


def delete(name):
    """Gives the files of a group to nogroup, so that no later group of its gid inherits them; then removes it."""
    files = owned_files(grp.getgrnam(name).gr_gid)
    for start in range(0, len(files), 500):
        run("chown", "--no-dereference", ":nogroup", "--", *files[start:start + 500])
    run("groupdel", name)
    return files


def _local_mounts():
    """The mount points of file systems whose files are this machine's own."""
    with open("/proc/filesystems", encoding="ascii") as stream:
        kinds = {line.split()[-1]: line.startswith("nodev") for line in stream}
    listed = json.loads(run("findmnt", "--json", "--list", "--output", "TARGET,FSTYPE"))["filesystems"]
    return [mount["target"] for mount in listed
            if mount["fstype"] in ("tmpfs", "overlay", "zfs") or not kinds.get(mount["fstype"], True)]
