#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# A VPN of the kernel's: WireGuard by wg-quick, with the rule of galaf_conf.json(5), on the releases' own kernels.

load ../bats-machine/machine

PEER=192.0.2.1
PORT=51820

setup_file() {
    installed
    passes on galaf_config --set '$.groups.web' \
        '{ "execv": [ "/usr/bin/curl", "-sS", "…" ], "domains": [ "web.example" ], "rule": "tcp dport 80" }'
    passes on galaf_config --set '$.groups.letters' \
        '{ "execv": [ "/usr/bin/curl", "-sS", "…" ], "rule": "ip daddr 198.18.0.30 tcp dport 993" }'
    passes on galaf_config --yes
    passes on loginctl enable-linger alice      # or each login starts a systemd of hers
    start_rogue 0.5
    passes on sysctl -qw net.ipv4.tcp_syn_retries=1     # or each try of the rogue's in the tunnel takes two minutes
    far_end
    near_end | put /etc/wireguard/wg0.conf
}

# far_end: the peer, at the other end of the cable; this machine's kernel has no WireGuard, so a program's.
far_end() {
    wg genkey >/run/machine/far.key
    wg genkey >/run/machine/near.key
    internet wireguard-go wg0 >/run/machine/far.log 2>&1 3>&- 4>&-
    internet wg set wg0 private-key /run/machine/far.key listen-port $PORT \
        peer "$(wg pubkey </run/machine/near.key)" allowed-ips 10.8.0.2/32,fd00:8::2/128
    internet ip address add 10.8.0.1/24 dev wg0
    internet ip address add fd00:8::1/64 dev wg0
    internet ip link set wg0 up
    nsenter --net=/run/netns/internet tcpdump -i wg0 -Q in -U --immediate-mode -w /run/machine/tunnel.pcap \
        2>/run/machine/tunnel.log 3>&- 4>&- &
    eventually 10 grep -q listening /run/machine/tunnel.log
}

# near_end: the machine's /etc/wireguard/wg0.conf, which leads everything into the tunnel.
near_end() {
    printf '%s\n' '[Interface]' "PrivateKey = $(cat /run/machine/near.key)" 'Address = 10.8.0.2/24, fd00:8::2/64' 'FwMark = 51820' \
        '[Peer]' "PublicKey = $(wg pubkey </run/machine/far.key)" "Endpoint = $PEER:$PORT" \
        'AllowedIPs = 0.0.0.0/0, ::/0' 'PersistentKeepalive = 1'
}

# manual: the rule that galaf_conf.json(5) has for such a tunnel, with this peer's address.
manual() {
    sed -n 's/^"kernel": \(\[ { "mark".*\]\)$/\1/p' "$BATS_TEST_DIRNAME/../../man/galaf_conf.json.5" |
        sed "s/198\.51\.100\.7/$PEER/"
}

# leads INTERFACE: the way of both of the rogue's packets, and of web's, is there.
leads() {
    local host
    for host in 198.18.0.10 2001:2:0:1::10 198.18.0.20 2001:2:0:1::20; do
        on ip route get "$host" | grep -q " dev $1 " || return 1
    done
}

# served ADDRESS STATUS: web reaches its domain, from that address, over IPv6 too; to the rest, curl ends with that
# status: 28, no answer, in the tunnel, since wg-quick drops what comes from elsewhere for its address, a reset too.
served() {
    passes eventually 20 alice 'galaf web -4 -m 10 http://web.example/'
    says "web.example 80" "$1"
    passes eventually 20 alice 'galaf web -6 -m 10 http://web.example/'
    fails "$2" alice 'galaf web -m 5 http://198.18.0.20/'
    fails "$2" alice '/usr/bin/curl -sS -m 5 http://198.18.0.10/'
    fails "$2" alice '/usr/bin/curl -sS -g -m 5 http://[2001:2:0:1::10]/'
}

# closed [FILTER]: the rogue has tried, and nothing was sent but what is listed, the latter too.  In the tunnel it
# waits for an answer as others do, so that it tries seldom.
closed() {
    eventually 60 some_tries || complain "only $(tries) tries"
    same "" "$(sent "$since" "not ($LINK or ($QUERIES) or tcp port 80 or ${1:-tcp port 80})" | head -n 5)" "what the machine sent"
    same "" "$(sent "$since" "$ROGUE" | head -n 5)" "what the rogue sent"
}

some_tries() { [ "$(tries)" -gt 0 ]; }

@test "the carrier of a tunnel must be listed: without a rule nothing of it leaves" {
    address=$(on ip -4 -o addr show dev eth0 | awk '{ sub("/.*", "", $4); print $4 }')
    echo "$address" >/run/machine/address
    forget_tries
    since=$(now)
    passes on wg-quick up wg0
    eventually 20 leads wg0
    run alice 'galaf web -4 -m 5 http://198.18.0.10/'
    [ "$status" != 0 ] || complain "it is reached" "$output"
    passes on galaf_denied
    says "$PEER"
    passes on wg-quick down wg0
    closed
    same 0 "$(sent "$since" "udp port $PORT" | count)" "packets of the tunnel"
}

@test "with the manual's rule: the same rules hold in the tunnel, and once it is gone" {
    passes on galaf_config --set '$.kernel' "$(manual)"
    passes on galaf_config --yes
    forget_tries
    since=$(now)
    passes on wg-quick up wg0
    eventually 20 leads wg0
    served 10.8.0.2 28
    passes alice 'galaf letters -m 20 http://198.18.0.30:993/'
    says 10.8.0.2
    fails 28 alice 'galaf letters -m 5 http://198.18.0.31:993/'
    passes alice 'galaf web -m 60 -o /dev/null http://web.example/bytes/3000000'
    closed "udp port $PORT"
    same "" "$(sent "$since" "not ($LINK or tcp port 80 or tcp port 993)" /run/machine/tunnel.pcap | head -n 5)" \
        "what went into the tunnel"
    same "" "$(sent "$since" "$ROGUE" /run/machine/tunnel.pcap | head -n 5)" "what the rogue sent into the tunnel"
    echo "# in the tunnel: $(sent "$since" "tcp port 80 or tcp port 993" /run/machine/tunnel.pcap | count) packets" \
        "of listed applications, $(sent "$since" "$ROGUE" /run/machine/tunnel.pcap | count) of the rogue's" >&3
    fails 1 alice "echo pretending >/dev/udp/$PEER/$PORT"
    passes on wg-quick down wg0
    eventually 20 leads eth0
    served "$(cat /run/machine/address)" 7
    closed "udp port $PORT"
}

@test "by NetworkManager, of the same file: the same rules hold in the tunnel, and it is a network by its connection's name" {
    passes on galaf_config --set '$.kernel' "$(manual)"
    passes on galaf_config --set '$.networks' '{ "tunnel": { "connection": [ "wg0" ] } }'
    passes on galaf_config --set '$.groups.letters.on' '[ "tunnel" ]'
    passes on galaf_config --yes
    passes on nmcli connection import type wireguard file /etc/wireguard/wg0.conf
    forget_tries
    since=$(now)
    fails 7 alice 'galaf letters -m 20 http://198.18.0.30:993/'
    passes on nmcli connection up wg0
    eventually 20 leads wg0
    there "eth0: none that the file names" "wg0: tunnel"
    served 10.8.0.2 7
    passes alice 'galaf letters -m 20 http://198.18.0.30:993/'
    says 10.8.0.2
    closed "udp port $PORT"
    same "" "$(sent "$since" "$ROGUE" /run/machine/tunnel.pcap | head -n 5)" "what the rogue sent into the tunnel"
    passes on nmcli connection down wg0
    eventually 20 leads eth0
    fails 7 alice 'galaf letters -m 20 http://198.18.0.30:993/'
    passes on nmcli connection delete wg0
}
