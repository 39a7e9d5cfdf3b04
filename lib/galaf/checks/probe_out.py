# SPDX-License-Identifier: GPL-3.0-or-later
"""A program outside every group is refused at once, and the rules have counted it.

It is started with the uid and gid 65533, which Debian gives to no one, and connects to an address that is
nobody's (203.0.113.113 and 2001:db8:ffff::113).  Without rules it is not tried.
"""
from ..system import probe
from .results import BROKEN, OK, Result, WARNING
from .tries import has_ipv6, untried


def check(known):
    return untried(known) or [probed(family, outcome)
                              for family, outcome in probe.try_out(known.meta["table"]).items()]


def probed(family, outcome):
    """The Result of one try of the probe."""
    who = "a program outside every group"
    if family == 6 and not has_ipv6():
        return Result(OK, "IPv6 is switched off on this machine")
    if outcome.error == "ENETUNREACH":
        return Result(WARNING, f"{who} was not tried over IPv{family}: there is no route", "try again with a network")
    if not outcome.counted:
        return Result(BROKEN, f"{who} tried {outcome.address}: {outcome.error}, and these rules did not refuse it",
                      "sudo galaf_firewall start; see what else is in: sudo nft list ruleset")
    if outcome.error != "ECONNREFUSED":
        return Result(BROKEN, f"{who} tried {outcome.address}: {outcome.error}, though it should be refused at once",
                      "see: sudo nft list ruleset")
    return Result(OK, f"{who} was refused {outcome.address} after {outcome.seconds * 1000:.0f} ms")
