#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# The guard: rules that another program removes come back, and nothing else is undone.

load helper

setup() {
    configure <<<'{ "groups": { "web": { "rule": "tcp dport 80" } } }'
    guard
}

teardown() {
    cat /tmp/guard.log
    kill "$GUARD"
    wait "$GUARD" 2>/dev/null || true
    nft list tables | grep -v 'inet galaf$' | sed 's/^/delete /' | nft -f -
}

# guard: starts it, and waits until it listens.
guard() {
    /usr/lib/galaf/galaf_guard >/tmp/guard.log 2>&1 3>&- 4>&- &
    GUARD=$!
    eventually 5 listens
}

# Whether a socket of netfilter's (12) is a member of nftables' group (7).
listens() { awk '$2 == 12 && $4 == "00000040" { found = 1 } END { exit !found }' /proc/net/netlink; }
loaded() { nft list tables inet | grep -qx 'table inet galaf'; }
gone() { ! loaded; }
refused() { fails 7 as alice curl -sS --max-time 5 http://198.18.0.10/; }

# wipe COMMAND ...: removes the rules while alice knocks; prints tried, slipped through and for how many ms at once.
wipe() {
    local before
    before=$(wire_packets)
    install -m 755 -t /tmp "$BATS_TEST_DIRNAME/../guard/knock.py"
    rm -f /tmp/knocked
    mkfifo /tmp/knocking
    as alice /tmp/knock.py 198.18.0.10 80 </tmp/knocking >/tmp/knocked 3>&- 4>&- &
    local knocker=$!
    exec 5>/tmp/knocking
    eventually 10 grep -q knocking /tmp/knocked
    "$@"
    sleep 1
    exec 5>&-
    rm /tmp/knocking
    wait "$knocker"
    local tried slipped milliseconds
    read -r tried slipped milliseconds < <(tail -n 1 /tmp/knocked)
    echo "# $*: $tried connections tried, $slipped slipped through, for $milliseconds ms at a time, $(($(wire_packets) - before)) packets" >&3
    [ "$tried" -gt 100 ] || complain "the knocking is too slow to tell" "$tried"
    [ "$milliseconds" -lt 1000 ] || complain "open for $milliseconds ms"
    loaded
    refused
}

@test "whoever removes the rules: they are back within a second" {
    echo 'flush ruleset' >/tmp/nftables.conf
    wipe nft flush ruleset
    wipe nft delete table inet galaf
    wipe nft -f /tmp/nftables.conf
    wipe sh -c 'for i in 1 2 3 4 5; do nft flush ruleset; done'
}

@test "a connection goes on, and addresses of names are allowed again" {
    start_dnsmasq
    configure <<'JSON'
{
    "users": { "dnsmasq": { "rule": "udp dport 53" } },
    "groups": { "web": { "domains": [ "web.example" ], "rule": "tcp dport 80" } }
}
JSON
    eventually 10 in_group web curl -s --max-time 2 http://web.example/
    in_group web curl -sS --max-time 20 --limit-rate 100k http://web.example/bytes/300000 >/tmp/got 3>&- &
    eventually 5 test -s /tmp/got
    nft flush ruleset
    wait $!
    same 300000 "$(stat -c %s /tmp/got)"
    eventually 10 in_group web curl -s --max-time 2 http://198.18.0.10/
    refused
}

@test "galaf_firewall stop is not undone; after a start the guard guards again" {
    passes galaf_firewall stop
    nft add table inet other
    nft delete table inet other
    sleep 1
    passes as alice fetch http://198.18.0.10/
    passes galaf_firewall start
    nft flush ruleset
    eventually 10 loaded
}

# The guard may be at work when it is stopped or started: what it does then, it undoes.
@test "stopped and started 50 times while it is removed: always as it was said last" {
    for _ in $(seq 50); do
        nft flush ruleset &
        galaf_firewall stop >/dev/null
        wait $!
        eventually 10 gone
        galaf_firewall start
        eventually 10 loaded
    done
}

@test "galaf_config's own changes are left alone, a table made anew too" {
    for port in 81 82 83; do
        configure <<<'{ "groups": { "web": { "rule": "tcp dport '$port'" } } }'
    done
    sed -i 's/priority 10;/priority 11;/' /etc/galaf/nftables.d/galaf.nft
    passes galaf_config --yes
    says "made anew"
    sed -i 's/priority 11;/priority 10;/' /etc/galaf/nftables.d/galaf.nft
    configure <<<'{ "config": { "table": "other" }, "groups": { "web": { "rule": "tcp dport 80" } } }'
    sleep 0.5
    passes nft list tables inet
    same "table inet other" "$output"
    same "" "$(cat /tmp/guard.log)" "what the guard said"
    nft flush ruleset
    eventually 10 nft list table inet other
}

@test "more changes than its buffer holds do not blind it" {
    kill -STOP "$GUARD"
    { echo 'table inet big {'; seq -f 'chain c%.0f { }' 20000; echo '}'; } | nft -f -
    nft delete table inet galaf
    kill -CONT "$GUARD"
    eventually 10 loaded
}

@test "rules removed while it was dead are back once it lives" {
    kill -KILL "$GUARD"
    wait "$GUARD" || true
    nft flush ruleset
    guard
    eventually 10 loaded
}

@test "rules whose file was damaged meanwhile: it has its own; where these are damaged too: closed" {
    truncate -s 0 /var/lib/galaf/good/ruleset.nft
    nft flush ruleset
    eventually 10 loaded
    refused
    passes in_group web curl -sS --max-time 5 http://198.18.0.10/

    truncate -s 400 /run/galaf/in-force.nft
    nft flush ruleset
    eventually 10 test -e /run/galaf/closed
    refused
    passes galaf_firewall status
    says "CLOSED"
}

@test "while galaf_config waits for an answer" {
    sed -i 's/"web"/"another-one"/' "$CONF"
    (sleep 3) | script --quiet --return --command galaf_config /dev/null >/tmp/asked 3>&- &
    eventually 20 grep -q 'y/N' /tmp/asked
    nft flush ruleset
    eventually 10 loaded
    wait $! || true
}

@test "it is small" {
    nft flush ruleset
    eventually 10 loaded
    size=$(awk '$1 == "Pss:" { print $2 }' "/proc/$GUARD/smaps_rollup")
    echo "# memory of the guard (PSS): $size KiB" >&3
    [ "$size" -lt 400 ]
}
