#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# NetworkManager's own dnsmasq, DHCP and router advertisements under galaf, on a booted workstation.

load machine

setup_file() {
    passes install "./$DEB"
    cat >/run/machine/tree/etc/galaf/galaf_conf.json <<'JSON'
{
    "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] } },
    "groups": {
        "web": { "execv": [ "/usr/bin/curl", "-sS", "…" ], "domains": [ "web.example" ], "rule": "tcp dport 80" },
        "nothing": {}
    }
}
JSON
    passes on galaf_config --yes
}

dnsmasq_process() { on cat /run/NetworkManager/dnsmasq.pid; }
elements() { on nft list set inet galaf "$1"; }

@test "the sets fill as names are resolved" {
    passes on nft flush set inet galaf web_4
    passes on nft flush set inet galaf web_6
    passes answer web fresh.web.example
    same NOERROR "$output"
    passes elements web_4
    says 198.18.0.10
    passes alice 'galaf web -6 -m 5 http://another.web.example/'
    passes elements web_6
    says 2001:2:0:1::10
}

@test "strict: what a group may not reach is REFUSED, and nothing of the query leaves" {
    since=$(now)
    passes answer web secret-data.other.example
    same REFUSED "$output"
    passes answer nothing secret-data.web.example
    same REFUSED "$output"
    fails 2 on galaf --test nothing setpriv --reuid alice --clear-groups getent ahosts secret-data.web.example
    sleep 0.2
    same "" "$(sent "$since" 'dst port 53' | grep secret)" "queries on the wire"
}

@test "NetworkManager's dnsmasq keeps no answer: each look-up asks the network, and fills the set" {
    asked() { [ "$(sent "$since" 'dst port 53' | grep -c ' A? cached.web.example')" -ge "$1" ]; }
    since=$(now)
    passes answer web cached.web.example
    passes on nft flush set inet galaf web_4
    passes answer web cached.web.example
    eventually 5 asked 2 || complain "dnsmasq answered from its cache"
    passes elements web_4
    says 198.18.0.10
}

@test "a timer sweeps: an answer given after it renews what was there" {
    passes on systemctl is-active galaf-sweep.timer
    passes on galaf_config --set '$.groups.web.timeout' '"10s"'
    passes on galaf_config --yes
    passes alice 'galaf web -4 -m 5 http://fresh.web.example/'
    swept() { elements old/web_4 | grep -q 198.18.0.10; }
    eventually 8 swept || complain "nothing was swept" "$(on systemctl list-timers --all)" "$(on journalctl -u galaf-sweep -n 5)"
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
        passes answer web web.example
        passes alice 'galaf web -4 -m 5 http://198.18.0.10/'
        sleep 1
    done
    passes on galaf_config --set '$.groups.web.timeout' '"1d"'
    passes on galaf_config --yes
}

@test "stop_dns_rebind: galaf_dns status and galaf_doctor name what was refused" {
    internet sh -c 'echo "10.1.2.3 evil.example" >>/run/internet-hosts; kill -HUP "$(cat /run/internet-dnsmasq.pid)"'
    passes on galaf_config --set '$.config' '{ "stop_dns_rebind": true }'
    passes on galaf_config --set '$.groups.browser' '{ "rule": "tcp dport 80" }'
    passes on galaf_config --yes
    passes alice 'logger -t dnsmasq "possible DNS-rebind attack detected: forged.example"'
    fails 2 on galaf --test browser getent ahostsv4 evil.example
    named() { on galaf_dns status | grep -q 'stop_dns_rebind: evil.example'; }
    eventually 5 named || complain "$(on journalctl -b -n 20 --no-pager)"
    run on galaf_doctor names
    says "stop_dns_rebind refused a private address of evil.example"
    says_not forged.example
}

@test "nmcli general reload dns-full starts dnsmasq anew, and it reads new option files" {
    before=$(dnsmasq_process)
    resolved() { on galaf --test web getent ahostsv4 fresh.web.example | grep -q 198.18.0.77; }
    echo 'host-record=fresh.web.example,198.18.0.77' >/run/machine/tree/etc/NetworkManager/dnsmasq.d/test.conf
    passes on nmcli general reload dns-full
    eventually 10 resolved
    [ "$(dnsmasq_process)" != "$before" ] || complain "the same dnsmasq"
    rm /run/machine/tree/etc/NetworkManager/dnsmasq.d/test.conf
}

@test "an edit: the new domain is reached at once, NetworkManager and its connections go on" {
    manager=$(on pidof NetworkManager)
    alice 'galaf web --limit-rate 1M http://web.example/bytes/3000000 -o held' 3>&- &
    held=$!
    sleep 0.5
    fails 6 alice 'galaf web -m 5 http://other.example/'
    passes on galaf_config --set '$.groups.web.domains' '["web.example", "other.example"]'
    passes on galaf_config --yes
    passes alice 'galaf web -m 5 http://other.example/'
    same "$manager" "$(on pidof NetworkManager)" "NetworkManager's process"
    wait "$held"
    same 3000000 "$(stat -c %s /run/machine/tree/home/alice/held)" "the bytes that arrived meanwhile"
}

@test "an apply that changes no domain leaves dnsmasq alone" {
    before=$(dnsmasq_process)
    passes on galaf_config --yes
    same "$before" "$(dnsmasq_process)" "dnsmasq's process"
}

@test "DHCP: leases are renewed" {
    acknowledged() { [ "$(grep -c DHCPACK /run/machine/dhcp.log)" -gt "$1" ]; }
    before=$(grep -c DHCPACK /run/machine/dhcp.log)
    eventually 40 acknowledged "$((before + 1))" || complain "fewer than two renewals in 40 seconds"
}

@test "a new connection: addresses by DHCP, routes by router advertisements, names by dnsmasq" {
    since=$(now)
    passes on nmcli connection down wired
    passes on nmcli connection up wired
    eventually 10 on sh -c 'ip -6 route show default | grep -q "proto ra"'
    eventually 10 on sh -c 'ip -4 route show default | grep -q "proto dhcp"'
    eventually 5 alice 'galaf web -4 -m 5 http://web.example/'
    eventually 5 alice 'galaf web -6 -m 5 http://web.example/'
    same "" "$(sent "$since" "not ($LINK or ($QUERIES) or tcp port 80)" | head -n 5)" "what the machine sent"
}

@test "NetworkManager sees whether it is on the internet by the two lines that the shipped file has for that, not without" {
    local root='.users.root' state
    echo "198.18.0.10 network-test.debian.org" >>/run/internet-hosts
    internet kill -HUP "$(cat /run/internet-dnsmasq.pid)"
    printf '[connectivity]\nuri=http://network-test.debian.org/nm\nresponse=network-test.debian.org\n' |
        put /etc/NetworkManager/conf.d/20-connectivity-debian.conf
    passes on systemctl restart NetworkManager
    passes on nm-online -q -t 20
    for state in limited full; do
        passes on galaf_config --set '$.users.root' "$(jq --compact-output "$root" "$BATS_TEST_DIRNAME/../../etc/galaf/galaf_conf.json")"
        passes on galaf_config --yes
        passes on nmcli networking connectivity check
        same $state "$output"
        root+=' | .domains = .["#domains"] | .rule = .["#rule"]'
    done
}
