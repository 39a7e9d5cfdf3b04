# SPDX-License-Identifier: GPL-3.0-or-later
"""What galaf did, for the journal, and on whose behalf."""
import os

from ..errors import GalafError
from .run import run

LOGGED = 50         # lines of one message


def log(text):
    """Lines in the journal; a long text's first ones."""
    lines = text.splitlines()
    shown = lines[:LOGGED] + ([f"and {len(lines) - LOGGED} more lines"] if len(lines) > LOGGED else [])
    try:
        run("logger", "--tag", "galaf", "--priority", "authpriv.notice", stdin="\n".join(shown) + "\n", seconds=10)
    except GalafError:
        pass        # no syslog runs, as early at boot


def caller():
    """The name of the user on whose behalf this runs: sudo's, or the own."""
    return os.environ.get("SUDO_USER") or os.environ.get("USER") or str(os.getuid())
