#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# A laptop's day: a café with a captive portal, a connection shared with others.

load machine

setup_file() {
    passes install "./$DEB"
    passes on galaf_config --set '$.groups.web' \
        '{ "execv": [ "/usr/bin/curl", "-sS", "…" ], "domains": [ "web.example" ], "rule": "tcp dport 80" }'
    passes on galaf_config --yes
    start_rogue 0.2
}

# guest COMMAND ...: runs it on a machine of somebody else's, at the second cable.
guest() { nsenter --net=/run/netns/guest "$@"; }

# by_dhcp: the guest asks for an address, as any client does, and takes what it is offered; says the name server's.
by_dhcp() {
    guest timeout 10 /usr/bin/python3 - <<'PY'
import socket, struct, subprocess, sys, time
mac = bytes.fromhex(open("/sys/class/net/eth0/address").read().replace(":", ""))
def message(kind, more=b""):
    return (b"\1\1\6\0gala\0\0\x80\0" + bytes(16) + mac + bytes(202) + b"\x63\x82\x53\x63\x35\1" + bytes([kind]) + more + b"\xff")
def options(data):
    found, rest = {}, data[240:]
    while rest and rest[0] != 255:
        found[rest[0]], rest = rest[2:2 + rest[1]], rest[2 + rest[1]:]
    return found
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
    client.bind(("", 68))
    client.settimeout(9)
    client.sendto(message(1), ("255.255.255.255", 67))
    offer = client.recv(1500)
    own, server = offer[16:20], options(offer)[54]
    client.sendto(message(3, b"\x32\4" + own + b"\x36\4" + server), ("255.255.255.255", 67))
    said = options(client.recv(1500))
assert said[53] == b"\5", said
own, router, names = (socket.inet_ntoa(each[:4]) for each in (own, said[3], said[6]))
subprocess.run(["ip", "addr", "add", f"{own}/24", "dev", "eth0"], check=True)
subprocess.run(["ip", "route", "add", "default", "via", router], check=True)
print(names)
PY
}

# resolved NAME SERVER: what a name server answers the guest.
resolved() {
    guest timeout 5 /usr/bin/python3 - "$@" <<'PY'
import socket, struct, sys
labels = b"".join(bytes([len(label)]) + label.encode() for label in sys.argv[1].split("."))
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout(4)
asking.connect((sys.argv[2], 53))
asking.send(struct.pack(">6H", 1, 0x100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1")
print(socket.inet_ntoa(asking.recv(512)[-4:]))
PY
}

share() {
    ip netns add guest
    ip link add share0 type veth peer name eth0 netns guest
    guest ip link set eth0 up
    passes on nmcli connection add type ethernet con-name sharing ifname share0 ipv4.method shared ipv6.method disabled
    ip link set share0 netns machine
    eventually 20 on sh -c 'nmcli --terse --fields GENERAL.STATE device show share0 | grep -q :100'
}

@test "a shared connection without rules: nothing for its guests; galaf_doctor says so, and galaf_denied how to allow it" {
    share
    since=$(now)
    run ! by_dhcp
    guest ip addr add 10.42.0.9/24 dev eth0
    guest ip route add default via 10.42.0.1
    run ! resolved web.example 10.42.0.1
    fails 7 guest curl -sS -m 5 http://198.18.0.10/
    guest ping -c 1 -W 1 198.18.0.10 || true
    run on galaf_doctor sharing
    says "share0 is shared with others, who get no address, resolve no name, reach nothing through this machine" \
        "galaf_group add --inbound sharing"
    passes on galaf_denied
    says "refused on the way through" "| 10.42.0.9" "| 198.18.0.10 | tcp 80" "| icmp" "SHARING in galaf_conf.json(5)"
    passes on galaf_denied --suggest
    says '"forward" in $.config lets it'
    line=$(on galaf_denied --json | jq '[.denied[] | select(.way == "through" and .port == 80 and .source == "10.42.0.9")] | length')
    same 1 "$line" "rows of what was refused on its way through"
    same "" "$(sent "$since" "not ($LINK or ($QUERIES))" | head -n 5)" "what the machine sent"
    guest ip addr flush dev eth0
}

@test "a shared connection with the known entries: an address, names and pages for its guests, for nobody else" {
    passes on galaf_group add --inbound sharing
    passes on galaf_config --set '$.users.root' '{ "known": "sharing-dhcp" }'
    passes on galaf_config --yes
    passes on galaf_doctor sharing
    says "share0 is shared with others, and has the rules for that"
    since=$(now)
    passes by_dhcp
    same 10.42.0.1 "$output" "the guest's name server"
    passes eventually 10 resolved web.example 10.42.0.1
    same 198.18.0.10 "$output"
    passes guest curl -sS -m 5 http://198.18.0.10/
    says "198.18.0.10 80 ::ffff:$(address eth0)"
    fails 7 alice '/usr/bin/curl -sS -m 5 http://198.18.0.10/'
    fails 7 on runuser -u nobody -- curl -sS -m 5 http://198.18.0.10/
    same "" "$(sent "$since" "$ROGUE" | head -n 5)" "what the rogue sent"
    passes on nmcli connection delete sharing
    passes on galaf_doctor sharing
    says "no connection is shared"
}

PORTAL=10.11.12.13      # a captive portal, with which the café's name server answers for every name

# portal: the café has one until it is passed; it sends each page's reader to login.cafe.example, and that to its address.
portal() {
    internet ip addr add $PORTAL/32 dev lo
    put /opt/portal <<'PY'
import http.server
class Portal(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        host = self.headers["Host"]
        way = {"login.cafe.example": "http://10.11.12.13/login"}.get(host, "http://login.cafe.example/")
        page = host == "10.11.12.13"
        self.send_response(200 if page else 302)
        if not page:
            self.send_header("Location", way)
        self.end_headers()
        self.wfile.write(b"the portal's page\n" if page else b"")
http.server.ThreadingHTTPServer(("10.11.12.13", 8100), Portal).serve_forever()
PY
    internet /usr/bin/python3 /run/machine/tree/opt/portal >/dev/null 2>&1 3>&- 4>&- &
    portal=$!
    names --address=/#/$PORTAL
    internet nft -f - <<NFT
table ip cafe {
    chain prerouting {
        type nat hook prerouting priority dstnat
        tcp dport 80 dnat to $PORTAL:8100
    }
}
NFT
}

teardown() { [ -z "${portal:-}" ] || kill "$portal"; }

# names OPTION ...: the internet's name server, started anew with these.
names() {
    internet kill "$(cat /run/internet-dnsmasq.pid)"
    eventually 5 no_names
    internet dnsmasq --conf-file=/dev/null --no-resolv --no-hosts --user=root --bind-interfaces --listen-address=192.0.2.1,2001:db8::1 \
        --pid-file=/run/internet-dnsmasq.pid "$@" 3>&- 4>&-
}
no_names() { ! internet ss -Hlnu 'sport = 53' src 192.0.2.1 | grep -q .; }

# connectivity WORD: what NetworkManager sees of the internet.
connectivity() { [ "$(on nmcli networking connectivity check)" = "$1" ]; }

@test "a captive portal: NetworkManager sees it, the browser's own entry shows its page, and all else stays closed" {
    printf '[connectivity]\nuri=http://network-test.debian.org/nm\nresponse=network-test.debian.org\n' |
        put /etc/NetworkManager/conf.d/20-connectivity-debian.conf
    passes on systemctl restart NetworkManager
    passes on galaf_config --set '$.users.root' \
        "$(jq --compact-output '.users.root' "$BATS_TEST_DIRNAME/../../share/galaf/known/network-manager.json")"
    passes on galaf_config --set '$.groups.browser' "$(jq --compact-output \
        '.groups["firefox-esr"] | .execv = ["/usr/bin/curl", "-sS", "-L", "…"]' "$BATS_TEST_DIRNAME/../../share/galaf/known/firefox-esr.json")"
    passes on galaf_config --yes
    portal
    since=$(now)
    eventually 60 connectivity portal || complain "not seen: $(on nmcli networking connectivity check)"
    passes alice 'galaf browser -m 10 http://web.example/'
    same "the portal's page" "$output"
    fails 6 alice '/usr/bin/curl -sS -L -m 5 http://web.example/'
    fails 7 alice "/usr/bin/curl -sS -m 5 http://$PORTAL/login"
    fails 7 alice "galaf browser -m 5 http://$PORTAL:8080/"
    same "" "$(sent "$since" "$ROGUE" | head -n 5)" "what the rogue sent"
    same "" "$(sent "$since" "not ($LINK or ($QUERIES) or tcp port 80)" | head -n 5)" "what the machine sent"
    internet nft delete table ip cafe
    names --address=/network-test.debian.org/198.18.0.10 --address=/web.example/198.18.0.10
    eventually 60 connectivity full || complain "not seen: $(on nmcli networking connectivity check)"
    passes alice 'galaf browser -m 10 http://web.example/'
    says "web.example 80"
}
