# SPDX-License-Identifier: GPL-3.0-or-later
"""Names below local, where avahi-daemon may not ask the link for them: that there are none is said at once.

libnss-mdns has avahi-daemon ask, which waits 5 seconds for an answer.  Before that it asks the name server for an SOA
record of "local", and where there is one it leaves such a name to DNS (its README: the unicast SOA heuristic).  So
dnsmasq has one, and answers it to everybody, listed or not: its allow-list lets a question without a mark pass, and
this one, byte by byte, gets none.  It never leaves the machine, and its answer tells nothing.  Pure.
"""
USER, DAEMON = "avahi", "avahi-daemon"
# One question, and that for local, SOA, IN (RFC 1035, 4.1): no answer, recursion desired.
QUESTION = "udp dport 53 @th,80,8 0x1 @th,96,48 0x100000000 @th,160,88 0x56c6f63616c0000060001"
TYPE_SOA = 6
RECORD = "0000" "00000001" "00000e10" "00000258" "00015180" "0000003c"      # RFC 1035, 3.3.13: nobody's, for a minute


def unasked(conf, ids, granted=()):
    """Whether there is an avahi-daemon on this machine, and nothing that it asks would leave.

    granted: grants.Grant of what is allowed for now.
    """
    if ids.avahi is None or conf.mode == "audit" or any((each.kind, each.name) == ("users", USER) for each in granted):
        return False
    own = [conf.users.get(USER), *(entry for entry in conf.groups.values()
                                   if entry.execv and entry.execv[0].endswith(f"/{DAEMON}"))]
    return not any(entry and (entry.rules or entry.mode == "audit") for entry in own)


def options(conf, ids, granted=()):
    """dnsmasq's lines for it."""
    return [f"dns-rr=local,{TYPE_SOA},{RECORD}"] if unasked(conf, ids, granted) else []
