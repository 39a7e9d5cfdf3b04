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
        "other": { "execv": [ "/usr/bin/env", "…" ], "rule": "udp dport { 1716, 1900, 3702, 5353 }" }
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
