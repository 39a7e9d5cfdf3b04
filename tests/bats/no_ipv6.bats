#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# A machine without IPv6, by net.ipv6.conf.all.disable_ipv6; tests/bats-vm/no_ipv6.bats has one by the kernel's ipv6.disable.

load helper

setup_file() {
    sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    start_dnsmasq
}

setup() {
    configure <<'JSON'
{
    "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] } },
    "groups": {
        "web": { "execv": [ "/usr/bin/curl", "…" ], "domains": [ "web.example" ], "rule": "tcp dport 80", "record": true },
        "echo": { "execv": [ "/usr/bin/ping", "…" ], "no_new_privs": true, "ping": true,
                  "rule": "icmp type echo-request", "rule6": "icmpv6 type echo-request" }
    }
}
JSON
}

@test "no IPv6: galaf_config, launching and what may and may not be reached" {
    same "" "$(cat /proc/net/if_inet6)"
    passes as alice galaf web --silent http://web.example/
    passes as alice galaf echo -n -c 1 -W 2 198.18.0.10
    fails 6 as alice fetch http://web.example/
    fails 7 as alice fetch http://198.18.0.10/
}

@test "no IPv6: galaf_doctor finds nothing broken" {
    passes galaf_doctor
    says_not broken warning Traceback
    says "IPv6 is switched off on this machine"
}

@test "no IPv6: stop, start, and the rules that close a machine come and go" {
    passes galaf_firewall stop
    passes as alice fetch http://198.18.0.10/
    /usr/lib/galaf/close
    passes galaf_firewall start
    fails 7 as alice fetch http://198.18.0.10/
    passes as alice galaf web --silent http://web.example/
    passes galaf_config --yes --no-ebpf
    passes as alice galaf web --silent http://web.example/
    passes galaf_denied
    passes galaf_stats
}

@test "no IPv6: remove and purge" {
    passes dpkg --purge galaf
    passes as alice fetch http://198.18.0.10/
    passes nft list tables
    same "" "$output"
}
