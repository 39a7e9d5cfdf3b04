# SPDX-License-Identifier: GPL-3.0-or-later
"""What the eBPF program of bpf/answers.h saw of the answers of this machine's name server."""
import contextlib
import ipaddress
import re
import struct
import sys
from collections import namedtuple

from .. import paths
from ..system.run import CommandFailed, run
from . import watch

_PLAIN = re.compile(r"[\w-]", re.ASCII)
MAPS = paths.BPF_PINS / "socket_watch" / "map"
RESOLVED, REFUSED, LEFT_OUT = MAPS / "galaf_resolved", MAPS / "galaf_refused", MAPS / "galaf_left_out"
ANSWER = struct.Struct(watch.BYTE_ORDER + "QQQ16sHH128s16sI")       # struct answer

Resolved = namedtuple("Resolved", "name program when")
Resolved.__doc__ = """The name that a program last resolved to an address.

name: as name() writes it; program: the name of the process that asked, as watch.text() has it; when: in seconds since
1970.
"""

Refused = namedtuple("Refused", "mark name type count first last program")
Refused.__doc__ = """A name that dnsmasq refused to a program.

mark: as in galaf.mark; name: lower case, up to 126 characters; type: the record's number, 1 A,
28 AAAA; count: queries, from 1; first, last: seconds since 1970; program: who asked first, as in Resolved.
"""


def resolved():
    """{(mark, address): Resolved}, 256 at most of each mark.

    Empty where the program is not attached.  Raises GalafError if the map can't be read.
    """
    epoch, found = watch.started(), {}
    for key, value in watch.dump(RESOLVED):
        owner, one = decode_resolved(key, value, epoch)
        if owner not in found or found[owner].when < one.when:
            found[owner] = one
    return found


def refused(clear=False):
    """A list of Refused, in no order, 128 at most of each mark; empty where the program is not attached.

    clear: True also removes them; a query that comes in between is not counted.
    """
    epoch, entries = watch.started(), watch.dump(REFUSED)
    if clear:
        _remove(REFUSED, entries)
    return [decode_refused(key, value, epoch) for key, value in entries]


def left_out(clear=False):
    """{mark: queries} refused for names that had to make room for others of that mark; clear: as for refused()."""
    entries = watch.dump(LEFT_OUT)
    if clear:
        _remove(LEFT_OUT, entries)
    return {int.from_bytes(key, sys.byteorder): int.from_bytes(value, sys.byteorder) for key, value in entries}


def _remove(file, entries):
    """Removes entries of a pinned map."""
    if entries:
        with contextlib.suppress(CommandFailed):        # the kernel removed one by itself: the next clear does the rest
            run("bpftool", "batch", "file", "-", stdin="".join(
                f"map delete pinned {file} key hex {key.hex(' ')}\n" for key, _ in entries))


def decode_resolved(key, value, epoch):
    """((mark, address), Resolved) of a key and value of the map; address: an ipaddress object; epoch: as elsewhere."""
    mark, _ = watch.PLACE.unpack(key)
    _, _, last, address, _, _, wire, comm, _ = ANSWER.unpack(value)
    address = ipaddress.IPv6Address(address)
    return (mark, address.ipv4_mapped or address), Resolved(name(wire), watch.text(comm), epoch + last / 1e9)


def decode_refused(key, value, epoch):
    """The Refused of a key and value of the map; epoch: when the machine started, in seconds since 1970."""
    mark, _ = watch.PLACE.unpack(key)
    count, first, last, _, kind, _, wire, comm, _ = ANSWER.unpack(value)
    return Refused(mark, name(wire), kind, count, epoch + first / 1e9, epoch + last / 1e9, watch.text(comm))


def name(wire):
    """The text of a name as on the wire (RFC 1035, 3.1), in lower case.

    All but letters, digits, - and _ in a label is written as \\DDD (RFC 1035, 5.1): who owns a domain may
    choose it, and it is shown and pasted.
    """
    labels, position = [], 0
    while position < len(wire) and wire[position]:
        label = wire[position + 1:position + 1 + wire[position]]
        labels.append("".join(chr(byte) if _PLAIN.match(chr(byte)) else f"\\{byte:03d}" for byte in label))
        position += 1 + wire[position]
    return ".".join(labels).lower() or "."
