#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# galaf_allow on the installed package: what it lets through meanwhile, what it doesn't, and that it ends.

load helper

setup_file() {
    start_dnsmasq
}

setup() {
    configure <<'JSON'
{
    "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] } },
    "groups": {
        "web": { "domains": [ "web.example" ], "rule": "tcp dport 80" },
        "named": null,
        "other": null
    }
}
JSON
    passes galaf_allow --end all
}

teardown() {
    pkill -u alice || true
    rm -rf /var/lib/galaf/dnsmasq.d/galaf.next
}

# the_machine: all that bad input must leave as it was.
the_machine() {
    nft -s list table inet galaf | sed 's/ expires [^,}]*//'
    cat /run/galaf/allowed.json /var/lib/galaf/good/* /etc/galaf/galaf_conf.json
    readlink -f /var/lib/galaf/dnsmasq.d/galaf.conf
}

# refuse WORDS COMMAND ...: ends with 1 and one plain line that has these words; nothing changes.
refuse() {
    local words=$1 before
    shift
    before=$(the_machine)
    fails 1 "$@"
    says "$words"
    same 1 "${#lines[@]}" "the number of lines of: $output"
    says_not Traceback
    same "$before" "$(the_machine)"
}

# echoes GROUP PORT: whether a datagram of a group's comes back within half a second.
echoes() {
    in_group "$1" /usr/bin/python3 -c '
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.settimeout(0.5)
    sock.sendto(b"x", ("198.18.0.10", int(sys.argv[1])))
    sock.recv(10)' "$2"
}

@test "an application group reaches an address for a time, and another does not meanwhile" {
    fails 7 in_group named fetch http://198.18.0.10/
    passes galaf_allow named 198.18.0.10 --port 80
    says "allowed for now, " "named may reach 198.18.0.10 tcp 80, for 10m"
    passes in_group named fetch http://198.18.0.10/
    says "198.18.0.10 80"
    before=$(wire_packets)
    fails 7 in_group named fetch http://198.18.0.10:8080/
    fails 7 in_group named fetch http://198.18.0.11/
    fails 7 in_group other fetch http://198.18.0.10/
    fails 7 as alice fetch http://198.18.0.10/
    same "$before" "$(wire_packets)" "the packets that left"
}

@test "networks, ranges of ports, UDP and IPv6" {
    passes galaf_allow named 198.18.0.0/24 --port 8000-8100 --port udp/5000
    passes in_group named fetch http://198.18.0.77:8080/
    passes echoes named 5000
    fails 7 in_group named fetch http://198.18.1.77:8080/
    fails 7 in_group named fetch http://198.18.0.77/
    fails 1 echoes named 123
    fails 7 in_group named fetch "http://[2001:2:0:1::10]:8080/"
    passes galaf_allow named 2001:2:0:1::/64
    passes in_group named fetch "http://[2001:2:0:1::10]/"
    passes galaf_allow other
    passes in_group other fetch "http://[2001:2:0:1::10]:443/"
    passes in_group other fetch http://198.18.1.10:443/
    passes in_group other ping -c 1 -W 2 198.18.0.10
}

@test "a user's programs, in no group and in any" {
    fails 7 as alice fetch http://198.18.0.10/
    passes galaf_allow --user alice 198.18.0.10 --for 1m
    passes as alice fetch http://198.18.0.10/
    fails 7 as bob fetch http://198.18.0.10/
    fails 7 in_group named fetch http://198.18.0.10/
    passes galaf_allow --user 1001 198.18.0.10
    says "bob may reach 198.18.0.10"
    passes as bob fetch http://198.18.0.10/
}

@test "it ends to the second, by the kernel alone" {
    began=$(date +%s%3N)
    passes galaf_allow named 198.18.0.10 --port 80 --for 4s
    passes galaf_allow named 198.18.0.10 --port udp/5000 --for 4s
    granted=$(date +%s%3N)
    pkill -KILL -f 'galaf_allow --wait'     # what would tidy up is dead
    passes in_group named fetch http://198.18.0.10/
    while echoes named 5000 2>/dev/null; do last=$(date +%s%3N); sleep 0.05; done
    ended=$(date +%s%3N)
    echo "last let through $((last - granted)) ms after it was allowed, refused at $((ended - granted)) ms"
    [ $((ended - granted)) -le 4600 ]
    [ $((ended - began)) -ge 3900 ]
    fails 7 in_group named fetch http://198.18.0.10/
    nft list set inet galaf allowed/1 >/dev/null 2>&1 || nft list sets inet    # the empty set stays: nobody tidied up
    passes galaf_allow --list
    says "nothing is allowed for now"
}

@test "what is over is tidied up; nothing of it stays in the rules" {
    passes galaf_allow named 198.18.0.10 --for 1s
    passes galaf_allow other 198.18.0.10 --for 90s
    passes galaf_allow other other.example --for 90s
    eventually 5 tidied_up
    passes galaf_allow --list
    says other 198.18.0.10 "1m "
    says_not named
    passes galaf_allow --end all
    passes nft list table inet galaf
    says_not @allowed "set allowed" "set .allowed"
    passes galaf_doctor rules
    eventually 8 no_waiter
}

tidied_up() { [ "$(nft list chain inet galaf allowed_out | grep -c @allowed)" = 3 ]; }
no_waiter() { ! pgrep -f 'galaf_allow --wait' >/dev/null; }

@test "a reload, galaf_config and a table made anew keep it, with the time that it had" {
    passes galaf_allow named 198.18.0.10 --for 10m
    granted=$(date +%s%3N)
    passes galaf_allow other 198.18.0.20 --until-reboot
    number=$(galaf_allow --list --json | jq '.allowed[-1].number')
    passes galaf_firewall reload
    passes in_group named fetch http://198.18.0.10/
    passes galaf_config --set '$.groups.web.rule' 'tcp dport 81'
    passes galaf_config --yes
    passes in_group named fetch http://198.18.0.10/
    sed -i 's/priority 10;/priority 11;/' /etc/galaf/nftables.d/galaf.nft
    passes galaf_config --yes
    says "made anew"
    sed -i 's/priority 11;/priority 10;/' /etc/galaf/nftables.d/galaf.nft
    passes in_group named fetch http://198.18.0.10/
    passes galaf_config --yes
    passes galaf_config --set '$.config' '{"table": "wall"}'
    passes galaf_config --yes
    passes nft list set inet wall "allowed/$number"
    passes in_group named fetch http://198.18.0.10/
    own=$(galaf_allow --list --json | jq '.allowed[0].number')
    left=$(nft -j list set inet wall "allowed/$own" | jq '[.. | objects | .expires // empty] | max')
    late=$(($(date +%s%3N) - granted + 1000 * (left - 600)))     # nft leaves out the part of a second
    [ "$late" -ge -1200 ] && [ "$late" -le 800 ] || complain "$left s are left, which is $late ms late"
    passes in_group other fetch http://198.18.0.20/
    passes galaf_allow --list
    says other "until reboot"
}

@test "stop and a flush end it, and no start brings it back" {
    passes galaf_allow named 198.18.0.10
    passes galaf_firewall stop
    passes galaf_firewall start
    fails 7 in_group named fetch http://198.18.0.10/
    passes galaf_allow named 198.18.0.10
    nft flush ruleset
    passes galaf_firewall start
    fails 7 in_group named fetch http://198.18.0.10/
    passes galaf_config --yes
    fails 7 in_group named fetch http://198.18.0.10/
    passes galaf_allow --list
    says "nothing is allowed for now"
}

@test "a TCP connection that was begun goes on when the time is up, and after --end" {
    passes galaf_allow named 198.18.0.10 --port 80 --for 4s
    hold_connection named 198.18.0.10 80
    eventually 5 fails 7 in_group named fetch http://198.18.0.10/
    touch /tmp/go
    eventually 5 grep -q "held 80" /tmp/reply
}

# resolves GROUP NAME: whether a program in a group gets an address for a name.
resolves() { in_group "$1" getent ahosts "$2"; }

@test "a domain: resolved and reached for the time, and by nobody else" {
    fails 2 resolves named other.example
    passes galaf_allow named other.example --port 80
    says "named may reach other.example tcp 80, for 10m"
    passes in_group named fetch -4 http://other.example/
    says "other.example 80"
    passes in_group named fetch -6 http://a.b.other.example/
    fails 7 in_group named fetch http://other.example:8080/
    fails 7 in_group named fetch http://198.18.0.10/
    fails 2 resolves named mail.example
    fails 2 resolves other other.example
    fails 7 in_group other fetch http://198.18.0.20/
    passes in_group web fetch http://web.example/       # who has an entry is served as before
    fails 2 resolves web other.example
    passes galaf_allow web other.example
    passes in_group web fetch http://other.example:8080/
    passes in_group web fetch http://web.example/
    passes galaf_allow --end all
    fails 2 resolves named other.example
    fails 2 resolves web other.example
    passes in_group web fetch http://web.example/
    same /var/lib/galaf/good/dnsmasq.conf "$(readlink /var/lib/galaf/dnsmasq.d/galaf.conf)"
}

@test "a domain of an entry, and one below it, allowed to another meanwhile: both have the addresses" {
    passes galaf_allow named a.web.example
    passes galaf_allow --user alice web.example
    passes in_group web fetch http://b.a.web.example/
    passes in_group named fetch http://c.a.web.example:8080/
    fails 2 resolves named web.example
    passes as alice fetch http://web.example:8080/
    fails 6 as bob fetch http://web.example/
}

@test "a user's domain is no other's, not by the port that the user asked from" {
    passes galaf_allow --user alice other.example
    passes as alice getent ahosts other.example
    ask='
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.settimeout(0.5)
    sock.bind(("127.0.0.1", 5353))
    sock.sendto(b"ab\1\0\0\1\0\0\0\0\0\0\5other\7example\0\0\1\0\1", ("127.0.0.1", 53))
    sys.exit(sock.recv(512)[3] & 15)'
    passes as alice /usr/bin/python3 -c "$ask"
    fails 1 as bob /usr/bin/python3 -c "$ask"
    says "Operation not permitted"
}

@test "everything: any name too, and another name server of this machine" {
    passes galaf_allow named
    passes in_group named fetch http://mail.example/
    passes in_group named fetch http://other.example:8080/
    dnsmasq --conf-file=/dev/null --no-resolv --server=192.0.2.1 --bind-interfaces --listen-address=127.0.2.1 \
        --pid-file=/run/second.pid --user=bob
    ask='
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.settimeout(0.5)
    sock.sendto(b"ab\1\0\0\1\0\0\0\0\0\0\5other\7example\0\0\1\0\1", ("127.0.2.1", 53))
    sock.recv(512)'
    passes galaf_allow --user bob --port udp/53
    passes in_group named /usr/bin/python3 -c "$ask"
    fails 1 in_group other /usr/bin/python3 -c "$ask"
    kill "$(cat /run/second.pid)"
    passes galaf_allow --end all
    fails 2 resolves named mail.example
}

@test "when its time is up nothing leaves, also where nobody takes the name back" {
    passes galaf_allow named other.example --for 4s
    pkill -KILL -f 'galaf_allow --wait'
    passes in_group named fetch http://other.example/
    while in_group named fetch http://198.18.0.20/ >/dev/null 2>&1; do sleep 0.1; done
    passes resolves named other.example     # what is left: a name that resolves
    before=$(($(wire_packets) - $(wire_packets wire_dns)))
    fails 7 in_group named fetch http://other.example/
    same "$before" $(($(wire_packets) - $(wire_packets wire_dns))) "the packets that left"
    passes galaf_firewall start             # as at the next boot
    fails 2 resolves named other.example
}

@test "a name that can't be taken back at its end is taken back later" {
    passes galaf_allow named other.example --for 6s
    pkill -KILL -f 'galaf_allow --wait'
    mkdir /var/lib/galaf/dnsmasq.d/galaf.next
    fails 1 timeout 30 galaf_allow --wait
    passes resolves named other.example
    rmdir /var/lib/galaf/dnsmasq.d/galaf.next
    passes timeout 30 galaf_allow --wait        # as systemd starts it again
    fails 2 resolves named other.example
}

@test "its end takes the name back by itself; stop does, too, and galaf_config keeps it" {
    passes galaf_allow named other.example --for 2s
    eventually 10 fails 2 resolves named other.example
    passes galaf_allow named other.example
    passes galaf_config --set '$.groups.web.domains' '["web.example", "mail.example"]'
    passes galaf_config --yes
    passes in_group named fetch http://other.example/
    passes in_group web fetch http://mail.example/
    passes galaf_firewall stop
    same /var/lib/galaf/good/dnsmasq.conf "$(readlink /var/lib/galaf/dnsmasq.d/galaf.conf)"
    passes galaf_firewall start
    fails 2 resolves named other.example
}

@test "--pause: everything passes, out, in and by name, and ends to the second" {
    as alice /usr/bin/python3 -m http.server 8000 >/dev/null 2>&1 3>&- &
    eventually 10 curl --silent --output /dev/null http://127.0.0.1:8000/
    fails 6 as bob fetch http://other.example/
    passes galaf_config --pause 10s
    granted=$(date +%s%3N)
    says "everything passes, for 10s"
    passes as bob fetch http://other.example/
    passes as bob fetch "http://[2001:2:0:1::10]:8080/"
    passes in_group other fetch http://mail.example/
    passes internet curl --silent --max-time 1 http://192.0.2.2:8000/
    passes galaf_config --yes
    pkill -KILL -f 'galaf_allow --wait'
    while as bob fetch http://198.18.0.10/ >/dev/null 2>&1; do sleep 0.05; done
    ended=$(($(date +%s%3N) - granted))
    echo "refused after $ended ms"
    [ "$ended" -ge 9500 ] && [ "$ended" -le 10800 ]
    fails 7 internet curl --silent --max-time 1 http://192.0.2.2:8000/
    passes galaf_allow --end all
    fails 6 as bob fetch http://other.example/
}

@test "--block-all: nothing passes but loopback, and ends to the second" {
    passes galaf_allow named 198.18.0.10 --until-reboot
    passes in_group web fetch http://web.example/
    passes galaf_config --block-all 10s
    granted=$(date +%s%3N)
    says "nothing passes, for 10s"
    before=$(wire_packets)
    fails 7 in_group named fetch http://198.18.0.10/
    fails 6 in_group web curl --silent --max-time 1 http://web.example/
    fails 1 internet ping -c 1 -W 1 192.0.2.2
    same "$before" "$(wire_packets)" "the packets that left"
    as alice /usr/bin/python3 -m http.server 8000 >/dev/null 2>&1 3>&- &
    eventually 10 curl --silent --output /dev/null http://127.0.0.1:8000/
    passes galaf_firewall reload
    fails 7 in_group named fetch http://198.18.0.10/
    until in_group named fetch http://198.18.0.10/ >/dev/null 2>&1; do sleep 0.05; done
    ended=$(($(date +%s%3N) - granted))
    echo "passes again after $ended ms"
    [ "$ended" -ge 9500 ] && [ "$ended" -le 10800 ]
    passes in_group web fetch http://web.example/
    eventually 8 fails 1 nft list chain inet galaf closing_out
    passes galaf_config --block-all 1h
    galaf_stats --reset >/dev/null
    fails 7 in_group named fetch http://198.18.0.10/
    same 1 "$(galaf_stats --set pre-filter-out --group named --query '$.sets.pre-filter-out[*].packets')" "tried"
    passes galaf_allow --end all
    passes in_group web fetch http://web.example/
    fails 1 galaf_config --block-all 0
    says "0: not a time"
    passes galaf_config --block-all 1h
    passes galaf_firewall stop
    passes as alice fetch http://198.18.0.10/
    passes galaf_firewall start
}

@test "--keep writes it into the file, whose comments and layout stay, and applies it" {
    configure <<'JSON'
{
    "# what": "mine",
    "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] } },
    "groups": {
        "web":   { "domains": [ "web.example" ], "rule": "tcp dport 80" },
        "named": null,  "other": { "# why": "so",  "rule": "tcp dport 80" }
    }
}
JSON
    passes galaf_allow other 198.18.0.0/24 --port 8080 --keep
    says "enforced: generation"
    passes in_group other fetch http://198.18.0.7:8080/
    passes galaf_allow named mail.example --port 443 --keep
    passes in_group named fetch http://mail.example:443/
    passes galaf_allow --user bob 198.18.0.9 --port udp/5000-5010 --keep
    fails 2 as bob getent ahosts other.example      # what is kept is no more than what was asked for
    passes galaf_allow --user alice --inbound tcp/8000 --keep
    passes galaf_allow web other.example --port 8080 --keep
    says "each rule holds for each of its domains"
    passes in_group web fetch http://other.example:8080/
    file_says "$CONF" '    "# what": "mine",' '"other": { "# why": "so",  "rule": ["tcp dport 80", "ip daddr 198.18.0.0/24 tcp dport 8080"] }' \
        '"bob": {"domains": [], "rule": "ip daddr 198.18.0.9 udp dport 5000-5010"}' '"alice": "tcp dport 8000"' \
        '"web":   { "domains": ["web.example", "other.example"], "rule": ["tcp dport 80", "tcp dport 8080"] },'
    passes galaf_allow --list
    says "nothing is allowed for now"
    refuse "has rules and no domains" galaf_allow other web.example --keep
    refuse "has domains, and its rules hold for these alone" galaf_allow web 198.18.0.1 --keep
    echo >>"$CONF"
    refuse "has changes that are not applied" galaf_allow named --keep
}

@test "--list says whom, what, how long yet and by whom; --end ends one or all" {
    SUDO_USER=alice passes galaf_allow named 198.18.0.10 --port udp/5000-5010 --for 1h
    passes galaf_allow --user bob
    passes galaf_allow --list
    says whom what left by
    [[ $output =~ named\ +198.18.0.10\ udp\ 5000-5010\ +59m\ [0-9]+s\ +alice ]]
    [[ $output =~ bob\ +everything\ +9m\ [0-9]+s\ +root ]]
    number=$(awk '/named/ { print $1 }' <<<"$output")
    passes galaf_allow --list --json
    passes jq -e '.allowed[0] | .name == "named" and .by == "alice" and .left > 3500' <<<"$output"
    passes galaf_allow --end "$number"
    says "ended, $number: named may reach 198.18.0.10 udp 5000-5010"
    fails 1 echoes named 5000
    passes as bob fetch http://198.18.0.10/
    passes galaf_allow --end all
    fails 7 as bob fetch http://198.18.0.10/
}

@test "a group that is deleted leaves nothing to who gets its gid" {
    passes galaf_allow other
    passes galaf_allow named 198.18.0.10
    gid=$(getent group other | cut -d: -f3)
    passes galaf_group delete other --yes
    passes galaf_allow --list
    says named
    says_not other
    fails 7 setpriv --regid "$gid" --clear-groups curl --silent http://198.18.0.10/
}

@test "the same again begins anew, in the place of what was on" {
    passes galaf_allow named 198.18.0.10 --for 1m
    passes galaf_allow named 198.18.0.10 --for 1h
    passes galaf_allow --list
    same 1 "$(grep -c named <<<"$output")"
    says " 59m "
}

@test "inbound: others reach a port of this machine's for a time" {
    as alice /usr/bin/python3 -m http.server 8000 >/dev/null 2>&1 3>&- &
    as alice /usr/bin/python3 -c '
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.bind(("", 8001))
    while True:
        sock.sendto(*sock.recvfrom(100))' >/dev/null 2>&1 3>&- &
    eventually 10 curl --silent --output /dev/null http://127.0.0.1:8000/
    fails 7 internet curl --silent --max-time 1 http://192.0.2.2:8000/
    passes galaf_allow --user alice --inbound tcp/8000 --inbound udp/8001 --for 3s
    says "alice may be asked at tcp 8000, udp 8001 from anywhere"
    passes internet curl --silent --max-time 1 http://192.0.2.2:8000/
    asked='
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.bind(("", 7777))
    sock.settimeout(0.3)
    sock.sendto(b"x", ("192.0.2.2", 8001))
    sock.recv(10)'
    passes internet /usr/bin/python3 -c "$asked"
    fails 7 internet curl --silent --max-time 1 http://192.0.2.2:8002/
    sleep 3
    fails 7 internet curl --silent --max-time 1 http://192.0.2.2:8000/
    fails 1 internet /usr/bin/python3 -c "$asked"
    passes galaf_allow --user alice 192.0.2.77 --inbound tcp/8000
    fails 7 internet curl --silent --max-time 1 http://192.0.2.2:8000/
}

# number WORDS: of the line of galaf_denied that has these words.
number() { galaf_denied | awk -F ' *[|] *' -v words="$1" 'index($0, words) { print $2 }'; }

@test "--denied: a line of galaf_denied, as it was read, whatever has come between" {
    galaf_denied --clear >/dev/null
    fails 7 in_group web fetch http://web.example:8080/
    fails 7 as alice fetch http://198.18.0.71:993/
    fails 6 in_group named fetch http://other.example/
    line=$(number "198.18.0.71 ")
    # a rogue's tries move the lines, and are not what was read
    fails 7 as alice fetch http://198.18.0.30:22/
    for port in 81 82 83; do fails 7 as bob fetch http://198.18.0.71:$port/; done
    passes galaf_allow --denied "$line" --for 1m
    says "line $line: galaf_allow --user alice 198.18.0.71 --port tcp/993" "alice may reach 198.18.0.71 tcp 993, for 1m"
    passes as alice fetch http://198.18.0.71:993/
    fails 7 as alice fetch http://198.18.0.30:22/
    fails 7 as alice fetch http://198.18.0.71:80/
    fails 7 as bob fetch http://198.18.0.71:993/

    passes galaf_allow --denied "$(number "web.example ")"
    says "galaf_allow web web.example --port tcp/8080"
    passes in_group web fetch -4 http://web.example:8080/
    passes in_group web fetch -6 http://web.example:8080/
    fails 7 in_group web fetch http://web.example:443/
    passes galaf_allow --denied "$(number "other.example ")"
    says "named may reach other.example, for 10m"
    passes in_group named fetch http://other.example/
    fails 6 in_group web fetch http://other.example/
}

@test "--denied at a terminal asks, and only yes allows it" {
    galaf_denied --clear >/dev/null
    fails 7 as alice fetch http://198.18.0.71:993/
    line=$(number "198.18.0.71 ")
    for typed in "" n no; do
        run bash -c 'printf "%s\n" "$1" | script -qec "galaf_allow --denied $2" /dev/null' bash "$typed" "$line"
        says "allow it? [y/N]" "nothing was changed"
        same 1 "$status"
        fails 7 as alice fetch http://198.18.0.71:993/
    done
    run bash -c 'echo y | script -qec "galaf_allow --denied $1" /dev/null' bash "$line"
    says "alice may reach 198.18.0.71 tcp 993"
    passes as alice fetch http://198.18.0.71:993/
}

@test "--denied: what no line can say, in one plain line" {
    passes galaf_allow named 198.18.0.10
    rm -f /run/galaf/denied.json
    refuse "no lines were shown since the machine started: run galaf_denied" galaf_allow --denied 1
    galaf_denied --clear >/dev/null
    galaf_denied >/dev/null
    refuse "no line was shown" galaf_allow --denied 1
    fails 1 as alice ping -n -c 1 -W 1 198.18.0.30
    fails 7 internet curl -sS --max-time 3 http://192.0.2.2:2222/
    fails 7 setpriv --reuid 70000 --regid 70000 --clear-groups curl -sS --max-time 3 http://198.18.0.20:993/
    groupadd --gid 31234 passing
    fails 7 setpriv --reuid 1000 --regid 31234 --clear-groups curl -sS --max-time 3 http://198.18.0.10:993/
    ping=$(number " icmp ") inbound=$(number 2222) others=$(number others) passing=$(number passing)
    refuse "line $ping is icmp, which is not allowed by itself: galaf_allow --user alice 198.18.0.30 allows every protocol" galaf_allow --denied "$ping"
    refuse "galaf_allow GROUP 192.0.2.1 --inbound tcp/2222" galaf_allow --denied "$inbound"
    refuse "others: nobody is known" galaf_allow --denied "$others"
    refuse "there is no application group 'passing'" galaf_allow --denied "$passing"
    groupmod --new-name renamed passing
    refuse "alice/passing is another by now" galaf_allow --denied "$passing"
    groupdel renamed
    refuse "the lines that were shown are 1 to 4" galaf_allow --denied 5
    refuse "the lines that were shown are 1 to 4" galaf_allow --denied 0
    sed -i 's/"session": "[^"]*"/"session": "7"/' /run/galaf/denied.json
    refuse "another login was shown lines since" galaf_allow --denied 1
    echo '{' >/run/galaf/denied.json
    refuse "/run/galaf/denied.json: damaged" galaf_allow --denied 1
    fails 2 galaf_allow --denied 1 named
    fails 2 galaf_allow --denied 1 --port 80
    fails 2 galaf_allow named --yes
    same "600 root root" "$(stat -c '%a %U %G' /run/galaf/denied.json)"
}

@test "bad input: one plain line, and nothing is changed" {
    passes galaf_allow named 198.18.0.10
    useradd --uid 70000 --no-create-home above 2>/dev/null || true
    refuse "there is no application group 'nobody-knows'" galaf_allow nobody-knows
    refuse "for a user say --user alice" galaf_allow alice
    refuse "there is no user 'nobody-knows'" galaf_allow --user nobody-knows
    refuse "its uid 70000 is above 65535" galaf_allow --user above
    refuse "0: not a time" galaf_allow named --for 0
    refuse "0s: not a time" galaf_allow named --for 0s
    refuse "-5m: not a time" galaf_allow named --for=-5m
    refuse "longer than 30d" galaf_allow named --for 31d
    refuse "write the network as 198.18.0.0/24" galaf_allow named 198.18.0.7/24
    refuse "write the address alone" galaf_allow named fe80::1%eth0
    refuse "write the address alone" galaf_allow named ::ffff:198.18.0.1
    refuse "'nothing' is not a domain of two labels" galaf_allow named nothing
    refuse "write 'web.example'" galaf_allow named http://web.example/
    refuse "write 'web.example'" galaf_allow named '*.web.example'
    refuse "write 'web.example'" galaf_allow named 'web.example/other.example,*'
    refuse "is not a domain" galaf_allow named 'web.example
server=192.0.2.1'
    refuse "not an address" galaf_allow named 198.18.0.300
    refuse "takes an address" galaf_allow named web.example --inbound tcp/80
    refuse "ports are 1 to 65535" galaf_allow named --port 0
    refuse "ports are 1 to 65535" galaf_allow named --port 65536
    refuse "ports are 1 to 65535" galaf_allow named --port 90-80
    refuse "not a port such as" galaf_allow named --port 80-
    refuse "not a port such as" galaf_allow named --port icmp/8
    refuse "not a port such as" galaf_allow named --port '80 accept'
    refuse "there is no such number" galaf_allow --end 99
    fails 2 galaf_allow
    fails 2 galaf_allow named 198.18.0.1 198.18.0.2
    fails 2 galaf_allow --list named
    fails 2 galaf_allow named --for 1m --until-reboot
    fails 1 as alice galaf_allow named
    says "needs root"
    fails 1 as alice galaf_allow --list
}

@test "by pkexec: one permission, in the words that polkit's agent has shown, and no other" {
    export PKEXEC_UID=1000
    local words="by pkexec one permission alone can be given"
    refuse "$words" galaf_allow --pause 10m
    refuse "$words" galaf_allow --block-all 10m
    refuse "$words" galaf_allow --end all
    refuse "$words" galaf_allow --denied 1
    refuse "$words" galaf_allow named --inbound tcp/80 --for 10m
    refuse "$words" galaf_allow named 198.18.0.10 --port tcp/80                             # how long is not said
    refuse "$words" galaf_allow named 198.18.0.10 --port 80 --for 10m
    refuse "$words" galaf_allow named 198.18.0.10 --for 10m --port tcp/80
    refuse "$words" galaf_allow named 198.18.0.10 --port tcp/80 --for 10m --for 30d
    refuse "$words" galaf_allow named 198.18.0.10 --port tcp/80 --port tcp/80 --for 10m
    refuse "$words" galaf_allow named 198.18.0.10 --port tcp/80 --fo 10m
    refuse "$words" galaf_allow named 198.18.0.10 --port tcp/80 --for=10m
    refuse "$words" galaf_allow --user other --user alice 198.18.0.10 --for 10m
    refuse "$words" galaf_allow --user 1000 198.18.0.10 --for 10m
    refuse "$words" galaf_allow named WEB.example --for 10m
    refuse "$words" galaf_allow named 2001:DB8::1 --for 10m
    refuse "is not a domain" galaf_allow named $'web.example\n\nweb.example' --for 10m
    refuse "is not a domain" galaf_allow named '<b>web.example</b>' --for 10m
    refuse "there is no application group" galaf_allow 'named web.example' --for 10m
    same "" "$(galaf_allow --list | grep named)"
    passes galaf_allow named web.example --port tcp/80 --port udp/5000-5010 --for 1m
    passes galaf_allow --user alice 198.18.0.10 --until-reboot
    unset PKEXEC_UID
    passes galaf_allow --end all
}

@test "more than fit are refused" {
    for last in $(seq 64); do galaf_allow --user alice "198.18.0.$last" --until-reboot; done >/dev/null
    refuse "64 permissions are on, more do not fit" galaf_allow named
    passes galaf_allow --end all
    passes galaf_allow named
}

@test "where no rules are loaded it says so" {
    passes galaf_firewall stop
    fails 1 galaf_allow named
    says "the rules are not loaded"
    passes galaf_firewall start
}

@test "a line in the journal says who allowed what" {
    /usr/bin/python3 -c '
import os, socket
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
    sock.bind("/dev/log")
    os.chmod("/dev/log", 0o666)
    while True:
        with open("/tmp/log", "ab") as file:
            file.write(sock.recv(4096) + b"\n")' >/dev/null 2>&1 3>&- &
    logger=$!
    eventually 5 test -S /dev/log
    SUDO_USER=bob passes galaf_allow named 198.18.0.10 --for 5m
    eventually 5 grep -q 'galaf.*allowed for now, .*named may reach 198.18.0.10, for 5m, by bob' /tmp/log
    kill "$logger"
    rm /dev/log
}
