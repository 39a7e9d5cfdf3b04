# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers that several parts stand on.  C has GIDS, too, in launcher/galaf.h and bpf/user_namespaces.bpf.c."""

GIDS = (30000, 59999)           # of application groups, both ends included; "gid_range" narrows it
PING_GIDS = (57344, 57359)      # 0xe000 to 0xe00f, of groups with "ping": net.ipv4.ping_group_range
LAST_GROUP = "galaf-last"       # has the last one of GIDS: see accounts.allot()
MAX_ID = 0xFFFF                 # the mark holds 16 bits of each id
TOLD_GROUP = 30000              # of nfnetlink_log (NFLOG), by which galaf_denied --tell hears of refusals
CAPTURE_GROUPS = range(30001, 65536)    # of the same, galaf_tcpdump's; others' rules are likely to use small ones
STRANGER = 65533                # uid and gid that Debian gives to no one: Policy 9.2.2; galaf_doctor's tries have them
