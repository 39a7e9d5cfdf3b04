#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Names: who may resolve what, how names' addresses enter the sets, and what a reload keeps.

load helper

setup_file() {
    start_dnsmasq
    echo "192.0.2.2 this-machine.example" >>/etc/hosts
}

setup() {
    rm -f /tmp/stop /tmp/allowed /tmp/refused /tmp/asked
    [ ! -e /usr/sbin/dnsmasq.away ] || real_dnsmasq
    configure <<'JSON'
{
    "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] } },
    "groups": {
        "web": { "domains": [ "web.example", "Four.Example" ], "rule": "tcp dport 80" },
        "one": { "domains": [ "web.example" ] }, "two": { "domains": [ "a.web.example" ] },
        "three": { "domains": [ "b.a.web.example" ] },
        "anywhere": { "rule": "tcp dport 80" },
        "nothing": null
    }
}
JSON
}

# ask GROUP NAME [TYPE]: dnsmasq's answer to a program of the group: NOERROR, REFUSED, NXDOMAIN, or "no answer".  As a
# resolver does, it tries another port where one is refused, which another program has just asked from.
ask() {
    in_group "$1" /usr/bin/python3 - "$2" "${3:-A}" <<'PY'
import socket, struct, sys
name, kind = sys.argv[1], {"A": 1, "AAAA": 28, "SRV": 33, "PTR": 12, "TXT": 16}[sys.argv[2]]
labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
query = struct.pack(">6H", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", kind, 1)
for tries_left in 2, 1, 0:
    asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asking.settimeout(3)
    try:
        asking.connect(("127.0.0.1", 53))
        asking.send(query)
        print({0: "NOERROR", 3: "NXDOMAIN", 5: "REFUSED"}[asking.recv(4096)[3] & 15])
        break
    except OSError as error:
        if not (tries_left and isinstance(error, PermissionError)):
            print("no answer")
            break
PY
}

answers() { # answers WANTED GROUP NAME [TYPE]
    same "$1" "$(ask "${@:2}")" "the answer to ${*:2}"
}

@test "an application resolves its domains and what lies below them, at any depth that occurs" {
    answers NOERROR web web.example
    answers NOERROR web WEB.example AAAA
    answers NOERROR web a.web.example
    answers NOERROR web a.b.c.d.e.f.web.example
    answers NOERROR web four.example
    answers REFUSED web other.example
    answers REFUSED web notweb.example
    answers REFUSED web a.b.c.d.e.f.g.web.example
}

@test "a name whose last label alone is another, which dnsmasq's allow-list overlooks, is not asked for; after each change too" {
    before=$(wire_packets wire_dns)
    for name in web.test a.web.test WEB.Test four.test web.example.test test web; do
        [[ "$(ask web "$name")" =~ ^(REFUSED|no answer)$ ]] || complain "answered: $name"
    done
    same "$before" "$(wire_packets wire_dns)" "the name server's count of packets"
    answers NXDOMAIN anywhere web.test
    galaf_config --set '$.groups.web.domains' '["web.test", "six.example"]'
    passes galaf_config --yes
    answers NXDOMAIN web a.web.test
    answers NOERROR web six.example AAAA
    answers "no answer" web web.example
    galaf_mark stop
    galaf_mark start
    answers NXDOMAIN web web.test
    answers "no answer" web web.example
}

@test "one with a rule and no domains resolves anything, one without permission nothing, at once" {
    answers NOERROR anywhere other.example
    answers NOERROR anywhere web.example
    start=$SECONDS
    answers REFUSED nothing web.example
    [ $((SECONDS - start)) -le 1 ]
}

@test "an entry with a rule and no domains for a person: that person's applications resolve anything, and connect as before" {
    configure <<'JSON'
{ "users": { "dnsmasq": { "rule": "udp dport 53" }, "alice": { "rule": "tcp dport 443" } },
  "groups": { "web": { "domains": [ "web.example" ], "rule": "tcp dport 80", "execv": [ "/usr/bin/env", "…" ] } } }
JSON
    passes as alice galaf web getent ahostsv4 other.example
    says 198.18.0.20
    fails 7 as alice galaf web curl -sS --max-time 5 http://other.example/
    fails 2 as bob galaf web getent ahostsv4 other.example
    passes as bob galaf web getent ahostsv4 web.example
}

@test "SRV and PTR: refused to an application with domains, answered to one without" {
    answers REFUSED web _http._tcp.web.example SRV
    answers REFUSED web 10.0.18.198.in-addr.arpa PTR
    answers NXDOMAIN anywhere 10.0.18.198.in-addr.arpa PTR
}

@test "names of /etc/hosts and of this machine resolve, for every program" {
    passes in_group nothing getent ahostsv4 this-machine.example
    says 192.0.2.2
    passes in_group nothing getent ahostsv4 localhost
}

@test "a query without a mark is closed, not open" {
    galaf_mark stop     # then nft marks, by ids that have a name
    answers NOERROR anywhere web.example
    answers REFUSED nothing web.example
    before=$(wire_packets wire_dns)
    fails 2 as alice getent ahostsv4 tunnel.web.example
    fails 2 setpriv --reuid 54321 --regid 54321 --clear-groups getent ahostsv4 tunnel.web.example
    same "$before" "$(wire_packets wire_dns)"
    galaf_mark start
    answers NOERROR anywhere web.example
}

@test "an id above 65535 does not pass for the one that its low bits name" {
    gid=$(getent group anywhere | cut -d: -f3)
    before=$(wire_packets wire_dns)
    for ids in "--regid $((131072 + gid)) --reuid 1000" "--regid 1000 --reuid $((131072 + $(id -u dnsmasq)))"; do
        # shellcheck disable=SC2086
        fails 2 setpriv $ids --clear-groups getent ahostsv4 "fresh-$RANDOM.example"
    done
    same "$before" "$(wire_packets wire_dns)"
    galaf_config --set '$.config' '{"container_bases": [131072]}'
    passes galaf_config
    passes setpriv --regid $((131072 + gid)) --reuid $((131072 + 1000)) --clear-groups getent ahostsv4 web.example
    fails 2 setpriv --regid $((196608 + gid)) --reuid 1000 --clear-groups getent ahostsv4 web.example
    passes setpriv --regid "$gid" --reuid 70000 --clear-groups getent ahostsv4 web.example
}

@test "a rule with an empty list of domains: it resolves nothing" {
    configure <<<'{ "users": { "dnsmasq": { "rule": "udp dport 53" } }, "groups": { "web": { "domains": [], "rule": "tcp dport 80" } } }'
    answers REFUSED web web.example
    passes in_group web curl -sS --max-time 5 http://198.18.0.10/
}

# ask_from PORT GROUP NAME: as ask, from a source port; "not sent" where the kernel refuses it.
ask_from() {
    in_group "$2" /usr/bin/python3 -c '
import socket, struct, sys
labels = b"".join(bytes([len(label)]) + label.encode() for label in sys.argv[2].split("."))
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.bind(("127.0.0.1", int(sys.argv[1])))
asking.settimeout(3)
asking.connect(("127.0.0.1", 53))
try:
    asking.send(struct.pack(">6H", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1))
    print({0: "NOERROR", 5: "REFUSED"}[asking.recv(4096)[3] & 15])
except PermissionError:
    print("not sent")
' "$1" "$3"
}

# forget_queries: conntrack no longer knows any of those that dnsmasq was asked.
forget_queries() { conntrack -D -p udp --orig-dst 127.0.0.1 --dport 53 >/dev/null 2>&1 || true; }

@test "a port that another application has just asked from passes nobody for it; a few seconds later it is the next one's" {
    for option in "" --no-ebpf; do
        # shellcheck disable=SC2086
        passes galaf_config $option
        forget_queries
        same NOERROR "$(ask_from 4242 web web.example)"
        same "not sent" "$(ask_from 4242 nothing web.example)"
        same REFUSED "$(ask_from 4242 web other.example)"
        same "not sent" "$(ask_from 4242 anywhere other.example)"
        eventually 8 bash -c '! conntrack -L -p udp --sport 4242 2>/dev/null | grep -q .'
        same NOERROR "$(ask_from 4242 anywhere other.example)"
        same "not sent" "$(ask_from 4242 nothing other.example)"
    done
}

# secrets USER [GROUP]: that user's program, in the group if there is one, asks for twenty made-up names from port 4343.
secrets() {
    as "$1" ${2:+galaf "$2"} /usr/bin/python3 -c '
import socket, struct
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.bind(("127.0.0.1", 4343))
asking.connect(("127.0.0.1", 53))
for number in range(20):
    name = b"\7secret" + bytes([97 + number]) + b"\4test\0"
    asking.send(struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + name + struct.pack(">2H", 1, 1))
'
}

# dnsmasq_goes_on: lets it work on what waits, to its end.
dnsmasq_goes_on() {
    kill -CONT "$(cat /run/dnsmasq/dnsmasq.pid)"
    answers NOERROR anywhere "done-$RANDOM.web.example"
}

@test "queries that wait at dnsmasq stay who asked's, whoever asks from their port next" {
    configure <<'JSON'
{
    "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] } },
    "groups": { "anywhere": { "rule": "tcp dport 80", "execv": [ "/usr/bin/env", "…" ] },
                "shell": { "domains": [ "web.example" ], "rule": "tcp dport 80", "execv": [ "/usr/bin/env", "…" ] } }
}
JSON
    for option in "" --no-ebpf; do
        # shellcheck disable=SC2086
        passes galaf_config $option
        for group in "" shell; do
            forget_queries
            before=$(wire_packets wire_dns)
            kill -STOP "$(cat /run/dnsmasq/dnsmasq.pid)"
            passes secrets alice $group
            same "not sent" "$(ask_from 4343 anywhere fresh-$RANDOM.web.example)"
            same "not sent" "$(as bob galaf anywhere /usr/bin/python3 -c '
import socket
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.bind(("127.0.0.1", 4343))
try:
    asking.sendto(b"x", ("127.0.0.1", 53))
except PermissionError:
    print("not sent")')"
            dnsmasq_goes_on
            same $((before + 1)) "$(wire_packets wire_dns)" "the name server's count of packets"
        done
    done
}

@test "a query that dnsmasq lets pass since conntrack has lost its mark doesn't leave" {
    for option in "" --no-ebpf; do
        # shellcheck disable=SC2086
        passes galaf_config $option
        answers NOERROR anywhere "fresh-$RANDOM.web.example"
        before=$(wire_packets wire_dns)
        kill -STOP "$(cat /run/dnsmasq/dnsmasq.pid)"
        forget_queries
        passes secrets alice
        forget_queries
        dnsmasq_goes_on
        same $((before + 1)) "$(wire_packets wire_dns)" "the name server's count of packets"
    done
}

@test "an answer that comes once conntrack has forgotten the query opens nothing to the port's next owner" {
    configure <<'JSON'
{
    "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] }, "root": { "rule": "udp dport 1194" } },
    "groups": { "web": { "domains": [ "web.example" ], "rule": "tcp dport 80" } }
}
JSON
    upstream=$(cat /run/internet-dnsmasq.pid)
    kill -STOP "$upstream"
    (ask_from 4343 web "fresh-$RANDOM.web.example" || true) 3>&- &
    sleep 0.5
    forget_queries
    kill -CONT "$upstream"
    wait
    passes conntrack -L -p udp --orig-src 127.0.0.1 --orig-port-src 53
    says "dport=4343"
    before=$(wire_packets wire_dns)
    fails 1 secrets alice
    says "Operation not permitted"
    same "not sent" "$(ask_from 4343 web other.example)"
    same "$before" "$(wire_packets wire_dns)" "the name server's count of packets"
}

@test "300,000 queries at full speed, by a user without an entry and by an application with a domain: none leaves" {
    configure <<'JSON'
{
    "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] } },
    "groups": { "shell": { "domains": [ "web.example" ], "rule": "tcp dport 80", "execv": [ "/usr/bin/env", "…" ] } }
}
JSON
    for option in "" --no-ebpf; do
        # shellcheck disable=SC2086
        passes galaf_config $option
        before=$(wire_packets wire_dns)
        for group in "" shell; do
            # shellcheck disable=SC2086
            passes as alice ${group:+galaf $group} /usr/bin/python3 "$BATS_TEST_DIRNAME/../bypass/flood_names.py" 75000
        done
        eventually 10 bash -c '! ss -Hanu "sport = 53" | awk "\$2 > 0 { found = 1 } END { exit !found }"'
        same "$before" "$(wire_packets wire_dns)" "the name server's count of packets"
    done
}

@test "look-ups of many programs at once, which get each other's ports: one in hundreds at most meets two in a row" {
    configure <<'JSON'
{
    "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] } },
    "groups": { "one": { "domains": [ "web.example" ] }, "two": { "domains": [ "web.example" ] },
                "any": { "rule": "tcp dport 80" } }
}
JSON
    # shellcheck disable=SC2016
    passes bash -c 'for group in one two any; do galaf --test "$group" bash -c "
        for number in {1..120}; do getent ahostsv4 web.example >/dev/null || echo \$number of $group failed; done" & done
        wait'
    [ "$(grep -c failed <<<"$output")" -le 1 ] || complain "more than one failed" "$output"
}

@test "another name server on this machine is asked by those alone who may resolve any name" {
    nobody=$(id -u nobody)
    ip addr add 192.168.122.1/24 dev lo
    for address in 127.0.2.1 192.168.122.1 ::1; do
        setpriv --reuid "$nobody" --clear-groups --inh-caps +net_bind_service --ambient-caps +net_bind_service \
            dnsmasq --conf-file=/dev/null --no-resolv --server=192.0.2.1 --bind-interfaces --listen-address=$address \
            --pid-file= --cache-size=0 --user=nobody
    done
    configure <<'JSON'
{
    "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] }, "nobody": { "rule": "udp dport 53" } },
    "groups": { "web": { "domains": [ "web.example" ], "rule": "tcp dport 80" }, "anywhere": { "rule": "tcp dport 80" } }
}
JSON
    for address in 127.0.2.1 192.168.122.1 ::1; do
        before=$(wire_packets wire_dns)
        for way in "" +tcp; do
            for who in "as alice" "in_group web"; do
                # shellcheck disable=SC2086
                run $who dig $way +tries=1 +time=1 @$address secret.web.example
                says_not "status: NOERROR"
            done
            same "$before" "$(wire_packets wire_dns)" "the name server's count of packets"
        done
        passes in_group anywhere dig +tries=1 +time=2 @$address web.example
        says "status: NOERROR"
    done
    passes galaf_denied --json
    says '"port": 53'
    pkill -u nobody -x dnsmasq
}

@test "without eBPF strict DNS works on nft's marks" {
    passes galaf_config --no-ebpf
    answers NOERROR web web.example
    answers REFUSED web other.example
    answers REFUSED nothing web.example
}

@test "open DNS: everyone resolves, and reaches no more than before" {
    configure <<<'{ "config": { "dns": "open" }, "users": { "dnsmasq": { "rule": "udp dport 53" } },
        "groups": { "nothing": null, "web": { "domains": [ "web.example" ] } } }'
    answers NOERROR nothing other.example
    fails 7 in_group web curl -sS --max-time 5 http://other.example/
    passes in_group web curl -sS --max-time 5 http://web.example/
}

@test "a DNS tunnel gets not one packet out" {
    before=$(wire_packets wire_dns)
    for chunk in $(seq 20); do
        answers REFUSED nothing "secret-data-$chunk.tunnel.example" TXT
        answers REFUSED web "secret-data-$chunk.tunnel.example"
    done
    fails 2 as alice getent hosts secret.tunnel.example
    same "$before" "$(wire_packets wire_dns)" "the name server's count of packets"
    in_group nothing bash -c 'echo x >/dev/udp/192.0.2.1/53' || true
    same "$before" "$(wire_packets wire_dns)" "the name server's count of packets"
}

@test "a name of several groups, one below another's, enters the set of each" {
    passes in_group three curl -sS4 --max-time 5 http://x.b.a.web.example/
    for group in three two one web; do
        passes nft list set inet galaf "${group}_4"
        says 198.18.0.10
    done
    passes in_group two curl -sS4 --max-time 5 http://a.web.example/
    passes in_group one curl -sS --max-time 5 http://198.18.0.10/
}

@test "a query to the outside counts for the application that asked" {
    gid=$(getent group web | cut -d: -f3)
    mark=$(printf '0x%08x' $((gid << 16 | 1)))
    nft flush set inet galaf post-filter-out
    answers NOERROR web "fresh-$RANDOM.web.example"
    passes nft list set inet galaf post-filter-out
    says "$mark counter packets 1"
    says_not "$(printf '0x%08x' "$(id -u dnsmasq)") counter"
}

@test "IPv4 only and IPv6 only names; AAAA and A into the family's own set" {
    passes in_group web curl -sS --max-time 5 http://four.example/
    configure <<<'{ "users": { "dnsmasq": { "rule": "udp dport 53" } }, "groups": { "web": { "domains": [ "six.example" ] } } }'
    passes in_group web curl -sS --max-time 5 http://six.example/
    passes nft list set inet galaf web_6
    says 2001:2:0:1::66
}

@test "ready at once: a program that cached an address yesterday is let through right after an apply" {
    for option in "" --no-ebpf; do
        configure <<<'{ "users": { "dnsmasq": { "rule": "udp dport 53" } }, "groups": { "web": null } }'
        # shellcheck disable=SC2086
        configure $option <<'JSON'
{ "users": { "dnsmasq": { "rule": "udp dport 53" }, "alice": { "domains": [ "other.example" ] } },
  "groups": { "web": { "domains": [ "no-such-name.example", "web.example" ], "rule": "tcp dport 80" } } }
JSON
        passes in_group web curl -sS --max-time 5 http://198.18.0.10/
        passes as alice curl -sS --max-time 5 "http://[2001:2:0:1::20]/"
    done
}

@test "a configuration with domains and no rule for dnsmasq: what is lacking is said; with one nothing is" {
    for users in '{}' '{ "dnsmask": { "rule": "udp dport 53" } }' '{ "dnsmasq": null }'; do
        echo '{ "users": '"$users"', "groups": { "web": { "domains": [ "web.example" ] } } }' >"$CONF"
        passes galaf_config --check
        says 'no entry lets dnsmasq reach a name server beyond this machine: write into "users": "dnsmasq": {'
    done
    for conf in '"users": { "dnsmasq": { "rule": "udp dport 53" } }, "groups": { "web": { "domains": [ "web.example" ] } }' \
        '"groups": { "web": { "rule": "tcp dport 80" } }'; do
        echo "{ $conf }" >"$CONF"
        passes galaf_config --check
        says_not "dnsmasq"
    done
}

@test "the cache is emptied of the resolver alone: another dnsmasq, which SIGHUP would end, is left alone" {
    ask web web.example
    cp /bin/sleep /tmp/dnsmasq
    /tmp/dnsmasq 60 3>&- 4>&- &
    other=$!
    eventually 5 grep -qx dnsmasq "/proc/$other/comm"
    before=$(wire_packets wire_dns)
    passes galaf_dns resolve
    [ "$(wire_packets wire_dns)" -gt "$before" ] || complain "dnsmasq answered from its cache"
    kill "$other"
    status=0
    wait "$other" || status=$?
    same 143 "$status" "how the other dnsmasq ended"
}

@test "galaf_dns resolve fills the sets again; a silent name server holds nothing up for more than 10 s" {
    nft flush set inet galaf web_4
    fails 7 in_group web curl -sS --max-time 5 http://198.18.0.10/
    passes galaf_dns resolve
    passes in_group web curl -sS --max-time 5 http://198.18.0.10/
    internet nft add rule inet wire prerouting udp dport 53 drop
    start=$SECONDS
    configure <<<'{ "users": { "dnsmasq": { "rule": "udp dport 53" } }, "groups": { "web": { "domains": [ "new.web.example" ] } } }'
    internet nft flush chain inet wire prerouting
    [ $((SECONDS - start)) -le 15 ]     # 10 for the names, the rest for the apply itself
}

@test "a dnsmasq that is too old, or built without what is needed: refused before anything changes" {
    before=$(nft -s -t list ruleset; readlink /var/lib/galaf/good)
    made_up_dnsmasq 2.86 "conntrack nftset"
    fails 1 galaf_config --yes
    says "is too old: 2.87" "nothing was changed"
    made_up_dnsmasq 2.90 "conntrack no-nftset"
    fails 1 galaf_config --yes
    says "without nftset" "nothing was changed"
    real_dnsmasq
    same "$before" "$(nft -s -t list ruleset; readlink /var/lib/galaf/good)"
}

@test "dnsmasq starts anew only when its options changed" {
    before=$(pidof dnsmasq)
    passes galaf_config
    same "$before" "$(pidof dnsmasq)"
    galaf_config --set '$.groups.web.domains' '["other.example"]'
    passes galaf_config
    [ "$before" != "$(pidof dnsmasq)" ]
    answers NOERROR web other.example
}

@test "a dnsmasq that is stopped stays so, whatever another program is called, and that one is left alone" {
    service dnsmasq stop >/dev/null
    install -m 755 /usr/bin/sleep /tmp/dnsmasq
    as alice /tmp/dnsmasq 60 3>&- &
    eventually 5 pgrep -x -u alice dnsmasq >/dev/null
    pgrep -x -u alice dnsmasq >/run/dnsmasq/dnsmasq.pid
    galaf_config --set '$.groups.web.domains' '["web.example", "other.example"]'
    passes galaf_config
    galaf_dns resolve
    fails 1 pgrep -x -u dnsmasq dnsmasq
    passes pkill -x -u alice dnsmasq
    rm /tmp/dnsmasq
    service dnsmasq start >/dev/null
    eventually 5 answered_by_dnsmasq
    answers NOERROR web other.example
}
answered_by_dnsmasq() { [ "$(ask web web.example)" = NOERROR ]; }

@test "an entry with many domains is told from groups that are made with it" {
    names=$(seq --format '"host-%02.0f.a-rather-long-name.example"' --separator , 60)
    others=$(seq --format '"other-%g": null' --separator , 60)
    echo '{ "groups": { "many": { "domains": [ '"$names"' ] }, '"$others"' } }' >"$CONF"
    before=$(galaf_config --print dnsmasq)
    passes galaf_config --yes
    same "$before" "$(galaf_config --print dnsmasq)" "what is rendered once the groups are made"
    same "$before" "$(cat /var/lib/galaf/good/dnsmasq.conf)" "what is active"
}

@test "CNAME chains, many addresses, IDN, upper case: all of an answer is allowed" {
    configure <<'JSON'
{ "users": { "dnsmasq": { "rule": "udp dport 53" } },
  "groups": { "web": { "domains": [ "A.Alias.Example", "crowd.example", "bücher.example" ] } } }
JSON
    passes in_group web curl -sS --max-time 5 http://a.alias.example/
    for last in 100 105 111; do
        passes in_group web curl -sS --max-time 5 "http://198.18.0.$last/"
    done
    answers REFUSED web end.example     # only through the name that it may ask for
    answers NXDOMAIN web xn--bcher-kva.example
}

@test "an answer that changes: the new address works at once, the old one until it has aged" {
    configure <<'JSON'
{ "users": { "dnsmasq": { "rule": "udp dport 53" } },
  "groups": { "web": { "domains": [ "changing.example" ], "timeout": "10s" } } }
JSON
    passes in_group web curl -sS --max-time 5 http://changing.example/
    sed -i 's/198.18.0.50 changing/198.18.0.51 changing/' /run/internet-hosts
    kill -HUP "$(cat /run/internet-dnsmasq.pid)"
    sleep 6     # dnsmasq's cache keeps an answer for half the timeout at most
    passes in_group web curl -sS --max-time 5 http://changing.example/
    passes nft list set inet galaf web_4
    says 198.18.0.51
    for _ in $(seq 12); do
        sleep 0.5
        passes in_group web curl -sS --max-time 5 http://198.18.0.51/
    done
    fails 7 in_group web curl -sS --max-time 5 http://198.18.0.50/
}

# traffic GROUP PORT: connects 1,000 times a second until /tmp/stop is there; prints how many were let through, and not.
traffic() {
    in_group "$1" /usr/bin/python3 -c '
import os, socket, sys, time
start, tried, good = time.monotonic(), 0, 0
while not os.path.exists("/tmp/stop"):
    try:
        socket.create_connection(("198.18.0.10", int(sys.argv[1])), 2).close()
        good += 1
    except OSError:
        pass
    tried += 1
    time.sleep(max(0, start + tried / 1000 - time.monotonic()))
print(good, tried - good, int(tried / (time.monotonic() - start)))
' "$2"
}

# queries GROUP: asks for 200 fresh names a second until /tmp/stop is there; prints how many were answered.
queries() {
    in_group "$1" /usr/bin/python3 -c '
import os, socket, time
start, asked, answered = time.monotonic(), 0, 0
while not os.path.exists("/tmp/stop") and asked < 5000:
    try:
        socket.getaddrinfo(f"n{asked}.many.example", 80, socket.AF_INET)
        answered += 1
    except OSError:     # dnsmasq starts anew once, since the edit changes its options
        pass
    asked += 1
    time.sleep(max(0, start + asked / 200 - time.monotonic()))
print(answered)
'
}

@test "100 reloads under traffic and name look-ups: none wrongly refused, none wrongly accepted, no address lost" {
    configure <<'JSON'
{ "users": { "dnsmasq": { "rule": "udp dport 53" } },
  "groups": { "web": { "domains": [ "web.example" ], "rule": "tcp dport 80" },
              "names": { "domains": [ "many.example" ] }, "edited": null } }
JSON
    traffic web 80 >/tmp/allowed 3>&- &
    traffic web 443 >/tmp/refused 3>&- &
    queries names >/tmp/asked 3>&- &
    sleep 0.5
    for port in $(seq 10); do
        sed -i "s/\"edited\": .*/\"edited\": { \"rule\": \"tcp dport $port\" } } }/" "$CONF"
        galaf_config >/dev/null
        for _ in 1 2 3 4 5 6 7 8 9; do
            galaf_firewall reload
        done
    done
    touch /tmp/stop
    eventually 30 test -s /tmp/allowed -a -s /tmp/refused -a -s /tmp/asked
    read -r allowed wrongly_refused rate </tmp/allowed
    read -r wrongly_accepted refused _ </tmp/refused
    asked=$(cat /tmp/asked)
    known=$(nft -j list set inet galaf names_4 | jq '[.nftables[].set.elem[]?] | length')
    echo "# 100 reloads: $allowed accepted and $refused refused, $rate a second; $asked names answered" >&3
    same "0 0" "$wrongly_refused $wrongly_accepted" "wrongly refused and wrongly accepted"
    same "$asked" "$known" "addresses in the set"
}
