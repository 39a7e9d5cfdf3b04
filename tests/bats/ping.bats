#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# net.ipv4.ping_group_range: galaf widens what is too narrow, never narrows, and gives back what was there.

load helper

setup() {
    passes galaf_firewall stop
    setcap -r "$(readlink -f /usr/bin/ping)" 2>/dev/null || true    # as Debian 13 has it
}

# range [NUMBERS]: sets the kernel's range, or prints it.
range() {
    [ $# = 0 ] || sysctl -qw net.ipv4.ping_group_range="$1"
    [ $# != 0 ] || tr '\t' ' ' </proc/sys/net/ipv4/ping_group_range
}

# echoing: a configuration with one group that may ping.
echoing() {
    configure <<'JSON'
{ "groups": { "echo": { "execv": [ "/usr/bin/ping", "…" ], "ping": true, "rule": "icmp type echo-request" } } }
JSON
}

@test "a range that holds everyone stays, and everyone pings this machine while rules are loaded" {
    range "0 2147483647"
    echoing
    same "0 2147483647" "$(range)"
    for address in 127.0.0.1 192.0.2.2 ::1 2001:db8::2; do
        passes as bob ping -n -c 1 -W 2 $address
        passes ping -n -c 1 -W 2 $address
    done
    fails 1 as bob ping -n -c 1 -W 1 198.18.0.10
    passes as alice galaf echo -n -c 1 -W 2 198.18.0.10
    galaf_firewall stop
    same "0 2147483647" "$(range)"
    [ ! -e /run/galaf/ping_group_range ]
}

@test "one that is too narrow is widened, and stop, a file without ping, and a start after it do as they should" {
    for was in "1 0:57344 57359" "1000 2000:1000 57359" "57350 57350:57344 57359" "57346 60000:57344 60000"; do
        range "${was%:*}"
        echoing
        same "${was#*:}" "$(range)" "the range made of ${was%:*}"
        passes as alice galaf echo -n -c 1 -W 2 198.18.0.10
        passes galaf_config --yes
        same "${was#*:}" "$(range)" "the same, applied again"
        galaf_firewall stop
        same "${was%:*}" "$(range)" "the range after stop"
        passes galaf_firewall start
        same "${was#*:}" "$(range)" "the range after start"
        configure <<<'{}'
        same "${was%:*}" "$(range)" "the range without ping in the file"
    done
}

@test "what somebody sets meanwhile stays, and is what comes back after it was widened again" {
    range "1 0"
    echoing
    range "5 6"
    galaf_firewall stop
    same "5 6" "$(range)"
    passes galaf_firewall start
    range "7 8"
    passes galaf_config --yes
    same "7 57359" "$(range)"
    galaf_firewall stop
    same "7 8" "$(range)"
}

@test "a range that can't be set leaves the rules loaded, and says so" {
    range "1 0"
    echoing
    galaf_firewall stop
    mount --bind -o ro /proc/sys/net/ipv4/ping_group_range /proc/sys/net/ipv4/ping_group_range
    mount -o remount,bind,ro /proc/sys/net/ipv4/ping_group_range
    passes galaf_firewall start
    says "and yet: groups with \"ping\" can not ping: [Errno 30] Read-only file system"
    umount /proc/sys/net/ipv4/ping_group_range
    passes galaf_firewall status
    fails 7 as alice fetch http://198.18.0.10/
}

@test "remove and purge give it back, and leave nothing of it" {
    range "1 0"
    echoing
    same "57344 57359" "$(range)"
    passes dpkg --remove galaf
    same "1 0" "$(range)"
    passes dpkg --purge galaf
    same "1 0" "$(range)"
    [ ! -e /run/galaf ] && [ ! -e /etc/sysctl.d/60-galaf.conf ]
}
