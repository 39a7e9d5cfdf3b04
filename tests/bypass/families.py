#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a socket of every address family, type and protocol that this kernel has, and sends by each.

usage: families.py

A line for each family of which a socket was made: its name, and how many kinds of it.  What is sent has
"secret of a family" in it, to addresses that name the first network card, no one, and everyone.
"""
import contextlib
import ctypes
import errno
import os
import re
import struct
from pathlib import Path

# linux/socket.h, as of 6.18
NAMES = """UNSPEC UNIX INET AX25 IPX APPLETALK NETROM BRIDGE ATMPVC X25 INET6 ROSE DECnet NETBEUI SECURITY KEY NETLINK
PACKET ASH ECONET ATMSVC RDS SNA IRDA PPPOX WANPIPE LLC IB MPLS CAN TIPC BLUETOOTH IUCV RXRPC ISDN PHONET IEEE802154
CAIF ALG NFC VSOCK KCM QIPCRTR SMC XDP MCTP""".split()
TYPES = (1, 2, 3, 4, 5, 6, 10)
BUILT_IN = {2: (1, 2, 6, 17, 136, 255, 262), 10: (1, 2, 6, 17, 58, 136, 255, 262), 16: range(23)}
DATA = b"secret of a family " * 8
LIBC = ctypes.CDLL(None, use_errno=True)


def protocols(family):
    """Those that this kernel has, or has a module for; 0 to 7 of every family."""
    aliases = Path(f"/lib/modules/{os.uname().release}/modules.alias").read_text(encoding="ascii")
    modules = re.findall(rf"^alias net-pf-{family}-proto-(\d+)", aliases, re.MULTILINE)
    return sorted({*range(8), *BUILT_IN.get(family, ()), *map(int, modules)})


def addresses(family):
    """What may pass for an address of a family: zeros, ones, an interface by number and by name."""
    card = 2
    for body in (bytes(30), b"\1" * 30, b"\xff" * 30, struct.pack("=I26x", card), struct.pack("=HI24x", 0, card),
                 struct.pack("=I", 0) + struct.pack("!H", 7) + b"\xff" * 6 + b"eth0".ljust(16, b"\0")):
        for length in (6, 8, 14, 16, 22, 28):
            yield struct.pack("=H", family) + body[:length]


def send(descriptor, family):
    """Sends to each address, with and without a connection; a socket that takes none of it is left alone."""
    os.set_blocking(descriptor, False)
    for address in addresses(family):
        LIBC.bind(descriptor, address, len(address))
        LIBC.sendto(descriptor, DATA, len(DATA), 0, address, len(address))
        LIBC.connect(descriptor, address, len(address))
        LIBC.send(descriptor, DATA, len(DATA), 0x4000)      # MSG_NOSIGNAL


def kinds(family):
    """How many kinds of socket of a family were made; each has sent."""
    made = 0
    for protocol in protocols(family):
        for kind in TYPES:
            descriptor = LIBC.socket(family, kind, protocol)
            if descriptor >= 0:
                made += 1
                with contextlib.suppress(OSError):
                    send(descriptor, family)
                os.close(descriptor)
            elif ctypes.get_errno() == errno.EAFNOSUPPORT and not made:
                return 0    # spares the kernel a look for its modules, type by type
    return made


for number, name in enumerate(NAMES):
    found = kinds(number)
    if found:
        print(name, found, flush=True)
