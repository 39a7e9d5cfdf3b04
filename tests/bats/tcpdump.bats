#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# galaf_tcpdump on the installed package: what it shows, how it ends, what it leaves.

load helper

setup_file() {
    start_dnsmasq
    configure <<'JSON'
{
    "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] }, "bob": null },
    "groups": {
        "web": { "rule": "tcp dport 80" },
        "closed": null
    },
    "inbound": { "bob": "tcp dport 8022" }
}
JSON
}

setup() {
    rm -rf /tmp/cap
    mkdir -m 0777 /tmp/cap
}

teardown() {
    [ ! -e /tmp/cap/pid ] || xargs kill </tmp/cap/pid 2>/dev/null || true
    passes eventually 20 gone
}

# capture FILE NAME [OPTION ...]: starts galaf_tcpdump in the background and waits until it listens.
capture() {
    local file=/tmp/cap/$1
    shift
    galaf_tcpdump "$@" >"$file" 2>"$file.err" 3>&- &
    echo $! >>/tmp/cap/pid
    passes eventually 20 grep -q 'listening on' "$file.err"
}

# ended [SIGNAL]: ends the newest capture, and waits until its output is whole.
ended() {
    kill "-${1:-TERM}" "$(tail -1 /tmp/cap/pid)"
    wait "$(tail -1 /tmp/cap/pid)" || true
}

# tables: how many tables captures have.
tables() { nft list tables | grep -c galaf_tcpdump_ || true; }

gone() { [ "$(tables)" = 0 ]; }

# lines FILE PATTERN: how many lines of a capture match.
lines() { grep -cE -e "$2" "/tmp/cap/$1" || true; }

# shows FILE COUNT PATTERN: waits until so many lines of a capture match; what tcpdump has not printed as it ends is lost.
shows() { passes eventually 20 has "$@"; }

has() { [ "$(lines "$1" "$3")" -ge "$2" ]; }

# connects FILE: where to the connections went that a capture has seen begin.
connects() { sed -nE 's/.*> ([^ ]*): Flags \[S\].*/\1/p' "/tmp/cap/$1" | xargs; }

@test "an application's traffic, both ways, IPv4 and IPv6, and nobody else's" {
    capture web web -ln
    fails 7 as alice fetch http://198.18.0.20/
    passes in_group web fetch http://198.18.0.10/
    passes in_group web fetch -g 'http://[2001:2:0:1::10]/'
    shows web 1 'IP6 2001:2:0:1::10.80 > .* Flags \[S.\]'
    ended
    same 1 "$(lines web 'IP .* > 198.18.0.10.80: Flags \[S\]')" "SYNs over IPv4"
    same 1 "$(lines web 'IP 198.18.0.10.80 > .* Flags \[S.\]')" "their answers"
    same 1 "$(lines web 'IP6 .* > 2001:2:0:1::10.80: Flags \[S\]')" "SYNs over IPv6"
    same 1 "$(lines web 'IP6 2001:2:0:1::10.80 > .* Flags \[S.\]')" "their answers"
    same 0 "$(lines web 198.18.0.20)" "packets of alice's"
}

# filed: whether the file has as many packets, sent and received, as the kernel has counted; leaves these in $out and $in.
filed() {
    out=$(galaf_stats --group web --query '$.sets.post-filter-out[*].packets')
    in=$(galaf_stats --group web --query '$.sets.post-filter-in[*].packets')
    tcpdump -nr /tmp/cap/web.pcap >/tmp/cap/web 2>/dev/null || true
    same "$out" "$(lines web '> 198.18.0.10.80')" "packets sent" && same "$in" "$(lines web '198.18.0.10.80 >')" "packets received"
}

@test "no packet is lost or shown twice: a file of it holds what the kernel has counted" {
    capture web web -n -U -w /tmp/cap/web.pcap
    galaf_stats --reset >/dev/null
    passes in_group web fetch -o /dev/null http://198.18.0.10/bytes/2000000
    passes eventually 20 filed
    ended
    filed
    [ "$out" -gt 20 ] && [ "$in" -gt 20 ]
}

@test "refused traffic shows, with the refusal" {
    capture closed closed -ln
    fails 7 in_group closed fetch http://198.18.0.10/
    fails 7 in_group closed fetch -g 'http://[2001:2:0:1::10]/'
    shows closed 1 'IP6 .*Flags \[R'
    ended
    same 1 "$(lines closed 'IP .* > 198.18.0.10.80: Flags \[S\]')" "SYNs"
    same 1 "$(lines closed 'IP 198.18.0.10.80 > .* Flags \[R.\]')" "resets"
    same 1 "$(lines closed 'IP6 .* > 2001:2:0:1::10.80: Flags \[S\]')" "SYNs over IPv6"
}

@test "over loopback each packet shows once; DNS answers do, for one without permission too" {
    capture closed closed -Klnvv
    in_group closed python3 -c '
import socket
query = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
query.settimeout(3)
name = b"\3web\7example\0"
query.sendto(b"\0\7\1\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1", ("127.0.0.1", 53))
query.recv(512)'
    shows closed 1 'q: A\? web.example'
    ended
    same 1 "$(lines closed '127.0.0.1.53: .*A\? web.example')" "questions"
    same 1 "$(lines closed 'q: A\? web.example')" "answers"
}

@test "a user, root too; a mark; traffic without one" {
    capture alice alice -ln
    capture root root -ln
    capture mark "$(printf '0x%x' $(($(getent group web | cut -d: -f3) << 16 | 1000)))" -ln
    capture zero 0x0 -ln
    fails 7 as alice fetch http://198.18.0.10/
    fails 7 fetch http://198.18.0.20/
    fails 7 in_group web setpriv --reuid alice curl -s http://198.18.0.30:443/
    fails 7 internet curl -s http://192.0.2.2:9/
    shows alice 2 'Flags \[S\]'
    shows root 1 'Flags \[S\]'
    shows mark 1 'Flags \[S\]'
    shows zero 1 'Flags \[S\]'
    xargs kill </tmp/cap/pid
    # shellcheck disable=SC2046   # several words
    wait $(cat /tmp/cap/pid) || true
    same "198.18.0.10.80 198.18.0.30.443" "$(connects alice)" "alice's"
    same "198.18.0.20.80" "$(connects root)" "root's"
    same "198.18.0.30.443" "$(connects mark)" "the mark's"
    same "192.0.2.2.9" "$(connects zero)" "the unmarked"
}

@test "an inbound service's connection shows from its first packet on" {
    python3 -m http.server 8022 --directory /usr/share/doc/galaf >/dev/null 2>&1 3>&- &
    echo $! >/tmp/cap/server
    passes eventually 20 internet curl -s -o /dev/null http://192.0.2.2:8022/
    capture bob bob -ln
    passes internet curl -s -o /dev/null http://192.0.2.2:8022/
    shows bob 1 'IP 192.0.2.2.8022 > .* Flags \[S.\]'
    ended
    kill "$(cat /tmp/cap/server)"
    same 1 "$(lines bob 'IP 192.0.2.1.* > 192.0.2.2.8022: Flags \[S\]')" "first packets"
    same 1 "$(lines bob 'IP 192.0.2.2.8022 > .* Flags \[S.\]')" "answers to them"
}

@test "options are tcpdump's own; its exit status is passed on" {
    (sleep 1; in_group web fetch -o /dev/null http://198.18.0.10/) 3>&- &
    local later=$!
    passes timeout 10 galaf_tcpdump web -K -l -n -vv -c 4
    same 4 "$(grep -c ' IP (' <<<"$output")" "packets"
    wait "$later"
    fails 1 galaf_tcpdump web --no-such-option
    says "tcpdump: unrecognized option"
    fails 1 galaf_tcpdump web -w /nowhere/file
    passes eventually 20 gone
    capture quiet web -n
    ended INT
    capture quiet web -n
    ended TERM
    file_says /tmp/cap/quiet.err "0 packets captured"
}

@test "the table goes when the capture ends: SIGINT, SIGTERM, SIGHUP, SIGKILL, a closed pipe" {
    for number in INT TERM HUP KILL; do
        capture "$number" web -n
        same 1 "$(tables)" "tables before SIG$number"
        ended "$number"
        passes eventually 20 gone
    done
    galaf_tcpdump web -ln 2>/tmp/cap/pipe.err 3>&- | head -1 >/tmp/cap/pipe &
    passes eventually 20 grep -q 'listening on' /tmp/cap/pipe.err
    passes in_group web fetch -o /dev/null http://198.18.0.10/bytes/100000
    passes eventually 20 gone
    same 1 "$(wc -l </tmp/cap/pipe)" "lines read"
}

@test "three captures at once; one is killed with its cleaner, and the next run clears up" {
    capture one web -ln
    capture two web -ln
    capture three web -ln
    same 3 "$(tables)" "tables"
    passes in_group web fetch -o /dev/null http://198.18.0.10/
    for each in one two three; do shows "$each" 1 '> 198.18.0.10.80: Flags \[S\]'; done
    kill -KILL $(pgrep -f 'galaf_tcpdump web -ln') "$(sed -n 2p /tmp/cap/pid)"
    wait "$(sed -n 2p /tmp/cap/pid)" || true
    passes in_group web fetch -o /dev/null http://198.18.0.10/
    for each in one three; do shows "$each" 2 '> 198.18.0.10.80: Flags \[S\]'; done
    same 3 "$(tables)" "tables after the kill"
    same 2 "$(lines one '> 198.18.0.10.80: Flags \[S\]')" "connections that the first saw"
    same 1 "$(lines two '> 198.18.0.10.80: Flags \[S\]')" "connections that the killed one saw"
    same 2 "$(lines three '> 198.18.0.10.80: Flags \[S\]')" "connections that the third saw"
    fails 1 galaf_tcpdump web --no-such-option
    kill "$(sed -n 1p /tmp/cap/pid)" "$(sed -n 3p /tmp/cap/pid)"
    sleep 0.5
    fails 1 galaf_tcpdump web --no-such-option
    passes eventually 20 gone
}

@test "what can't be: an unknown name, no root, no name, an id too large" {
    fails 1 galaf_tcpdump nobody-here
    says "galaf_tcpdump: nobody-here: neither a group nor a user"
    fails 1 as alice galaf_tcpdump web
    says "needs root"
    fails 2 galaf_tcpdump
    says "usage:"
    fails 2 galaf_tcpdump -i eth0
    passes galaf_tcpdump --help
    says "NAME is an application group"
    useradd --uid 70000 --gid nogroup big
    fails 1 timeout 5 galaf_tcpdump big
    says "has id 70000"
    same 0 "$(tables)" "tables"
}
