# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that another program flushes come back."""
from pathlib import Path

from ..system.run import run
from .results import OK, Result, WARNING

UNITS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")


def check(_known):
    enabled = Path(UNITS[0], "sysinit.target.wants", "galaf-guard.service").is_symlink()
    booted = Path("/run/systemd/system").is_dir()       # else no unit runs at all, as in a container
    if enabled and (not booted or run("systemctl", "is-active", "galaf-guard", ok=(0, 3)).strip() == "active"):
        return Result(OK, "galaf-guard loads the rules again where another program flushes them")
    return Result(WARNING, f"galaf-guard {'does not run' if enabled else 'is not enabled'}: after nft flush ruleset, "
                           "as restarting Debian's nftables does, nothing is enforced",
                  "sudo systemctl enable --now galaf-guard")
