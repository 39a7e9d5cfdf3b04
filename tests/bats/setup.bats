#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# galaf_setup on the installed package: the first hour on a terminal, what passes after it, and what may go wrong.

load helper

LIBRARY=/usr/share/galaf/known

setup_file() {
    start_dnsmasq
    cp "$CONF" /tmp/shipped.json
    mv "$LIBRARY" /tmp/library
    printf '#!/bin/sh\nexec curl "$@"\n' >/usr/bin/thunderbird      # neither is on this machine
    printf '#!/bin/sh\nexec sleep 60\n' >/usr/sbin/sshd
    chmod 755 /usr/bin/thunderbird /usr/sbin/sshd
}

teardown_file() { rm -rf "$LIBRARY" && mv /tmp/library "$LIBRARY"; }

setup() {
    galaf_firewall stop >/dev/null
    rm -rf /var/lib/galaf/asked /etc/galaf/galaf_conf.d "$LIBRARY"
    mkdir -m 755 "$LIBRARY"
    knows curl wget nc sshd thunderbird
    cat >"$LIBRARY/bobs.json" <<'JSON'
{ "summary": "What bob serves", "topic": "services", "packages": [ "none" ], "program": "/usr/bin/curl",
  "rests_on": [ "this test" ],
  "users": { "bob": { "rule": "tcp dport 8080" } }, "inbound": { "bob": "tcp dport 9999" } }
JSON
    sed 's/"dns": "strict"/"dns":   "strict"/' /tmp/shipped.json >/tmp/mine.json   # a layout of one's own
    cp /tmp/mine.json "$CONF"
    for name in curl wget nc; do
        groupdel "$name" 2>/dev/null || true
    done
    servers=()
}

teardown() { [ ${#servers[@]} = 0 ] || kill "${servers[@]}" 2>/dev/null || true; }

# knows NAME ...: these are in the library, as they are shipped.
knows() { (cd /tmp/library && cp "${@/%/.json}" "$LIBRARY"); }

# on_terminal INPUT COMMAND ...: runs it on a terminal that types the input.
on_terminal() {
    run script --quiet --return --command "${*:2}" /dev/null < <(printf "%b" "$1"; sleep 3)
}

# on_trial_then KEYS [COMMAND ...]: answers all with the defaults, types the keys once it asks whether to keep the
# rules, after the command.
on_trial_then() {
    rm -f /tmp/said
    run script --quiet --return --flush --command galaf_setup /tmp/said \
        < <(printf '\n\n\n\n\n\n'; eventually 300 grep -q "Keep these" /tmp/said; "${@:2}"; printf "%b" "$1"; sleep 2)
}

# serve USER PORT: a web server of that user's on this machine.
serve() {
    setpriv --reuid "$1" --regid "$1" --clear-groups /usr/bin/python3 -m http.server --bind :: "$2" >/dev/null 2>&1 3>&- &
    servers+=($!)
    eventually 20 curl --silent --output /dev/null "http://127.0.0.1:$2/"
}

# from_outside PORT: whether another machine reaches it.
from_outside() { internet curl --silent --output /dev/null --max-time 3 "http://192.0.2.2:$1/"; }

# logged_in ADDRESS PORT: another machine has a connection from that address to this one's port.
logged_in() {
    internet /usr/bin/python3 -c 'import socket, sys, time
with socket.create_connection(("192.0.2.2", int(sys.argv[2])), 5, (sys.argv[1], 0)):
    time.sleep(300)' "$1" "$2" 3>&- &
    servers+=($!)
    eventually 20 connected "$2" || complain "no connection to port $2"
}
connected() { ss -Htn state established "sport = :$1" | grep -q .; }

# web PORT: alice fetches by the application curl.
web() { as alice galaf curl --silent --max-time 5 "http://198.18.0.10:$1/"; }

# all_of_it: file, rules and notes, which must stay as they are.
all_of_it() {
    cat "$CONF" /var/lib/galaf/asked 2>/dev/null || true
    nft -s -t list ruleset | sort       # sets that come and go change their order
    readlink /var/lib/galaf/good || true
}

@test "the first hour: what was chosen passes, what was left out or not offered is refused, the file's layout stays" {
    passes as alice fetch http://198.18.0.10/
    on_terminal '\n\n2\nmail.example\n\n\ny\n' galaf_setup
    ended 0
    says "Listed already in $CONF, with what they may reach: thunderbird, " "Services:" \
        "1 * bobs  What bob serves: port 8080" "1   nc  netcat: any connection: any port" \
        "1 * curl  Fetches URLs: ports 80 and 443" "2 * wget" "your mail provider's domains" \
        "What others may reach of this machine:" "1   bobs  What bob serves: port 9999" "Take which? [Enter for none, all," \
        '+        "curl": {' "Keep these rules? [y/N]" "$CONF is written; kept: generation" "Next: galaf "
    says_not '+        "wget"' Traceback
    passes web 80
    says "198.18.0.10 80"
    fails 7 web 8080
    fails 7 as alice fetch http://198.18.0.10/
    fails 2 getent group wget
    passes as bob fetch http://198.18.0.10:8080/
    fails 7 as alice fetch http://198.18.0.10:8080/
    passes in_group thunderbird fetch http://mail.example:993/
    fails 6 in_group thunderbird fetch http://web.example:993/
    serve bob 9999
    fails 7 from_outside 9999
    same '            "domains": [ "example.org" ],' "$(diff /tmp/mine.json "$CONF" | sed -n 's/^< //p' | grep -v '^ *}$')" "what is gone"
}

@test "later it offers what has come since, and what was left out only with --all" {
    passes galaf_setup --yes
    says '+        "wget"' "$CONF is written"
    passes galaf_config --unset '$.groups.wget'
    passes galaf_config --yes
    before=$(all_of_it)
    passes galaf_setup --yes
    says "nothing is known, installed and not in the file yet" "nothing new: $CONF was left as it is"
    on_terminal '' galaf_setup
    ended 0
    same "$before" "$(all_of_it)"
    knows git
    on_terminal '\n\ny\n' galaf_setup
    ended 0
    says "1 * git" "Keep these rules"
    says_not "wget  "
    file_says "$CONF" '"git": {' '"curl": {'
    passes galaf_setup --all --yes --follow
    file_says "$CONF" '"wget": "known"'
    same "" "$(galaf_config --diff 2>/dev/null)"
}

@test "what others may reach: nothing unasked, but ssh on the port of one's own login, found past sudo" {
    serve root 2222
    serve bob 9999
    passes galaf_setup --yes
    fails 7 from_outside 2222
    fails 7 from_outside 9999
    galaf_firewall stop >/dev/null
    cp /tmp/mine.json "$CONF"
    logged_in 192.0.2.1 2222
    passes env SSH_CONNECTION='192.0.2.1 50000 192.0.2.2 2222' sh -c 'env -u SSH_CONNECTION galaf_setup --yes; exit $?'
    file_says "$CONF" '"root": "tcp dport 2222"'
    passes from_outside 2222
    fails 7 from_outside 9999
    galaf_firewall stop >/dev/null
    cp /tmp/mine.json "$CONF"
    on_terminal '\n\n\n\n1\n\ny\n' galaf_setup --all
    file_says "$CONF" '"bob": "tcp dport 9999"'
    passes from_outside 9999
    fails 7 from_outside 2222
    for nonsense in 'x 1 y 22' '192.0.2.1 1 192.0.2.2 99999' '192.0.2.1 1 192.0.2.2 22;22' "$(printf 'a%.0s' {1..100000})"; do
        passes timeout 20 env SSH_CONNECTION="$nonsense" galaf_setup --show --all
        says_not '"root": "tcp' '"root": ["tcp'
    done
}

@test "a program that says in the person's environment that one is logged in by ssh opens nothing" {
    local said
    serve root 2222
    serve bob 9999
    logged_in 192.0.2.1 2222
    logged_in 192.0.2.1 9999
    for said in '192.0.2.1 1 192.0.2.2 9999' '192.0.2.7 1 192.0.2.2 2222' '192.0.2.1 1 192.0.2.2 2223'; do
        passes env SSH_CONNECTION="$said" sh -c 'env -u SSH_CONNECTION galaf_setup --show; exit $?'
        says_not '"root": "tcp'
    done
    passes env SSH_CONNECTION='::ffff:192.0.2.1 1 ::ffff:192.0.2.2 2222' galaf_setup --show
    says '"root": "tcp dport 2222"'
}

@test "--show prints the file that --yes writes, needs no root and changes nothing" {
    before=$(all_of_it)
    as alice galaf_setup --show >/tmp/shown.json
    same "$before" "$(all_of_it)"
    passes galaf_setup --yes
    passes cmp /tmp/shown.json "$CONF"
}

# refused WORDS COMMAND ...: it fails with these words in a line, and all is as it was.
refused() {
    local before
    before=$(all_of_it)
    fails 1 "${@:2}"
    says "galaf_setup: $1"
    says_not Traceback
    same "$before" "$(all_of_it)"
}

@test "no terminal, no root, a broken file, a trial that is on: one line, and all is as it was" {
    passes galaf_config --yes
    refused "changing rules needs root" as alice galaf_setup --yes
    refused "asks on a terminal: run it on one, or with --yes, or --show; nothing was changed" galaf_setup </dev/null
    refused "asks on a terminal" sh -c 'galaf_setup <&-'
    passes sh -c 'galaf_setup --show >&-'
    rm "$LIBRARY"/*
    same "$(cat "$CONF")" "$(SSH_CONNECTION='192.0.2.1 1 192.0.2.2 22' galaf_setup --show)" "without a library"
    echo '{' >"$LIBRARY/git.json"
    refused "$LIBRARY/git.json: line 2" galaf_setup --yes
    rm "$LIBRARY/git.json"
    passes galaf_config --try 600
    refused "rules are on trial for another" galaf_setup --yes
    passes galaf_config --confirm
    sed -i 's/"users": {/"users": [/' "$CONF"
    refused "$CONF: line " galaf_setup --yes
    refused "$CONF: line " galaf_setup --show
    mv "$CONF" /tmp/away.json
    refused "$CONF: No such file or directory" galaf_setup --yes
    mv /tmp/away.json "$CONF"
}

@test "an answer that is none is asked for again; no, the end of input and Ctrl-C leave all as it was" {
    passes galaf_config --yes
    before=$(all_of_it)
    on_terminal '\n7\nx\n\n\n\n\nperhaps\nn\n' galaf_setup
    ended 1
    says "'7' is none of 1 to 1: try again" "'x' is none of 1 to 1" "'perhaps' is neither yes nor no: try again" \
        "galaf_setup: nothing was changed"
    on_terminal '\n\n\004' galaf_setup
    ended 1
    says "galaf_setup: no answer: nothing was changed"
    rm -f /tmp/said
    run script --quiet --return --flush --command galaf_setup /tmp/said \
        < <(eventually 60 grep -q "Take those" /tmp/said; printf '\n\003'; sleep 1)
    ended 130
    says "galaf_setup: interrupted"
    says_not Traceback
    same "$before" "$(all_of_it)"
}

@test "on trial: no, Ctrl-C, the end of input, a closed terminal and a file that changes meanwhile bring the rules before back at once" {
    passes galaf_config --yes
    before=$(all_of_it)
    for keys in 'ja\nn\n' '\003' '\004'; do
        on_trial_then "$keys"
        ended 1
        says "Keep these rules?" "galaf_setup: generation " "is active again"
        says_not Traceback
        diff <(echo "$before") <(all_of_it) >/tmp/other || complain "not as before, after $keys" "$(cat /tmp/other)"
        [ ! -e /var/lib/galaf/trial ]
    done
    for signal in HUP TERM; do      # a terminal that is closed has the first sent
        on_trial_then '' pkill "-$signal" -f '^/usr/bin/python3 .*galaf_setup$'
        ended 1
        says_not Traceback
        diff <(echo "$before") <(all_of_it) >/tmp/other || complain "not as before, after $signal" "$(cat /tmp/other)"
        [ ! -e /var/lib/galaf/trial ]
    done
    on_trial_then 'y\n' bash -c "echo >>$CONF"
    ended 1
    says "$CONF has changed meanwhile: run galaf_setup again; nothing was changed"
    cp /tmp/mine.json "$CONF"
    same "$before" "$(all_of_it)" "after a change by another"
    on_trial_then 'n\n' bash -c "galaf_config --confirm >/dev/null"
    ended 1
    says "kept by another meanwhile" "$CONF was left as it was"
    passes galaf_config --rollback
    on_trial_then 'y\n' bash -c "galaf_config --confirm >/dev/null"
    ended 0
    file_says "$CONF" '"curl": {'
}

@test "a group that is another's, an entry of the same program, root's entry: left alone" {
    groupadd --gid 700 wget
    passes galaf_config --set '$.groups.fetch' '{ "execv": ["/usr/bin/curl", "…"], "rule": "tcp dport 8080" }'
    knows network-manager
    touch -a /usr/sbin/NetworkManager
    passes galaf_setup --yes
    says "left to you, since one entry holds all that root may: network-manager" \
        "Not offered: wget: the group wget is none of applications"
    says_not '+        "wget"' '+        "curl"'
    groupdel wget
}

@test "a flatpak of everyone's is offered by its own name where its application is known; else it is named" {
    local name
    knows firefox-esr
    [ -e /usr/bin/flatpak ] || install -m 755 /bin/true /usr/bin/flatpak
    for name in org.mozilla.firefox org.example.Unknown; do
        mkdir -p "/var/lib/flatpak/app/$name/current/active"
        echo '[Application]' >"/var/lib/flatpak/app/$name/current/active/metadata"
    done
    passes galaf_setup --yes
    says "Not offered: org.example.Unknown, a flatpak: what it needs is not known"
    passes galaf_config --get "\$.groups.'org.mozilla.firefox'.execv[3]"
    says org.mozilla.firefox
    passes galaf --list
    says "flatpak run --file-forwarding org.mozilla.firefox …"
    passes galaf_config --unset "\$.groups.'org.mozilla.firefox'"
    rm -r /var/lib/flatpak/app
}

# opensnitch FILE OPERATORS [KEY VALUE]: a rule of OpenSnitch's that allows, for good, where the list of comparisons holds.
opensnitch() {
    jq -n --argjson list "$2" --arg key "${3:-created}" --arg value "${4:-}" \
        '{name: "x", enabled: true, action: "allow", duration: "always", precedence: false,
          operator: {type: "list", operand: "list", data: "", sensitive: false, list: $list}} + {($key): $value}' >"/tmp/rules/$1.json"
}

@test "OpenSnitch's rules become entries where they map, and are named with their reason where not" {
    mkdir -p /tmp/rules
    passes galaf_config --yes
    refused "/tmp/rules: no rule of OpenSnitch's is there" galaf_setup --yes --import-opensnitch /tmp/rules
    path='{"type": "simple", "operand": "process.path", "data": "/usr/bin/curl"}'
    opensnitch curl "[$path, {\"type\": \"simple\", \"operand\": \"dest.host\", \"data\": \"web.example\"},
                      {\"type\": \"simple\", \"operand\": \"dest.port\", \"data\": \"80\"}]"
    opensnitch bob '[{"type": "simple", "operand": "user.id", "data": "1001"},
                     {"type": "network", "operand": "dest.network", "data": "198.18.0.10/32"}]'
    opensnitch deny "[$path]" action deny
    opensnitch regexp '[{"type": "regexp", "operand": "process.path", "data": "/usr/.*"}]'
    printf '\xff' >/tmp/rules/latin.json
    opensnitch alices '[{"type": "simple", "operand": "process.path", "data": "/home/alice/mine"}]'
    passes galaf_setup --show --import-opensnitch /tmp/rules
    says '"domains": ["web.example"]' "2 of 6 rules become entries"
    passes galaf_setup --yes --import-opensnitch /tmp/rules
    says "deny.json: refuses, and galaf refuses what is not listed" "regexp.json: compares process.path by 'regexp'" \
        "alices.json: " "$CONF is written"
    passes as alice galaf curl --silent --max-time 5 http://web.example/
    fails 7 as alice galaf curl --silent --max-time 5 http://web.example:8080/
    fails 6 as alice galaf curl --silent --max-time 5 http://mail.example/
    fails 7 as alice fetch http://198.18.0.10/
    passes as bob fetch http://198.18.0.10:8080/
    fails 7 as bob fetch http://198.18.0.20:8080/
}

@test "what ufw lets in is let in for who serves it; the rest is named" {
    passes galaf_config --yes
    refused "/tmp/rules: no rules of ufw's are there" galaf_setup --yes --import-ufw /tmp/rules
    others ufw
    printf '[Pages]\ntitle=x\ndescription=x\nports=8081/tcp\n[Never]\ntitle=x\ndescription=x\nports=8082/tcp\n' \
        >/etc/ufw/applications.d/pages
    passes ufw allow Pages
    passes ufw allow from 192.0.2.0/24 to any port 8083 proto tcp
    passes ufw allow from 203.0.113.0/24 to any port 8084 proto tcp
    passes ufw allow 9/tcp
    passes ufw deny 8082/tcp
    for port in 8081 8082 8083 8084; do serve bob $port; done
    passes galaf_setup --yes --import-ufw
    says "inbound bob: new" "allow tcp 9 0.0.0.0/0 any 0.0.0.0/0 in: nobody serves it now" "deny tcp 8082 " "$CONF is written"
    passes from_outside 8081
    passes from_outside 8083
    fails 7 from_outside 8082
    fails 7 from_outside 8084
    same '["tcp dport 8081","ip saddr 192.0.2.0/24 tcp dport 8083","ip saddr 203.0.113.0/24 tcp dport 8084"]' \
        "$(jq --compact-output .inbound.bob "$CONF")"
}

# learning [SPAN]: begins it, with what was there before as it is.
learning() {
    passes galaf_setup --yes --learn "${1:-1h}"
    says "NOT enforced, audit" "nothing is refused; then" "sudo galaf_setup --learn end"
}

# looks: what notes what is used looks again, as it does once a minute.
looks() { /usr/bin/python3 -Bc 'import sys; sys.path.append("/usr/lib")
from galaf.observe import learned; sys.exit(not learned.look("galaf"))'; }

@test "learning: nothing is refused, then what was before is again; what was used is proposed, one by one, and passes" {
    passes galaf_config --yes
    knows git
    rm "$LIBRARY/bobs.json"
    install -m 755 /usr/bin/curl /usr/bin/fetcher
    galaf_setup --show >/tmp/by_default.json
    before=$(all_of_it)
    fails 7 as alice curl --silent --max-time 5 http://198.18.0.20:993/
    learning 8s
    fails 1 galaf_setup --yes --learn 1h
    says "nothing is refused until 2" "as it is: galaf_config ends that; nothing was changed"
    passes as alice curl --silent --max-time 5 http://198.18.0.10/
    passes as alice fetcher --silent --max-time 5 http://web.example:8080/
    passes as alice bash -c 'exec 3<>/dev/tcp/198.18.0.10/80'
    passes as bob fetch http://198.18.0.10:993/
    passes looks
    eventually 60 test ! -e /var/lib/galaf/trial
    same "$before" "$(all_of_it)"
    fails 7 as alice curl --silent --max-time 5 http://198.18.0.10/
    passes galaf_setup --show
    same "$(cat /tmp/by_default.json)" "$output" "what is taken by default"
    on_terminal 'y\nn\n\n\n\ny\n' galaf_setup
    same 0 "$status" "$output"
    says "1 of 2: curl: Fetches URLs; used 3 times since 2" "'/usr/bin/bash, /usr/bin/curl': 198.18.0.10 tcp 80" \
        "bob/bob '/usr/bin/curl': 198.18.0.10 tcp 993, once, last 2" "2 of 2: fetcher: not known to galaf; used once" \
        "tcp 8080 ('web.example'), once" "a name by an answer to 'fetcher'" "bash runs whatever it is given" "$CONF is written"
    says_not "198.18.0.20" Traceback
    file_says "$CONF" '"curl": {'
    passes web 80
    fails 7 as alice fetch http://198.18.0.10/
    [ ! -e /var/lib/galaf/learned.json ]
    same false "$(jq '(.groups | has("fetcher")) or (.users | has("alice") or has("bob"))' "$CONF")"
}

@test "learning ends by a word, and a reboot comes between: what was used before it counts too, and no firewall comes back" {
    rm -f /var/lib/galaf/good /var/lib/galaf/learned.json
    learning
    says "then there is no firewall, as before"
    passes as alice /usr/bin/python3 -c '
import socket
for port in range(20000, 21100):        # more than alice has a share of in the list of what was refused
    socket.socket().connect_ex(("198.18.0.20", port))'
    passes as alice curl --silent --max-time 5 http://198.18.0.10/
    passes as bob fetch http://198.18.0.10:993/
    passes looks
    nft delete table inet galaf
    passes galaf_firewall start
    passes as alice curl --silent --max-time 5 http://198.18.0.10:993/
    passes galaf_setup --learn end --yes
    says "there was no firewall before, and there is none again; sudo galaf_setup proposes entries for what was used"
    fails 1 nft list table inet galaf
    passes as alice fetch http://198.18.0.10:8080/
    [ ! -e /var/lib/galaf/trial ]
    fails 1 galaf_setup --yes --learn end
    says "nothing is being learned"
    nobody_notes() { ! pgrep -f '[g]alaf_setup --notes' >/dev/null; }
    on_terminal 'y\n\n\n\ny\n' galaf_setup
    same 0 "$status" "$output"
    says "198.18.0.10 tcp 80" "198.18.0.10 tcp 993" "it does not allow all of it: rule lacks ip daddr 198.18.0.10 tcp dport 993" \
        "packets more than could be noted one by one" "runs whatever it is given"
    passes web 80
    fails 7 web 993
    pkill -f '[g]alaf_setup --notes' || true
}

@test "a span of learning that is none, without root or with other options: one line, and all is as it was" {
    passes galaf_config --yes
    refused "--learn 7w: not a number and s, m, h or d, or end" galaf_setup --yes --learn 7w
    refused "--learn 31d: longer than 30d" galaf_setup --yes --learn 31d
    refused "changing rules needs root" as alice galaf_setup --yes --learn 1h
    refused "asks on a terminal" galaf_setup --learn 1h </dev/null
    fails 2 galaf_setup --show --learn 1h
    passes galaf_config --yes --no-ebpf
    refused "only the eBPF programs tell which program it was" galaf_setup --yes --learn 1h
}
