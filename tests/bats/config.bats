#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# galaf_config on the installed package: what it lets through, what it refuses, what it leaves alone.

# shellcheck disable=SC2086   # $curl is a command with its options
load helper
curl="curl --silent --show-error --max-time 5"

setup_file() {
    start_dnsmasq
}

setup() {
    rm -f /tmp/go /tmp/held /tmp/reply
    configure <<'JSON'
{
    "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] } },
    "groups": {
        "web": { "domains": [ "web.example" ], "rule": "tcp dport { 80, 443 }", "execv": [ "/usr/bin/curl", "…" ] },
        "post": { "domains": [ "mail.example" ], "rule": "tcp dport 993" },
        "anywhere": { "rule": "tcp dport 80" },
        "named": null
    }
}
JSON
}

teardown() {
    rm -f /etc/galaf/nftables.d/local.nft
}

# the_machine: all that a refused configuration must leave as it was.
the_machine() {
    nft -s -t list ruleset
    getent group
    readlink /var/lib/galaf/good
    cat /var/lib/galaf/good/*
}

# refuse WORDS: standard input as the configuration is refused with these words, and nothing changes.
refuse() {
    before=$(the_machine)
    cat >/etc/galaf/galaf_conf.json
    fails 1 galaf_config --yes
    says "$1"
    says_not Traceback
    same "$before" "$(the_machine)"
}

# serve PORT: a web server of this machine's own.
serve() {
    /usr/bin/python3 -m http.server --bind :: "$1" >/dev/null 2>&1 3>&- &
    eventually 20 curl --silent --output /dev/null "http://127.0.0.1:$1/"
}

# behind COMMAND ...: runs it on a third machine, whose packets this one would have to forward.
behind() { nsenter --net=/run/netns/behind "$@"; }

third_machine() {
    ip netns add behind
    ip link add third type veth peer name eth0 netns behind
    ip address add 10.9.0.1/24 dev third
    ip link set third up
    behind ip address add 10.9.0.2/24 dev eth0
    behind ip link set eth0 up
    behind ip route add default via 10.9.0.1
    internet ip route add 10.9.0.0/24 via 192.0.2.2
    sysctl -qw net.ipv4.ip_forward=1
}

# on_terminal INPUT COMMAND ...: runs it on a terminal that types the input.
on_terminal() {
    run script --quiet --return --command "${*:2}" /dev/null < <(printf "%b" "$1"; sleep 2)
}

@test "an application reaches its own domain, over IPv4 and IPv6" {
    passes in_group web $curl -4 http://web.example/
    says "web.example 80"
    passes in_group web $curl -6 http://web.example/
    passes in_group web $curl http://a.b.c.web.example/
}

@test "it is refused another port, another domain, another address, at once and without a packet" {
    passes in_group web $curl http://web.example/
    before=$(($(wire_packets) - $(wire_packets wire_dns)))
    start=$SECONDS
    fails 7 in_group web $curl http://web.example:8080/
    fails 6 in_group web $curl http://mail.example/
    fails 7 in_group web $curl http://198.18.0.30/
    fails 7 in_group web $curl "http://[2001:2:0:1::30]/"
    [ $((SECONDS - start)) -le 2 ]
    same "$before" $(($(wire_packets) - $(wire_packets wire_dns)))
}

@test "the same program outside a group is refused, an ordinary user's and root's" {
    before=$(wire_packets)
    fails 6 as alice $curl http://web.example/
    fails 7 as alice $curl http://198.18.0.10/
    fails 7 $curl "http://[2001:2:0:1::10]/"
    fails 7 in_group named $curl http://198.18.0.10/
    same "$before" "$(wire_packets)"
}

@test "what was refused is counted by mark, destination and port" {
    gid=$(getent group named | cut -d: -f3)
    in_group named $curl http://198.18.0.77:8080/ || true
    passes nft list set inet galaf denied4
    says "$(printf '0x%08x' $((gid << 16 | 1))) . 198.18.0.77 . tcp . 8080 counter packets"
}

@test "a user's entry holds for the user's programs in any group" {
    configure <<'JSON'
{ "users": { "alice": { "rule": "tcp dport 8080" }, "dnsmasq": { "rule": "udp dport 53" } }, "groups": { "web": {} } }
JSON
    passes as alice $curl http://198.18.0.10:8080/
    fails 7 as bob $curl http://198.18.0.10:8080/
    fails 7 as alice $curl http://198.18.0.10:80/
}

@test "families: what is granted is never wider than what is written" {
    configure <<'JSON'
{ "groups": {
    "union": { "rule": [ "tcp dport 80", "ip daddr 198.18.0.30 tcp dport 8080" ] },
    "everything": { "rule": "" },
    "four": { "rule": "tcp dport 80", "families": [4] },
    "each": { "rule": "tcp dport 80", "rule6": "tcp dport 443" } } }
JSON
    passes in_group union $curl http://198.18.0.10:80/
    passes in_group union $curl http://198.18.0.30:8080/
    fails 7 in_group union $curl http://198.18.0.10:8080/
    passes in_group everything $curl "http://[2001:2:0:1::10]:8080/"
    passes in_group four $curl http://198.18.0.10/
    fails 7 in_group four $curl "http://[2001:2:0:1::10]/"
    passes in_group each $curl http://198.18.0.10:80/
    fails 7 in_group each $curl http://198.18.0.10:443/
    fails 7 in_group each $curl "http://[2001:2:0:1::10]:80/"
    passes in_group each $curl "http://[2001:2:0:1::10]:443/"
}

@test "borrowed domains fill the borrower's own sets" {
    configure <<'JSON'
{ "users": { "dnsmasq": { "rule": "udp dport 53" } },
  "groups": { "lender": { "domains": [ "web.example" ], "rule": "tcp dport 80" },
              "borrower": { "domains": "lender", "rule": "tcp dport 8080" } } }
JSON
    passes in_group borrower $curl http://web.example:8080/
    fails 7 in_group borrower $curl http://web.example:80/
}

@test "inbound: only what is listed, counted for the one it names, in both directions" {
    configure <<'JSON'
{ "groups": { "web": null }, "inbound": { "bob": "tcp dport 8000", "web": [ "tcp dport 8001" ] } }
JSON
    for port in 8000 8001 8002; do
        serve "$port"
    done
    passes internet $curl http://192.0.2.2:8000/
    passes internet $curl "http://[2001:db8::2]:8001/"
    fails 7 internet $curl http://192.0.2.2:8002/
    bob=$(printf '0x%08x' "$(id -u bob)")
    web=$(printf '0x%08x' $(($(getent group web | cut -d: -f3) << 16)))
    for set in post-filter-in post-filter-out; do
        passes nft list set inet galaf "$set"
        says "$bob counter"
        says "$web counter"
    done
    passes nft list set inet galaf denied_in4
    says "192.0.2.1 . 192.0.2.2 . tcp . 8002 counter"
}

@test "forward: nothing by default, and what is listed" {
    third_machine
    configure <<<'{}'
    fails 7 behind $curl http://198.18.0.10/
    configure <<<'{ "config": { "forward": [ "ip saddr 10.9.0.0/24 tcp dport 80" ] } }'
    passes behind $curl http://198.18.0.10/
    fails 7 behind $curl http://198.18.0.10:8080/
}

# strange: behind this machine, packets of a stranger's to it and through it, which are refused or have no hop left.
strange() {
    behind /usr/bin/python3 -c '
import socket
for family, stranger, hosts in ((socket.AF_INET, "198.18.0.20", ("10.9.0.1", "198.18.0.10")),
                                (socket.AF_INET6, "2001:2:0:1::20", ("fd09::1", "2001:2:0:1::10"))):
    for host in hosts:
        for kind in socket.SOCK_DGRAM, socket.SOCK_STREAM:
            for hops in 64, 1:
                sock = socket.socket(family, kind)
                sock.setsockopt(*((socket.IPPROTO_IP, socket.IP_TTL) if family == socket.AF_INET else
                                  (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)), hops)
                sock.bind((stranger, 0))
                sock.setblocking(False)
                if kind == socket.SOCK_STREAM:
                    sock.connect_ex((host, 80))
                else:
                    sock.sendto(b"secret", (host, 5000))'
    sleep 0.3
}

@test "what is refused of a stranger's packet from behind is told to no stranger, with forwarding on" {
    [ -e /run/netns/behind ] || third_machine
    sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
    ip address add fd09::1/64 dev third nodad
    for address in fd09::2/64 2001:2:0:1::20/128; do behind ip address add $address dev eth0 nodad; done
    behind ip address add 198.18.0.20/32 dev eth0
    behind ip route add default via fd09::1
    configure <<<'{}'
    eventually 5 behind ping -c 1 -W 1 fd09::1 || true      # neighbours know each other from now on
    before=$(wire_packets)
    strange
    same "$before" "$(wire_packets)" "packets by the cable, of one that was refused"
    # Who is behind by that address is still told.
    fails 7 behind $curl --interface 10.9.0.2 -m 5 http://198.18.0.10/
    # Without the rule each is.
    nft delete rule inet galaf unusual_out handle "$(nft -a list chain inet galaf unusual_out |
        sed -n 's/.*ct label 125,127 goto dropped_out # handle //p')"
    strange
    [ "$(wire_packets)" -ge $((before + 8)) ] || complain "without the rule $(($(wire_packets) - before)) packets left"
    passes galaf_firewall reload
    sysctl -qw net.ipv6.conf.all.forwarding=0
}

@test "container_bases: the same rules for a container's exact ids, and nothing for others whose low bits match" {
    configure <<'JSON'
{ "config": { "container_bases": [ 131072 ] }, "groups": { "web": { "rule": "tcp dport 80" } } }
JSON
    gid=$(getent group web | cut -d: -f3)
    passes setpriv --regid $((131072 + gid)) --clear-groups $curl http://198.18.0.10/
    fails 7 setpriv --regid $((196608 + gid)) --clear-groups $curl http://198.18.0.10/
}

@test "--no-ebpf marks by nft alone, for the group and the user together" {
    passes galaf_config --no-ebpf
    fails 3 galaf_mark status
    passes in_group web $curl http://web.example/
    mark=$(printf '0x%08x' $(($(getent group web | cut -d: -f3) << 16 | 1)))
    passes nft list set inet galaf post-filter-in
    says "$mark counter"
    passes galaf_config
    passes galaf_mark status
}

@test "an administrator's own file in /etc/galaf/nftables.d sees each name as a define" {
    cat >/etc/galaf/nftables.d/local.nft <<'NFT'
table inet galaf {
    chain local { type filter hook output priority -5; policy accept; ct mark & 0xffff0000 == $web tcp dport 443 reject; }
}
NFT
    passes galaf_config
    passes nft list chain inet galaf local
    fails 7 in_group web $curl https://web.example/
    rm /etc/galaf/nftables.d/local.nft
    passes galaf_config
    fails 1 nft list chain inet galaf local
}

@test "a file that declares another table is refused, and nothing is added to it; what else includes /etc/nftables.d loads" {
    cat >/etc/galaf/nftables.d/local.nft <<'NFT'
table inet mine {       # table inet theirs
    chain output { type filter hook output priority -6; tcp dport 9 accept; }
}
add rule ip other output tcp dport 9 accept
NFT
    fails 1 galaf_config --yes
    says "/etc/galaf/nftables.d/local.nft: line 1: the table mine is not galaf's" "line 4: the table other is not galaf's"
    says_not "theirs"
    rm /etc/galaf/nftables.d/local.nft

    # an administrator's own rules, as nftables.conf(5) has them: none of galaf's is among them
    [ ! -e /etc/nftables.d/galaf.nft ]
    mkdir -p /etc/nftables.d
    printf 'table inet mine {\n    chain output { type filter hook output priority -6; tcp dport 9 accept; }\n}\n' \
        >/etc/nftables.d/mine.nft
    printf 'include "/etc/nftables.d/*.nft"\n' >/tmp/nftables.conf
    passes nft -f /tmp/nftables.conf
    before=$(nft list table inet mine)
    for _ in 1 2 3; do
        passes galaf_config --yes
        passes galaf_firewall start
    done
    same "$before" "$(nft list table inet mine)" "the administrator's table"
    says_not "is not read any more"
    nft delete table inet mine

    printf 'table inet galaf {\n    chain local { type filter hook output priority -5; }\n}\n' >/etc/nftables.d/mine.nft
    passes galaf_config --yes
    says "/etc/nftables.d/mine.nft: is not read any more: if it is for galaf's table, move it to /etc/galaf/nftables.d"
    fails 1 nft list chain inet galaf local
    rm -r /etc/nftables.d
}

@test "an administrator's own file may name groups: the system's, an application's that is made with it, one deleted since" {
    cat >/etc/galaf/nftables.d/local.nft <<'NFT'
table inet galaf {
    chain local {
        type filter hook output priority -5; policy accept;
        meta skgid "games" tcp dport 80 reject with tcp reset
        meta skgid { fresh-one, sys } tcp dport 80 reject with tcp reset
    }
}
NFT
    groupdel fresh-one 2>/dev/null || true
    configure <<<'{ "users": { "root": { "rule": "tcp dport 80" } }, "groups": { "web": null, "fresh-one": { "rule": "" } } }'
    gid=$(getent group fresh-one | cut -d: -f3)
    fails 7 in_group fresh-one $curl http://198.18.0.10/
    fails 7 setpriv --regid games --clear-groups $curl http://198.18.0.10/
    fails 7 setpriv --regid sys --clear-groups $curl http://198.18.0.10/
    passes setpriv --regid bin --clear-groups $curl http://198.18.0.10/

    groupdel fresh-one
    nft delete table inet galaf
    passes galaf_firewall start
    passes setpriv --regid bin --clear-groups $curl http://198.18.0.10/
    fails 7 setpriv --regid "$gid" --clear-groups $curl http://198.18.0.10/
    sed -i s/fresh-one/no-such-group/ /etc/galaf/nftables.d/local.nft
    fails 1 galaf_config --yes
    says "no-such-group" "/etc/galaf/nftables.d"
    rm /etc/galaf/nftables.d/local.nft
    sed -i.kept s/@post-filter-out/@pre-filter-out/ /etc/galaf/nftables.d/galaf.nft
    fails 1 galaf_config --check
    says "update @pre-filter-out { ct mark }" "after an upgrade galaf.nft.dpkg-dist there is what an edited galaf.nft lacks"
    mv /etc/galaf/nftables.d/galaf.nft.kept /etc/galaf/nftables.d/galaf.nft
}

@test "other tables stay, through a start, a reload and a stop" {
    nft add table ip other
    passes galaf_config
    passes galaf_firewall stop
    passes nft list tables
    same "$output" "table ip other"
    fails 3 galaf_firewall status
    passes $curl http://198.18.0.10/
    passes galaf_firewall start
    passes galaf_firewall status
    says "enforced: table inet galaf"
    nft delete table ip other
}

@test "a table of another name takes the old one's place" {
    configure <<<'{ "config": { "table": "wall" }, "groups": { "web": { "rule": "tcp dport 80" } } }'
    passes nft list tables
    same "$output" "table inet wall"
    passes in_group web $curl http://198.18.0.10/
}

@test "a reload keeps connections, addresses and counters" {
    passes in_group web $curl http://web.example/
    learned=$(nft -j list set inet galaf web_4 | jq -c '[.nftables[].set.elem[]?.elem.val]')
    same "$learned" '["198.18.0.10"]'
    hold_connection web 198.18.0.10 80
    configure <<'JSON'
{ "users": { "dnsmasq": { "rule": "udp dport 53" } },
  "groups": { "web": { "domains": [ "web.example" ], "rule": "tcp dport 443" } } }
JSON
    same "$learned" "$(nft -j list set inet galaf web_4 | jq -c '[.nftables[].set.elem[]?.elem.val]')"
    passes nft list set inet galaf post-filter-in
    says "$(printf '0x%08x' $(($(getent group web | cut -d: -f3) << 16 | 1))) counter packets"
    touch /tmp/go
    eventually 20 test -s /tmp/reply
    file_says /tmp/reply "200 OK"
    fails 7 in_group web $curl http://198.18.0.10/
    fails 1 nft list set inet galaf post_4
}

# left SET: the seconds that its one address still has; -1 where it has none.
left() { nft -j list set inet galaf "$1" | jq '[.nftables[].set.elem[]?.elem.expires][0] // -1'; }

gone() { [ "$(left "$1")" = -1 ]; }

# nearly_over SET ADDRESS SECONDS: an address that was not used for nearly all of its ten minutes.
nearly_over() { nft "delete element inet galaf $1 { $2 }; add element inet galaf $1 { $2 timeout 10m expires ${3}s }"; }

@test "an unused address ages out; use of it sets its time back to full; another timeout takes effect" {
    configure <<'JSON'
{ "users": { "dnsmasq": { "rule": "udp dport 53" } },
  "groups": { "web": { "domains": [ "web.example" ], "rule": "tcp dport 80", "timeout": "10m" },
              "post": { "domains": [ "mail.example" ], "timeout": "10m" } } }
JSON
    passes in_group web $curl -4 http://web.example/
    passes in_group post $curl -4 http://mail.example/
    for set in web_4 post_4; do
        [ "$(left $set)" -gt 300 ] && [ "$(left $set)" -le 600 ] || complain "$set has $(left $set) s left"
    done
    nearly_over web_4 198.18.0.10 200
    nearly_over post_4 198.18.0.30 1
    [ "$(left web_4)" -le 200 ] || complain "web_4 has $(left web_4) s left, unused"
    passes in_group web $curl http://198.18.0.10/
    [ "$(left web_4)" -gt 300 ] || complain "web_4 has $(left web_4) s left, used"
    eventually 20 gone post_4
    fails 7 in_group post $curl http://198.18.0.30/
}

@test "--check needs no root, and says where a bad rule is in nft's words" {
    passes as alice galaf_config --check
    echo '{ "groups": { "a": { "rule": "tcp dport nonsense" } } }' >/tmp/bad.json
    for user in alice root; do
        fails 1 as "$user" galaf_config --check /tmp/bad.json
        says "galaf_config: /tmp/bad.json: \$.groups.a.rule: Error: "
        says "nonsense"
    done
}

@test "--print and --diff touch nothing" {
    before=$(the_machine)
    echo '{ "groups": { "web": { "rule": "tcp dport 1" }, "fresh": { "execv": [ "/bin/true" ] } } }' >/tmp/other.json
    passes galaf_config --print nft /tmp/other.json
    says "chain group_fresh"
    passes galaf_config --print launch /tmp/other.json
    says "execv	/bin/true"
    passes galaf_config --print dnsmasq /tmp/other.json
    says "connmark-allowlist-enable"
    passes galaf_config --diff /tmp/other.json
    says "group fresh: new"
    says "group post: removed"
    says "group web: execv" "domains -web.example"
    same "$before" "$(the_machine)"
}

@test "--get and --set: one value, the rest of the file untouched" {
    cp /etc/galaf/galaf_conf.json /tmp/before.json
    passes galaf_config --get '$.groups.*.rule'
    same "$output" $'"tcp dport { 80, 443 }"\n"tcp dport 993"\n"tcp dport 80"'
    passes galaf_config --set '$.groups.post.rule' 'tcp dport 465'
    same "$(sed 's/tcp dport 993/tcp dport 465/' /tmp/before.json)" "$(cat /etc/galaf/galaf_conf.json)"
    fails 1 galaf_config --set '$.groups.post.rule' '7'
    says '$.groups.post.rule: 7 is not of type'
    fails 1 galaf_config --set '$.groups.post.rules' 'x'
    fails 1 galaf_config --set '$.nowhere.x' '1'
    fails 1 galaf_config --get '$.groups.nobody'
    fails 1 galaf_config --get '$.['
    same "$(sed 's/tcp dport 993/tcp dport 465/' /tmp/before.json)" "$(cat /etc/galaf/galaf_conf.json)"
}

@test "groups: asked on a terminal, not made without a yes" {
    echo '{ "groups": { "asked": null } }' >/etc/galaf/galaf_conf.json
    before=$(the_machine)
    fails 1 galaf_config </dev/null
    says "groups have to be made (asked)"
    on_terminal 'n\n' galaf_config
    same 1 "$status"
    says "Make 1 application groups (asked)? [y/N]"
    same "$before" "$(the_machine)"
    on_terminal 'y\ny\nn\n' galaf_config
    says "Delete "
    passes getent group asked
    passes getent group web
    on_terminal 'y\n' galaf_config
    fails 2 getent group web
    passes getent group asked
}

@test "files of a deleted group go to nogroup, so that no later group gets them" {
    cp $CONF /tmp/before.json
    galaf_config --set '$.groups.leftover' null
    passes galaf_config --yes
    touch /home/alice/theirs
    chgrp leftover /home/alice/theirs
    cp /tmp/before.json $CONF
    on_terminal 'y\ny\n' galaf_config
    says "group leftover deleted, 1 files given to nogroup"
    same "$(stat -c %G /home/alice/theirs)" nogroup
}

@test "bad input: a clear error, and nothing changes" {
    refuse 'line 2, column 1' <<<'{ "groups": '
    refuse '$.groups.a.rule: has the verdict "accept"' <<<'{ "groups": { "a": { "rule": "tcp dport 1 accept" } } }'
    refuse '$.groups.a.rule: has a semicolon' <<<'{ "groups": { "a": { "rule": "tcp dport 1; accept" } } }'
    refuse "\$.groups.tcp: is a word of nft's own language" <<<'{ "groups": { "tcp": {} } }'
    refuse '$.groups.alice: is a name in users too' <<<'{ "groups": { "alice": {} }, "users": { "alice": {} } }'
    refuse '$.groups.adm: a group of this name has gid 4, outside' <<<'{ "groups": { "adm": {} } }'
    refuse '$.groups.a.execv[0]' <<<'{ "groups": { "a": { "execv": [ "curl" ] } } }'
    refuse 'in a circle' <<<'{ "groups": { "a": { "domains": "b" }, "b": { "domains": "a" } } }'
    refuse "\$.groups.a.users[0]: there is no user 'nobody-here'" <<<'{ "groups": { "a": { "users": [ "nobody-here" ] } } }'
    refuse 'there is no user and no application group' <<<'{ "inbound": { "nobody-here": "tcp dport 1" } }'
    refuse 'no gid from 30000 to 30001 is free' \
        <<<'{ "config": { "gid_range": [ 30000, 30001 ] }, "groups": { "a": {}, "b": {}, "c": {} } }'
    refuse '$.groups.a.rule: Error: ' <<<'{ "groups": { "a": { "rule": "tcp dport 99999" } } }'
    refuse '; in: tcp port 1: write a match as nft(8) has it' <<<'{ "groups": { "a": { "rule": "tcp port 1" } } }'
    refuse '; in: tcp dport 1, 2: several ports go in braces' \
        <<<'{ "groups": { "a": { "domains": [ "web.example" ], "rule": "tcp dport 1, 2" } } }'
    same "$(grep -c several <<<"$output")" 1
    refuse '; in: tcp dport 1 udp dport 2: a match is of one protocol' \
        <<<'{ "groups": { "a": { "rule": "tcp dport 1 udp dport 2" } } }'
    refuse '$.groups.a.rule[1]: Error: ' <<<'{ "groups": { "a": { "rule": [ "tcp dport 1", "icmp type no" ] } } }'
    refuse 'Error: ' <<<'{ "groups": { "a": { "rule": "ip daddr no-such-host.example tcp dport 1" } } }'
    refuse 'write oifname' <<<'{ "groups": { "a": { "rule": "oif eth0" } } }'
    refuse "is not of type 'object'" <<<'[]'
    refuse 'not UTF-8' < <(printf '{ "\xff": 1 }')
    useradd -u 70000 -M highuid
    refuse '$.users.highuid: its uid 70000 is above 65535' <<<'{ "users": { "highuid": {} } }'
    useradd --non-unique -u 1000 -M alias
    refuse '$.users.alias: has the uid 1000, as alice has' <<<'{ "users": { "alice": { "rule": "" }, "alias": {} } }'
    groupadd --non-unique -g "$(getent group web | cut -d: -f3)" webtoo
    refuse '$.groups.webtoo: has the gid' <<<'{ "groups": { "web": { "rule": "" }, "webtoo": {} } }'
}

@test "an edit: a new entry may name the set of one that is as it was; what is refused late has its place and arms nothing" {
    local file=/etc/galaf/galaf_conf.json
    useradd -M carol
    sed -i 's/"named": null/"named": { "rule": [ "ip daddr @web_4 tcp dport 80", "meta skuid carol tcp dport 81" ] }/' $file
    passes galaf_config --yes
    passes nft list chain inet galaf group_named
    says "ip daddr @web_4 tcp dport 80"
    userdel carol       # nft took her name, so that an edit has it checked no more
    refuse '$.groups.named.rule[1]: Error: ' <<<"$(sed 's/tcp dport 993/tcp dport 994/' $file)"
    sed -i 's/tcp dport 994/tcp dport 993/' $file
    # Another's set goes, or its entry.
    for each in '"domains": \[ "web.example" \], ' '"web": .*'; do
        sed "s/$each//; s/, \"meta skuid carol tcp dport 81\"//" $file >/tmp/edited
        cp $file /tmp/kept
        refuse '$.groups.named.rule[0]: Error: ' </tmp/edited
        fails 1 galaf_config --try 60
        says '$.groups.named.rule[0]: Error: '
        [ ! -e /var/lib/galaf/trial ]
        cp /tmp/kept $file
    done
}

@test "not root; a file that is not there; wrong usage" {
    fails 1 as alice galaf_config
    says "galaf_config: changing rules needs root"
    fails 1 galaf_config /nowhere.json
    same "$output" "galaf_config: /nowhere.json: No such file or directory"
    fails 2 galaf_config --print everything
    fails 2 galaf_config --check --diff
}

@test "a user who is not on this machine is left out, with a word, and neither counted nor called new" {
    cat >/etc/galaf/galaf_conf.json <<<'{ "users": { "not-installed": { "rule": "" }, "alice": { "rule": "tcp dport 80" } } }'
    for option in --check --diff --yes; do
        passes galaf_config $option
        says "\$.users.not-installed: there is no such user on this machine: left out"
        says_not "user not-installed"
        [ $option = --check ] && says "users: 1" || says "user alice: new"
    done
}

@test "a command that cannot be started is named, and why" {
    cat >/etc/galaf/galaf_conf.json <<'JSON'
        { "groups": { "one": { "execv": [ "/usr/bin/curl …" ] }, "two": { "execv": [ "/usr/bin" ] },
                      "three": { "execv": [ "/etc/passwd" ] }, "four": { "execv": [ "/usr/bin/nothing" ] } } }
JSON
    passes galaf_config --check
    says '$.groups.one.execv[0]: /usr/bin/curl … is not installed; a word of its own for each: ["/usr/bin/curl", "…"]'
    says '$.groups.two.execv[0]: /usr/bin is no program' '$.groups.three.execv[0]: /etc/passwd is not executable'
    grep -q '/usr/bin/nothing is not installed$' <<<"$output"
}

@test "upstream's schema works unchanged" {
    configure <<'JSON'
{
    "#": "comments",
    "config": { "#": "x", "gid_range": [30000, 59999], "table": "galaf", "inet": true, "defaults": { "families": [4, 6] } },
    "users": { "#": "x", "dnsmasq": { "#": "x", "rule": "udp dport 53" }, "_apt": { "domains": "debian", "rule": "tcp dport 80" } },
    "groups": {
        "#": "x", "#thunderbird": { "anything": 1 },
        "debian": { "domains": [ "web.example" ] },
        "thunderbird": { "execv": [ "/usr/bin/thunderbird" ], "domains": [ "mail.example" ], "rule": "tcp dport { 465, 993 }" },
        "plain": null
    }
}
JSON
    passes in_group thunderbird $curl http://mail.example:993/
}

@test "a second copy waits for the first, and is refused after 30 seconds" {
    exec 8>/run/galaf/locks/rules
    flock 8
    (sleep 2; flock -u 8) 3>&- &
    start=$SECONDS
    passes galaf_config
    [ $((SECONDS - start)) -ge 1 ]
    exec 8>&-
}

@test "/etc/group locked, nft missing, disk full: the old rules stay whole" {
    echo '{ "groups": { "web": null, "another": null } }' >/etc/galaf/galaf_conf.json
    before=$(the_machine)
    /usr/bin/python3 -c 'import fcntl, time; lock = open("/etc/.pwd.lock", "w"); fcntl.lockf(lock, fcntl.LOCK_EX); time.sleep(30)' 3>&- &
    holder=$!
    sleep 0.5
    fails 1 galaf_config --yes
    kill "$holder"
    says "another program holds the lock of /etc/group"
    same "$before" "$(the_machine)"

    mv /usr/sbin/nft /usr/sbin/nft.away
    fails 1 galaf_config --yes
    mv /usr/sbin/nft.away /usr/sbin/nft
    says "the program nft is missing"
    same "$before" "$(the_machine)"

    mount -t tmpfs -o size=2m tmpfs /mnt
    cp -a /var/lib/galaf/. /mnt/
    mount --bind /mnt /var/lib/galaf
    head -c 3m /dev/zero >/var/lib/galaf/filler || true
    fails 1 galaf_config --yes
    umount /var/lib/galaf /mnt
    says "No space left on device: nothing was changed"
    same "$before" "$(the_machine)"
    fails 2 getent group another
}

@test "killed at 40 moments: the old or the new generation, whole" {
    galaf_config --yes >/dev/null
    for moment in $(seq 40); do
        echo '{ "groups": { "web": { "rule": "tcp dport '"$moment"'" } } }' >/etc/galaf/galaf_conf.json
        galaf_config --yes >/dev/null 2>&1 &
        sleep "0.$(printf '%03d' $((moment * 9)))"
        kill -9 $! 2>/dev/null || true
        wait $! 2>/dev/null || true
        for file in ruleset.nft dnsmasq.conf launch sysctl.conf meta.json galaf_conf.json; do
            [ -s "/var/lib/galaf/good/$file" ] || [ "$file" = sysctl.conf ]
        done
        nft -c -f /var/lib/galaf/good/ruleset.nft
        passes nft list chain inet galaf output
        says "policy drop"
        passes nft list chain inet galaf refused_out
        says "reject"
    done
}

# debians_own: the table inet filter of Debian's /etc/nftables.conf, with a rule in it.
debians_own() {
    nft -f - <<'NFT'
table inet filter {
    chain input { type filter hook input priority filter; tcp dport 9999 drop; }
    chain forward { type filter hook forward priority filter; }
    chain output { type filter hook output priority filter; }
}
NFT
}

@test "a table of the same name that another program has: refused at its place, and never touched" {
    echo '{ "config": { "table": "filter" }, "groups": { "web": { "rule": "tcp dport 80" } } }' >"$CONF"
    debians_own
    before=$(nft list table inet filter; readlink /var/lib/galaf/good)
    fails 1 galaf_config --yes
    says "$CONF: \$.config.table: the table inet filter is another program's: choose another name"
    same "$before" "$(nft list table inet filter; readlink /var/lib/galaf/good)"
    nft delete table inet filter
    mkdir -p /etc/systemd/system/sysinit.target.wants
    ln -s /lib/systemd/system/nftables.service /etc/systemd/system/sysinit.target.wants/nftables.service
    fails 1 galaf_config --yes
    says "\$.config.table: the table inet filter is also in /etc/nftables.conf, which nftables.service loads at boot"
    rm /etc/systemd/system/sysinit.target.wants/nftables.service

    passes galaf_config --yes       # nobody has it, and Debian's file is not loaded at boot
    passes in_group web $curl http://198.18.0.10/
    fails 7 $curl http://198.18.0.10/
    passes galaf_firewall status
    says "enforced: table inet filter"

    nft flush ruleset               # as nftables.service does when it is started, and loads its own
    debians_own
    before=$(nft list table inet filter)
    fails 3 galaf_firewall status
    fails 1 galaf_firewall start
    says "the table inet filter is another program's by now" "NOTHING but DHCP passes"
    fails 7 in_group web $curl http://198.18.0.10/
    fails 7 $curl http://198.18.0.10/
    passes galaf_firewall status
    says "CLOSED"
    same "$before" "$(nft list table inet filter)"
    passes galaf_firewall stop
    passes $curl http://198.18.0.10/
    same "$before" "$(nft list table inet filter)"
    same "table inet filter" "$(nft list tables)"
    sed -i 's/filter/galaf/' "$CONF"
    passes galaf_config --yes
    fails 7 $curl http://198.18.0.10/
    same "$before" "$(nft list table inet filter)"
    nft delete table inet filter
}

@test "from 1,000 to 10,000 groups in one edit, and back: loaded, told and noted in a few lines" {
    many() {
        jq -n --argjson n "$1" '{groups: [range($n) | {key: "g\(.)", value: {rule: "tcp dport \(1 + . % 60000)"}}] | from_entries}' >"$CONF"
    }
    rm -f /tmp/logged
    mv /usr/bin/logger /usr/bin/logger.real     # no syslog runs in the lab
    printf '#!/bin/sh\n{ echo "$#"; cat; } >>/tmp/logged\n' >/usr/bin/logger
    chmod +x /usr/bin/logger
    many 1000
    passes galaf_config --yes
    many 10000
    passes galaf_config --yes
    says "application groups made: 9000" "and 8980 more changes" "enforced: generation"
    [ "$(printf '%s\n' "$output" | wc -l)" -lt 40 ]
    passes nft list chain inet galaf group_g9999
    says "tcp dport 10000 goto accepted_out"
    many 1000
    passes galaf_config --yes
    mv /usr/bin/logger.real /usr/bin/logger
    says_not Traceback
    file_says /tmp/logged "and 8980 more changes"
    [ "$(grep -c 'loaded by' /tmp/logged)" = 3 ] || complain "what was noted" "$(cut -c 1-200 /tmp/logged)"
    [ "$(wc -c </tmp/logged)" -lt 10000 ]
}
