# SPDX-License-Identifier: GPL-3.0-or-later
"""No application group has members, a password or an administrator, or is someone's login group."""
import grp
import pwd
from pathlib import Path

from .results import BROKEN, OK, Result, few


def check(known):
    low, high = known.conf.gid_range
    made = {entry.gr_name: entry for entry in grp.getgrall() if low <= entry.gr_gid <= high}
    login = {user.pw_gid: user.pw_name for user in pwd.getpwall()}
    found = [f"{name} has the member {member}" for name, entry in made.items() for member in entry.gr_mem]
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
                      "gpasswd --delete USER GROUP; gpasswd --remove-password GROUP; gpasswd --administrators '' GROUP;"
                      " usermod --gid OTHER USER; and where it is no application's: groupmod --gid OTHER GROUP")
    return Result(OK, f"none of {len(made)} application groups has members or a password")
