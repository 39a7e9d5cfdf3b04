#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Machines that resolve names otherwise than through NetworkManager's dnsmasq, in this order.

load machine

setup_file() {
    start_rogue
}

untouched() {
    passes on nft list ruleset
    same "" "$output" "the ruleset"
    fails 2 on getent group ping
    [ ! -e /run/machine/tree/var/lib/galaf/good ]
    passes alice '/usr/bin/curl -sS -m 5 http://web.example/'
}

enforced() {
    passes alice 'galaf web -m 5 http://web.example/'
    says web.example
    fails 7 alice '/usr/bin/curl -sS -m 5 http://198.18.0.10/'
    passes answer web mail.example
    same REFUSED "$output"
}

@test "systemd-resolved: refused with a clear word, before anything changes" {
    later systemd-resolved
    reboot
    passes install "./$DEB"
    says "systemd-resolved owns /etc/resolv.conf"
    fails 1 on galaf_config --yes
    says "systemd-resolved owns /etc/resolv.conf" "nothing was changed"
    untouched
    passes on apt-get purge -q -y systemd-resolved
    passes on rm -f /etc/resolv.conf
    passes on systemctl restart NetworkManager
}

@test "NetworkManager beside the dnsmasq package: refused with a clear word, before anything changes" {
    later dnsmasq
    fails 1 on galaf_config --yes
    says "/etc/resolv.conf does not name 127.0.0.1" "nothing was changed"
    untouched
}

@test "the dnsmasq package beside NetworkManager's own dnsmasq: refused with a clear word" {
    passes on systemctl stop dnsmasq
    passes on apt-get remove -q -y dnsmasq
    passes on galaf_dns connect
    later dnsmasq
    fails 1 on galaf_config --yes
    says "wants the same port" "nothing was changed"
    untouched
    passes on galaf_dns disconnect
}

@test "without network-manager, with the dnsmasq package: enforced, names through its dnsmasq" {
    printf '[Match]\nName=eth0\n[Network]\nDHCP=yes\n' >/run/machine/tree/etc/systemd/network/eth0.network
    printf 'no-resolv\nserver=192.0.2.1\n' >/run/machine/tree/etc/dnsmasq.d/upstream.conf
    passes on systemctl disable --quiet --now NetworkManager
    passes on apt-get purge -q -y network-manager
    passes on systemctl enable --quiet --now systemd-networkd
    rm -f /run/machine/tree/etc/resolv.conf
    echo nameserver 127.0.0.1 >/run/machine/tree/etc/resolv.conf
    passes on systemctl restart dnsmasq || complain "$(on journalctl -u dnsmasq --no-pager -n 10)"
    "$MACHINE" up
    passes on galaf_config --set '$.groups.web' '{
        "execv": ["/usr/bin/curl", "-sS", "…"], "domains": ["web.example"], "rule": "tcp dport 80"}'
    passes on galaf_config --yes
    enforced
}

@test "beside systemd-networkd a network is one by its interface" {
    passes on galaf_config --set '$.networks' '{ "cable": { "interface": ["eth0"] }, "tunnel": { "interface": ["tun0"] } }'
    for name in tunnel cable; do
        passes on galaf_config --set '$.groups.web.on' "[\"$name\"]"
        passes on galaf_config --yes
        passes on galaf_firewall status
        says "eth0: cable"
        [ $name = cable ] || fails 6 alice 'galaf web -m 5 http://web.example/'
    done
    enforced
}

@test "nftables and dnsmasq upgraded while traffic flows: no gap, connections and names go on" {
    passes higher /run/machine/tree/var/local/debs/{nftables/nftables,libnftables1/libnftables1,dnsmasq/dnsmasq,dnsmasq-base/dnsmasq-base}_*.deb
    forget_tries
    before=$(on pidof dnsmasq)
    alice 'galaf web --limit-rate 1M http://web.example/bytes/6000000 -o held' 3>&- &
    held=$!
    eventually 5 test -s /run/machine/tree/home/alice/held
    since=$(now)
    passes install /opt/higher/{nftables,libnftables1,dnsmasq,dnsmasq-base}.deb
    [ "$(on pidof dnsmasq)" != "$before" ] || complain "dnsmasq was not started anew"
    eventually 10 alice 'galaf web -m 5 http://new.web.example/'
    wait "$held"
    same 6000000 "$(stat -c %s /run/machine/tree/home/alice/held)" "the bytes that arrived meanwhile"
    echo "# seen: $(tries) tries to get out, $(sent "$since" "$ROGUE" | count) packets of them on the wire" >&3
    tried
    same "" "$(sent "$since" "not ($LINK or ($QUERIES) or tcp port 80)" | head -n 5)" "what the machine sent"
    same "" "$(sent "$since" "$ROGUE" | head -n 5)" "what the rogue sent"
    enforced
}

@test "reboot: the rules are there before systemd-networkd" {
    forget_tries
    since=$(now)
    reboot
    sleep 1
    echo "# seen: $(tries) tries to get out, $(sent "$since" "$ROGUE" | count) packets of them on the wire" >&3
    same "" "$(sent "$since" "not ($LINK or ($QUERIES))" | head -n 5)" "what the machine sent"
    tried
    enforced
}

@test "an edit, and a removal" {
    passes on galaf_config --set '$.groups.web.domains' '["other.example"]'
    passes on galaf_config --yes
    passes alice 'galaf web -m 5 http://other.example/'
    passes answer web web.example
    same REFUSED "$output"
    passes on apt-get remove -q -y galaf
    passes alice '/usr/bin/curl -sS -m 5 http://web.example/ http://198.18.0.10/'
    passes on find /etc/dnsmasq.d -name '*galaf*'
    same "" "$output"
    passes on systemctl is-system-running
}
