# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells the eBPF program of bpf/questions.h which names dnsmasq's allow-list lists for whom.

dnsmasq overlooks the last label of a name; the program refuses what passes by that alone.
"""
import struct

from .. import paths
from ..observe import watch
from .run import run

MAPS = paths.BPF_PINS / "socket_watch" / "map"
OPTIONS = paths.STATE / "dnsmasq.d"
LISTED = 64        # bytes of a name's end: conf.LAST_TWO keeps the last two labels below that
WHOLE, STEM = 0, 1
KEY = struct.Struct(watch.BYTE_ORDER + f"II{LISTED}s")      # struct listed
FULL = 0xFFFF       # the mask of an entry's first line, as it stands in either half


def fill(maps=MAPS):
    """Puts into the program's map what dnsmasq's options say, and takes out the rest; nothing where there is no map.

    maps: the folder that it is pinned in.
    """
    pin = maps / "galaf_names"
    if not pin.exists():
        return
    wanted = keys(owners("\n".join(file.read_text(encoding="utf-8") for file in sorted(OPTIONS.glob("*.conf"))
                                   if file.exists())))
    present = {key for key, _ in watch.dump(pin)}
    lines = [f"map update pinned {pin} key hex {key.hex(' ')} value hex 01" for key in sorted(wanted - present)]
    lines += [f"map delete pinned {pin} key hex {key.hex(' ')}" for key in sorted(present - wanted)]
    if lines:
        run("bpftool", "batch", "file", "-", stdin="\n".join(lines) + "\n")


def owners(text):
    """{half of a mark: the domains that it may ask for, "*" any} of dnsmasq's options.

    An entry's further lines have masks that still tell it from every other one (render/dnsmasq.py).
    """
    found, further = {}, []
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key != "connmark-allowlist":
            continue
        mark, _, patterns = value.partition(",")
        own, mask = map(int, mark.split("/"))
        domains = {pattern.lstrip("*.") or "*" for pattern in patterns.split("/")}
        if mask in (FULL, FULL << 16):
            found.setdefault(own, set()).update(domains)
        else:
            further.append((own, mask, domains))
    for own, mask, domains in further:
        for owner in found:
            if owner & mask == own:
                found[owner] |= domains
    return found


def keys(names):
    """The keys of the map for what owners() found."""
    return {KEY.pack(owner, kind, wire) for owner, domains in names.items() for domain in domains
            for kind, wire in ends(domain)}


def ends(domain):
    """(kind, bytes) of a domain: its end whole, and without the last label; any name's end is the root's."""
    if domain == "*":
        return [(WHOLE, b"")]
    labels = [bytes([len(label)]) + label.encode("ascii") for label in domain.lower().split(".")]
    while sum(map(len, labels)) >= LISTED:      # dnsmasq looks at the rest
        del labels[0]
    return [(WHOLE, b"".join(labels)), (STEM, b"".join(labels[:-1]))]
