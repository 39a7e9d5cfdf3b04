# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules are there for, each tried by real packets in some milliseconds.

A probe raises AssertionError where it isn't so.  They are tried one after another on a lab with CONFIGURATION: file by
file in the order in which they are imported here, and in the order in which they stand in each.
"""
from . import granted, refused, inbound, link, names, forwarding, older, interfaces, discovery, shares, told
from .stage import CONFIGURATION, PROBES, Peer, prepare

__all__ = ["CONFIGURATION", "PROBES", "Peer", "prepare",
           "granted", "refused", "inbound", "link", "names", "forwarding", "older", "interfaces", "discovery", "shares",
           "told"]
