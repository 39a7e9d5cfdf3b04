# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are on an installed machine."""
from pathlib import Path

CONF = Path("/etc/galaf/galaf_conf.json")
SKELETON = Path("/etc/galaf/nftables.d")          # *.nft, the ruleset's static part
STATE = Path("/var/lib/galaf")              # generations, and "good", the link to the active one
GOOD = STATE / "good"
RUNTIME = Path("/run/galaf")                # gone at reboot: locks
KNOWN = Path(__file__).resolve().parents[2] / "share/galaf/known"    # /usr/share/galaf/known, or the tree's
LIB = Path(__file__).resolve().parent       # data files beside the modules: schema, eBPF objects
BPF_PINS = Path("/sys/fs/bpf/galaf")        # pinned eBPF programs and maps
