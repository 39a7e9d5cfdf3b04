#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Sockets that the releases' own kernels load modules for, at an ordinary user's demand: none gets a packet out.

load ../bats-machine/machine

WAYS="sctp l2tp smc rxrpc pppoe"
# What an ordinary user's socket may be of.  The rules see what the second line sends, the third is Bluetooth's.
OPEN="UNIX NETLINK ALG
INET INET6
BLUETOOTH"
ASKED="24.1.0 29.3.1 33.2.2 40.1.0 43.1.0"     # PPPoE, CAN, RxRPC, vsock, SMC
MORE="RXRPC APPLETALK ATMPVC ATMSVC PPPOX CAN NFC VSOCK KCM QIPCRTR SMC"

setup_file() {
    installed
    on galaf_firewall stop      # of a file before this one
    on galaf_mark stop
    on cp -r /srv/galaf/tests/bypass /opt/bypass
    on chmod 755 /opt/bypass
    on ping -c 1 192.0.2.1      # /proc/net/arp has the gateway from now on
}

# gets_out WAY: alice sends, and packets leave.
gets_out() {
    since=$(now)
    alice "/opt/bypass/module_sockets.py $1"
    eventually 5 left || complain "no packet left: $1"
}
left() { [ -n "$(sent "$since" "$SENT")" ]; }
SENT="$ROGUE or ether proto 0x8864"

# guarded WAY: whether no socket is made for it at all; else the rules refuse what it sends, at once or later.
guarded() { [[ $1 == pppoe || $1 == smc || $1 == rxrpc ]]; }

# families: the names of what alice gets a socket of, sorted.
families() {
    passes alice /opt/bypass/families.py
    awk '{ print $1 }' <<<"$output" | sort | xargs
}

sorted() { xargs -n 1 <<<"$*" | sort | xargs; }

# secrets SINCE UNTIL [FILTER]: the frames between these times that hold what families.py sends.
secrets() {
    tcpdump -Attnr /run/machine/wire.pcap "${3:-}" 2>/dev/null | awk -v since="$1" -v until="$2" '
        /^[0-9]+\.[0-9]+ / { at = $1 } /secret of a family/ && at > since && at < until'
}

# These two come first: once a module is loaded only a reboot is sure to take it away.

@test "without eBPF: the doctor says so, and the file for modprobe denies them" {
    passes on galaf_config --yes --no-ebpf
    run on galaf_doctor families
    says "broken " "Ethernet frames" "galaf_config without --no-ebpf" "/usr/share/galaf/modprobe.d/galaf-sockets.conf"
    on ln -s /usr/share/galaf/modprobe.d/galaf-sockets.conf /etc/modprobe.d/
    on modprobe -r pppoe        # which the doctor has just tried
    passes on galaf_doctor families
    says "ok " "/etc/modprobe.d"
    began=$(now)
    same "$(sorted "$OPEN")" "$(families)"
    passes alice "/opt/bypass/module_sockets.py pppoe"
    same EAFNOSUPPORT "$output"
    same "" "$(secrets "$began" "$(now)")" "what families.py sent"
    passes on sh -c 'modprobe pppoe && /opt/bypass/module_sockets.py pppoe'     # as pppd needs it then
    same "done" "$output"
    passes on rm /etc/modprobe.d/galaf-sockets.conf
    passes on galaf_config --yes
}

@test "without either, of all that a kernel has for an ordinary user PPPoE alone sends frames" {
    on galaf_mark stop
    began=$(now)
    same "$(sorted "$OPEN $MORE")" "$(families)"
    gets_out pppoe
    [ -n "$(secrets "$began" "$(now)")" ] || complain "families.py sends nothing"
    same "" "$(secrets "$began" "$(now)" "not ether proto 0x8864")" "what left beside PPPoE"
}

@test "without the firewall each gets packets out" {
    on galaf_firewall stop
    for way in $WAYS; do
        gets_out "$way"
    done
}

@test "with it none does, whoever may reach what; families that nothing watches have no sockets" {
    passes on galaf_config --set '$.groups.shell' '{ "execv": ["/usr/bin/env", "…"], "rule": "tcp dport 443" }'
    passes on galaf_config --yes
    began=$(now)
    for way in $WAYS; do
        for who in "" "galaf shell "; do
            passes alice "$who/opt/bypass/module_sockets.py $way"
            ! guarded "$way" || same EPERM "$output" "what becomes of $who$way"
        done
    done
    same "$(sorted "$OPEN")" "$(families)"
    ended=$(now)
    passes on galaf_doctor families
    says "ok " "has no socket that the rules do not see"
    on galaf_firewall stop
    gets_out sctp       # all packets before this one have been counted
    same "" "$(sent "$began" "$SENT" | awk -v ended="$ended" '$1 < ended')" "what was sent"
    same "" "$(secrets "$began" "$ended")" "what families.py sent"
}

# made [NUMBER.TYPE.PROTOCOL ...]: of which of these alice gets a socket.
made() {
    passes alice "python3 -c 'import socket, sys
for word in sys.argv[1:]:
    try:
        socket.socket(*map(int, word.split(\".\")))
        print(word)
    except OSError as error:
        assert error.errno == 1, error' $*"
    xargs <<<"$output"
}

@test "\"socket_families\" opens what it names, also to programs that run, and over a restart of galaf_mark; the doctor says so" {
    passes on galaf_config --set '$.config' '{ "socket_families": [ "vsock", "smc" ] }'
    passes on galaf_config --yes
    same "40.1.0 43.1.0" "$(made $ASKED)"
    passes on systemctl restart galaf-mark
    same "40.1.0 43.1.0" "$(made $ASKED)"
    passes on galaf_doctor families
    says "warning " "any program may have sockets of vsock, smc"
    passes on galaf_config --rollback
    same "" "$(made $ASKED)"
    passes on galaf_doctor families
    says "ok "
}

@test "root gets what it asks for, an ordinary user not even where root has it loaded" {
    since=$(now)
    passes on /opt/bypass/module_sockets.py pppoe
    same "done" "$output"
    eventually 5 left
    passes on lsmod
    says pppoe
    passes alice "/opt/bypass/module_sockets.py pppoe"
    same EPERM "$output"
}
