# SPDX-License-Identifier: GPL-3.0-or-later
"""What the eBPF program of bpf/socket_names.bpf.c saw of the answers of this machine's name server."""
import contextlib
import ipaddress
import struct
from collections import namedtuple

from . import paths, watch
from .run import CommandFailed, run

RESOLVED = paths.BPF_PINS / "socket_names" / "map" / "galaf_resolved"
REFUSED = paths.BPF_PINS / "socket_names" / "map" / "galaf_refused"
OWNER = struct.Struct(watch.BYTE_ORDER + "I16s")            # struct owner
QUESTION = struct.Struct(watch.BYTE_ORDER + "IHH128s")      # struct question
TRIES = struct.Struct(watch.BYTE_ORDER + "QQQ")             # struct tries

Refused = namedtuple("Refused", "mark name type count first last")
Refused.__doc__ = """A name that dnsmasq refused to a program.

mark: as in galaf.mark; name: lower case, up to 126 characters; type: the record's number, 1 A,
28 AAAA; count: queries, from 1; first, last: seconds since 1970.
"""


def resolved():
    """{(mark, address): name}: the name that each program last resolved to an address; 4,096 at most.

    Empty where the program is not attached.  Raises GalafError if the map can't be read.
    """
    return dict(decode_resolved(key, value) for key, value in watch.dump(RESOLVED))


def refused(clear=False):
    """A list of Refused, in no order, 4,096 at most; empty where the program is not attached.

    clear: True also removes them; a query that comes in between is not counted.
    """
    epoch, entries = watch.started(), watch.dump(REFUSED)
    if clear and entries:
        with contextlib.suppress(CommandFailed):        # the kernel removed one by itself: the next clear does the rest
            run("bpftool", "batch", "file", "-", stdin="".join(
                f"map delete pinned {REFUSED} key hex {key.hex(' ')}\n" for key, _ in entries))
    return [decode_refused(key, value, epoch) for key, value in entries]


def decode_resolved(key, value):
    """((mark, address), name) of a key and value of the map; address: an ipaddress object."""
    mark, address = OWNER.unpack(key)
    address = ipaddress.IPv6Address(address)
    return (mark, address.ipv4_mapped or address), name(QUESTION.unpack(value)[3])


def decode_refused(key, value, epoch):
    """The Refused of a key and value of the map; epoch: when the machine started, in seconds since 1970."""
    mark, kind, _, wire = QUESTION.unpack(key)
    count, first, last = TRIES.unpack(value)
    return Refused(mark, name(wire), kind, count, epoch + first / 1e9, epoch + last / 1e9)


def name(wire):
    """The text of a name as on the wire (RFC 1035, 3.1), in lower case.

    A dot inside of a label, and what can't be shown safely, is written as \\DDD (RFC 1035, 5.1).
    """
    labels, position = [], 0
    while position < len(wire) and wire[position]:
        label = wire[position + 1:position + 1 + wire[position]]
        labels.append("".join(chr(byte) if 33 <= byte <= 126 and chr(byte) not in '.\\"' else f"\\{byte:03d}"
                              for byte in label))
        position += 1 + wire[position]
    return ".".join(labels).lower() or "."
