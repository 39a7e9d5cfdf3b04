# SPDX-License-Identifier: GPL-3.0-or-later
"""What galaf did, for the journal, and on whose behalf."""
import os
from pathlib import Path

from ..errors import GalafError
from . import labels
from .run import run

LOGGED = 50         # lines of one message
NOBODY = 0xFFFFFFFF     # as the kernel writes in /proc/self/loginuid that nobody has logged in


def log(text):
    """Lines in the journal; a long text's first ones, and none for an empty one."""
    lines = text.splitlines()
    if not lines:
        return
    shown = lines[:LOGGED] + ([f"and {len(lines) - LOGGED} more lines"] if len(lines) > LOGGED else [])
    try:
        run("logger", "--tag", "galaf", "--priority", "authpriv.notice", stdin="\n".join(shown) + "\n", seconds=10)
    except GalafError:
        pass        # no syslog runs, as early at boot


def caller():
    """The name of the user on whose behalf this runs: sudo's, whoever logged in (as pkexec leaves it), or the own."""
    try:
        login = int(Path("/proc/self/loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        login = NOBODY
    return os.environ.get("SUDO_USER") or (
        labels.user_name(login) if login not in (0, NOBODY) else os.environ.get("USER")
        or labels.user_name(os.getuid()))
