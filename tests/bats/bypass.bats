#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Attempts of an ordinary user's own programs to reach the network, on the installed package; the
# other end of the cable counts the packets.  How the launcher is mistreated is in launcher.bats.

load helper

BYPASS=/tmp/bypass
# What needs no privilege, and what the kernel wants CAP_NET_RAW or CAP_NET_ADMIN for.
ORDINARY="tcp4 tcp6 tcp-mapped tcp-fast-open mptcp4 mptcp6 udp4 udp6 udp-mapped udp-connected udp-cork \
    udp-segments udp-fragments4 udp-fragments6 udplite broadcast multicast4 multicast6 name-server4 name-server6 dhcp-server \
    bound-to-cable join-multicast4"
PRIVILEGED="ip-options raw4 raw6 raw-sctp raw-dccp raw-protocol own-header extension-headers socket-mark packet-socket"

setup_file() {
    start_dnsmasq
    cp -r "$BATS_TEST_DIRNAME/../bypass" /tmp/bypass
    chmod 1777 /tmp/bypass
    printf 'alice:100000:65536\n' >/etc/subuid
    printf 'alice:100000:65536\n' >/etc/subgid
    groupadd --users alice friends
    configure <<'JSON'
{
    "users": { "dnsmasq": { "rule": "udp dport 53" } },
    "groups": {
        "web": { "domains": [ "web.example" ], "rule": "tcp dport 80",
            "execv": [ "/usr/bin/curl", "--silent", "--max-time", "5", "http://web.example/" ] },
        "anywhere": { "rule": [ "tcp dport 80", "udp dport 5000" ],
            "execv": [ "/usr/bin/curl", "--silent", "--max-time", "5", "http://198.18.0.10/" ] },
        "tunnel": { "domains": [ "web.example" ], "rule": "udp dport 53",
            "execv": [ "/usr/bin/getent", "hosts", "secret.other.example" ] },
        "asker": { "domains": [ "web.example" ], "execv": [ "/usr/bin/env", "…" ] },
        "viewer": { "rule": "tcp dport 80", "execv": [ "/usr/bin/python3", "/tmp/bypass/display.py" ] },
        "led": { "rule": "tcp dport 80", "execv": [ "/usr/bin/python3", "/tmp/bypass/display.py" ],
            "env": { "keep": [ "DISPLAY", "PULSE_SERVER" ] } },
        "shell": { "rule": [ "tcp dport 80", "udp dport 5000" ], "execv": [ "/usr/bin/env", "…" ] },
        "browser": { "rule": "tcp dport 80", "execv": [ "/usr/bin/env", "…" ], "user_namespaces": true }
    }
}
JSON
}

teardown_file() {
    sed 's/^/# /' "$BATS_FILE_TMPDIR/table" >&3
}

setup() { settled; }

teardown() {
    [ ! -e $BYPASS/pid ] || kill "$(cat $BYPASS/pid)" 2>/dev/null || true
    rm -f $BYPASS/pid
}

# settled: waits until no packet is under way any more.
settled() {
    local before=-1
    while [ "$before" != "$(wire_packets)" ]; do
        before=$(wire_packets)
        sleep 0.1
    done
}

# counted COMMAND ...: runs it; the packets that it got out are in $packets.
counted() {
    local before
    before=$(wire_packets)
    run "$@"
    sleep 0.02
    packets=$(($(wire_packets) - before))
}

# row ATTEMPT OUTCOME: a line of the table that is printed at the end, once.
row() {
    local line="| $1 | ${2:-nothing} | $packets |"
    grep -qsxF "$line" "$BATS_FILE_TMPDIR/table" || echo "$line" >>"$BATS_FILE_TMPDIR/table"
}

# holds ATTEMPT OUTCOME COMMAND ...: runs it; it says that, and not a packet leaves.  SAID=OUTCOME is an
# outcome in other words.
holds() {
    counted "${@:3}"
    says "${2%%=*}"
    same 0 "$packets" "the number of packets of: $1"
    row "$1" "${2#*=}"
}

# gets_out COMMAND ...: runs it; packets leave.
gets_out() {
    counted "$@"
    [ "$packets" -gt 0 ] || complain "no packet left: $*" "$output"
}

# cannot_be_stopped ATTEMPT COMMAND ...: packets leave, as SECURITY.md says they will.
cannot_be_stopped() {
    gets_out "${@:2}"
    packets=some
    row "$1" "**passes**, see below"
}

# in_background COMMAND ...: starts it as alice; its process id is in $pid.
in_background() {
    rm -f $BYPASS/pid
    as alice bash -c "echo \$\$ >$BYPASS/pid; exec "'"$@"' bash "$@" >/dev/null 2>&1 3>&- &
    eventually 20 test -s $BYPASS/pid
    pid=$(cat $BYPASS/pid)
}

# has_gid PID GROUP: that process is in that group by now.
has_gid() { [ "$(stat -c %G "/proc/$1/task" 2>/dev/null)" = "$2" ] && [ "$(ps -o group= -p "$1")" = "$2" ]; }

gid_of() { getent group "$1" | cut -d : -f 3; }

@test "without the firewall each way of sending gets packets out" {
    galaf_firewall stop
    for way in $ORDINARY; do
        gets_out as alice $BYPASS/send.py "$way"
    done
    for way in $PRIVILEGED; do
        gets_out as root $BYPASS/send.py "$way"
    done
    sysctl --quiet net.ipv4.ping_group_range="0 4294967294"
    for way in ping4 ping6; do
        gets_out as alice $BYPASS/send.py "$way"
    done
    for thread in worker poller; do
        gets_out as alice $BYPASS/io_uring.py "$thread"
    done
    galaf_firewall start
}

@test "with it an ordinary user's sockets get not one out" {
    for way in $ORDINARY; do
        case $way in
        tcp*) holds "TCP over IPv4 and IPv6, to an IPv4-mapped address, fast open" ECONNREFUSED as alice $BYPASS/send.py "$way" ;;
        mptcp*) holds "MPTCP" ECONNREFUSED as alice $BYPASS/send.py "$way" ;;
        udp-cork) holds "UDP gathered in the socket (UDP_CORK)" "done" as alice $BYPASS/send.py "$way" ;;
        udplite) holds "UDP-Lite" EPERM as alice $BYPASS/send.py "$way" ;;
        udp*) holds "UDP, also connected, in fragments or segments, IPv4, IPv6 and mapped" EPERM as alice $BYPASS/send.py "$way" ;;
        join*) holds "joining an IPv4 multicast group (IGMP)" "done" as alice $BYPASS/send.py "$way" ;;
        multicast?) holds "broadcast, multicast" EPERM as alice $BYPASS/send.py "$way" ;;
        broadcast) holds "broadcast, multicast" EPERM as alice $BYPASS/send.py "$way" ;;
        *server*) holds "UDP to the name server, to a DHCP server" EPERM as alice $BYPASS/send.py "$way" ;;
        *) holds "UDP bound to the cable (SO_BINDTODEVICE)" EPERM as alice $BYPASS/send.py "$way" ;;
        esac
    done
    sysctl --quiet net.ipv4.ping_group_range="1 0"
    holds "ping4, ping6" EACCES as alice $BYPASS/send.py ping4
    holds "ping4, ping6" EACCES as alice $BYPASS/send.py ping6
    sysctl --quiet net.ipv4.ping_group_range="0 4294967294"
    holds "ping4, where everyone may have the socket" EPERM as alice $BYPASS/send.py ping4
    holds "ping6, where everyone may have the socket" "done" as alice $BYPASS/send.py ping6
    for thread in worker poller; do
        holds "TCP by io_uring, by a worker or a poller of the kernel" ECONNREFUSED as alice $BYPASS/io_uring.py "$thread"
    done
}

@test "raw sockets, headers and marks of one's own want a privilege; root's are held by the rules too" {
    local what
    for way in $PRIVILEGED; do
        case $way in
        packet-socket) what="packet socket" ;;
        socket-mark) what="SO_MARK" ;;
        raw-*) what="raw socket: SCTP, DCCP, an unused protocol" ;;
        raw?) what="raw socket: ICMP, ICMPv6" ;;
        own-header) what="raw socket: a fragment with a header of one's own" ;;
        *) what="IP options, IPv6 extension headers" ;;
        esac
        holds "$what" EPERM as alice $BYPASS/send.py "$way"
        case $way in
        packet-socket) ;;
        own-header) holds "$what, as root in no group" "done" as root $BYPASS/send.py "$way" ;;
        *) holds "$what, as root in no group" EPERM as root $BYPASS/send.py "$way" ;;
        esac
    done
    for family in 198.18.0.10 2001:2:0:1::10; do
        holds "ping, which has CAP_NET_RAW" "+1 errors=refused" as alice ping -n -c 1 -W 1 $family
    done
    cannot_be_stopped "packet socket, as root" as root $BYPASS/send.py packet-socket
}

@test "what root is permitted, another user has not by a set-uid program of root's" {
    local what="what root is permitted, by a set-uid program of root's: UDP, ICMP, TCP"
    passes galaf_config --set '$.users.root' '{ "rule": [ "udp dport 5000", "tcp dport 80", "icmp type echo-request" ] }'
    passes galaf_config --yes
    for way in udp4 udp6 tcp4 raw4; do
        gets_out as root $BYPASS/send.py "$way"
    done
    for way in udp4 udp6 raw4; do
        holds "$what" "EPERM=EPERM, ECONNREFUSED" by_set_uid $BYPASS/send.py "$way"
    done
    holds "$what" "ECONNREFUSED=EPERM, ECONNREFUSED" by_set_uid $BYPASS/send.py tcp4
    passes galaf_config --unset '$.users.root'
    passes galaf_config --yes
}

# by_set_uid COMMAND ...: as set-uid programs of root's run it for alice.
by_set_uid() { setpriv --ruid alice --rgid alice --clear-groups "$@"; }

# FORGED: what sends in another machine's name, or by loopback to it.
FORGED="to-closed-port to-closed-tcp-port to-listener by-cable conversation by-message"
# AWAY: what leads packets of this machine's for itself over the cable.
AWAY="led-away rejected-by-cable reset-to-loopback"

@test "without the firewall a source address that is another machine's sends, and is answered to" {
    ip address add 192.168.122.1/32 dev lo
    ip address add fd00:9::1/128 dev lo
    galaf_firewall stop
    for way in $FORGED led-away; do
        gets_out as alice $BYPASS/forged.py "$way"
    done
    galaf_firewall start
}

@test "with it nothing leaves in another machine's name, and nothing reaches one's own ports in its name" {
    local outcome
    for way in $FORGED; do
        case $way in
        *tcp* | *listener) outcome=timeout ;;
        *) outcome=EPERM ;;
        esac
        holds "source address of another machine: by loopback, by cable, UDP, TCP, ICMPv6 errors" \
            "$outcome=EPERM, timeout" as alice $BYPASS/forged.py "$way"
    done
    holds "the same by an application that may send to that port" EPERM as alice galaf shell $BYPASS/forged.py by-cable
    for way in $AWAY; do
        for family in 4 6; do
            holds "a connection by loopback, or its resets, led over the cable" "=EPERM, ECONNREFUSED" \
                as alice $BYPASS/forged.py "$way" $family
        done
    done
    holds "the same over IPv4" ENETUNREACH as alice $BYPASS/forged.py by-cable 4
}

@test "an application's own answers are not forged to it by a program beside it" {
    for family in 4 6; do
        in_background galaf shell bash -c "$BYPASS/forged.py listen-at-application-port $family >$BYPASS/heard"
        eventually 10 bash -c 'ss -Hanu "sport = 40000" | grep -q .'
        sleep 0.3
        run as alice $BYPASS/forged.py into-application "$family"
        eventually 10 test -s $BYPASS/heard
        same timeout "$(cat $BYPASS/heard)" "what the application heard after its peer's answer"
        rm $BYPASS/heard
    done
}

# invited FAMILY ADDRESS COMMAND ...: runs it as alice; what she hears of the peer's message to her port 6001.
invited() {
    as alice "${@:3}" >$BYPASS/heard 3>&- &
    eventually 10 grep -qs ready $BYPASS/heard
    sleep 0.1
    internet /usr/bin/python3 -c '
import socket, sys
sender = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
sender.bind((sys.argv[1], 5555))
sender.sendto(b"a command", (sys.argv[2], 6001))' "$1" "$2"
    wait $!
    tail -n 1 $BYPASS/heard
    rm $BYPASS/heard
}

@test "a packet that went nowhere invites no peer" {
    galaf_firewall stop
    same "a command" "$(invited 198.18.0.10 192.0.2.2 $BYPASS/forged.py device-loopback 4)"
    galaf_firewall start
    for way in unicast-by-loopback device-loopback message-by-loopback; do
        same timeout "$(invited 198.18.0.10 192.0.2.2 $BYPASS/forged.py $way 4)" "what came in after $way"
        same timeout "$(invited 2001:2:0:1::10 2001:db8::2 $BYPASS/forged.py $way 6)" "what came in after $way"
    done
    packets=0
    row "in: a peer's packet, invited by one to it bound to lo" "nothing comes in"
}

# told FAMILY: alice sends from one of her ports to another; what a host beyond the cable then tells that port, in an
# ICMP error that quotes it.
told() {
    as alice /usr/bin/python3 -c '
import socket, sys
family, level, option, own = {"4": (2, 0, 11, "192.0.2.2"), "6": (10, 41, 25, "2001:db8::2")}[sys.argv[1]]
sock, other = (socket.socket(family, socket.SOCK_DGRAM) for _ in range(2))
sock.setsockopt(level, option, 1)
sock.bind((own, 6001))
other.bind((own, 6002))
sock.sendto(b"x", (own, 6002))
print("ready", flush=True)
sock.settimeout(2)
try:
    sock.recv(100)
except TimeoutError:
    print("nothing")
except OSError as error:
    print(error.strerror)' "$1" >$BYPASS/heard 3>&- &
    eventually 10 grep -qs ready $BYPASS/heard
    internet /usr/bin/python3 $BYPASS/icmp_error.py "$1"
    wait $!
    tail -n 1 $BYPASS/heard
    rm $BYPASS/heard
}

@test "what one sends by loopback lets nothing in, not even an ICMP error that quotes it" {
    galaf_firewall stop
    same "Connection refused" "$(told 4)"
    same "Connection refused" "$(told 6)"
    galaf_firewall start
    same nothing "$(told 4)"
    same nothing "$(told 6)"
    packets=0
    row "in: an ICMP error that quotes one's own packet by loopback" "nothing comes in"
}

# answered USER [COMMAND ...]: what the peer hears from UDP port 6000, where that user's program listens, run by the command.
answered() {
    as "$1" "${@:2}" $BYPASS/forged.py shared-port 4 >$BYPASS/shared 3>&- &
    eventually 10 grep -qs ready $BYPASS/shared
    internet /usr/bin/python3 -c '
import socket
peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
peer.bind(("198.18.0.10", 0))
peer.settimeout(1)
peer.sendto(b"question", ("192.0.2.2", 6000))
try:
    print(peer.recv(100).decode())
except OSError as error:
    print("nothing")'
    wait $! || true
    rm $BYPASS/shared
}

@test "a port that is open inwards is answered from by whom the entry names, root and the kernel alone" {
    galaf_config --set '$.inbound' '{ "bob": "udp dport 6000", "root": "icmp type echo-request" }'
    passes galaf_config --yes
    same answer "$(answered bob)"
    same answer "$(answered root)"
    same nothing "$(answered alice)"
    same nothing "$(answered alice galaf browser)"
    packets=0
    row "UDP answered by a socket that shares the port of a service" EPERM
    galaf_config --set '$.inbound' '{ "browser": "udp dport 6000", "root": "icmp type echo-request" }'
    passes galaf_config --yes
    same answer "$(answered alice galaf browser)"
    same nothing "$(answered bob)"
    passes internet ping -n -c 1 -W 2 192.0.2.2
    galaf_config --set '$.inbound' '{}'
    passes galaf_config --yes
}

@test "a packet for elsewhere doesn't go by way of loopback, not even on a router" {
    sysctl --quiet net.ipv4.ip_forward=1
    holds "UDP bound to lo, with forwarding on" EPERM as alice $BYPASS/send.py bound-to-loopback
    sysctl --quiet net.ipv4.ip_forward=0
}

@test "what the kernel itself sends is counted where it is refused, and passes where \"kernel\" lists it; nothing of a program's does" {
    internet nft add table inet reports '{ chain in { type filter hook prerouting priority 0; ip protocol igmp counter; }; }'
    heard() { internet nft list table inet reports | sed -n 's/.*packets \([0-9]*\).*/\1/p'; }
    nft flush set inet galaf denied4
    passes as alice $BYPASS/send.py join-multicast4
    same 0 "$(heard)"
    passes nft list set inet galaf denied4
    says ". igmp . 0"
    galaf_config --set '$.kernel' '"ip protocol igmp"'
    passes galaf_config --yes
    passes as alice $BYPASS/send.py join-multicast4
    [ "$(heard)" -gt 0 ] || complain "no report left"
    galaf_config --set '$.kernel' '[ "tcp dport 80", "udp dport 5000", "icmp type echo-request" ]'
    passes galaf_config --yes
    for way in tcp4 udp4 ping4; do
        holds "what \"kernel\" lists, by a program" "E=EPERM, ECONNREFUSED" as alice $BYPASS/send.py "$way"
    done
    galaf_config --set '$.kernel' '"udp dport 9"'
    passes galaf_config --yes
}

@test "an MPTCP connection counts for who made it" {
    local mark
    mark=$(printf '0x%04x03e8' "$(gid_of shell)")
    passes nft flush set inet galaf post-filter-out
    gets_out as alice galaf shell $BYPASS/send.py mptcp4
    eventually 20 bash -c "nft list set inet galaf post-filter-out | grep -qi $mark"
    passes nft list set inet galaf post-filter-out
    says_not "0x00000000"
}

@test "joining an IPv6 multicast group is told to the link" {
    internet nft add table inet mld '{ chain in { type filter hook prerouting priority 0; icmpv6 type mld2-listener-report counter; }; }'
    passes as alice $BYPASS/send.py join-multicast6
    [ "$(internet nft list table inet mld | sed -n 's/.*packets \([0-9]*\).*/\1/p')" -gt 0 ]
    packets=some
    row "joining an IPv6 multicast group (MLD)" "**passes**, see below"
}

# Groups.

@test "sg, newgrp, setpriv: no way into an application's group" {
    passes as alice sg friends -c 'id -gn'
    same friends "$output"
    holds "sg" "assword=asks for a password" as alice sg web -c "$BYPASS/send.py tcp4" </dev/null
    says_not "done"
    holds "newgrp" "assword=asks for a password" as alice newgrp web <<<"$BYPASS/send.py tcp4"
    says_not "done"
    holds "setpriv --regid" "Operation not permitted" as alice sh -c "setpriv --regid web --keep-groups $BYPASS/send.py tcp4; :"
    holds "setpriv --groups" "Operation not permitted" as alice sh -c "setpriv --groups web $BYPASS/send.py tcp4; :"
}

# prepare_set_gid FOLDER: alice makes a set-gid file p, which its group may not execute yet, and a set-gid folder q.
prepare_set_gid() {
    rm -rf "$1/p" "$1/q"
    # shellcheck disable=SC2016     # for the other shell
    as alice bash -c 'cp /usr/bin/curl "$1/p" && chmod 2644 "$1/p" && mkdir "$1/q" && chmod 2777 "$1/q"' bash "$1"
}

@test "set-gid files: made by the user, by another user, by an application, on any file system" {
    for folder in /tmp /dev/shm; do
        passes as bob install --mode 2755 /usr/bin/curl $folder/h
        holds "set-gid file made by another user" "Failed to connect" as alice $folder/h --silent --show-error http://198.18.0.10/
    done
    for folder in /home/alice /tmp /dev/shm; do
        holds "set-gid file of a group one isn't in" "Operation not permitted" \
            as alice bash -c "cp /usr/bin/curl $folder/f && chgrp web $folder/f && chmod 2755 $folder/f && $folder/f http://198.18.0.10/"
        holds "set-gid file made by an application" "Operation not permitted" as alice galaf shell \
            bash -c "cp /usr/bin/curl $folder/g && chmod 2755 $folder/g"
        for group in shell browser; do
            prepare_set_gid $folder
            holds "set-gid file that the user made, given to the group by an application and made executable by an access control list" \
                "Operation not permitted" as alice galaf $group bash -c "chgrp \$(id -g) $folder/p; $BYPASS/allow.py $folder/p"
            same "alice" "$(stat -c %G $folder/p)"
            holds "set-gid folder that the user made, given to the group by an application, for a file in it" \
                "Operation not permitted" as alice galaf $group bash -c "chgrp \$(id -g) $folder/q; touch $folder/q/f"
            same "alice" "$(stat -c %G $folder/q/f)"
        done
        as alice chmod 2755 "$folder/g"
        holds "an application's file made set-gid by the user" "Failed to connect" as alice "$folder/g" --silent --show-error http://198.18.0.10/
    done
    prepare_set_gid /tmp
    passes galaf --test shell setpriv --reuid alice --init-groups bash -c "chgrp \$(id -g) /tmp/p && $BYPASS/allow.py /tmp/p"
    gets_out as bob /tmp/p --silent http://198.18.0.10/      # without the filter
    chmod 2755 /tmp/g
    gets_out as bob /tmp/g --silent http://198.18.0.10/      # by root's hand: such a file would do
    rm /tmp/g
    as alice galaf shell mkdir -m 777 /tmp/bypass/folder
    as alice chmod 2777 /tmp/bypass/folder
    holds "set-gid folder of an application: the group of a file in it" "alice=the user's" as alice bash -c 'touch /tmp/bypass/folder/f; stat -c %G /tmp/bypass/folder/f'
}

# Namespaces.

@test "user namespaces give no group, no mark and no cable" {
    holds "user namespace, as its root" ECONNREFUSED as alice unshare --user --map-root-user $BYPASS/send.py tcp4
    holds "user namespace that maps the group by itself" EPERM as alice $BYPASS/namespace.py own "$(gid_of shell)" $BYPASS/send.py tcp4
    holds "SO_MARK as root of a user namespace" EPERM as alice unshare --user --map-root-user $BYPASS/send.py socket-mark
    holds "raw socket as root of a user namespace" EPERM as alice unshare --user --map-root-user $BYPASS/send.py raw4
    holds "a network namespace of one's own" ENETUNREACH as alice unshare --user --map-root-user --net $BYPASS/send.py tcp4
    # Debian 13's ip(8) has to open /proc/1/ns/net, may not, and then takes the number for a name.
    holds "a cable out of that" "not permitted" as alice unshare --user --map-root-user --net bash -c \
        'ip link add v0 type veth peer name v1 netns 1 2>&1 | sed "s/Invalid \"netns\" value/not permitted/"'
    holds "set-gid file on a tmpfs of one's own" "EPERM" as alice unshare --user --map-root-user --mount \
        bash -c "mount -t tmpfs t /mnt && cp $BYPASS/namespace.py /mnt && chmod 2755 /mnt/namespace.py && \
            /mnt/namespace.py own $(gid_of shell) $BYPASS/send.py tcp4"
}

@test "an id of /etc/subgid whose low 16 bits are a group's is not that group" {
    local gid
    gid=$((65536 + $(gid_of shell)))
    passes as alice $BYPASS/namespace.py make 100000 "$gid" sleep 0
    holds "a gid of /etc/subgid with the same low 16 bits" ECONNREFUSED as alice $BYPASS/namespace.py make 100000 "$gid" $BYPASS/send.py tcp4
    holds "the group's gid through newgidmap" "not allowed" as alice unshare --user bash -c \
        "newgidmap \$\$ 0 $(gid_of shell) 1"
}

# What another process has.

@test "a socket belongs to the group that made it, whoever uses it" {
    gets_out as alice galaf shell $BYPASS/hand_over.py keep $BYPASS/hand_over.py use-kept
    holds "own socket kept as descriptor 0 into a group" EPERM as alice $BYPASS/hand_over.py keep \
        /usr/bin/galaf shell $BYPASS/hand_over.py use-kept
    in_background $BYPASS/hand_over.py offer $BYPASS/door
    eventually 20 test -S $BYPASS/door
    holds "own socket handed to an application" EPERM as alice galaf shell $BYPASS/hand_over.py use $BYPASS/door
    in_background galaf shell $BYPASS/hand_over.py offer $BYPASS/gate
    eventually 20 test -S $BYPASS/gate
    cannot_be_stopped "a socket that an application hands out" as alice $BYPASS/hand_over.py use $BYPASS/gate
}

@test "a UDP port's next owner doesn't inherit what conntrack remembers of the last one" {
    gets_out as alice galaf shell $BYPASS/hand_over.py port
    says "done"
    passes conntrack -L -p udp --sport 40000
    says "dport=40000"
    holds "UDP from the port of an application that has just left it" EPERM as alice $BYPASS/hand_over.py port
    gets_out as alice galaf shell $BYPASS/hand_over.py port
    says "done"
}

@test "nor does the next owner of a TCP port" {
    # What conntrack keeps for two minutes after an application has closed its end.
    passes conntrack -I -p tcp -s 192.0.2.2 -d 198.18.0.10 --sport 40000 --dport 80 --state FIN_WAIT -t 100 \
        -u SEEN_REPLY,ASSURED
    holds "TCP from the port of an application's closed connection" "Failed to connect" as alice \
        curl --silent --show-error --max-time 5 --local-port 40000 http://198.18.0.10/
    conntrack -D -p tcp --sport 40000
}

@test "nor does whoever comes first have a connection that a helper of conntrack's expects" {
    nft -f - <<'NFT'
table ip helpers {
    ct expectation data { protocol tcp; dport 80; timeout 1m; size 9; l3proto ip; }
    chain in { type filter hook input priority 0; tcp dport 6000 ct expectation set "data"; }
}
NFT
    galaf_config --set '$.inbound' '{ "bob": "tcp dport 6000" }'
    passes galaf_config --yes
    setpriv --reuid bob --regid bob --clear-groups nc -l -k 6000 >/dev/null 3>&- &
    serving=$!
    eventually 5 grep -q ':1770 00000000:0000 0A' /proc/net/tcp
    passes internet nc -z -s 198.18.0.10 192.0.2.2 6000
    settled
    holds "a connection that a helper of conntrack's expects" "Failed to connect" as alice fetch http://198.18.0.10/
    nft delete rule inet galaf unusual_out handle "$(nft -a list chain inet galaf unusual_out |
        sed -n 's/.*meta skuid 0-4294967295 return # handle //p')"
    passes internet nc -z -s 198.18.0.10 192.0.2.2 6000      # it is expected once
    settled
    gets_out as alice fetch http://198.18.0.10/
    kill $serving
    nft delete table ip helpers
    galaf_config --set '$.inbound' '{}'
    passes galaf_config --yes
}

@test "an application's memory, descriptors and environment are closed to the user's other programs" {
    in_background sleep 60
    passes as alice $BYPASS/reach_into.py "$pid"
    says "ptrace done" "mem done" "environ done" "maps done" "process_vm_readv done" "pidfd_getfd done" \
        "descriptors done" "namespace done" "root done"
    kill "$pid"
    in_background galaf shell sleep 60
    eventually 20 has_gid "$pid" shell
    holds "ptrace, /proc/PID/mem and environ, pidfd_getfd, process_vm_readv" "ptrace EPERM=EPERM, EACCES" as alice $BYPASS/reach_into.py "$pid"
    says "mem EACCES" "environ EACCES" "maps EACCES" "process_vm_readv EPERM" "pidfd_getfd EPERM" \
        "descriptors EACCES" "namespace EACCES" "root EACCES"
}

# dumps COMMAND ...: alice starts sleep by it, allows a core dump, and ends it by a signal that makes one.
dumps() {
    # shellcheck disable=SC2016     # for the other shell
    in_background bash -c 'cd "$1" && ulimit -c unlimited && shift && exec "$@"' bash $BYPASS/dumps "$@"
    eventually 5 grep -qx sleep "/proc/$pid/comm"
    as alice kill -SEGV "$pid"
    eventually 5 bash -c "! kill -0 $pid 2>/dev/null"
    ls $BYPASS/dumps
}

@test "an application's memory isn't to be had by killing it" {
    mkdir -m 777 $BYPASS/dumps
    passes dumps sleep 60
    says core
    rm $BYPASS/dumps/*
    holds "core dump of an application, killed for it" "=none" dumps galaf shell sleep 60
    same "" "$output"
}

@test "an application makes no user namespace, by which the user's other programs would come to its group" {
    holds "an application makes a user namespace" "Operation not permitted" as alice galaf shell unshare --user \
        --map-current-user sleep 60
}

# in_sandbox: an application's process in a user namespace that it has made, which maps its group; its id is in $pid.
in_sandbox() {
    in_background galaf browser unshare --user --map-current-user sleep 60
    eventually 20 grep -q "$(gid_of browser)" "/proc/$pid/gid_map"
}

# What holds where the kernel takes galaf_mark's guard, as Debian's do, is in bats-vm/namespaces.bats.
@test "an application that may make one opens its group to the user's other programs, unless that is guarded" {
    galaf_mark stop
    in_sandbox
    cannot_be_stopped "joining the user namespace of an application, unguarded" as alice $BYPASS/namespace.py join "$pid" \
        $BYPASS/send.py tcp4
    cannot_be_stopped "joining the user namespace of an application, unguarded" as alice $BYPASS/namespace.py join-pidfd \
        "$pid" $BYPASS/send.py tcp4
    passes as alice $BYPASS/reach_into.py "$pid"
    says "ptrace done" "mem done" "process_vm_readv done" "pidfd_getfd done" "namespace done"
    as alice galaf browser cp /usr/bin/curl $BYPASS/made
    passes as alice $BYPASS/namespace.py set-gid "$pid" $BYPASS/made
    cannot_be_stopped "a set-gid file made in there, unguarded" as bob $BYPASS/made --silent --max-time 5 http://198.18.0.10/
    rm $BYPASS/made
    kill "$pid"
    in_background galaf browser unshare --user sleep 60
    eventually 20 [ "$(readlink /proc/self/ns/user)" != "$(readlink "/proc/$pid/ns/user")" ]
    holds "joining one that maps no gid" EINVAL as alice $BYPASS/namespace.py join "$pid" $BYPASS/send.py tcp4
    galaf_mark start
}

@test "what D-Bus starts for an application is started as the user" {
    local services=/home/alice/.local/share/dbus-1/services
    as alice mkdir -p $services
    printf '[D-BUS Service]\nName=org.example.Attempt\nExec=%s/activated\n' $BYPASS >$services/org.example.Attempt.service
    printf '#!/bin/sh\n{ id -gn; %s/send.py tcp4; } >%s/said\n' $BYPASS $BYPASS >$BYPASS/activated
    chmod 755 $BYPASS/activated
    holds "D-Bus activation by an application" "org.example.Attempt=started, as the user: ECONNREFUSED" as alice dbus-run-session -- galaf shell dbus-send --session \
        --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.StartServiceByName \
        string:org.example.Attempt uint32:0
    eventually 20 test -s $BYPASS/said
    same $'alice\nECONNREFUSED' "$(cat $BYPASS/said)"
}

# Through the launcher.

# injects VARIABLES COMMAND-LINE: with these in the environment the command, as alice starts it, runs code of
# her choice, and started by galaf it does not.
injects() {
    local -a variables command
    read -ra variables <<<"$1"
    read -ra command <<<"$2"
    passes as alice env "${variables[@]}" "${command[@]}"
    says injected
    holds "code by $(sed 's/=[^ ]*//g; s/ / and /g' <<<"$1") into $(basename "${command[0]}")" "" \
        as alice env "${variables[@]}" galaf shell "${command[@]}"
    says_not injected
}

@test "code by the environment: what galaf starts doesn't load it" {
    mkdir -m 755 $BYPASS/inject
    echo 'import sys; print("injected", file=sys.stderr)' >$BYPASS/inject/sitecustomize.py
    printf '%s\n' 'print STDERR "injected\n"; 1;' >$BYPASS/inject/Injected.pm
    echo 'echo injected >&2' >$BYPASS/inject/env
    gcc -shared -fPIC -o $BYPASS/inject/library.so -x c - <<'C'
#include <unistd.h>
__attribute__((constructor)) static void started(void) { (void)!write(2, "injected\n", 9); }
unsigned la_version(unsigned version) { return version; }
C
    injects "PYTHONPATH=$BYPASS/inject" "/usr/bin/python3 -c 0"
    injects "PERL5LIB=$BYPASS/inject PERL5OPT=-MInjected" "/usr/bin/perl -e 0"
    injects "BASH_ENV=$BYPASS/inject/env" "/usr/bin/bash -c true"
    injects "LD_PRELOAD=$BYPASS/inject/library.so" "/usr/bin/true"
    injects "LD_AUDIT=$BYPASS/inject/library.so" "/usr/bin/true"
    injects "NODE_OPTIONS=--require=$BYPASS/injected.js" "/usr/bin/env"       # what node would see
}

@test "a command without arguments isn't led elsewhere by the environment" {
    for variable in DISPLAY=198.18.0.10:59616 PULSE_SERVER=tcp:198.18.0.10:80; do
        gets_out as alice env $variable galaf led
        says "done"
        holds "an address by DISPLAY or PULSE_SERVER, into a command that takes no arguments" "nowhere=not kept" as alice env $variable galaf viewer
    done
}

@test "no hopping" {
    holds "an application starts another one" "may not start it" as alice galaf shell galaf anywhere
    holds "an application starts another one in a user namespace" "does not belong to root" as alice galaf browser unshare --user galaf anywhere
    holds "a copy of the launcher" "has not the capability" as alice bash -c "cp /usr/bin/galaf $BYPASS/copy && $BYPASS/copy anywhere"
    gets_out as alice galaf anywhere
    says "198.18.0.10 80"
}

@test "the launcher closed, starved or nameless starts nothing that sends" {
    local limit
    for limit in --nofile=0 --as=0 --stack=0 --data=0 --nproc=0; do
        holds "galaf under a limit of zero" "" as alice bash -c "prlimit $limit /usr/bin/galaf shell \
            bash -c '[ \$(id -gn) = shell ] || $BYPASS/send.py tcp4'; :"
    done
    # /dev/full is what the C library opens for standard input, to be written to alone.
    holds "galaf with descriptors 0, 1 and 2 closed" "=empty devices in their place" as alice bash -c \
        "exec galaf shell bash -c 'id -gn >$BYPASS/closed; readlink /proc/\$\$/fd/[012] >>$BYPASS/closed' <&- >&- 2>&-"
    same $'shell\n/dev/full\n/dev/null\n/dev/null' "$(cat $BYPASS/closed)"
    holds "galaf with an empty argv" "wants the name of a group" as alice /usr/bin/python3 -c "import ctypes
none = (ctypes.c_char_p * 1)()
ctypes.CDLL(None).execve(b'/usr/bin/galaf', none, none)"
    as alice ln -sf /usr/bin/galaf $BYPASS/anywhere
    holds "galaf by a symbolic link named anywhere" "wants the name of a group" as alice $BYPASS/anywhere
    holds "a hard link to galaf" "not permitted" as alice ln /usr/bin/galaf /usr/bin/galaf2
}

# Names, and what others do.

@test "a DNS query carries nothing out" {
    local before
    before=$(wire_packets wire_dns)
    holds "DNS query with data in its name" "" as alice getent hosts "secret-$RANDOM.example"
    holds "DNS query for a name that is not among its domains, by an application" "" as alice galaf tunnel
    holds "DNS query over TCP to the name server" "" as alice bash -c 'echo x >/dev/tcp/192.0.2.1/53'
    # Each says web.example to dnsmasq: and more behind it, or by a pointer, or a record beside it.
    holds "DNS query for one of its domains that is more than a plain question" "3 unanswered=no answer" as alice galaf asker \
        /usr/bin/python3 -c '
import socket
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout(0.5)
head, asked, unanswered = bytes.fromhex("000701000001000000000000"), b"\3web\7example\0\0\1\0\1", 0
for query in (head + asked + b"\6secret", head + b"\xc0\x12\0\1\0\1" + asked,
              head[:11] + b"\1" + asked + b"\6secret\0\0\x10\0\1\0\0\0\0\0\0"):
    asking.sendto(query, ("127.0.0.1", 53))
    try:
        asking.recv(600)
    except TimeoutError:
        unanswered += 1
print(unanswered, "unanswered")'
    same "$before" "$(wire_packets wire_dns)" "the name server's count of packets"
}

@test "a proxy on loopback that an application runs" {
    in_background galaf shell $BYPASS/proxy.py
    eventually 20 bash -c ': </dev/tcp/127.0.0.1/8118'
    cannot_be_stopped "a proxy on loopback that an application runs" as alice fetch http://127.0.0.1:8118/
}

@test "SECURITY.md has the table that these attempts make" {
    is_table 1 "$BATS_FILE_TMPDIR/table"
}
