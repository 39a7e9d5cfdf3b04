#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# TCP connections that are older than the rules: those of listed programs go on, others end.

load helper

setup_file() {
    start_dnsmasq
    cat >/tmp/talk.py <<'PY'
"""A connection that lives for a minute: usage: talk.py serve PORT | connect ADDRESS PORT, speaks twice a second
unless it is to be silent, and keeps what it hears in a file: talk.py ... first|silent FILE"""
import socket, sys, time
way, address, port, manner, file = sys.argv[1:]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
if way == "serve":
    listener = socket.create_server((address, int(port)), family=family)
    connection = listener.accept()[0]
else:
    connection = socket.create_connection((address, int(port)), 5)
connection.settimeout(0.5)
heard = open(file, "w", buffering=1)
end = time.monotonic() + 60
while time.monotonic() < end:
    try:
        if manner == "first":
            connection.send(b"x")
        data = connection.recv(1000)
        if not data:
            break
        heard.write(data.decode())
    except TimeoutError:
        pass
    except OSError as error:
        print("ended:", error, file=heard)
        sys.exit()
print("ended: closed", file=heard)
PY
    chmod 755 /tmp/talk.py
    mkdir -m 1777 /tmp/heard
}

setup() {
    galaf_firewall stop >/dev/null 2>&1 || true
    rm -f /var/lib/galaf/good /tmp/heard/*
}

teardown() { pkill -f talk.py || true; }

# A connection between the internet and here, which is spoken on from one end.
served() { # NAME FAMILY-ADDRESS PORT MANNER-HERE COMMAND ...: a service here, a client out there that answers in the other manner
    "${@:5}" /usr/bin/python3 /tmp/talk.py serve "$2" "$3" "$4" "/tmp/heard/$1" 3>&- &
    eventually 5 bash -c "ss -Hlnt 'sport = $3' | grep -q ."
    internet /usr/bin/python3 /tmp/talk.py connect "$2" "$3" "$([ "$4" = first ] && echo silent || echo first)" "/tmp/heard/$1-peer" 3>&- &
    eventually 5 test -e "/tmp/heard/$1-peer"
}

connected() { # NAME ADDRESS PORT MANNER-HERE COMMAND ...: a server out there, a client here
    internet /usr/bin/python3 /tmp/talk.py serve "$2" "$3" "$([ "$4" = first ] && echo silent || echo first)" "/tmp/heard/$1-peer" 3>&- &
    eventually 5 bash -c "nsenter --net=/run/netns/internet ss -Hlnt 'sport = $3' | grep -q ."
    "${@:5}" /usr/bin/python3 /tmp/talk.py connect "$2" "$3" "$4" "/tmp/heard/$1" 3>&- &
    eventually 5 test -e "/tmp/heard/$1"
}

# goes_on NAME: what is said on the connection still comes to the other end.
goes_on() {
    local file before
    for file in "/tmp/heard/$1" "/tmp/heard/$1-peer"; do
        [ -s "$file" ] || continue      # the silent one's
        before=$(stat -c %s "$file")
        eventually 5 bash -c "[ \$(stat -c %s $file) -gt $before ]" || complain "nothing is heard any more: $1" "$(cat "$file")"
        ! grep ended "$file" || complain "it ended: $1" "$(cat "$file")"
    done
}

# ended NAME: the program here was told so.
ended() { eventually 10 grep -q ended "/tmp/heard/$1" || complain "it goes on: $1" "$(cat "/tmp/heard/$1")"; }

CONFIGURATION='{ "users": { "dnsmasq": { "rule": "udp dport 53" }, "bob": { "rule": "tcp dport 443" } },
    "groups": { "web": { "domains": [ "web.example" ], "rule": "tcp dport { 80, 7001-7009 }", "execv": [ "/usr/bin/env", "…" ] } },
    "inbound": { "root": "tcp dport 2222" } }'

@test "the first galaf_config: connections of a service that is let in and of listed users go on, whoever speaks first; others end" {
    served ssh4 192.0.2.2 2222 first env
    served ssh6 2001:db8::2 2222 silent env
    connected bob4 198.18.0.10 7001 first as bob
    connected bob6 2001:2:0:1::10 7002 silent as bob
    connected alice4 198.18.0.10 7003 first as alice
    served alice6 2001:db8::2 2223 first as alice
    for name in ssh4 ssh6 bob4 bob6 alice4 alice6; do
        goes_on $name
    done
    configure <<<"$CONFIGURATION"
    ended alice4
    ended alice6
    for name in ssh4 ssh6 bob4 bob6; do
        goes_on $name
    done
    passes conntrack -F
    for name in ssh4 ssh6 bob4 bob6; do
        goes_on $name
    done
}

@test "the same where conntrack knows them all, for another firewall's sake" {
    nft add table inet other '{ chain in { type filter hook input priority 0; ct state established accept; }; }'
    served ssh4 192.0.2.2 2222 first env
    connected bob6 2001:2:0:1::10 7002 silent as bob
    connected alice4 198.18.0.10 7003 first as alice
    connected alice6 2001:2:0:1::10 7007 silent as alice
    configure <<<"$CONFIGURATION"
    ended alice4
    ended alice6
    goes_on ssh4
    goes_on bob6
    nft delete table inet other
}

@test "stop and start: connections of listed applications go on, also those begun meanwhile; no new one beside them" {
    configure <<<"$CONFIGURATION"
    passes in_group web getent ahosts web.example
    connected web4 198.18.0.10 7004 first in_group web
    passes galaf_firewall stop
    connected web6 2001:2:0:1::10 7005 silent in_group web
    served ssh4 192.0.2.2 2222 silent env
    connected alice4 198.18.0.10 7006 first as alice
    passes galaf_firewall start
    for name in web4 web6 ssh4; do
        goes_on $name
    done
    ended alice4
    fails 7 in_group web curl -sS --max-time 5 http://198.18.0.20:7001/
    fails 7 as bob curl -sS --max-time 5 http://198.18.0.10/
}
