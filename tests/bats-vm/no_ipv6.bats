#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# A machine whose kernel has no IPv6 at all.
# kernel: ipv6.disable=1

load ../bats-machine/machine

setup_file() {
    installed
    put /etc/galaf/galaf_conf.json <<'JSON'
{
    "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] } },
    "groups": {
        "web": { "execv": [ "/usr/bin/curl", "…" ], "domains": [ "web.example" ], "rule": "tcp dport 80" },
        "echo": { "execv": [ "/usr/bin/ping", "…" ], "no_new_privs": true, "ping": true,
                  "rule": "icmp type echo-request", "rule6": "icmpv6 type echo-request" }
    }
}
JSON
}

# holds: what the configuration allows goes through, and nothing else.
holds() {
    passes alice "galaf web -sS -m 20 http://web.example/"
    passes alice "galaf echo -n -c 1 -W 5 198.18.0.10"
    fails 7 alice "/usr/bin/curl -sS -m 20 http://198.18.0.10/"
}

@test "ipv6.disable=1: galaf_config and launching, with eBPF and without" {
    fails 2 on ls /proc/sys/net/ipv6
    passes on galaf_config --yes
    holds
    passes on galaf_config --yes --no-ebpf
    holds
    passes on galaf_config --yes
}

@test "ipv6.disable=1: galaf_doctor finds nothing broken" {
    passes on galaf_doctor
    says_not broken Traceback "could not be looked at"
    says "IPv6 is switched off on this machine"
}

@test "ipv6.disable=1: stop, start, rules that can't be loaded, remove and purge" {
    passes on galaf_firewall stop
    passes alice "/usr/bin/curl -sS -m 20 http://198.18.0.10/"
    passes on sh -c 'mv /var/lib/galaf/good/ruleset.nft /tmp/ruleset.nft'
    fails 1 on galaf_firewall start
    says "so NOTHING but DHCP passes"
    passes on mv /tmp/ruleset.nft /var/lib/galaf/good/ruleset.nft
    passes on galaf_firewall start
    holds
    passes on dpkg --purge galaf
    passes alice "/usr/bin/curl -sS -m 20 http://198.18.0.10/"
}
