# SPDX-License-Identifier: GPL-3.0-or-later
"""Which socket families galaf_families leaves to programs that are not root's: the kernel's map of them."""
import json

from .. import paths
from ..render import families
from .run import run

MAP = paths.BPF_PINS / "socket_families" / "map" / "galaf_open"


def settle(text, pin=MAP):
    """Gives the program the families of a rendered text, and takes those back that are not in it.

    pin: its map's; nothing is to be done where the program is not loaded.
    """
    if not pin.exists():
        return
    wanted = families.numbers(text)
    for number in sorted(wanted ^ opened(pin)):
        run("bpftool", "map", "update", "pinned", str(pin), "key", "hex", f"{number:02x}", "00", "00", "00",
            "value", "hex", f"{number in wanted:02x}")


def opened(pin=MAP):
    """The numbers of the families that are open in the kernel's map."""
    listed = json.loads(run("bpftool", "-j", "map", "dump", "pinned", str(pin)))
    return {int.from_bytes(_bytes(item["key"]), "little") for item in listed if any(_bytes(item["value"]))}


def _bytes(words):
    """bpftool's list of hexadecimal bytes, as bytes."""
    return bytes(int(word, 16) for word in words)
