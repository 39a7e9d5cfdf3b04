#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# galaf_denied on the installed package: what it shows of real refusals, and that its suggestion lets them pass.

load helper

setup_file() { start_dnsmasq; }

setup() {
    configure <<'JSON'
{
    "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] } },
    "groups": {
        "#": "stays",
        "web": { "#": "stays too", "domains": [ "web.example" ], "rule": "tcp dport 80" },
        "anywhere": { "rule": "tcp dport 80" },
        "nothing": null
    }
}
JSON
    galaf_denied --clear >/dev/null
}

teardown() {
    for pid in /tmp/servant /tmp/proxy.pid; do
        [ ! -e "$pid" ] || { kill "$(cat "$pid")" || true; rm -f "$pid"; }
    done
}

# udp ADDRESS PORT: sends a datagram and waits for its echo.
udp() {
    /usr/bin/python3 -c '
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.socket(family, socket.SOCK_DGRAM) as probe:
    probe.settimeout(3)
    probe.sendto(b"hello", (sys.argv[1], int(sys.argv[2])))
    assert probe.recv(100) == b"hello"' "$@"
}
export -f udp

# denied FILTER: prints what a Python expression makes of the rows of --json (each a dictionary d), a line each;
# moment(TEXT) are the seconds of a time in it.
denied() {
    galaf_denied --json | /usr/bin/python3 -c '
import datetime, json, sys, time
moment = lambda text: datetime.datetime.fromisoformat(text).timestamp()
for d in json.load(sys.stdin)["denied"]:
    line = eval(sys.argv[1])
    if line: print(line)' "$1" | sort
}

# name_server: a name server on 127.0.0.2 that answers what no sound one does, too.
name_server() {
    /usr/bin/python3 - 3>&- <<'PY' &
import os, random, socket, struct
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.2", 53))
random.seed(1)
def record(kind, data):
    return struct.pack(">HHHIH", 0xc00c, kind, 1, 30, len(data)) + data
while True:
    query, who = server.recvfrom(4096)
    head = lambda number: query[:2] + struct.pack(">5H", 0x8180, 1, number, 0, 0) + query[12:]
    if b"alias" in query:       # a CNAME before the address, whose owner is a pointer into the CNAME
        answer = head(2) + record(5, b"\x04real\x07example\0") + record(1, bytes((198, 18, 0, 77)))
    elif b"many" in query:
        answer = head(40) + b"".join(record(1, bytes((198, 18, 1, n))) for n in range(40))
    elif b"cut" in query:
        answer = (head(2) + record(1, bytes((198, 18, 2, 1))))[:-2]
    elif b"refuse" in query:
        answer = query[:2] + struct.pack(">5H", 0x8185, 1, 0, 0, 0) + query[12:]
    else:
        answer = query[:2] + bytes(random.randrange(256) for _ in range(random.randrange(300)))
    server.sendto(answer, who)
PY
    echo $! >/tmp/servant
    passes eventually 20 grep -q ' 0200007F:0035 ' /proc/net/udp
}

# ask LABELS [NUMBER]: has a program of the group nothing ask that server for a name in bytes, as Python writes them.
ask() {
    galaf --test nothing /usr/bin/python3 -c '
import ast, socket, struct, sys
name = b"".join(bytes([len(label)]) + label for label in ast.literal_eval(sys.argv[1]))
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
probe.settimeout(3)
for number in range(int(sys.argv[2])):
    probe.sendto(struct.pack(">6H", number, 0x100, 1, 0, 0, 0) + name + b"\0" + struct.pack(">2H", 1, 1), ("127.0.0.2", 53))
    probe.recv(4096)' "$1" "${2:-1}"
}

@test "who, which program, to where, by what name, how often, when: TCP, UDP, ICMP, IPv4, IPv6" {
    before=$(date +%s)
    fails 7 in_group web fetch -4 http://web.example:8080/
    fails 7 in_group web fetch -4 http://web.example:8080/
    fails 7 as alice fetch -g 'http://[2001:2:0:1::10]:993/'
    fails 1 as alice ping -n -c 1 -W 1 198.18.0.30
    fails 1 as bob udp 2001:2:0:1::20 5000
    fails 1 as bob udp 198.18.0.20 123
    passes galaf_denied
    says "refused on the way out" "alice/alice" "web.example"
    same "alice alice curl None 2001:2:0:1::10 tcp 993 1
alice alice ping None 198.18.0.30 icmp 0 1
bob bob python3 None 198.18.0.20 udp 123 1
bob bob python3 None 2001:2:0:1::20 udp 5000 1
root web curl web.example 198.18.0.10 tcp 8080 2" "$(denied '"{user} {group} {} {domain} {destination} {protocol} {port} {tries}".format(
        ",".join(d["programs"]), **d) if d["way"] == "out" and d["group"] != "dnsmasq" else ""')"
    same "" "$(denied '"" if d["programs"] == ["ping"] or moment(d["first"]) <= moment(d["last"]) else d')" "rows without times"
    same "" "$(denied '"" if '"$before"' - 1 <= moment(d["last"]) <= time.time() else d')" "rows with wrong times"
}

# threads COMMAND ...: runs it once there is /tmp/threads.py, in which a thread with a name of its own tries
# addresses at a port, and a name.
threads() {
    cat >/tmp/threads.py <<'PY'
import socket, sys, threading
def resolver():
    open("/proc/thread-self/comm", "w").write("DNS Resolver #1")
    for address in sys.argv[2:]:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            try: probe.connect((address, int(sys.argv[1])))
            except OSError: pass
    try: socket.getaddrinfo("other.example", 80)
    except OSError: pass
thread = threading.Thread(target=resolver)
thread.start()
thread.join()
PY
    chmod 755 /tmp/threads.py
    passes "$@"
}

@test "the program is the process, not its thread, with its executable where that is known, dead or alive" {
    printf '#!/usr/bin/python3\nexec(open("/tmp/threads.py").read())\n' >/usr/bin/resolving
    chmod 755 /usr/bin/resolving
    install -m 755 /bin/bash /usr/local/bin/renamed
    rm -f /tmp/renamed
    threads as alice /usr/bin/python3 /tmp/threads.py 993 198.18.0.10
    threads in_group web resolving 993 198.18.0.20
    as bob /usr/local/bin/renamed -c 'echo $$ >/tmp/renamed; echo >/dev/tcp/198.18.0.30/993; read' \
        < <(exec sleep 60 3>&-) 3>&- 2>/dev/null &
    passes eventually 10 bash -c 'galaf_denied --user bob | grep -q 198.18.0.30'
    same "alice/alice python3 $(realpath /usr/bin/python3) 198.18.0.10
alice/alice python3 $(realpath /usr/bin/python3) other.example
bob/bob renamed /usr/local/bin/renamed 198.18.0.30
root/web resolving /usr/bin/resolving 198.18.0.20
root/web resolving /usr/bin/resolving other.example" "$(denied '"{user}/{group} {} {} {}".format(*d["programs"], *d["executables"], d["destination"] or d["domain"], **d) if d["user"] != "dnsmasq" else ""')"
    passes galaf_denied --program resolving
    says "| /usr/bin/resolving | 198.18.0.20" other.example
    says_not python3 renamed
    passes galaf_denied --program /usr/local/bin/renamed
    says 198.18.0.30
    says_not 198.18.0.20
    passes galaf_denied --program renamed --since 60s
    says 198.18.0.30
    passes galaf_denied --program "DNS Resolver #1"
    same "nothing was refused" "$output"
    sleep 2.1
    passes galaf_denied --since 1s
    same "nothing was refused" "$output"
    kill "$(cat /tmp/renamed)"
    # what a user calls a file is shown without a byte that a terminal or a table takes for its own
    rm /tmp/renamed
    evil=$'/home/alice/a\e[2J|b'
    install -m 755 -o alice /bin/bash "$evil"
    as alice "$evil" -c 'echo $$ >/tmp/renamed; echo >/dev/tcp/198.18.0.30/22; read' \
        < <(exec sleep 60 3>&-) 3>&- 2>/dev/null &
    passes eventually 10 bash -c 'galaf_denied --user alice | grep -q "tcp 22 "'
    passes galaf_denied --user alice
    says '/home/alice/a\x1b\x5b2J\x7cb'
    says_not $'\e'
    kill "$(cat /tmp/renamed)"
    rm /tmp/renamed "$evil"
    rm /usr/bin/resolving /usr/local/bin/renamed
}

# on_terminal COLUMNS COMMAND ...: runs it on a terminal of so many columns, at which $TYPED is typed.
on_terminal() {
    passes /usr/bin/python3 -c '
import fcntl, os, pty, struct, sys, termios
process, terminal = pty.fork()
if not process:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", 24, int(sys.argv[1]), 0, 0))
    os.environ.pop("COLUMNS", None)
    os.execvp(sys.argv[2], sys.argv[2:])
os.write(terminal, os.environ.get("TYPED", "").encode())
said = b""
while True:
    try: piece = os.read(terminal, 65536)
    except OSError: break
    if not piece: break
    said += piece
print(said.decode().replace("\r", ""))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))' "$@"
}

@test "a row for a program and its destination, whatever the address; 80 columns on a terminal of 80" {
    long=a-long-name-of-a-host-that-fits-in-no-column.somewhere.other.example
    fails 7 in_group web fetch -4 http://web.example:8080/
    fails 7 in_group web fetch -6 http://web.example:8080/
    fails 7 as alice fetch -g 'http://[2001:2:0:1::10]:993/'
    fails 6 as alice fetch "http://$long/"
    passes galaf_denied
    same 1 "$(grep -c 'root/web *| /usr/bin/curl *| web.example *| tcp 8080' <<<"$output")" "rows of web.example"
    same 1 "$(grep -c '2001:2:0:1::10 *| tcp 993' <<<"$output")" "rows of the address"
    same 1 "$(grep -c "$long " <<<"$output")"
    on_terminal 80 galaf_denied
    says web.example "tcp 8080" "tcp 993"
    same "" "$(LC_ALL=C.UTF-8 grep -E '.{81}' <<<"$output" || true)" "lines that are longer"
    for wanted in "${output%%names that*}!2001:2:0:1::10" "${output#*names that}!$long"; do
        same "${wanted#*!}" "$(awk -F ' *[|] *' '/alice/ { on = 1 } on { printf "%s", $7 }' <<<"${wanted%!*}")"
    done
    on_terminal 200 galaf_denied
    says "$(date +%Y-)" "$long"
}

@test "the executables of others are known, though a file system of someone's own answers nobody" {
    install -m 755 /usr/bin/curl /tmp/bobs
    as bob /tmp/bobs --silent file:///dev/zero -o /dev/null 3>&- &
    silent
    fails 7 as bob /tmp/bobs --silent http://198.18.0.10:8080/
    passes timeout 60 galaf_denied
    says "/tmp/bobs" 198.18.0.10
    speaks
    pkill -x -u bob bobs
    rm /tmp/bobs
}

@test "names that strict DNS refused, with who asked; nothing of it is looked up" {
    fails 6 in_group web fetch http://other.example/
    fails 6 as bob fetch http://six.example/
    before=$(wire_packets wire_dns)
    same "bob bob curl six.example A,AAAA
root web curl other.example A,AAAA" "$(denied '"{user} {group} {} {domain} {}".format(",".join(d["programs"]), ",".join(d["types"]), **d) if d["way"] == "name" else ""')"
    passes galaf_denied --group web
    says "names that the name server refused" other.example
    says_not six.example
    passes galaf_denied --user root
    says other.example
    says_not six.example
    fails 1 galaf_denied --group wbe
    same "$output" "galaf_denied: there is no group 'wbe' on this machine"
    same "$before" "$(wire_packets wire_dns)" "the name server's count of packets"
}

@test "what came from outside, by source and destination" {
    fails 7 internet curl -sS --max-time 3 http://192.0.2.2:2222/
    fails 7 internet curl -sS --max-time 3 -g 'http://[2001:db8::2]:2222/'
    fails 1 internet ping -n -c 1 -W 1 192.0.2.2
    same "192.0.2.1 192.0.2.2 icmp 0
192.0.2.1 192.0.2.2 tcp 2222
2001:db8::1 2001:db8::2 tcp 2222" "$(denied '"{source} {destination} {protocol} {port}".format(**d) if d["way"] == "in" else ""')"
    passes galaf_denied --user root
    says "nothing was refused"
}

# traffic WANTED: what several applications try; each of it has to end with success (0) or not (1).
traffic() {
    local wanted=$1 attempt
    for attempt in \
        "in_group web fetch -4 http://web.example:8080/" "in_group web fetch -6 http://web.example:8080/" \
        "in_group web fetch http://other.example/" \
        "in_group anywhere fetch -4 http://mail.example:443/" "in_group anywhere fetch -6 http://mail.example:443/" \
        "in_group nothing fetch http://198.18.0.20/" "in_group nothing fetch -g http://[2001:2:0:1::20]:8080/" \
        "in_group nothing udp 198.18.0.30 123" "in_group nothing ping -n -c 1 -W 2 198.18.0.30" \
        "as alice fetch http://198.18.0.10:993/" "as alice udp 2001:2:0:1::10 5000" \
        "as alice ping -n -c 1 -W 2 2001:2:0:1::10" "as bob fetch http://six.example/"; do
        # shellcheck disable=SC2086
        run $attempt
        [ "$((status != 0))" = "$wanted" ] || complain "exit status $status of: $attempt" "$output"
    done
}

# take_over: writes the entries of /tmp/suggestion into the file; /tmp/places lists them.
take_over() {
    /usr/bin/python3 - /tmp/suggestion >/tmp/places <<'PY'
import json, sys
for kind, entries in json.load(open(sys.argv[1])).items():
    for name, entry in entries.items():
        print(f"$.{kind}.{name}\t{json.dumps(entry)}")
PY
    while IFS=$'\t' read -r place value; do
        passes galaf_config --set "$place" "$value"
    done </tmp/places
}

@test "apply what --suggest prints, and the same traffic passes, and no other" {
    traffic 1
    galaf_denied --suggest --as user >/tmp/suggestion 2>/tmp/remarks
    cp "$CONF" /tmp/before.json
    take_over
    same 5 "$(wc -l </tmp/places)" "the number of entries"
    file_says "$CONF" '"#": "stays"' '"#": "stays too"' '"# 198.18.0.30": "mail.example"'
    passes galaf_config --yes
    traffic 0
    fails 7 in_group anywhere fetch http://web.example:443/
    fails 7 in_group nothing fetch http://198.18.0.20:8080/
    fails 6 in_group web fetch http://mail.example/
    fails 7 as alice fetch http://198.18.0.10:80/
    fails 6 as bob fetch http://web.example/
    fails 1 as bob udp 198.18.0.10 5000
    galaf_denied --clear >/dev/null
    passes galaf_denied --suggest
    same "galaf_denied: nothing was refused
{}" "$output"
}

@test "audit mode: what would have been refused is shown, and let pass by the suggestion once it is" {
    galaf_config --set '$.config' '{ "mode": "audit" }'
    passes galaf_config --yes
    passes in_group nothing fetch -4 http://other.example/
    passes in_group nothing fetch -6 http://other.example/
    passes as bob udp 198.18.0.20 123
    same "bob None 198.18.0.20 udp 123
root other.example 198.18.0.20 tcp 80
root other.example 2001:2:0:1::20 tcp 80" "$(denied '"{user} {domain} {destination} {protocol} {port}".format(**d) if d["way"] == "out" else ""')"
    galaf_denied --suggest --as user >/tmp/suggestion 2>/dev/null
    same '{"groups": {"nothing": {"domains": ["other.example"], "rule": "tcp dport 80"}}, "users": {"bob": {"rule": "ip daddr 198.18.0.20 udp dport 123"}}}' \
        "$(/usr/bin/python3 -c 'import json; print(json.dumps(json.load(open("/tmp/suggestion"))))')"
    galaf_config --set '$.groups.nothing' '{ "domains": ["other.example"], "rule": "tcp dport 80" }'
    galaf_config --set '$.users.bob' '{ "rule": "ip daddr 198.18.0.20 udp dport 123" }'
    galaf_config --set '$.config.mode' enforce
    passes galaf_config --yes
    passes in_group nothing fetch -4 http://other.example/
    passes in_group nothing fetch -6 http://other.example/
    passes as bob udp 198.18.0.20 123
    fails 7 in_group nothing fetch http://other.example:443/
}

@test "a person's program gets an entry of its own: with it that traffic passes, and nothing beside it" {
    install -m 755 /usr/bin/curl /usr/bin/fetcher
    install -m 755 /usr/bin/curl /usr/bin/Getter
    install -m 755 -o alice /bin/bash /home/alice/mine
    fails 6 as alice fetcher -sS -m 3 http://web.example:8080/
    fails 7 as alice Getter -sS -m 3 http://198.18.0.30:993/
    fails 7 as alice fetch http://198.18.0.20:993/
    fails 1 as alice udp 198.18.0.20 123
    as alice /home/alice/mine -c 'echo $$ >/tmp/renamed; echo >/dev/tcp/198.18.0.30/22; read' \
        < <(exec sleep 60 3>&-) 3>&- 2>/dev/null &
    passes eventually 10 bash -c 'galaf_denied --user alice | grep -q "tcp 22 "'
    galaf_denied --suggest >/tmp/suggestion 2>/tmp/remarks
    same '["groups"]' "$(jq --compact-output keys /tmp/suggestion)"
    same '["curl","fetcher","getter"]' "$(jq --compact-output '.groups | keys' /tmp/suggestion)"
    same '{"execv":["/usr/bin/fetcher","…"],"domains":["web.example"]}' "$(jq --compact-output .groups.fetcher /tmp/suggestion)"
    same '{"execv":["/usr/bin/Getter","…"],"rule":"ip daddr 198.18.0.30 tcp dport 993"}' "$(jq --compact-output .groups.getter /tmp/suggestion)"
    same '["/usr/bin/curl","…"] ["tcp dport { 80, 443 }","ip daddr 198.18.0.20 tcp dport 993"]' \
        "$(jq --raw-output '.groups.curl | "\(.execv) \(.rule)"' /tmp/suggestion)"
    file_says /tmp/remarks "$(realpath /usr/bin/python3) runs whatever it is given" 'groups.fetcher: start it by galaf fetcher' \
        "/home/alice (mode 0755) can be changed by its owner alice"
    kill "$(cat /tmp/renamed)"
    rm /tmp/renamed
    take_over
    passes galaf_config --yes
    passes as alice galaf fetcher -sS -m 3 http://web.example:8080/
    passes as alice galaf getter -sS -m 3 http://198.18.0.30:993/
    passes as alice galaf curl -sS -m 3 http://198.18.0.20:993/
    fails 6 as alice galaf fetcher -sS -m 3 http://other.example/
    fails 7 as alice galaf fetcher -sS -m 3 http://198.18.0.30:993/
    fails 7 as alice galaf getter -sS -m 3 http://198.18.0.30:22/
    fails 6 as alice fetcher -sS -m 3 http://web.example:8080/
    fails 1 as alice udp 198.18.0.20 123
    galaf_denied --clear >/dev/null
    fails 7 as alice Getter -sS -m 3 http://198.18.0.30:993/
    passes galaf_denied --suggest
    says 'groups.getter: start it by galaf getter' 'groups.getter: what was refused is allowed by now' "{}"
    fails 2 galaf_denied --as user
    rm /usr/bin/fetcher /usr/bin/Getter
}

@test "what no entry is for: multicast's answers, .local, a proxy's port, search domains: what would work, or why nothing can" {
    cp /etc/resolv.conf /tmp/resolv.conf
    echo "search lan.example" >>/etc/resolv.conf
    fails 6 in_group nothing fetch http://other.example/
    fails 6 in_group nothing fetch http://printer.local/
    cp /tmp/resolv.conf /etc/resolv.conf
    fails 7 in_group anywhere env http_proxy=http://198.18.0.20:3128 curl -sS -m 3 http://web.example/
    fails 1 in_group anywhere udp 239.255.255.250 1900
    answered() {
        internet /usr/bin/python3 -c '
import socket, time
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
    for _ in range(20):
        try: probe.sendto(b"x", ("192.0.2.2", 45678))
        except OSError: pass
        time.sleep(0.1)' 3>&- &
        as alice timeout 3 /usr/bin/python3 -c '
import socket
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
probe.bind(("", 45678))
probe.recv(10)'
    }
    fails 124 answered
    printf 'search lan.example\n' | cat /tmp/resolv.conf - >/etc/resolv.conf
    galaf_denied --suggest >/tmp/suggestion 2>/tmp/remarks
    cp /tmp/resolv.conf /etc/resolv.conf
    file_says /tmp/remarks "printer.local stays refused: names below local are asked of the link by multicast" \
        "other.example.lan.example stays refused: it is other.example with the search domain lan.example" \
        "198.18.0.20 tcp 3128 is a web proxy's port" "239.255.255.250 udp 1900 is SSDP" \
        "192.0.2.1 udp 45678, from outside, may be the answer to a question by multicast"
    same '["other.example"]' "$(jq --compact-output .groups.nothing.domains /tmp/suggestion)"
    galaf_config --set '$.inbound' "{ \"anywhere\": \"$(sed -n 's/.*such port: "\(.*\)".*/\1/p' /tmp/remarks | head -n 1)\" }"
    passes galaf_config --yes
    passes answered
    galaf_config --unset '$.inbound'
}

@test "behind a proxy: the manual's entries let programs and apt reach it and nothing else; --suggest names its port" {
    proxy
    manual=$(man -E UTF-8 --no-hyphenation --no-justification -P cat galaf_conf.json.5 | sed -n '/^PROXIES/,/^RULES/p' |
        sed 's/10\.0\.0\.8/198.18.0.20/g; s/proxy\.corp\.example/other.example/g; s|/usr/bin/wget|/usr/bin/curl|')
    configure <<<"$(sed -n '/^ *{$/,/^ \{0,7\}}$/p' <<<"$manual")"
    passes galaf_config --set '$.users.dnsmasq' '"known"'
    passes galaf_config --set '$.groups.wget' "$(sed -n '/"wget": {/,/^ *}$/p' <<<"$manual" | sed '1s/.*/{/')"
    passes galaf_config --yes
    passes as alice galaf curl -sS -m 5 http://web.example/a
    says web.example
    as alice galaf git ls-remote http://web.example/b || true
    as alice galaf wget -sS -m 5 https://web.example/ || true
    mkdir -p /tmp/apt/lists/partial
    echo 'deb [trusted=yes] http://web.example/c ./' >/tmp/apt/list
    chown -R _apt /tmp/apt
    apt-get -q update -o Dir::Etc::SourceList=/tmp/apt/list -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists=/tmp/apt/lists \
        -o Acquire::http::Proxy=http://198.18.0.20:3128 -o Acquire::Retries=0 >/tmp/apt/said 2>&1 || true
    proxied "GET http://web.example/a" "GET http://web.example/b/info/refs" "CONNECT web.example:443" "GET http://web.example/c/" ||
        complain "$(galaf_denied)"
    fails 7 as alice galaf curl -sS -m 5 --noproxy '*' http://198.18.0.10/
    fails 6 as alice galaf wget -sS -m 5 --noproxy '*' http://web.example/
    fails 7 in_group nothing env http_proxy=http://198.18.0.20:3128 curl -sS -m 5 http://web.example/
    passes galaf_denied --suggest --group nothing
    says "198.18.0.20 tcp 3128 is a web proxy's port"
}

@test "a suggestion that was applied is not made again" {
    fails 6 in_group web fetch http://other.example/
    galaf_config --set '$.groups.web.domains' '["web.example", "other.example"]'
    passes galaf_denied --suggest
    says "galaf_denied: \$.groups.web: what was refused is allowed by now" "{}"
}

# cleared: empties the counters; prints how many tries they had for 198.18.0.10.
cleared() {
    galaf_denied --clear --json | /usr/bin/python3 -c '
import json, sys
print(sum(d["tries"] for d in json.load(sys.stdin)["denied"] if d["destination"] == "198.18.0.10"))'
}

@test "--clear empties everything, and counts each try once, while more go on" {
    in_group nothing /usr/bin/python3 -c '
import socket, time
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
    for _ in range(1500):
        try: probe.sendto(b"x", ("198.18.0.10", 5000))
        except PermissionError: pass
        else: raise SystemExit("sent")
        time.sleep(0.002)' 3>&- &
    sender=$!
    local total=0 times=0
    while kill -0 $sender 2>/dev/null; do
        total=$((total + $(cleared)))
        times=$((times + 1))
    done
    [ "$times" -gt 2 ]
    wait $sender
    total=$((total + $(cleared)))
    same 1500 "$total"
    fails 6 in_group web fetch http://other.example/
    passes galaf_denied --clear
    says other.example
    passes galaf_denied
    same "nothing was refused" "$output"
}

@test "--since: a date, a span, boot; not a time" {
    fails 7 as alice fetch http://198.18.0.10/
    sleep 2.1
    moment=$(date '+%F %T')
    sleep 1.1
    fails 7 as alice fetch http://198.18.0.20/
    passes galaf_denied --since "$moment"
    says 198.18.0.20
    says_not 198.18.0.10
    for time in 1h boot; do
        passes galaf_denied --since "$time"
        says 198.18.0.10 198.18.0.20
    done
    fails 1 galaf_denied --since yesterday
    says "galaf_denied: yesterday: not a time: write boot"
}

# following: galaf_denied --follow in the background, past its first look.
following() {
    galaf_denied --follow >/tmp/followed 2>&1 3>&- &
    eventually 20 waits "$!"
}

# waits PROCESS: it is between two looks.
waits() { grep -q poll "/proc/$1/wchan"; }

@test "--follow tells each new refusal on a line, once, and ends by SIGTERM, Ctrl-C or a closed pipe" {
    fails 7 as alice fetch http://198.18.0.10/
    following
    fails 7 as alice fetch http://198.18.0.20/
    fails 7 as alice fetch http://198.18.0.20/
    fails 7 internet curl -sS --max-time 3 http://192.0.2.2:2222/
    fails 6 in_group web fetch http://other.example/
    passes eventually 20 grep -q other.example /tmp/followed
    fails 7 as alice fetch http://198.18.0.10/
    passes eventually 20 grep -q 198.18.0.10 /tmp/followed
    kill %?follow
    status=0
    wait %?follow || status=$?
    same 143 "$status"
    same 2 "$(sed -n 's/.* alice\/alice curl -> 198.18.0.20 tcp 80 *(*\([0-9]*\).*/\1/p' /tmp/followed | awk '{ n += $1 ? $1 : 1 } END { print n }')" "tries of 198.18.0.20"
    same 1 "$(grep -c ' alice/alice curl -> 198.18.0.10 tcp 80$' /tmp/followed)"
    grep -q ' root/web curl may not resolve other.example A, AAAA' /tmp/followed
    grep -q ' from outside: 192.0.2.1 -> 192.0.2.2 tcp 2222$' /tmp/followed
    same 0 "$(grep -c galaf_denied: /tmp/followed)" "lines of complaint"

    (trap - INT; exec galaf_denied --follow --user bob) >/tmp/followed 2>&1 3>&- &
    eventually 20 waits "$!"
    kill -INT $!
    status=0
    wait $! || status=$?
    same "130 galaf_denied: interrupted" "$status $(cat /tmp/followed)"
    run bash -c 'galaf_denied --follow | true; echo ${PIPESTATUS[0]}'
    same 141 "$output"
}

@test "a name server that answers nonsense misleads about its own client at most, and harms nothing" {
    name_server
    galaf_config --set '$.config' '{ "dns": "open" }'       # with strict DNS no such server is asked
    passes galaf_config
    ask '[b"alias", b"example"]'
    ask '[b"many", b"example"]'
    ask '[b"cut", b"example"]'
    ask '[b"refuse\x1b[2J", b"EXAMPLE"]'
    ask "[b'refuse', b'$(printf 'x%.0s' {1..63})', b'$(printf 'y%.0s' {1..63})']"
    ask '[b"noise"]' 300
    galaf_config --set '$.config' '{ "dns": "strict" }'
    passes galaf_config
    for address in 198.18.0.77 198.18.1.23 198.18.1.24 198.18.2.1; do
        fails 7 in_group nothing fetch "http://$address/"
    done
    fails 7 as alice fetch http://198.18.0.77/
    same "alice 198.18.0.77 None
root 198.18.0.77 alias.example
root 198.18.1.23 many.example
root 198.18.1.24 None
root 198.18.2.1 None" "$(denied '"{user} {destination} {domain}".format(**d) if d["way"] == "out" else ""')"
    # a name longer than 127 bytes is left out, and so is what looks like none
    same 'refuse\027\0912j.example' "$(denied 'd["domain"] if d["way"] == "name" else ""')"
    passes galaf_denied --suggest
    says 'galaf_denied: $.groups.nothing: refuse\027\0912j.example (A) is left out'
}

# forge NAME ADDRESS RCODE MARK: in a network namespace of alice's own an answer of this machine's name server.
forge() {
    cat >/tmp/forge.py <<'PY'
import socket, struct, subprocess, sys
name, address, code, mark = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0" + struct.pack("!2H", 1, 1)
answer = struct.pack("!6H", 1, 0x8180 | code, 1, not code, 0, 0) + question
if not code:
    answer += struct.pack("!3HIH", 0xc00c, 1, 1, 60, 4) + socket.inet_aton(address)
server, client = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
client.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, struct.pack("=I", mark))
server.bind(("127.0.0.1", 53))
client.connect(("127.0.0.1", 53))
server.sendto(answer, client.getsockname())
client.recv(500)
PY
    passes as alice unshare --user --map-root-user --net /usr/bin/python3 /tmp/forge.py "$@"
}

@test "an answer forged in a network namespace of one's own is not noted, and enters no suggestion" {
    mark=$(($(getent group nothing | cut -d: -f3) << 16 | 1))
    forge login.attacker.example 198.18.0.66 0 $mark
    forge else.attacker.example 0.0.0.0 5 $mark
    fails 7 in_group nothing fetch http://198.18.0.66:993/
    passes galaf_denied
    says_not attacker
    passes galaf_denied --suggest
    says '"rule": "ip daddr 198.18.0.66 tcp dport 993"' "root/nothing curl tried "
    says_not attacker
}

@test "ids that the mark can't hold are others', not those of their low 16 bits, with eBPF and without" {
    gid=$(getent group nothing | cut -d: -f3)
    for ebpf in "" --no-ebpf; do
        galaf_denied --clear >/dev/null 2>&1
        passes galaf_config $ebpf
        for ids in "--reuid $((131072 + 1001)) --regid $((131072 + gid))" "--reuid $((131072 + 1001)) --regid 1000" \
            "--reuid 1001 --regid $((131072 + gid))" "--reuid 70000 --regid $gid"; do
            # shellcheck disable=SC2086
            fails 7 setpriv $ids --clear-groups curl -sS --max-time 3 http://198.18.0.20:993/
        done
        run galaf_denied --json
        same "1001 0
65535 0
65535 $gid" "$(denied '"{uid} {gid}".format(**d)' 2>/dev/null | sort -u)"
    done
    galaf_config --set '$.config' '{ "container_bases": [ 131072 ] }'
    passes galaf_config
    galaf_denied --clear >/dev/null
    fails 7 setpriv --reuid $((131072 + 1001)) --regid $((131072 + gid)) --clear-groups curl -sS --max-time 3 http://198.18.0.20:993/
    same "bob nothing" "$(denied '"{user} {group}".format(**d)')"
}

# flood NUMBER [GID ...]: alice sends as many datagrams, each to a port of its own, from each group; prints how many were refused.
flood() {
    /usr/bin/python3 -c '
import os, socket, sys
refused = 0
os.setgroups([])
for gid in map(int, sys.argv[2:] or [1000]):
    os.setresuid(0, 0, 0)
    os.setresgid(gid, gid, gid)
    os.setresuid(1000, 1000, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for number in range(int(sys.argv[1])):
            try: probe.sendto(b"", (f"198.18.1.{number >> 15}", number % 32768 + 1))
            except PermissionError: refused += 1
print(refused)' "$@"
}

# tries FILTER: the tries of rows for which a Python expression is true, added up.
tries() { denied "d['tries'] if $1 else ''" | awk '{ sum += $1 } END { print sum + 0 }'; }

@test "who fills the list of what was refused fills a share of it: others are listed, and each packet is counted" {
    same 70000 "$(flood 70000)"
    fails 7 as bob fetch http://198.18.0.99:8080/
    fails 1 as alice udp 198.18.1.0 1
    passes galaf_denied --user alice
    says "alice/alice: 69000 more packets refused, not listed"
    same 70001 "$(tries 'd["user"] == "alice"')"
    same 2 "$(tries 'd["destination"] == "198.18.1.0" and d["port"] == 1')" "the first one's tries"
    same "bob bob 198.18.0.99 8080" "$(denied '"{user} {group} {destination} {port}".format(**d) if d["user"] == "bob" else ""')"
    passes galaf_denied --user bob
    says_not alice
    passes galaf_denied --clear
    same 1 "$(flood 1)"
    same 1 "$(tries 'd["way"] == "out" and d["user"] == "alice"')" "what alice's share holds after --clear"
}

@test "a user's applications have a share together, too" {
    # shellcheck disable=SC2046
    same 11000 "$(flood 1100 $(seq 31001 31010))"
    fails 7 as bob fetch http://198.18.0.99:8080/
    same 8000 "$(tries 'd["way"] == "out" and d["user"] == "alice"')" "what is listed"
    same 3000 "$(tries 'd["way"] == "more-out" and d["user"] == "alice"')" "what is not"
    same 1 "$(tries 'd["way"] == "out" and d["user"] == "bob"')"
}

@test "who sends much from outside fills a share: others are listed, and each packet is counted" {
    internet ip addr add 203.0.113.7/32 dev lo
    internet /usr/bin/python3 -c '
import socket
for address, family in ("192.0.2.2", socket.AF_INET), ("2001:db8::2", socket.AF_INET6):
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        for port in range(1, 2001):
            try: probe.sendto(b"x", (address, port))
            except OSError: probe.sendto(b"x", (address, port))     # what a refusal before has told'
    fails 1 internet ping -n -c 1 -W 1 -I 203.0.113.7 192.0.2.2
    same 4000 "$(tries 'd["way"] in ("in", "more-in") and d["protocol"] == "udp"')"
    same 500 "$(tries 'd["way"] == "in" and d["protocol"] == "udp"')"
    same 1 "$(tries 'd["source"] == "203.0.113.7"')"
    passes galaf_denied
    says "from outside: 3500 more packets refused, not listed"
    passes galaf_stats
    says "more refused in, not listed" "| udp "
    passes galaf_stats --reset
    passes galaf_denied
    says "nothing was refused"
    internet ip addr del 203.0.113.7/32 dev lo
}

@test "where others' packets have filled the lists, as by addresses of their choice, the rest is counted, and nothing is lost" {
    /usr/bin/python3 -c '
for number in range(65536):
    one = f"{number >> 8}.{number & 255}"
    print(f"add element inet galaf denied_in4 {{ 10.0.{one} . 192.0.2.2 . tcp . 1000 counter packets 3 bytes 120 }}")
    print(f"add element inet galaf denied_in6 {{ 2001:db8:{number:x}::1 . 2001:db8::2 . tcp . 1000 counter packets 3 bytes 120 }}")' |
        passes nft -f -
    internet ping -n -c 1 -W 1 192.0.2.2 || true
    fails 7 internet curl -sS --max-time 3 http://192.0.2.2:993/
    passes sh -c 'galaf_denied --clear --json >/tmp/cleared'
    /usr/bin/python3 - <<'PY'
import json
rows = json.load(open("/tmp/cleared"))["denied"]
assert sum(row["tries"] for row in rows if row["way"] == "in") == 6 * 65536
more = {row["protocol"]: row["tries"] for row in rows if row["way"] == "more-in"}
assert set(more) == {"icmp", "tcp"} and more["icmp"] == 1, more
PY
    same 0 "$(tries 'd["way"] in ("in", "more-in")')"
    rm /tmp/cleared
}

@test "who has many names refused fills a share: others' names are listed, and each query is counted" {
    fails 6 in_group web fetch http://other.example/
    passes as alice /usr/bin/python3 -c '
import socket, struct
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
probe.settimeout(3)
for number in range(1000):
    label = b"n%d" % number
    probe.sendto(struct.pack(">6H", number, 0x100, 1, 0, 0, 0) + bytes([len(label)]) + label + b"\x07example\0\0\1\0\1",
                 ("127.0.0.1", 53))
    assert probe.recv(512)[3] & 15 == 5'
    same "web other.example" "$(denied '"{group} {domain}".format(**d) if d["way"] == "name" and d["group"] == "web" else ""')"
    same 1000 "$(tries 'd["user"] == "alice"')"
    [ "$(tries 'd["way"] == "name" and d["user"] == "alice"')" -le 128 ]
    passes galaf_denied
    says " more queries refused, not listed" n999.example
}

@test "10,000 refusals: at most 1.5 s of processor time and 120 MB" {
    galaf --test nothing /usr/bin/python3 -c '
import contextlib, ipaddress, os, socket
for number in range(10000):
    if number % 1000 == 0:
        os.setresuid(2000 + number // 1000, 0, 0)       # each has a share of his own
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(PermissionError):
        probe.sendto(b"x", (str(ipaddress.IPv4Address("198.18.128.0") + number), 5000))'
    passes /usr/bin/python3 -c '
import resource, subprocess
text = subprocess.run(["galaf_denied"], stdout=subprocess.PIPE, text=True, check=True).stdout
used = resource.getrusage(resource.RUSAGE_CHILDREN)
seconds, megabytes = used.ru_utime + used.ru_stime, used.ru_maxrss // 1024
rows = text.count("/nothing ")
print(f"# {rows} rows: {seconds:.2f} s, {megabytes} MB")
assert rows == 10000 and seconds <= 1.5 and megabytes <= 120'
    echo "$output" >&3
}

# at_socket NAME OPTION: galaf_denied with the option at its socket, as its service has it.
at_socket() {
    mkdir -p /run/galaf-denied
    rm -f "/run/galaf-denied/$1"
    systemd-socket-activate -l "/run/galaf-denied/$1" galaf_denied "$2" >"/tmp/at-$1" 2>&1 3>&- &
    echo $! >/tmp/servant
    passes eventually 20 test -S "/run/galaf-denied/$1"
    chmod 666 "/run/galaf-denied/$1"
}
answering() { at_socket ask --answer; }
telling() { at_socket watch --tell; }

@test "--mine: a user without root sees what was refused to them, in any group, and nobody else's" {
    answering
    fails 7 as alice fetch http://198.18.0.10:994/
    fails 7 setpriv --reuid 1000 --regid "$(getent group web | cut -d: -f3)" --clear-groups curl -sS --max-time 3 http://198.18.0.20:993/
    fails 6 as alice fetch http://other.example/
    fails 7 as bob fetch http://198.18.0.30:993/
    fails 7 fetch http://198.18.0.44:993/
    passes as alice galaf_denied --mine
    says "| alice/alice | /usr/bin/curl | 198.18.0.10 | tcp 994 |" "| alice/web   | /usr/bin/curl | 198.18.0.20 | tcp 993 |" other.example
    says_not 198.18.0.30 198.18.0.44 from
    passes as alice galaf_denied --mine --group web
    says_not 198.18.0.10
    passes as alice bash -c 'galaf_denied --mine --json | jq --raw-output ".denied[] | .uid"'
    same 1000 "$(sort -u <<<"$output")"
    passes as bob galaf_denied --mine
    says 198.18.0.30
    says_not 198.18.0.10 other.example
    fails 1 as bob cat /run/galaf-denied/1000
    fails 1 as bob bash -c 'echo >>/run/galaf-denied/1001'
    fails 1 as bob chmod a+rw /run/galaf-denied/1001
    fails 1 as bob touch /run/galaf-denied/x
    fails 1 setpriv --reuid 1 --regid 1 --clear-groups galaf_denied --mine      # root's mark
    fails 1 galaf_denied --mine
    says "root sees everything without it"
    fails 2 as alice galaf_denied --mine --clear
    fails 2 as alice galaf_denied --mine --user bob
    fails 1 as alice galaf_denied --answer
    says "needs root"
}

@test "--mine is bounded: a thousand rows, a look a second, the same file; who holds connections keeps nobody out" {
    answering
    same 3000 "$(flood 3000)"
    # shellcheck disable=SC2046
    flood 700 $(seq 31001 31005) >/dev/null
    fails 7 as bob fetch http://198.18.0.30:993/
    passes as alice bash -c 'galaf_denied --mine --json | jq ".denied | length"'
    same 1000 "$output"
    before=$(stat -c %i /run/galaf-denied/1000)
    as alice /usr/bin/python3 - 3>&- <<'PY' &
import socket, time
held, end = [], time.monotonic() + 6
while time.monotonic() < end:
    asking = socket.socket(socket.AF_UNIX)
    asking.settimeout(1)
    try: asking.connect("/run/galaf-denied/ask")
    except OSError: continue
    held = held[-500:] + [asking]
PY
    for _ in 1 2 3; do
        passes as bob galaf_denied --mine
        says 198.18.0.30
        sleep 1
    done
    wait $!
    same "$before" "$(stat -c %i /run/galaf-denied/1000)" "the file"
    [ "$(stat -c %s /run/galaf-denied/1000)" -lt 700000 ]
}

@test "--mine: what others send from outside, and could fill, is not read for it" {
    answering
    fails 7 as bob fetch http://198.18.0.30:993/
    strace -qq -f -p "$(cat /tmp/servant)" -e trace=sendto -s 100 -o /tmp/asked 2>/dev/null 3>&- &
    passes eventually 20 grep -qE '^TracerPid:\s+[1-9]' "/proc/$(cat /tmp/servant)/status"
    passes as bob galaf_denied --mine
    kill $!
    says 198.18.0.30
    # It prints these messages as strings of \x and two digits a byte.
    same "denied4 denied6 denied_more" "$(printf '%b' "$(cat /tmp/asked)" | tr '\0' '\n' | grep -ao 'denied[a-z0-9_]*' | sort -u | xargs)"
    rm /tmp/asked
}

@test "--mine where nobody answers, or no rules are loaded: a plain word" {
    rm -rf /run/galaf-denied
    fails 1 as alice galaf_denied --mine
    same "galaf_denied: /run/galaf-denied/ask: nobody answers (No such file or directory): systemctl status galaf-denied.socket says why, or sudo galaf_denied" "$output"
    answering
    galaf_firewall stop
    fails 1 as alice galaf_denied --mine
    same "galaf_denied: the rules are not loaded, so nothing is refused" "$output"
    galaf_firewall start
    fails 1 galaf_denied --answer
    says "called by galaf-denied.service and galaf-told.service alone"
}

# hears USER COMMAND ...: whether that user's program is told that something was refused while the command runs.
hears() {
    as "$1" /usr/bin/python3 -c '
import select, socket, subprocess, sys
with socket.socket(socket.AF_UNIX) as watching:
    watching.settimeout(20)
    watching.connect("/run/galaf-denied/watch")
    while select.select([watching], [], [], 2.5)[0]:       # what was refused before, as what others try by themselves
        watching.recv(4096) or sys.exit("nobody tells")
    subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL)
    sys.exit(0 if select.select([watching], [], [], 5)[0] and watching.recv(4096) else "nothing is told")' "${@:2}"
}

@test "whoever listens is told that something was refused, a packet or a name, and nothing else" {
    telling
    passes hears alice curl -sS --max-time 3 http://198.18.0.10:994/
    passes hears alice getent ahosts other.example
    fails 1 hears alice true
    says "nothing is told"
    galaf_firewall stop
    galaf_firewall start
    passes hears alice curl -sS --max-time 3 http://198.18.0.10:994/
    fails 1 hears root true
    says "nobody tells"
    fails 1 as alice galaf_denied --tell
    says "answering needs root"
}

@test "who listens too often is not told, and keeps nobody else from it" {
    telling
    as alice /usr/bin/python3 - 3>&- <<'PY' &
import socket, time
held = []
for _ in range(200):
    asking = socket.socket(socket.AF_UNIX)
    asking.settimeout(2)
    asking.connect("/run/galaf-denied/watch")
    asking.send(b"x" * 1000)
    held.append(asking)
open("/tmp/holds", "w").close()
time.sleep(30)
PY
    holder=$!
    eventually 20 test -e /tmp/holds
    passes hears bob curl -sS --max-time 3 http://198.18.0.10:995/
    same 4 "$(ss -xH state connected | grep -c 'galaf-denied/watch')"
    kill $holder
    rm -f /tmp/holds
}

@test "without root, the table, or eBPF: a plain word" {
    fails 1 as alice galaf_denied
    same "galaf_denied: reading what was refused needs root: run it with sudo" "$output"
    fails 2 galaf_denied --clear --user alice
    fails 2 galaf_denied --json --suggest
    galaf_firewall stop
    fails 1 galaf_denied
    same "galaf_denied: the table inet galaf is not loaded: run galaf_config, or galaf_firewall start" "$output"
    galaf_firewall start
    passes galaf_config --no-ebpf
    fails 7 as alice fetch http://198.18.0.10/
    passes galaf_denied
    says "galaf_denied: the eBPF programs are not attached, so programs and domains are not known" "alice" 198.18.0.10
    passes galaf_config
}
