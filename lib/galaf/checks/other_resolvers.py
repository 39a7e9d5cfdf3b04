# SPDX-License-Identifier: GPL-3.0-or-later
"""No systemd-resolved and no nscd resolves names for whoever asks."""
import os
import re
from pathlib import Path

from .results import OK, Result, WARNING, few


def check(_known):
    found = []
    hosts = re.search(r"^hosts:(.*)", Path("/etc/nsswitch.conf").read_text(encoding="utf-8"), re.MULTILINE)
    if hosts and "resolve" in hosts[1].split():
        found.append("systemd-resolved, by the word resolve in /etc/nsswitch.conf")
    found += ["nscd"] if os.path.exists("/run/nscd/socket") else []
    found += ["systemd-resolved"] if os.path.exists("/run/systemd/resolve/io.systemd.Resolve") else []
    if found:
        return Result(WARNING, f"names are resolved by a service for any program: {few(found)}: it is refused, or "
                               "if it has an entry, is a way out", "sudo apt remove it")
    return Result(OK, "no service resolves names on behalf of others")
