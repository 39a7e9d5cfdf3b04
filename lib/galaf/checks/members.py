# SPDX-License-Identifier: GPL-3.0-or-later
"""No application group has members, a password or an administrator, or is someone's login group."""
import collections
import grp
import os
import pwd
from pathlib import Path

from .results import BROKEN, OK, Result, few


def check(known):
    low, high = known.conf.gid_range
    made = {entry.gr_name: entry for entry in grp.getgrall() if low <= entry.gr_gid <= high}
    users = pwd.getpwall()
    login = {user.pw_gid: user.pw_name for user in users}
    also = supplementary(users)
    found = [f"{name} has the member {member}" for name, entry in made.items()
             for member in sorted({*entry.gr_mem, *also[entry.gr_gid]})]
    found += [f"{name} is the login group of {login[entry.gr_gid]}" for name, entry in made.items()
              if entry.gr_gid in login]
    for line in Path("/etc/gshadow").read_text(encoding="utf-8").splitlines():
        name, password, administrators, _ = line.split(":")
        if name in made and password.strip("!*"):
            found.append(f"{name} has a password")
        if name in made and administrators:
            found.append(f"{name} has the administrator {administrators}")
    if found:
        return Result(BROKEN, few(found),
                      "sudo gpasswd --delete USER GROUP; sudo gpasswd --remove-password GROUP; "
                      "sudo gpasswd --administrators '' GROUP; sudo usermod --gid OTHER USER; of systemd-homed's "
                      "users: sudo homectl update USER --member-of=; and where it is no application's: "
                      "sudo groupmod --gid OTHER GROUP")
    return Result(OK, f"none of {len(made)} application groups has members or a password")


def supplementary(users):
    """{gid: names of who gets it at a login}: a group lists no member whom systemd-homed or a directory keeps."""
    found = collections.defaultdict(set)
    for user in users:
        for gid in os.getgrouplist(user.pw_name, user.pw_gid):
            if gid != user.pw_gid:
                found[gid].add(user.pw_name)
    return found
