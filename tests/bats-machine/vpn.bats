#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# VPNs by NetworkManager, with a real OpenVPN server and a real gateway of openconnect's at the other end of the cable: what
# carries them, whose names are asked where, what is for a tunnel alone, and what takes names past dnsmasq.

load machine

VPN=/run/machine/tree/opt/vpn       # what is for both ends
CURL='"execv": [ "/usr/bin/curl", "-sS", "…" ]'

setup_file() {
    RELEASE=$(on sh -c '. /etc/os-release; echo $VERSION_ID')
    mkdir -p /run/machine/tree/opt/debs $VPN
    cp "$BATS_TEST_DIRNAME/../../build/vpn-debs-$RELEASE"/*.deb /run/machine/tree/opt/debs/
    mv /run/machine/tree/opt/debs/openresolv_*.deb /run/machine/tree/opt/
    passes on systemctl mask ocserv.service     # it is for the other end
    passes on sh -c 'DEBIAN_FRONTEND=noninteractive dpkg --install --force-unsafe-io --force-depends /opt/debs/*.deb'
    passes install "./$DEB"
    passes on sh -c 'mkdir /dev/net && mknod -m 666 /dev/net/tun c 10 200'
    mkdir /run/machine/tree/dev/net && mknod /run/machine/tree/dev/net/tun c 10 200
    start_rogue
    certificates
    office
    passes on nmcli connection add type vpn con-name office vpn-type openvpn ifname '*' ipv4.never-default yes ipv6.method disabled \
        vpn.data "connection-type=tls, remote=vpn.example, dev=tun0, ca=/opt/vpn/ca.crt, cert=/opt/vpn/client.crt, key=/opt/vpn/client.key, cert-pass-flags=4"
    conf
    on cat /etc/resolv.conf >/run/machine/resolv.conf
}

# bats waits for what is begun in setup_file.
teardown_file() { xargs kill </run/machine/office; }

# conf [USER ENTRY ...]: applies a configuration with these users besides dnsmasq.
conf() {
    put /etc/galaf/galaf_conf.json <<JSON
{
    "networks": { "tunnel": { "interface": [ "tun0" ] }, "office": { "connection": [ "office", "gateway" ] } },
    "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] } },
    "groups": {
        "web": { $CURL, "domains": [ "web.example", "corp.example", "wg.example" ], "rule": "tcp dport 80" },
        "vault": { $CURL, "domains": [ "corp.example" ], "rule": [ "tcp dport 80", "udp dport 5000" ], "on": [ "tunnel" ] },
        "desk": { $CURL, "domains": [ "corp.example" ], "rule": [ "tcp dport 80", "udp dport 5000" ], "on": [ "office" ] }
    }
}
JSON
    while [ $# -gt 1 ]; do
        passes on galaf_config --set "\$.users.$1" "$2"
        shift 2
    done
    passes on galaf_config --yes
}

# server PROGRAM ...: runs a program of the machine's at the other end of the cable.
server() { nsenter --net=/run/netns/internet chroot /run/machine/tree "$@"; }

# certificates: of an authority of the test's own, for the server and for the machine.
certificates() {
    local who
    cd $VPN || return 1
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.crt
    for who in vpn.example client; do
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$who" -addext "subjectAltName=DNS:$who" \
            -keyout $who.key -out $who.csr
        openssl x509 -req -in $who.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -copy_extensions copy -out $who.crt
    done 2>$VPN/openssl.log
    cd "$OLDPWD" || return 1
}

# office: OpenVPN's server, a network behind it, 10.9.1.0/24, and its name server, which knows another web.example.
office() {
    grep -q vpn.example /run/internet-hosts || echo "192.0.2.1 vpn.example" >>/run/internet-hosts
    kill -HUP "$(cat /run/internet-dnsmasq.pid)"
    printf '%s\n' 'local 192.0.2.1' 'proto udp' 'dev tun0' 'topology subnet' 'server 10.9.0.0 255.255.255.0' 'ca ca.crt' \
        'cert vpn.example.crt' 'key vpn.example.key' 'dh none' 'keepalive 1 20' 'push "dhcp-option DNS 10.9.0.1"' \
        'push "dhcp-option DOMAIN corp.example"' 'push "route 10.9.1.0 255.255.255.0"' >$VPN/server.conf
    server openvpn --cd /opt/vpn --config server.conf >$VPN/server.log 2>&1 3>&- 4>&- &
    echo $! >/run/machine/office
    eventually 10 grep -q 'Initialization Sequence Completed' $VPN/server.log || complain "$(cat $VPN/server.log)"
    internet ip route add local 10.9.1.0/24 dev lo
    name_server 10.9.0.1 wiki.corp.example/10.9.1.10 desk.corp.example/10.9.1.11 \
        wiki.wg.example/10.9.1.12 web.example/10.9.1.66
    nsenter --net=/run/netns/internet tcpdump -i tun0 -Q in -U --immediate-mode -w $VPN/tunnel.pcap >$VPN/tcpdump.log 2>&1 3>&- 4>&- &
    echo $! >>/run/machine/office
    eventually 10 grep -q listening $VPN/tcpdump.log
}

# name_server ADDRESS NAME/ADDRESS ...: a VPN's, with a log of what it was asked, $VPN/names-ADDRESS.
name_server() {
    internet dnsmasq --conf-file=/dev/null --no-resolv --no-hosts --user=root --bind-interfaces --listen-address="$1" --local=/#/ \
        --pid-file="$VPN/dnsmasq-$1.pid" --log-queries --log-facility="$VPN/names-$1" "${@/#/--address=/}"
}

# asked ADDRESS: the names that a VPN's name server was asked for, each once.
asked() { sed -n 's/.*query\[[A-Za-z]*\] \([^ ]*\) from.*/\1/p' "$VPN/names-$1" | sort -u; }

# up, down: NetworkManager's connection; down waits until the interface is gone, whose name the next one takes.
up() { passes on timeout 60 nmcli connection up office; }
down() {
    passes on nmcli connection down office
    eventually 20 gone
}
gone() { ! on test -e /sys/class/net/tun0; }

# before: names are as they were before a VPN was up.
before() {
    same "$(grep -v '^#' /run/machine/resolv.conf)" "$(on grep -v '^#' /etc/resolv.conf)" "/etc/resolv.conf"
    passes alice 'galaf web -m 5 http://web.example/'
    says_not 10.
    fails 6 alice 'galaf web -m 5 http://wiki.corp.example/'
}

# denied TEXT: galaf_denied has it.
denied() { on galaf_denied | grep -qF "$1"; }

# refused HOST: NetworkManager tries, and galaf_denied names that host as what OpenVPN was refused; nothing of it leaves.
refused() {
    passes on nmcli --wait 0 connection up office
    eventually 30 denied "$1" || complain "$(on galaf_denied)" "$(on journalctl -n 20 --no-pager -t nm-openvpn)"
    passes on galaf_denied
    says /usr/sbin/openvpn
    passes on nmcli connection down office
}

@test "OpenVPN by NetworkManager, without an entry: no name of its server's, no packet to it; galaf_denied says which" {
    since=$(now)
    refused vpn.example
    passes on nmcli connection modify office +vpn.data remote=192.0.2.1
    refused "192.0.2.1 "
    passes on nmcli connection modify office +vpn.data remote=vpn.example
    none "$since" "udp port 1194"
    same "" "$(sent "$since" "port 53" | grep vpn.example)" "queries for the server's name"
    before
}

ROOT='{ "known": "openvpn", "domains": [ "vpn.example" ] }'
OWN='{ "known": "network-manager-openvpn", "domains": [ "vpn.example" ] }'

@test "with the library's entries: up, also once the server was lost; the VPN's names are asked there, others are not" {
    conf root "$ROOT" nm-openvpn "$OWN"
    since=$(now)
    up
    for _ in 1 2; do
        passes alice 'galaf web -m 5 http://wiki.corp.example/'
        says "wiki.corp.example 80 ::ffff:10.9.0.2"
        passes alice 'galaf web -m 5 http://web.example/'
        says_not 10.9
        passes answer web mail.example
        same REFUSED "$output"
        fails 7 alice '/usr/bin/curl -sS -m 5 http://10.9.1.10/'
        # Its process is another user's by now, and so is what it asks and connects by.
        connected=$(connections)
        passes on pkill -USR1 -x openvpn
        eventually 30 again "$connected" || complain "$(on galaf_denied)"
    done
    same "" "$(asked 10.9.0.1 | grep -v '\(^\|\.\)corp\.example$')" "names of others' that the VPN's server was asked for"
    same "" "$(sent "$since" "port 53" | grep -i corp.example)" "queries by the cable for the VPN's names"
    forget_tries
    tried
    none "$since" "not ($LINK or ($QUERIES) or tcp port 80 or udp port 1194)"
    none "$since" "not (tcp port 80 or port 53 or icmp6)" $VPN/tunnel.pcap
    down
    before
}
connections() { grep -c 'Peer Connection Initiated' $VPN/server.log; }
again() { [ "$(connections)" -gt "$1" ]; }

@test "for the tunnel alone, by its interface and by its connection: nothing by the cable while it comes and goes" {
    since=$(now)
    sends vault 10.9.1.10
    sends desk 10.9.1.11
    for way in down loss; do
        changed=$(now)
        up
        there "eth0: none that the file names" "tun0: tunnel, office"
        passes on galaf_firewall reload
        for group in vault desk; do
            for host in wiki desk; do
                passes alice "galaf $group -m 5 http://$host.corp.example/"
                says 10.9.0.2
            done
        done
        # Who asked has an address in its set; who sends there has the tunnel.
        some "$changed" "dst host 10.9.1.10 and udp" $VPN/tunnel.pcap
        some "$changed" "dst host 10.9.1.11 and udp" $VPN/tunnel.pcap
        [ $way = down ] || passes on pkill -KILL -x openvpn
        [ $way = loss ] || passes on nmcli connection down office
        eventually 20 gone
        there "eth0: none that the file names"
        for group in vault desk; do
            fails 6 alice "galaf $group -m 5 http://wiki.corp.example/"
        done
    done
    passes on systemctl stop sends-vault sends-desk
    none "$since" "dst net 10.9.0.0/16"
    same "" "$(sent "$since" "port 53" | grep -i wiki)" "queries by the cable for what is in the tunnel"
    echo "# twice up and down: $(sent "$since" "dst net 10.9.1.0/24 and udp port 5000" $VPN/tunnel.pcap | count) packets in" \
        "the tunnel, $(sent "$since" "dst net 10.9.0.0/16" | count) by the cable" >&3
    before
}

@test "a VPN that takes all: its name server is asked for all names, and the cable's when it is down again" {
    passes on nmcli connection modify office ipv4.never-default no
    up
    since=$(now)
    passes alice 'galaf web -4 -m 5 http://web.example/'
    says "web.example 80 ::ffff:10.9.0.2"
    passes alice 'galaf web -m 5 http://wiki.corp.example/'
    none "$since" "port 53"
    down
    before
}

# gateway: ocserv, another network behind it, 10.9.5.0/24, and its name server.
gateway() {
    printf '%s\n' 'auth = "plain[passwd=/opt/vpn/passwords]"' 'listen-host = 192.0.2.1' 'tcp-port = 4443' 'udp-port = 443' \
        'run-as-user = nobody' 'run-as-group = nogroup' 'socket-file = /run/ocserv.socket' 'use-occtl = false' \
        'server-cert = /opt/vpn/vpn.example.crt' 'server-key = /opt/vpn/vpn.example.key' 'device = vpns' \
        'ipv4-network = 10.9.4.0/24' 'dns = 10.9.5.1' 'split-dns = corp.example' 'route = 10.9.5.0/255.255.255.0' >$VPN/ocserv.conf
    server sh -c 'echo word | ocpasswd -c /opt/vpn/passwords alice'
    internet nft 'table ip gateway { chain gateway { type nat hook prerouting priority dstnat
        ip daddr 192.0.2.1 tcp dport 443 redirect to :4443; }; }'
    # It starts itself anew for each client, by what /proc says that it is.
    nsenter --net=/run/netns/internet unshare --mount chroot /run/machine/tree sh -c \
        'mount -t proc proc /proc && exec ocserv --foreground --config /opt/vpn/ocserv.conf' >$VPN/ocserv.log 2>&1 3>&- 4>&- &
    echo $! >>/run/machine/office
    eventually 20 internet timeout 5 openssl s_client -connect 192.0.2.1:4443 </dev/null >$VPN/openssl.log 2>&1 || complain "$(cat $VPN/ocserv.log)"
    internet ip route add local 10.9.5.0/24 dev lo
    name_server 10.9.5.1 wiki.corp.example/10.9.5.10 web.example/10.9.5.66
}

# openconnect [OPTION ...]: root logs in as alice at the gateway.
openconnect() {
    on sh -c 'echo word | timeout 30 openconnect --cafile /opt/vpn/ca.crt --user alice --passwd-on-stdin "$@" https://vpn.example' sh "$@"
}

# by_gateway: logs in, and has NetworkManager make the connection with what that said.
by_gateway() {
    openconnect --authenticate 2>$VPN/openconnect.log >/run/machine/login || complain "$(cat $VPN/openconnect.log)"
    (. /run/machine/login && printf 'vpn.secrets.%s\n' "cookie:$COOKIE" "gateway:$HOST" "gwcert:$FINGERPRINT") | put /run/secrets
    run on timeout 30 nmcli connection up gateway passwd-file /run/secrets
}

@test "openconnect, by itself and by NetworkManager: nothing leaves without their entries, and with them the VPN's names and hosts are reached" {
    gateway
    passes on nmcli connection add type vpn con-name gateway vpn-type openconnect ifname '*' ipv4.never-default yes \
        ipv6.method disabled vpn.data "gateway=vpn.example, protocol=anyconnect, cookie-flags=2, gateway-flags=2, gwcert-flags=2"
    conf
    since=$(now)
    fails 1 openconnect
    none "$since" "port 443"
    same "" "$(sent "$since" "port 53" | grep vpn.example)" "queries for the gateway's name"

    # The file names networks once a VPN is up.
    root='{ "known": "openconnect", "domains": [ "vpn.example" ] }'
    own='{ "known": "network-manager-openconnect", "domains": [ "vpn.example" ] }'
    echo "{ \"users\": { \"dnsmasq\": \"known\", \"root\": $root, \"nm-openconnect\": $own } }" | put /etc/galaf/galaf_conf.json
    passes on galaf_config --yes
    openconnect --background >$VPN/openconnect.log 2>&1 3>&- 4>&- || complain "$(cat $VPN/openconnect.log)"    # it keeps these open
    eventually 20 led_past || complain "$(on galaf_doctor names)" "$(cat $VPN/openconnect.log)" "$(cat $VPN/ocserv.log)"
    passes on pkill -INT -x openconnect
    eventually 20 as_before
    by_gateway
    ended 0
    conf root "$root" nm-openconnect "$own"
    there "eth0: none that the file names" "vpn0: office"
    passes alice 'galaf desk -m 5 http://wiki.corp.example/'
    says "wiki.corp.example 80 ::ffff:10.9.4."
    passes alice 'galaf web -m 5 http://web.example/'
    says_not 10.9
    fails 6 alice 'galaf vault -m 5 http://wiki.corp.example/'
    fails 7 alice '/usr/bin/curl -sS -m 5 http://10.9.5.10/'
    same "" "$(asked 10.9.5.1 | grep -v '\(^\|\.\)corp\.example$')" "names of others' that the VPN's server was asked for"
    forget_tries
    tried
    none "$since" "not ($LINK or ($QUERIES) or tcp port 80 or (dst host 192.0.2.1 and port 443))"
    # One of which nobody has said which connection it has isn't known, and neither "on" nor "not_on" holds there.
    passes on rm /run/galaf/networks/vpn0
    passes on galaf_firewall reload
    is_at "eth0: none that the file names"
    passes on nmcli connection down gateway
    there "eth0: none that the file names"
    fails 6 alice 'galaf desk -m 5 http://wiki.corp.example/'
    before
}
led_past() { [[ "$(on galaf_doctor names)" == *"/etc/resolv.conf points at 10.9.5.1"*"vpnc-script wrote it"* ]]; }
as_before() { same "$(grep -v '^#' /run/machine/resolv.conf)" "$(on grep -v '^#' /etc/resolv.conf)"; }

# elsewhere: alice, at the machine, has NetworkManager log in at another gateway, which nobody else has named.
elsewhere() {
    fails 4 on systemd-run --quiet --wait --pipe --collect -p PAMName=login -p User=alice -E XDG_SEAT=seat0 \
        nmcli --wait 10 connection up gateway passwd-file /opt/secrets
}

@test "another gateway, by who brings the connection up: without domains it is asked, and galaf_doctor says so; with them it is not" {
    passes on nmcli connection modify gateway vpn.data \
        "gateway=vpn.example, protocol=anyconnect, cookie-flags=1, gateway-flags=1, gwcert-flags=1"
    printf 'vpn.secrets.%s\n' cookie:secret gateway:198.18.0.20 gwcert:pin-sha256:AAAA | put /opt/secrets
    conf nm-openconnect '"known"'
    since=$(now)
    elsewhere
    eventually 10 asked_elsewhere || complain "nothing sent to it"
    passes on galaf_doctor deputies
    says warning "any program can have NetworkManager's openconnect log in at any address"
    conf nm-openconnect '{ "known": "network-manager-openconnect", "domains": [ "vpn.example" ] }'
    since=$(now)
    elsewhere
    denied 198.18.0.20
    none "$since" "dst host 198.18.0.20 and tcp port 443"
    passes on galaf_doctor deputies
    says ok
}
asked_elsewhere() { [ -n "$(sent "$since" "dst host 198.18.0.20 and tcp port 443")" ]; }

@test "DNS in wg-quick's file, with openresolv: galaf_doctor says before and after what it does; dnsmasq asks in its place" {
    conf root "$ROOT" nm-openvpn "$OWN"
    passes on sh -c 'dpkg --install /opt/openresolv_*.deb'
    before
    passes on galaf_doctor vpn_names
    says "no VPN's file leads names past dnsmasq"
    passes on mkdir -p -m 700 /etc/wireguard
    printf '%s\n' '[Interface]' 'Address = 10.8.0.2/24' 'DNS = 10.9.0.1, wg.example' | put /etc/wireguard/wg0.conf
    run on galaf_doctor vpn_names
    says warning "/etc/wireguard/wg0.conf: DNS = 10.9.0.1, wg.example" "VPNS in galaf_conf.json(5)"

    # What wg-quick does then, in a tunnel by which that name server can be reached.
    passes on nmcli connection modify office ipv4.never-default yes
    up
    passes on sh -c "printf 'nameserver 10.9.0.1\nsearch wg.example\n' | resolvconf -a wg0 -m 0 -x"
    since=$(now)
    run on galaf_doctor names
    says broken "/etc/resolv.conf points at 10.9.0.1, not to 127.0.0.1 alone" "resolvconf wrote it, for wg0,"
    fails 6 alice 'galaf web -m 5 http://wiki.wg.example/'
    fails 6 alice 'galaf web -m 5 http://web.example/'
    eventually 10 denied "10.9.0.1 "
    # dnsmasq goes on there, for galaf's own look-ups.
    same "" "$(sent "$since" "port 53" $VPN/tunnel.pcap | grep -v corp.example)" "what the tunnel's name server was asked"
    passes on resolvconf -d wg0 -f

    # As galaf_conf.json(5) has it.
    passes on rm /etc/wireguard/wg0.conf
    echo server=/wg.example/10.9.0.1 | put /etc/NetworkManager/dnsmasq.d/wg0.conf
    passes on nmcli general reload dns-full
    passes eventually 20 alice 'galaf web -m 5 http://wiki.wg.example/'
    says 10.9.0.2
    passes alice 'galaf web -m 5 http://web.example/'
    says_not 10.9
    passes on galaf_doctor names vpn_names
    passes on rm /etc/NetworkManager/dnsmasq.d/wg0.conf
    passes on nmcli general reload dns-full
    down
    before
}
