#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Right after a look-up that succeeded nothing is refused, however old what was learned before it is.
# long

load helper

setup_file() { start_dnsmasq; }
teardown() { [ -z "${changing:-}" ] || kill "$changing" 2>/dev/null || true; }

# configured TIMEOUT [OPTION]
configured() {
    configure ${2:+"$2"} <<JSON
{ "users": { "dnsmasq": { "rule": "udp dport 53" } },
  "groups": { "web": { "domains": [ "web.example", "crowd.example", "a.alias.example" ], "rule": "tcp dport 80", "timeout": "$1" },
              "other": { "domains": [ "crowd.example", "end.example" ], "rule": "tcp dport 80", "timeout": "1h" } } }
JSON
}

# refused GROUP ADDRESS ...: how many of the addresses refuse a program of the group.
refused() {
    local group=$1
    shift
    in_group "$group" /usr/bin/python3 -c '
import socket, sys
refused = 0
for address in sys.argv[1:]:
    try:
        socket.create_connection((address, 80), 2).close()
    except OSError:
        refused += 1
print(refused)' "$@"
}

look_up() { in_group "$1" getent ahostsv4 "$2" >/dev/null; }

@test "a look-up at 17 s of 20: connections from 21 s on, each with a look-up or with what was looked up" {
    for option in "" --no-ebpf; do
        configured 20s $option
        nft flush set inet galaf web_4
        nft flush set inet galaf old/web_4
        began=$SECONDS
        look_up web web.example
        sleep $((17 - SECONDS + began))
        look_up web web.example
        sleep $((21 - SECONDS + began))
        same 0 "$(refused web 198.18.0.10)"
        bad=0
        for _ in $(seq 24); do
            in_group web curl -sS4 --max-time 5 http://web.example/ >/dev/null || bad=$((bad + 1))
            sleep 0.3
        done
        same 0 "$bad" "refused of 24"
    done
}

@test "a name with 12 addresses of which one is in use: the others are there after each look-up" {
    configured 10s
    all=$(seq -f '198.18.0.%g' 100 111)
    bad=0
    for _ in $(seq 15); do
        look_up web crowd.example
        sleep 1
        same 0 "$(refused web 198.18.0.100)" "of the one in use"
        look_up web crowd.example
        # shellcheck disable=SC2086
        bad=$((bad + $(refused web $all)))
        look_up other crowd.example
        # shellcheck disable=SC2086
        bad=$((bad + $(refused other $all)))
        sleep 1
    done
    same 0 "$bad" "refused of $((15 * 24))"
}

@test "an answer holds for no longer than what it has put into the sets, at any moment between two sweeps" {
    configured 20s
    for _ in $(seq 16); do
        ttl=$(in_group web /usr/bin/python3 -c '
import socket
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout(3)
asking.connect(("127.0.0.1", 53))
asking.send(bytes.fromhex("000101000001000000000000") + b"\3web\7example\0\0\1\0\1")
print(int.from_bytes(asking.recv(512)[-10:-6], "big"))')
        left=$(nft -j list table inet galaf | jq '[.nftables[].set // empty | select(.name == "web_4" or .name == "old/web_4") |
            .elem[]?.elem | select(.val == "198.18.0.10") | .expires] | max')
        [ "$ttl" -gt 0 ] && [ "$ttl" -le "$left" ] || complain "an answer for $ttl seconds, an element for $left"
        sleep 1.3
    done
}

@test "a name that another entry's CNAME led to: no cache answers it past the sets" {
    configured 1d
    for set in web_4 old/web_4 other_4 old/other_4; do
        nft flush set inet galaf "$set"
    done
    look_up web a.alias.example
    look_up other end.example
    same 0 "$(refused other 198.18.0.60)"
}

@test "sweeps with the default day: what is in the sets stays allowed, and the next answer renews it" {
    configured 1d
    look_up web web.example
    passes galaf_dns sweep
    passes nft list set inet galaf old/web_4
    says 198.18.0.10
    passes nft list set inet galaf web_4
    says_not 198.18.0.10
    look_up web web.example
    passes nft list set inet galaf web_4
    says "198.18.0.10 expires 23h59m"
    passes galaf_dns sweep
    passes galaf_dns sweep
    same 0 "$(refused web 198.18.0.10)"
}

@test "a sweep and galaf_doctor end where others' packets have filled a set, and sets change all the time" {
    configured 1d
    look_up web web.example
    /usr/bin/python3 -c '
for number in range(60000):
    print(f"add element inet galaf denied_in4 {{ 10.0.{number >> 8}.{number & 255} . 192.0.2.2 . tcp . 1000 }}")' | passes nft -f -
    while nft "add element inet galaf old/other_4 { 192.0.2.77 }; delete element inet galaf old/other_4 { 192.0.2.77 }"; do :; done 3>&- &
    changing=$!
    passes timeout 60 galaf_dns sweep
    passes timeout 60 galaf_doctor rules
    kill $changing
    wait $changing || true
    nft flush set inet galaf denied_in4
    passes nft list set inet galaf old/web_4
    says 198.18.0.10
}

@test "an address that is not answered or used any more ages out in its time, sweeps or not" {
    configured 10s
    look_up web web.example
    began=$SECONDS
    sleep 12
    fails 7 in_group web curl -sS --max-time 5 http://198.18.0.10/
    [ $((SECONDS - began)) -le 15 ]
}

@test "where several begin it at once, one sweeps" {
    configured 20s
    for _ in 1 2 3; do
        galaf_dns disconnect >/dev/null     # which ends it
        for _ in 1 2 3 4; do galaf_dns resolve >/dev/null 2>&1 3>&- & done
        wait
        eventually 5 test -s /run/galaf/sweep
        same 1 "$(pgrep -fc '^sh -c echo .*galaf_dns sweep')" "the number of those that sweep"
    done
    galaf_dns connect
}
