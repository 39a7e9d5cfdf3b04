#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Names of the local network and of this machine: private addresses, bare names, names answered here, search domains.

load helper

setup_file() {
    internet ip route add local 10.1.2.0/24 dev lo
    printf '%s\n' "10.1.2.3 nas.home.example" "10.1.2.4 printer" "10.1.2.5 portal.example" "10.1.2.6 build.corp.example" \
        >>/run/internet-hosts
    internet kill -HUP "$(cat /run/internet-dnsmasq.pid)"
    start_dnsmasq
}

# answered NAME ADDRESS [GROUP]: the first IPv4 address that a program gets.
answered() {
    if [ -n "${3:-}" ]; then
        run in_group "$3" getent ahostsv4 "$1"
    else
        run getent ahostsv4 "$1"
    fi
    same "$2" "${output%% *}" "the address of $1"
}

@test "installed, and galaf_config not run: private addresses, bare names and PTR are answered as by the network" {
    fails 3 galaf_firewall status
    answered nas.home.example 10.1.2.3
    answered printer 10.1.2.4
    passes getent hosts 10.1.2.3
    says nas.home.example
}

@test "private addresses: an entry with the domain and a browser's entry reach them; a bare name where all may be resolved" {
    configure <<'JSON'
{ "users": { "dnsmasq": { "rule": "udp dport 53" } },
  "groups": { "nas": { "domains": [ "nas.home.example" ], "rule": "tcp dport 80" }, "browser": { "rule": "tcp dport 80" } } }
JSON
    passes in_group nas curl -sS --max-time 5 http://nas.home.example/
    for name in nas.home.example printer portal.example; do
        passes in_group browser curl -sS --max-time 5 "http://$name/"
        says "$name 80"
    done
    fails 6 in_group nas curl -sS --max-time 5 http://printer/
}

@test "stop_dns_rebind: private addresses are refused, but of domains that an entry names" {
    configure <<'JSON'
{ "config": { "stop_dns_rebind": true }, "users": { "dnsmasq": { "rule": "udp dport 53" } },
  "groups": { "nas": { "domains": [ "nas.home.example" ], "rule": "tcp dport 80" }, "browser": { "rule": "tcp dport 80" } } }
JSON
    passes in_group nas curl -sS --max-time 5 http://nas.home.example/
    passes in_group browser curl -sS --max-time 5 http://web.example/
    for name in printer portal.example; do
        fails 6 in_group browser curl -sS --max-time 5 "http://$name/"
    done
}

@test "names that strict DNS can't let through: refused at their place; with open DNS they are reached" {
    printf '%s\n' "198.18.0.81 host_1.web.example" "198.18.0.82 img_cdn.web.example" >>/run/internet-hosts
    internet kill -HUP "$(cat /run/internet-dnsmasq.pid)"
    for name in printer.local host_1.web.example _dmarc.x.example; do
        echo '{ "groups": { "web": { "domains": [ "'"$name"'" ] } } }' >"$CONF"
        fails 1 galaf_config --check
        says "$CONF: \$.groups.web.domains[0]: '$name' can't be looked up with strict DNS"
    done
    configure <<'JSON'
{ "config": { "dns": "open" }, "users": { "dnsmasq": { "rule": "udp dport 53" } },
  "groups": { "web": { "domains": [ "host_1.web.example", "printer.local", "_dmarc.x.example" ], "rule": "tcp dport 80" } } }
JSON
    passes in_group web curl -sS --max-time 5 http://host_1.web.example/
    configure <<'JSON'
{ "users": { "dnsmasq": { "rule": "udp dport 53" } },
  "groups": { "web": { "domains": [ "web.example" ], "rule": "tcp dport 80" } } }
JSON
    fails 2 in_group web getent ahostsv4 img_cdn.web.example      # the limit that the manual tells
}
