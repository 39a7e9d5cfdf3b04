#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Networks by name: what holds at home, in the office, through a tunnel and elsewhere, over two cables as different
# connections, while a rogue sends all the time.

load machine

setup_file() {
    later openssh-server
    passes install "./$DEB"
    let_ssh_in
    start_rogue
    # NetworkManager's connections, with names that nmcli escapes; the second cable comes later, the cafe has no name.
    passes on nmcli connection modify wired connection.id "Home: Büro\\2"
    passes on nmcli connection add type ethernet con-name office ifname eth1 ipv4.route-metric 50 ipv6.route-metric 50
    passes on nmcli connection add type ethernet con-name cafe ifname eth0 autoconnect no ipv4.method manual \
        ipv4.addresses 192.0.2.77/24 ipv4.gateway 192.0.2.1 ipv4.dns 192.0.2.1 ipv6.method disabled
    put /etc/galaf/galaf_conf.json <<JSON
{
    "config": { "defaults": { "on": [ "home", "office" ] } },
    "networks": {
        "home": { "connection": [ "Home: Büro\\\\2" ] },
        "office": { "connection": [ "$(on nmcli -g connection.uuid connection show office)" ] },
        "tunnel": { "interface": [ "tun0" ] }
    },
    "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ], "not_on": [] } },
    "groups": {
        "browser": { $CURL, "domains": [ "web.example" ], "rule": "tcp dport 80", "not_on": [] },
        "letters": { $CURL, "domains": [ "mail.example" ], "rule": [ "tcp dport 80", "udp dport 5000" ] },
        "samba": { $CURL, "rule": "ip daddr 198.18.0.40 tcp dport 8080", "on": [ "office" ] },
        "away": { $CURL, "rule": "ip daddr 198.18.0.41", "not_on": [ "home" ] },
        "secret": { $CURL, "domains": [ "four.example" ], "rule": [ "tcp dport 465", "udp dport 5000" ], "on": [ "tunnel" ] },
        "vault": { $CURL, "rule": [ "tcp dport 465", "udp dport 5000" ], "on": [ "tunnel" ] }
    },
    "inbound": { "root": { "rule": "tcp dport 22", "on": [ "home" ] } }
}
JSON
    passes on galaf_config --yes
}
CURL='"execv": [ "/usr/bin/curl", "-sS", "…" ]'

# closed SINCE: the rogue has tried, and nothing but what is listed somewhere was sent.
closed() {
    forget_tries
    tried
    none "$1" "not ($LINK or ($QUERIES) or tcp port 80 or tcp port 8080 or tcp port 22 or udp port 5000)"
    none "$1" "$ROGUE"
}

@test "at home: what is listed for home, and ssh from outside; no name of the tunnel's leaves" {
    since=$(now)
    there "eth0: home"
    passes alice 'galaf browser -m 5 http://web.example/'
    passes alice 'galaf letters -m 5 http://mail.example/'
    passes by_ssh true
    fails 7 alice 'galaf samba -m 5 http://198.18.0.40:8080/'
    fails 7 alice 'galaf away -m 5 http://198.18.0.41:8080/'
    fails 6 alice 'galaf secret -m 5 http://four.example:465/'
    same "" "$(sent "$since" "port 53" | grep four.example)" "queries for the tunnel's name"
    closed "$since"
}

@test "a change of network holds before its first packet, both ways; what was open ends; elsewhere the browser alone goes on" {
    since=$(now)
    home=$(address eth0)
    sends letters 198.18.0.30
    sends away 198.18.0.41
    some "$since" "src host $home and dst host 198.18.0.30 and udp"
    alice 'galaf letters -4 --limit-rate 10k -m 60 http://mail.example/bytes/6000000 -o held' 3>&- &
    eventually 10 test -s /run/machine/tree/home/alice/held
    for _ in 1 2 3; do
        changed=$(now)
        passes on nmcli connection up cafe
        there "eth0: none that the file names"
        some "$changed" "src host 192.0.2.77 and dst host 198.18.0.41"
        changed=$(now)
        passes on nmcli connection up "Home: Büro\\2"
        there "eth0: home"
        some "$changed" "src host $(address eth0) and dst host 198.18.0.30 and udp"
    done
    none "$since" "src host 192.0.2.77 and dst host 198.18.0.30"
    none "$since" "not src host 192.0.2.77 and dst host 198.18.0.41"

    passes on nmcli connection up cafe
    there "eth0: none that the file names"
    left=$(now)
    passes eventually 20 alice 'galaf browser -4 -m 5 http://web.example/'
    fails 6 alice 'galaf letters -4 -m 5 http://mail.example/'
    fails 7 alice 'galaf samba -m 5 http://198.18.0.40:8080/'
    fails 255 by_ssh true
    passes on galaf_doctor networks
    says "the machine is on no network that the file names; off here: letters, samba, secret, vault"
    passes on systemctl stop sends-letters sends-away
    none "$left" "tcp and ip src host $home"
    closed "$since"

    # A connection of a single person's has what name that person likes.
    uuid=$(on nmcli -g connection.uuid connection show cafe)
    passes on nmcli connection modify cafe connection.id "Home: Büro\\2" connection.permissions user:alice
    passes on nmcli connection up uuid "$uuid"
    there "eth0: none that the file names"
    passes on galaf_firewall reload
    is_at "eth0: none that the file names"
    passes on nmcli connection modify uuid "$uuid" connection.id cafe connection.permissions ''
    passes on nmcli connection up "Home: Büro\\2"
    there "eth0: home"
}

@test "a second cable: the office's holds there, home's at home; each goes with its cable" {
    ip link add cable2 type veth peer name eth1 address 02:00:00:00:00:03 netns machine
    ip link set cable2 up
    tcpdump -i cable2 -Q in -U --immediate-mode -w /run/machine/second.pcap 2>/run/machine/second.log 3>&- 4>&- &
    eventually 5 grep -q listening /run/machine/second.log
    since=$(now)
    ip link set cable2 master switch
    there "eth0: home eth1: office"
    passes eventually 10 alice 'galaf samba -m 5 http://198.18.0.40:8080/'
    passes alice 'galaf away -m 5 http://198.18.0.41:8080/'
    passes alice 'galaf letters -4 -m 5 http://mail.example/'
    elsewhere=$(address eth1)
    fails 1 internet python3 -c 'import socket, sys; socket.create_connection((sys.argv[1], 22), 1)' "$elsewhere"
    none "$since" "tcp port 8080"
    some "$since" "tcp port 8080" /run/machine/second.pcap
    ip link del cable2
    there "eth0: home"
    fails 7 alice 'galaf samba -m 5 http://198.18.0.40:8080/'
    closed "$since"
    none "$since" "$ROGUE" /run/machine/second.pcap
}

@test "an application through the tunnel alone: nothing of it, and no name, by the cable while the tunnel goes up and down" {
    ip link add tun0 netns machine type veth peer name tun0 netns internet
    on nmcli device set tun0 managed no
    internet ip addr add 10.7.0.1/24 dev tun0
    internet ip link set tun0 up
    nsenter --net=/run/netns/internet tcpdump -i tun0 -Q in -U --immediate-mode -w /run/machine/tunnel.pcap 2>/run/machine/tunnel.log 3>&- 4>&- &
    eventually 5 grep -q listening /run/machine/tunnel.log
    since=$(now)
    sends vault 198.18.0.44
    for _ in 1 2 3; do
        changed=$(now)
        passes on sh -c 'ip addr replace 10.7.0.2/24 dev tun0 && ip link set tun0 up &&
            ip route replace 198.18.0.44 dev tun0 src 10.7.0.2'
        passes eventually 10 alice 'galaf vault -m 5 http://198.18.0.44:465/'
        some "$changed" "dst host 198.18.0.44 and udp" /run/machine/tunnel.pcap
        passes on ip link set tun0 down
        fails 7 alice 'galaf vault -m 5 http://198.18.0.44:465/'
        fails 6 alice 'galaf vault -m 5 http://four.example:465/'
    done
    none "$since" "dst host 198.18.0.44"
    same "" "$(sent "$since" "port 53" | grep four.example)" "queries for its name by the cable"
    echo "# three times up and down: $(sent "$since" "dst host 198.18.0.44" /run/machine/tunnel.pcap | count) packets in the" \
        "tunnel, $(sent "$since" "dst host 198.18.0.44" | count) by the cable" >&3
    passes on systemctl stop sends-vault
    passes on ip link del tun0
    closed "$since"
}

# announces PREFIX OLD: the router says that the link has a prefix, and another one for what is open alone; it has an address of it itself.
announces() {
    internet ip addr add "$1""1/64" dev eth0 nodad
    internet /usr/bin/python3 - "$1" "$2" <<'PY'
import ipaddress, socket, struct, sys
def prefix(text, preferred):
    return struct.pack(">BBBBIII", 3, 4, 64, 0xc0, 7200, preferred, 0) + ipaddress.IPv6Address(text).packed
said = struct.pack(">BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + prefix(sys.argv[2], 0) + prefix(sys.argv[1], 3600)
with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as router:
    router.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    router.sendto(said, ("ff02::1", 0, 0, socket.if_nametoindex("eth0")))
PY
}
# from_prefix PREFIX: what the machine sends by IPv6 comes from an address of it that is for a while alone.
from_prefix() {
    new=$(on ip -6 route get 2001:2:0:1::30 | sed -n 's/.* src \([^ ]*\).*/\1/p')
    [[ "$new" == "$1"* ]] && on ip -6 addr show dev eth0 to "$new" temporary | grep -q inet6
}

# lasts: an address lasts, $lasting: Debian 13's NetworkManager may remove one that is for a while alone, galaf or not.
lasts() {
    lasting=$(on ip -6 -o addr show dev eth0 scope global | grep -v 'temporary\|tentative' | sed -n 's,.*inet6 \(2001:db8:[^/]*\)/.*,\1,p')
    [ -n "$lasting" ]
}

# holds: a connection is open by that address, which NetworkManager may just look at once more.
holds() {
    lasts && rm -f /run/machine/tree/home/alice/held || return 1
    alice "galaf letters -6 --interface $lasting --limit-rate 40k -m 60 http://mail.example/bytes/200000 -o held" 3>&- &
    held=$!
    eventually 3 test -s /run/machine/tree/home/alice/held
}

@test "another prefix, and addresses for a while alone: what was open goes on, and nothing else opens or closes" {
    passes on nmcli connection modify "Home: Büro\\2" ipv6.ip6-privacy 2
    passes on nmcli connection up "Home: Büro\\2"
    there "eth0: home"
    passes on systemd-run --quiet --unit=unlisted /usr/bin/python3 -m http.server --bind :: 8444
    since=$(now)
    sends letters 2001:2:0:1::30
    eventually 20 from_prefix 2001:db8:: || eventually 20 from_prefix 2001:db8:0: || complain "$(on ip -6 addr)"
    eventually 20 holds || complain "$(on ip -6 addr)"
    announces 2001:db8:7:: 2001:db8::
    eventually 20 from_prefix 2001:db8:7: || complain "$(on ip -6 addr)" "$(on ip -6 route)"
    changed=$(now)
    there "eth0: home"
    passes alice 'galaf letters -6 -m 5 http://mail.example/'
    says "mail.example 80 $new"
    some "$changed" "src net 2001:db8:7::/64 and dst host 2001:2:0:1::30 and udp"
    passes internet python3 -c 'import socket, sys; socket.create_connection((sys.argv[1], 22), 5)' "$new"
    fails 7 alice 'galaf away -g -m 5 http://[2001:2:0:1::41]:8080/'
    fails 7 alice '/usr/bin/curl -sS -g -m 5 http://[2001:2:0:1::10]/'
    wait "$held" || complain "what was open did not go on" "$(on ip -6 addr show dev eth0)" "$(on ss -H6tni)"
    passes on systemctl stop sends-letters
    closed "$since"
    echo "# by another prefix: $(sent "$changed" "src net 2001:db8:7::/64 and dst host 2001:2:0:1::30" | count) packets of the" \
        "listed application, $(sent "$changed" "ip6 and not ($LINK or ($QUERIES) or dst host 2001:2:0:1::30 or tcp src port 22)" | count) others" >&3
    # A reset goes out for it.
    fails 1 internet python3 -c 'import socket, sys; socket.create_connection((sys.argv[1], 8444), 5)' "$new"
    passes on systemctl stop unlisted
}

# heard GROUP: what an application of alice's hears when it asks the link, each way on a line.
heard() {
    alice "for kind in ssdp wsd kdeconnect mdns mdns-group; do
        echo \$kind \$(galaf $1 /usr/bin/python3 /srv/galaf/tests/bypass/link.py ask \$kind 192.168.8.2) &
    done; wait" | sort
}

teardown() { [ -z "${answers:-}" ] || kill "$answers"; }

@test "\"discovery\": by SSDP, WS-Discovery, KDE Connect and mDNS an application hears who answers it, on its network; others hear nobody" {
    every="kdeconnect mdns mdns-group ssdp wsd"
    ports="udp dst port 1716 or udp dst port 1900 or udp dst port 3702 or udp dst port 5353"
    internet ip addr add 192.168.8.1/24 dev eth0
    passes on nmcli connection add type ethernet con-name den ifname eth0 autoconnect no ipv4.method manual \
        ipv4.addresses 192.168.8.2/24 ipv4.gateway 192.168.8.1 ipv6.method disabled
    passes on galaf_config --set '$.networks.den' '{ "connection": [ "den" ] }'
    for group in finder other; do
        passes on galaf_config --set "\$.groups.$group" '{ "execv": [ "/usr/bin/env", "…" ], "on": [ "den" ],
            "rule": "udp dport { 1716, 1900, 3702, 5353 }" }'
    done
    passes on galaf_config --set '$.groups.finder.discovery' true
    passes on galaf_config --yes
    internet /usr/bin/python3 "$BATS_TEST_DIRNAME/../bypass/link.py" answer 192.168.8.1 >/run/machine/answers 2>&1 3>&- 4>&- &
    answers=$!
    eventually 20 grep -q answers /run/machine/answers
    since=$(now)
    run heard finder
    says_not answered       # it has no such address, and there it holds for nothing
    none "$since" "$ports"

    since=$(now)
    passes on nmcli connection up den
    there "eth0: den"
    run heard finder
    # shellcheck disable=SC2086     # several
    same "$(printf '%s answered\n' $every)" "$output"
    run heard other
    # shellcheck disable=SC2086
    same "$(printf '%s nothing\n' $every)" "$output"
    forget_tries
    tried
    # Who answers what nobody may hear is told so.
    none "$since" "not ($LINK or ($QUERIES) or $ports or (dst host 192.168.8.1 and icmp[0] = 3))"
    none "$since" "$ROGUE"
    echo "# asked: $(sent "$since" "$ports" | count) packets; the rogue's: $(tries) tries, $(sent "$since" "$ROGUE" | count) packets" >&3
    passes on nmcli connection up "Home: Büro\\2"
    there "eth0: home"
    passes on galaf_config --rollback
}

@test "addresses, prefixes, a suspend, NetworkManager's and other firewalls' restarts open nothing and lose nothing" {
    since=$(now)
    passes on sysctl -qw net.ipv6.conf.eth0.use_tempaddr=2
    passes on ip addr add 192.0.2.88/24 dev eth0
    passes on ip addr add 2001:db8:5::5/64 dev eth0 nodad
    passes on ip link set eth0 down
    passes on systemctl kill --signal=STOP NetworkManager
    passes on ip link set eth0 up
    closed "$since"
    passes on systemctl kill --signal=CONT NetworkManager
    there "eth0: home"
    passes eventually 20 alice 'galaf letters -m 5 http://mail.example/'
    passes on systemctl restart NetworkManager
    there "eth0: home"
    passes eventually 20 alice 'galaf letters -m 5 http://mail.example/'
    closed "$since"
    passes on nft flush ruleset     # through which new connections slip: see galaf_firewall(8)
    there "eth0: home"
    since=$(now)
    passes eventually 20 alice 'galaf letters -m 5 http://mail.example/'
    passes on galaf_firewall reload
    is_at "eth0: home"
    passes on galaf_config --set '$.networks.home.connection' '["other"]'
    passes on galaf_config --yes
    is_at "eth0: none that the file names"
    passes on galaf_firewall status
    says "off on these networks, as the file says: letters, samba, secret, vault"
    run on galaf_doctor networks
    says "warning  networks " '$.networks.home: NetworkManager has no connection other'
    fails 6 alice 'galaf letters -m 5 http://mail.example/'
    passes on galaf_config --rollback
    is_at "eth0: home"
    closed "$since"
    reboot
    there "eth0: home"
    passes eventually 20 alice 'galaf letters -m 5 http://mail.example/'
    closed "$since"
}
