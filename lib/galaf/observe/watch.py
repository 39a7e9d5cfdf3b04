# SPDX-License-Identifier: GPL-3.0-or-later
"""What the eBPF programs of bpf/socket_watch.bpf.c saw: which program asked for which destination."""
import ipaddress
import re
import struct
import sys
import time
from collections import namedtuple

from .. import paths
from ..system.run import run

MAP = paths.BPF_PINS / "socket_watch" / "map" / "galaf_seen"
BYTE_ORDER = "<" if sys.byteorder == "little" else ">"
PLACE = struct.Struct(BYTE_ORDER + "II")                # struct place
SEEN = struct.Struct(BYTE_ORDER + "QQQ16sHH16sIQQ")     # struct seen
PLAIN = re.compile(r"[\w #()+.:@~-]", re.ASCII)       # of a name that its owner may choose: neither shell nor table
_ENTRY = re.compile(r'"key":\[([0-9a-f]+)"\],"value":\[([0-9a-f]+)"\]')

Seen = namedtuple("Seen", "mark address protocol port comm count first last pid run",
                  defaults=((0, 0),))
Seen.__doc__ = """One program's tries for one destination.

mark: as in galaf.mark; address: an ipaddress object, IPv4 also where an IPv6 socket asked for
it as ::ffff:a.b.c.d; protocol: IP's number, 6 TCP, 17 UDP; port: 0 to 65535; comm: the process's
name, up to 15 bytes that the program itself may choose (see text());
count: connect(2) and, with an address, sendto(2) calls, from 1; first, last: seconds since 1970;
pid: the process that tried last, which may be gone; run: the inode's number and the size of the
executable of the one that tried first, zeros where it has none.
"""


def read():
    """A list of Seen, in no order; empty where the programs are not attached.

    The map holds the 1,024 destinations that each mark tried last; some fewer, since a new one has four
    places to choose from.  Refused or let through, all are in it.  Raises GalafError if it can't be read.
    """
    epoch = started()
    return [decode(key, value, epoch) for key, value in dump(MAP)]


def dump(file):
    """The (key, value) pairs of a pinned map, as bytes; none where it is not pinned."""
    return parse(run("bpftool", "-j", "map", "dump", "pinned", str(file))) if file.exists() else []


def parse(text):
    """The (key, value) pairs of bpftool's JSON, in which each byte is a string such as "0x01".

    Read as JSON, these strings would take a hundred times the memory of the bytes.
    """
    bare = text.replace('"0x', "").replace('",', "")
    return [(bytes.fromhex(found[1]), bytes.fromhex(found[2])) for found in _ENTRY.finditer(bare)]


def started():
    """When the machine started, in seconds since 1970, by the clock as it is now."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def decode(key, value, epoch):
    """The Seen of a key and value of the map; epoch: when the machine started, in seconds since 1970."""
    mark, _ = PLACE.unpack(key)
    count, first, last, address, port, protocol, comm, pid, *run = SEEN.unpack(value)
    address = ipaddress.IPv6Address(address)
    return Seen(mark, address.ipv4_mapped or address, protocol, port, text(comm), count,
                epoch + first / 1e9, epoch + last / 1e9, pid, tuple(run))


def text(comm):
    """A process's name, which any user chooses, safe to be shown and pasted.

    What is not in PLAIN is written as \\xNN: what a terminal, a shell, JSON or the columns of a table take
    for their own.
    """
    return "".join(chr(byte) if PLAIN.match(chr(byte)) else f"\\x{byte:02x}" for byte in comm.split(b"\0")[0])
