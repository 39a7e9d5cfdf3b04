# SPDX-License-Identifier: GPL-3.0-or-later
"""No sandbox that an entry runs does what files of whoever starts it say.

firejail reads profiles in ~/.config/firejail, and flatpak runs what is installed and overridden in
~/.local/share/flatpak: any program of the user's can write there, and so have the entry's permission.
"""
from ..config import sandboxes
from .results import OK, Result, WARNING, few


def check(known):
    found = list(sandboxes.led(known.conf))
    if found:
        return Result(WARNING, few([f"{entry.path}: {what}" for entry, what, _ in found]),
                      "; ".join(dict.fromkeys(fix for _, _, fix in found)))
    return Result(OK, "no entry's sandbox is led by files in a home")
