#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Rules about an interface hold for whole connections: they end, or wait, where it goes.  Beside them "discovery", which
# needs a link of private addresses too.

load helper

setup_file() {
    ip link add tun0 type veth peer name tun0 netns internet
    ip addr add 10.7.0.2/24 dev tun0
    ip addr add fd00:7::2/64 dev tun0 nodad
    ip addr add 192.0.2.50/24 dev eth0
    ip addr add 2001:db8::50/64 dev eth0 nodad
    internet ip addr add 10.7.0.1/24 dev tun0
    internet ip addr add fd00:7::1/64 dev tun0 nodad
    sysctl -qw net.ipv6.conf.tun0.keep_addr_on_down=1 net.ipv6.conf.tun0.accept_dad=0
    internet sysctl -qw net.ipv6.conf.tun0.keep_addr_on_down=1 net.ipv6.conf.tun0.accept_dad=0
    configure <<'JSON'
{
    "groups": {
        "tunnel": { "rule": [ "oifname \"tun0\" tcp dport 7010-7029", "oifname { \"tun0\", \"tun1\" } udp dport 7010-7029" ] },
        "free": { "rule": [ "tcp dport 7010-7029", "udp dport 7010-7029" ] }
    },
    "inbound": {
        "www-data": [ "iifname \"tun0\" tcp dport 8443", "iifname \"tun0\" udp dport 8443" ],
        "bob": [ "tcp dport 8444", "udp dport 8444" ]
    }
}
JSON
}

@test "while a tunnel goes up, down and up again, its connections send nothing by the cable; others go on there" {
    passes /usr/bin/python3 tests/bypass/interfaces.py 192.0.2.50 2001:db8::50
    for family in 4 6; do
        says "tcp $family out tunnel yes no no none" "tcp $family in www-data yes closed closed none" \
            "udp $family out tunnel yes no yes none" "udp $family in www-data yes no yes none"
        says "tcp $family out free yes yes yes some" "tcp $family in bob yes closed closed some" \
            "udp $family out free yes yes yes some" "udp $family in bob yes yes yes some"
    done
}

# heard GROUP: which of four ways to ask a link an application of alice's hears answers by, one after another.
heard() {
    local kind
    for kind in ssdp wsd kdeconnect; do
        echo "$kind $(as alice galaf "$1" /usr/bin/python3 "$PWD/tests/bypass/link.py" ask $kind 10.7.0.2)"
    done
    echo "mdns $(as alice galaf "$1" /usr/bin/python3 "$PWD/tests/bypass/link.py" browse 10.7.0.2)"
}

@test "an application with \"discovery\" hears who answers it by SSDP, WS-Discovery, KDE Connect and mDNS; without it nobody" {
    configure <<'JSON'
{
    "groups": {
        "finder": { "discovery": true, "execv": [ "/usr/bin/env", "…" ], "rule": "udp dport { 1716, 1900, 3702, 5353 }" },
        "other": { "execv": [ "/usr/bin/env", "…" ], "rule": "udp dport { 1716, 1900, 3702, 5353 }" },
        "scan": { "known": "simple-scan", "execv": [ "/usr/bin/env", "…" ] },
        "router": { "known": "upnpc", "execv": [ "/usr/bin/env", "…" ] }
    }
}
JSON
    ip link set tun0 up
    internet ip link set tun0 up
    nsenter --net=/run/netns/internet /usr/bin/python3 tests/bypass/link.py answer 10.7.0.1 >/tmp/answers 2>&1 3>&- &
    others=$!
    nsenter --net=/run/netns/internet /usr/bin/python3 tests/bypass/link.py publish 10.7.0.1 >/tmp/publishes 2>&1 3>&- &
    others+=" $!"
    eventually 20 grep -q answers /tmp/answers
    eventually 20 grep -q publishes /tmp/publishes
    run heard finder
    says "ssdp answered" "wsd answered" "kdeconnect answered" "mdns television._http._tcp.local."
    says_not nothing
    # The library's entries for scanners and for UPnP.
    same answered "$(as alice galaf scan /usr/bin/python3 "$PWD/tests/bypass/link.py" ask wsd 10.7.0.2)"
    same answered "$(as alice galaf router /usr/bin/python3 "$PWD/tests/bypass/link.py" ask ssdp 10.7.0.2)"
    # Nothing is left of it 5 seconds after the last question.
    eventually 20 bash -c '! nft list table inet galaf | grep -A6 "set discovery[46]" | grep expires'
    run heard other
    same "ssdp nothing
wsd nothing
kdeconnect nothing
mdns nothing" "$output"
}

# shellcheck disable=SC2086     # several
teardown() { [ -z "${others:-}" ] || kill $others; }

# event ACTION INTERFACE UUID NAME [VPN-INTERFACE]: NetworkManager's dispatcher says that; whose it is says $profile.
event() {
    printf '[connection]\nid=any\n%s\n' "$profile" >/tmp/profile
    env CONNECTION_FILENAME=/tmp/profile NM_DISPATCHER_ACTION="$1" DEVICE_IFACE="$2" DEVICE_IP_IFACE="$2" CONNECTION_UUID="$3" CONNECTION_ID="$4" \
        VPN_IP_IFACE="${5:-}" /usr/lib/NetworkManager/dispatcher.d/pre-up.d/40-galaf-networks "${5:-$2}" "$1"
}

# at LINE ...: galaf_firewall status says that of the networks, and no more.
at() { same "$*" "$(galaf_firewall status | sed -n 's/^network: //p' | paste -sd ' ')" "where the machine is"; }

# open near|far|none: just that group reaches the web by the cable, and near's service is reached there as near reaches it.
open() {
    local group
    for group in near far; do
        if [ "$group" = "$1" ]; then
            passes in_group "$group" fetch http://198.18.0.10/
        else
            fails 7 in_group "$group" fetch http://198.18.0.10/
        fi
    done
    if [ "$1" = near ]; then
        passes internet python3 -c 'import socket; socket.create_connection(("192.0.2.2", 8444), 5)'
    else
        fails 1 internet python3 -c 'import socket; socket.create_connection(("192.0.2.2", 8444), 0.3)'
    fi
}

@test "networks by name: what NetworkManager says of an interface opens and closes, in any order that it may come" {
    configure <<'JSON'
{
    "networks": { "here": { "connection": [ "Here: é", "u-3" ] }, "tunnel": { "interface": [ "tun0" ] } },
    "groups": {
        "near": { "rule": "tcp dport 80", "on": [ "here" ] }, "far": { "rule": "tcp dport 80", "not_on": [ "here" ] }
    },
    "inbound": { "root": { "rule": "tcp dport 8444", "on": [ "here" ] } }
}
JSON
    ip link set tun0 down       # the first test's routes go with it
    python3 -m http.server --bind 192.0.2.2 8444 >/tmp/served 2>&1 3>&- &
    others=$!
    profile=permissions=
    at "tun0: tunnel"
    open none
    event pre-up eth0 u-1 "Here: é"
    at "eth0: here tun0: tunnel"
    open near
    event pre-up eth0 u-2 Elsewhere
    event down eth0 u-1 "Here: é"
    at "eth0: none that the file names tun0: tunnel"
    open far
    event down eth0 u-2 Elsewhere
    open none
    event vpn-pre-up eth0 u-3 Office tun0
    at "tun0: here, tunnel"
    event vpn-down eth0 u-3 Office
    at "tun0: tunnel"
    event vpn-pre-up eth0 u-3 Office tun0
    CONNECTION_EXTERNAL=1 event up tun0 u-9 tun0    # and no VPN is up any more
    at "tun0: tunnel"
    event down tun0 u-9 tun0
    event up lo u-1 "Here: é"
    event up 'a"}b' u-1 "Here: é"
    event up eth0 u-2 $'Elsewhere\n\037u-1\037eth0\037Here: é'
    at "eth0: none that the file names tun0: tunnel"
    event up eth0 u-2 $'Here: é\037'
    at "eth0: none that the file names tun0: tunnel"
    profile="permissions=user:alice:;"
    event up eth0 u-2 "Here: é"
    open far
    passes galaf_firewall stop
    event up eth0 u-1 "Here: é"
    passes galaf_firewall start
    open none           # nobody is there to say that it still is
}

@test "an edit: what began by other words about interfaces ends, what began by none goes on" {
    local before held
    for before in '[ "oifname \"eth0\" tcp dport 80" ]' '[ "tcp dport 80" ]'; do
        rm -f /tmp/held /tmp/go /tmp/reply
        configure <<<"{ \"groups\": { \"free\": { \"rule\": $before } } }"
        hold_connection free 198.18.0.10 80
        held=$!
        configure <<<'{ "groups": { "free": { "rule": [ "oifname \"tun0\" tcp dport 80" ] } } }'
        fails 7 in_group free fetch http://198.18.0.10/
        touch /tmp/go
        if [[ $before == *eth0* ]]; then
            ! wait "$held" || complain "a connection by eth0 alone went on where the rule has tun0"
            [ ! -s /tmp/reply ] || complain "it got an answer"
        else
            eventually 20 test -s /tmp/reply
            file_says /tmp/reply "200 OK"
        fi
    done
}
