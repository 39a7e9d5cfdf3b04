# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks and rules are loaded at boot before any network."""
import re
from pathlib import Path

from .results import BROKEN, OK, Result, few

UNITS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")


def check(_known):
    found = [f"{name} is not enabled" for name in ("galaf-mark.service", "galaf-firewall.service")
             if not Path(UNITS[0], "sysinit.target.wants", name).is_symlink()]
    for name in ("galaf-mark.service", "galaf-firewall.service"):
        unit = next((Path(folder, name) for folder in UNITS if Path(folder, name).exists()), None)
        text = unit.read_text(encoding="utf-8") if unit else ""
        if not re.search(r"^Before=.*\bnetwork-pre\.target\b", text, re.MULTILINE):
            found.append(f"{unit or name} does not come before network-pre.target")
    if found:
        return Result(BROKEN, few(found), "sudo systemctl enable galaf-mark galaf-firewall, "
                                          "sudo systemctl revert galaf-mark galaf-firewall")
    return Result(OK, "galaf-mark and galaf-firewall come before any network at boot")
