# SPDX-License-Identifier: GPL-3.0-or-later
"""No VPN leads names past dnsmasq once it is up.

wg-quick has "DNS =" written into /etc/resolv.conf, and so has OpenVPN's script what the other end says.  Listed
applications then ask a name server that they may not reach, and none of their names is found.  NetworkManager's own
VPNs have dnsmasq ask.
"""
from ..system import vpn_names
from .results import OK, Result, WARNING, few


def check(known):
    if not any(entry.domains for entry in known.conf.entries()):
        return Result(OK, "no entry has domains")
    found = [f"{each.file}: {each.line}" for each in vpn_names.leading()]
    if found:
        return Result(WARNING, "a VPN would lead all names past dnsmasq, and no listed application find one while it "
                               f"is up: {few(found)}",
                      "take that line out, and have NetworkManager make the VPN, or dnsmasq ask its name server: see "
                      "VPNS in galaf_conf.json(5)")
    return Result(OK, "no VPN's file leads names past dnsmasq")
