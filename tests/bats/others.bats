#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Beside other firewalls and networks: ufw, firewalld, Docker, libvirt's default network.

load helper

setup_file() {
    python3 -m http.server --directory /srv 8000 >/dev/null 2>&1 3>&- 4>&- &
    WEB=$!
    /usr/lib/galaf/galaf_guard >/dev/null 2>&1 3>&- 4>&- &
    GUARD=$!
    export WEB GUARD
    mkdir -p /run/dbus
    dbus-daemon --system --fork >/dev/null 2>&1 3>&- 4>&-
}

# What Docker leaves behind would refuse what others forward.
teardown() {
    nft list tables | grep -v 'inet galaf$' | sed 's/^/delete /' | nft -f -
    ! command -v iptables-legacy || iptables-legacy --policy FORWARD ACCEPT
}

teardown_file() { kill "$WEB" "$GUARD"; }

setup() { plain; }

# plain: web may reach port 80, and a server on port 8000 is open.
plain() {
    configure <<'JSON'
{ "inbound": { "web": "tcp dport 8000" }, "groups": { "web": { "rule": "tcp dport 80" } } }
JSON
}

galaf_holds() {
    passes in_group web curl -sS --max-time 5 http://198.18.0.10/
    fails 7 as alice curl -sS --max-time 5 http://198.18.0.10/
    passes galaf_firewall status
    says enforced
}

from_outside() { internet curl --silent --output /dev/null --max-time 2 "http://192.0.2.2:$1/"; }

@test "ufw: what both allow passes; neither touches the other's rules" {
    others ufw
    from_outside 8000
    passes ufw --force enable
    galaf_holds
    run ! from_outside 8000
    passes ufw allow 8000/tcp
    from_outside 8000
    passes ufw deny out 80/tcp
    fails 28 in_group web curl -sS --max-time 2 http://198.18.0.10/
    passes ufw delete deny out 80/tcp
    passes ufw reload
    galaf_holds
    passes ufw --force disable
    galaf_holds
}

@test "firewalld: what both allow passes; its reloads leave galaf's rules alone" {
    others firewalld
    firewalld --nofork >/tmp/firewalld.log 2>&1 3>&- 4>&- &
    local daemon=$!
    eventually 20 firewall-cmd --quiet --state
    galaf_holds
    run ! from_outside 8000
    passes firewall-cmd --add-port=8000/tcp
    from_outside 8000
    for reload in --reload --complete-reload; do
        passes firewall-cmd "$reload"
        galaf_holds
    done
    kill "$daemon"
    wait "$daemon" || true
    galaf_holds
}

# container [OPTION ...]: fetches a page from inside a container.
container() {
    timeout 20 docker run --rm --volume /usr:/usr:ro "$@" box curl -sS --max-time 3 http://198.18.0.10/
}

docker_forwards() {
    configure <<'JSON'
{
    "config": { "forward": [ "iifname \"docker0\"", "oifname \"docker0\" tcp dport 80" ] },
    "users": { "root": { "domains": [], "rule": "oifname \"docker0\" tcp dport 80" }, "dnsmasq": { "rule": "udp dport 53" } },
    "inbound": { "web": "tcp dport 8000" }, "groups": { "web": { "rule": "tcp dport 80" } }
}
JSON
}

# docker_with nft|legacy: Docker with that kind of iptables.
docker_with() {
    start_dnsmasq
    others docker.io
    others busybox-static
    update-alternatives --set iptables "/usr/sbin/iptables-$1"
    dockerd --storage-driver=vfs --data-root=/tmp/docker >/tmp/dockerd.log 2>&1 3>&- 4>&- &
    local daemon=$!
    eventually 30 docker info >/dev/null 2>&1
    mkdir -p /tmp/box/usr /tmp/box/etc
    cp /bin/busybox /tmp/box/httpd
    for folder in bin lib lib64; do ln -sfn usr/$folder "/tmp/box/$folder"; done
    tar -C /tmp/box -c . | docker import - box
    fails 7 container
    fails 7 container --network host
    docker run --detach --rm --publish 8080:80 --name server box /httpd -f -p 80
    run ! from_outside 8080
    docker_forwards
    run ! resolves root web.example
    passes container
    fails 7 container --network host
    from_outside 8080
    curl --silent --output /dev/null --max-time 3 http://127.0.0.1:8080/
    galaf_holds
    docker kill server
    kill "$daemon"
    wait "$daemon" || true
}

@test "Docker, iptables-nft: containers by forward, published ports by another, its host network as any program" {
    docker_with nft
}

@test "Docker, iptables-legacy: the same" {
    docker_with legacy
}

# resolves USER NAME: whether a program of the user's does.
resolves() { setpriv --reuid "$1" --regid "$(id -g "$1")" --clear-groups getent hosts "$2"; }

# in_guest COMMAND ...: runs it in what stands for a virtual machine on libvirt's bridge.
in_guest() { nsenter --net=/run/netns/guest "$@"; }

plug_in_guest() {
    ip netns add guest
    ip link add vnet0 type veth peer name eth0 netns guest
    ip link set vnet0 master virbr0 up
    in_guest ip link set eth0 up
    in_guest ip addr add 192.168.122.50/24 dev eth0
    in_guest ip route add default via 192.168.122.1
    eventually 10 in_guest grep -q 1 /sys/class/net/eth0/carrier
}

# from_dnsmasq dns NAME|dhcp: whether libvirt's dnsmasq answers the guest's query for NAME.example, or offers an address.
from_dnsmasq() {
    in_guest python3 - "$@" <<'PY'
import socket, sys
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
asking.settimeout(5)
if sys.argv[1] == "dns":
    label = bytes([len(sys.argv[2])]) + sys.argv[2].encode()
    asking.sendto(b"\0\7\1\0\0\1\0\0\0\0\0\0" + label + b"\7example\0\0\1\0\1", ("192.168.122.1", 53))
    sys.exit(asking.recv(500)[3] & 15)
asking.bind(("", 68))
asking.sendto(b"\1\1\6\0" + b"gala" + b"\0\0\x80\0" + bytes(16) + b"\2\0\0\0\0\7" + bytes(202)
              + b"\x63\x82\x53\x63\x35\1\1\xff", ("255.255.255.255", 67))
assert socket.inet_ntoa(asking.recv(600)[16:20]).startswith("192.168.122.")
PY
}

@test "libvirt's default network: guests by forward, its dnsmasq by rules of its own" {
    start_dnsmasq
    others libvirt-daemon-system
    libvirtd --daemon 3>&- 4>&-
    eventually 10 virsh net-start default
    plug_in_guest
    galaf_holds
    run ! in_guest curl -sS --max-time 3 http://198.18.0.10/
    run ! from_dnsmasq dns web
    run ! from_dnsmasq dhcp
    configure <<'JSON'
{
    "config": { "forward": [ "iifname \"virbr0\"" ] },
    "users": {
        "dnsmasq": { "rule": "udp dport 53" },
        "root": { "domains": [], "rule": "oifname \"virbr0\" udp sport 67 udp dport 68" },
        "nobody": { "domains": [ "web.example" ], "rule": "oifname \"virbr0\"" }
    },
    "inbound": { "nobody": [ "iifname \"virbr0\" udp dport { 53, 67 }", "iifname \"virbr0\" tcp dport 53" ] },
    "groups": { "web": { "rule": "tcp dport 80" } }
}
JSON
    passes in_guest curl -sS --max-time 3 http://198.18.0.10/
    from_dnsmasq dns web
    from_dnsmasq dhcp
    galaf_holds
    run ! from_dnsmasq dns other
    for name in web.example other.example; do
        run ! resolves root $name
        run ! resolves alice $name
    done
    passes resolves nobody web.example
    run ! resolves nobody other.example
    run galaf_doctor services
    says "dnsmasq, run by nobody, listens at 192.168.122.1:53 tcp" '$.users.nobody lets it out'
    passes virsh net-destroy default
    galaf_holds
}
