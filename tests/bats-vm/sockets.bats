#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Sockets that the releases' own kernels load modules for, at an ordinary user's demand: none gets a packet out.

load ../bats-machine/machine

WAYS="sctp smc rxrpc"

setup_file() {
    passes install "./$DEB"
    on galaf_firewall stop      # of a file before this one
    on cp -r /srv/galaf/tests/bypass /opt/bypass
    on chmod 755 /opt/bypass
}

# gets_out WAY: alice sends, and packets leave.
gets_out() {
    since=$(now)
    alice "/opt/bypass/module_sockets.py $1"
    eventually 5 left || complain "no packet left: $1"
}
left() { [ -n "$(sent "$since" "$ROGUE")" ]; }

@test "without the firewall each gets packets out" {
    for way in $WAYS; do
        gets_out "$way"
    done
}

@test "with it none does, whoever may reach what" {
    passes on galaf_config --set '$.groups.shell' '{ "execv": ["/usr/bin/env", "…"], "rule": "tcp dport 443" }'
    passes on galaf_config --yes
    began=$(now)
    for way in $WAYS; do
        passes alice "/opt/bypass/module_sockets.py $way"
        passes alice "galaf shell /opt/bypass/module_sockets.py $way"
    done
    ended=$(now)
    passes on lsmod
    says "sctp " "smc " "rxrpc "
    on galaf_firewall stop
    gets_out smc        # all packets before this one have been counted
    same "" "$(sent "$began" "$ROGUE" | awk -v ended="$ended" '$1 < ended')" "what was sent"
}
