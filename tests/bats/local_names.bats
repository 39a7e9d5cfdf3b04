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

@test "a dnsmasq that validates DNSSEC, for which it needs its cache: refused with the file, before anything changes" {
    echo dnssec >/etc/dnsmasq.d/validate.conf
    echo '{ "groups": { "web": { "domains": [ "web.example" ] } } }' >"$CONF"
    fails 1 galaf_config --yes
    rm /etc/dnsmasq.d/validate.conf
    says "/etc/dnsmasq.d/validate.conf has dnsmasq validate DNSSEC" "nothing was changed"
}

@test "an option of this machine's own that dnsmasq takes once, and galaf sets: refused with the file, before anything changes" {
    echo '{ "groups": { "web": { "domains": [ "web.example" ] } } }' >"$CONF"
    for option in user=dnsmasq cache-size=1000 " max-ttl = 60" connmark-allowlist-enable; do
        echo "$option" >/etc/dnsmasq.d/own.conf
        fails 1 galaf_config --yes
        says "/etc/dnsmasq.d/own.conf sets" "take the line out there" "nothing was changed"
        passes galaf_dns connect
        says "nothing connected: /etc/dnsmasq.d/own.conf sets"
    done
    printf '#cache-size=1\nno-poll # cache-size\n' >/etc/dnsmasq.d/own.conf
    passes galaf_config --yes
    rm /etc/dnsmasq.d/own.conf
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

@test "names that this machine answers itself are reached: /etc/hosts, host-record, address, addn-hosts; also below a domain" {
    cp /etc/hosts /tmp/hosts
    echo "198.18.0.71 files.local.example deep.er.local.example" >>/etc/hosts
    echo "198.18.0.72 more.local.example" >/etc/more-hosts
    printf '%s\n' host-record=record.local.example,198.18.0.73,2001:2:0:1::73 address=/wild.local.example/198.18.0.74 \
        addn-hosts=/etc/more-hosts >/etc/dnsmasq.d/own.conf
    passes service dnsmasq restart
    for option in "" --no-ebpf; do
        configure <<<'{ "users": { "dnsmasq": { "rule": "udp dport 53" } }, "groups": { "web": { "domains": [ "web.example" ] } } }'
        # shellcheck disable=SC2086
        configure $option <<'JSON'
{ "users": { "dnsmasq": { "rule": "udp dport 53" } },
  "groups": { "web": { "domains": [ "local.example" ], "rule": "tcp dport 80", "timeout": "10s" },
              "one": { "domains": [ "files.local.example" ], "rule": "tcp dport 80" } } }
JSON
        for name in files deep.er more record wild; do
            passes in_group web curl -sS --max-time 5 "http://$name.local.example/"
        done
        passes in_group web curl -sS6 --max-time 5 "http://record.local.example/"
        passes in_group one curl -sS --max-time 5 http://files.local.example/
        fails 7 in_group one curl -sS --max-time 5 http://198.18.0.72/
    done
    sleep 21    # twice the timeout: they are kept
    for name in files more record wild; do
        passes in_group web curl -sS --max-time 5 "http://$name.local.example/"
    done
    echo "198.18.0.75 new.local.example" >>/etc/hosts      # with systemd galaf-names.path sees it
    passes galaf_dns resolve
    passes in_group web curl -sS --max-time 5 http://new.local.example/
    cat /tmp/hosts >/etc/hosts
    rm /etc/dnsmasq.d/own.conf
    passes service dnsmasq restart
}

# by_itself NAME: the rules know this machine's own name, which no query tells dnsmasq of.
by_itself() { passes in_group web curl -sS --max-time 5 "http://$1.local.example/"; }

@test "names of /etc/hosts are reached whenever rules are loaded: started, rolled back, after a trial, applied while stopped" {
    cp /etc/hosts /tmp/hosts
    printf '%s\n' "198.18.0.71 one.local.example" "198.18.0.72 two.local.example" >>/etc/hosts
    conf() {
        echo '{ "users": { "dnsmasq": { "rule": "udp dport 53" } },
                "groups": { "web": { "domains": [ "'"$1"'.local.example" ], "rule": "tcp dport 80" } } }'
    }
    configure <<<"$(conf one)"
    by_itself one
    passes galaf_firewall stop
    passes galaf_firewall start
    by_itself one
    passes galaf_firewall stop
    passes galaf_config --yes
    by_itself one
    echo '{ "users": { "dnsmasq": { "rule": "udp dport 53" } } }' >"$CONF"
    passes galaf_config --yes
    passes galaf_config --rollback
    by_itself one
    passes galaf_config --try 100 --yes
    passes galaf_config --rollback
    by_itself one
    passes galaf_config --try 1 --yes
    eventually 20 test ! -e /var/lib/galaf/trial
    eventually 5 in_group web curl -sS --max-time 5 http://one.local.example/
    configure <<<"$(conf two)"
    by_itself two
    cat /tmp/hosts >/etc/hosts
}

@test "six domains that nobody knows: looked up ahead once each, without the search list" {
    cp /etc/resolv.conf /tmp/resolv.conf
    echo "search home.example corp.example" >>/etc/resolv.conf
    configure <<'JSON'
{ "users": { "dnsmasq": { "rule": "udp dport 53" } }, "groups": { "web": {
    "domains": [ "n1.nobody.test", "n2.nobody.test", "n3.nobody.test", "n4.nobody.test", "n5.nobody.test", "n6.nobody.test" ] } } }
JSON
    before=$(wire_packets wire_dns)
    passes galaf_dns resolve
    asked=$(($(wire_packets wire_dns) - before))
    echo "# $asked queries" >&3
    [ "$asked" -le 13 ] || complain "$asked queries for A and AAAA of six names"
    cat /tmp/resolv.conf >/etc/resolv.conf
}

@test "a name server that is silent, or refuses: looking ahead ends, and asks no more than twice" {
    configure <<<'{ "users": { "dnsmasq": { "rule": "udp dport 53" } }, "groups": { "web": { "domains": [ "web.example" ] } } }'
    service dnsmasq stop
    start=$SECONDS
    passes galaf_dns resolve
    [ $((SECONDS - start)) -le 6 ] || complain "it took $((SECONDS - start)) seconds"
    (sleep 1 && service dnsmasq start) >/dev/null 2>&1 3>&- &
    nft flush set inet galaf web_4
    passes galaf_dns resolve
    passes nft list set inet galaf web_4
    says 198.18.0.10
}

@test "search domains: a bare name ends at one that the entry may not resolve; galaf_doctor says so, LOCALDOMAIN is the way" {
    cp /etc/resolv.conf /tmp/resolv.conf
    echo "search home.example corp.example" >>/etc/resolv.conf
    configure <<'JSON'
{ "users": { "dnsmasq": { "rule": "udp dport 53" } }, "groups": {
    "browser": { "rule": "tcp dport 80" },
    "web": { "execv": [ "/usr/bin/curl", "-sS", "--max-time", "5", "…" ], "domains": [ "corp.example" ], "rule": "tcp dport 80" } } }
JSON
    passes in_group browser curl -sS --max-time 5 http://build/
    fails 6 as alice galaf web http://build/
    run galaf_doctor names
    says "\$.groups.web: a bare name is not found below corp.example" '"LOCALDOMAIN": "corp.example"'
    passes galaf_config --set '$.groups.web.env' '{ "set": { "LOCALDOMAIN": "corp.example" } }'
    passes galaf_config --yes
    passes as alice galaf web http://build/
    says "build 80"
    run galaf_doctor names
    says_not "a bare name is not found"
    cat /tmp/resolv.conf >/etc/resolv.conf
}
