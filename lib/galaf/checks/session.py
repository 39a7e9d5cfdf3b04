# SPDX-License-Identifier: GPL-3.0-or-later
"""Everyone who is logged in has a session that knows what galaf_desktop lays in front.

In one that began before, or whose desktop was not told, menus, links and names typed start applications without galaf.
"""
import pwd

from ..system import desktop, sessions
from .results import OK, Result, WARNING, few


def check(_known):
    if not desktop.TOP.is_dir():
        return Result(OK, "no application is started by galaf's menu entries")
    lacking = sessions.lacking(sessions.found())
    if not lacking:
        return Result(OK, "the sessions of all who are logged in know galaf's menu entries and commands")
    named = [f"{_name(one.uid)}'s {one.what}, since {sessions.clock(one.since)}" for one in lacking]
    again = " ".join(sorted({f"user@{one.uid}.service" for one in lacking}))
    return Result(WARNING, f"started without galaf's menu entries and commands: {few(named)}",
                  f"log out of all sessions and in again; sudo systemctl restart {again} ends these too")


def _name(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
