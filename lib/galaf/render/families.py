# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the socket families that programs beside root's are given, as "socket_families" names them.  Pure."""

# Those of the kernel that nftables sees nothing of, and RxRPC, whose packets are the kernel's: linux/socket.h.
FAMILIES = {"ax25": 3, "appletalk": 5, "netrom": 6, "atmpvc": 8, "x25": 9, "rose": 11, "atmsvc": 20, "rds": 21,
            "pppox": 24, "llc": 26, "ib": 27, "can": 29, "tipc": 30, "rxrpc": 33, "phonet": 35, "ieee802154": 36,
            "nfc": 39, "vsock": 40, "kcm": 41, "qipcrtr": 42, "smc": 43, "mctp": 45}


def render(conf):
    """A line for each family that is open: its number and name; "" where none is."""
    return "".join(f"{FAMILIES[name]} {name}\n" for name in sorted(conf.socket_families))


def numbers(text):
    """The numbers in a text that render() made."""
    return {int(line.split()[0]) for line in text.splitlines()}
