# SPDX-License-Identifier: GPL-3.0-or-later
"""No rule of others, of nft or of iptables-legacy, changes where packets go.

None redirects, copies or diverts packets, sets marks, keeps packets from conntrack, or forwards past the rules.
What such a table accepts, also before galaf's is asked, it accepts for itself alone: that is no matter, and neither
is the address that packets leave with.
"""
from ..system import other_firewalls
from .results import OK, Result, WARNING, few


def check(known):
    found = other_firewalls.acting(known.meta.get("table", "galaf"))
    if found:
        return Result(WARNING, f"rules of others: {few(found)}",
                      "see sudo nft list ruleset, sudo iptables-legacy-save and sudo ip6tables-legacy-save; what is "
                      "redirected to a local proxy is out of galaf's sight")
    return Result(OK, "no other table redirects, or sets marks")
