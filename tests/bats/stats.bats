#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# galaf_stats on the installed package: its figures beside what was really sent, and its forms.

load helper

setup_file() {
    configure <<'JSON'
{
    "groups": {
        "echo": { "rule": "udp dport 5000", "record": true },
        "web": { "rule": "tcp dport 80" },
        "closed": null
    }
}
JSON
}

setup() {
    galaf_stats --reset >/dev/null
}

teardown() {
    tmux kill-server 2>/dev/null || true
}

# datagrams USER GROUP ADDRESS NUMBER SIZE: sends them to an echo server; prints how many came back.
datagrams() {
    in_group "$2" setpriv --reuid "$1" --clear-groups /usr/bin/python3 - "${@:3}" <<'PY'
import socket, sys
address, number, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(5)
back = 0
for _ in range(number):
    try:
        sock.sendto(b"x" * size, (address, 5000))
        back += len(sock.recv(65535)) == size
    except PermissionError:
        pass
print(back)
PY
}

# figure SET USER GROUP: "packets bytes" of a row; nothing if there is none.
figure() {
    galaf_stats --set "$1" --user "$2" --group "$3" --json |
        /usr/bin/python3 -c 'import json, sys; print(*(f"{row[k]}" for row in json.load(sys.stdin)["sets"][sys.argv[1]]
                                          for k in ("packets", "bytes")))' "$1"
}

@test "packets and bytes by user and group are exact, IPv4 and IPv6" {
    same 10 "$(datagrams alice echo 198.18.0.10 10 100)" "answers"
    same 5 "$(datagrams bob echo 198.18.0.10 5 1000)" "answers"
    same 3 "$(datagrams alice echo 2001:2:0:1::10 3 200)" "answers"
    # 20 + 8 bytes of headers over IPv4, 40 + 8 over IPv6
    same "13 $((10 * 128 + 3 * 248))" "$(figure pre-filter-out alice echo)"
    same "13 $((10 * 128 + 3 * 248))" "$(figure post-filter-out alice echo)"
    same "13 $((10 * 128 + 3 * 248))" "$(figure post-filter-in alice echo)"
    for set in pre-filter-out post-filter-out post-filter-in; do
        same "5 $((5 * 1028))" "$(figure "$set" bob echo)"
    done
}

@test "what the firewall refuses is in pre-filter-out alone; loopback is in none" {
    same 0 "$(datagrams bob closed 198.18.0.10 4 100)" "answers"
    same "4 $((4 * 128))" "$(figure pre-filter-out bob closed)"
    same "" "$(figure post-filter-out bob closed)"
    same "" "$(figure post-filter-in bob closed)"
    same 0 "$(datagrams bob web 127.0.0.1 3 100 2>/dev/null || echo 0)" "answers"
    same "" "$(figure pre-filter-out bob web)"
    same 2 "$(datagrams alice echo 198.18.0.10 2 100)" "answers"
    in_group echo setpriv --reuid alice --clear-groups /usr/bin/python3 -c '
import socket
try: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x" * 72, ("198.18.0.10", 5001))
except PermissionError: pass'
    same "3 356" "$(figure pre-filter-out alice echo)"
    same "2 256" "$(figure post-filter-out alice echo)"
}

@test "counters outlive the change from an older galaf's rules to these, and the way back" {
    same 2 "$(datagrams alice echo 198.18.0.10 2 100)" "answers"
    same 0 "$(datagrams bob closed 198.18.0.10 4 100)" "answers"
    sed -i s/refused-out/pre-filter-out/ /var/lib/galaf/good/ruleset.nft
    sed -i s/sha256/older/ /var/lib/galaf/good/meta.json
    for change in "galaf_firewall reload" "galaf_config --yes"; do
        passes $change
        same "2 256" "$(figure pre-filter-out alice echo)"
        same "2 256" "$(figure post-filter-out alice echo)"
        same "4 512" "$(figure pre-filter-out bob closed)"
        same "" "$(figure post-filter-out bob closed)"
    done
    passes nft list set inet galaf refused-out
    fails 1 nft list set inet galaf pre-filter-out
}

@test "the table: names, units, a total; sorted by bytes, packets or name" {
    datagrams alice echo 198.18.0.10 12 10
    datagrams bob echo 198.18.0.10 3 1200
    passes galaf_stats --set post-filter-out
    says "┤ Set: post-filter-out ├" "user/group" \
        "| bob/echo     |       3   | 3.6 KiB |" \
        "| alice/echo   |      12   | 456 B   |" "| total        |      15   | 4.0 KiB |"
    same "bob alice" "$(sed -nE 's/^\| (\w+)\/echo.*/\1/p' <<<"$output" | xargs)" "by bytes"
    passes galaf_stats --set post-filter-out --sort packets
    same "alice bob" "$(sed -nE 's/^\| (\w+)\/echo.*/\1/p' <<<"$output" | xargs)" "by packets"
    passes galaf_stats --set post-filter-out --sort name
    same "alice bob" "$(sed -nE 's/^\| (\w+)\/echo.*/\1/p' <<<"$output" | xargs)" "by name"
    passes galaf_stats --user bob
    says_not alice
    says "┤ Set: pre-filter-out ├" "┤ Set: post-filter-in ├"
    passes galaf_stats --group "$(getent group echo | cut -d: -f3)" --user 1000
    says "alice/echo"
    says_not bob
    for option in --group --history; do
        fails 1 galaf_stats $option ecoh
        same "galaf_stats: there is no group 'ecoh' on this machine" "$output"
    done
}

@test "root, and traffic without a mark, are named as such; an id without a name is a number" {
    in_group echo true
    fails 7 fetch http://198.18.0.10/
    nft 'add element inet galaf post-filter-in { 0x0 counter packets 7 bytes 700 }'
    nft 'add element inet galaf post-filter-in { 0xfde8fde9 counter packets 2 bytes 200 }'
    passes galaf_stats
    says "root/root" "| unmarked " "| 65001/65000 "
    passes galaf_stats --user root
    says "root/root"
    says_not "| unmarked "
    passes galaf_stats --user unmarked --query '$.sets.post-filter-in[*].packets'
    same 7 "$output"
}

@test "a user's subordinate ids, of which there are 65,536, have one row in all" {
    /usr/bin/python3 -c '
import os, socket
os.setresgid(1000, 1000, 1000)
for uid in range(100000, 102000):
    os.setresuid(0, 0, 0)
    os.setresuid(uid, uid, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try: probe.sendto(b"", ("198.18.0.10", 9))
        except PermissionError: pass'
    passes galaf_stats --set pre-filter-out --query '$.sets.pre-filter-out[*]'
    says '"user": "others"' '"packets": 2000'
    same 1 "${#lines[@]}" "rows"
    passes galaf_stats --user others
    says "| others "
}

@test "--json has raw numbers; --query picks from them" {
    datagrams alice echo 198.18.0.10 2 100
    local gid
    gid=$(getent group echo | cut -d: -f3)
    passes galaf_stats --query '$.sets.post-filter-out[*].mark'
    same "$((gid << 16 | 1000))" "$output"
    passes galaf_stats --query '$.sets.post-filter-out[0]'
    same "{\"mark\": $((gid << 16 | 1000)), \"user\": \"alice\", \"group\": \"echo\", \"uid\": 1000, \"gid\": $gid, \"packets\": 2, \"bytes\": 256}" "$output"
    fails 1 galaf_stats --query '$.['
    says "not a JSON path"
}

@test "--reset loses no packet, whenever it comes" {
    local gid sum=0
    gid=$(getent group echo | cut -d: -f3)
    rm -f /tmp/enough
    setpriv --reuid bob --regid echo --clear-groups /usr/bin/python3 - >/tmp/sent 3>&- <<'PY' &
import os, socket, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.connect(("198.18.0.10", 5000))
sent = 0
while not os.path.exists("/tmp/enough"):
    for _ in range(50):
        try:
            sent += bool(sock.send(b"x"))
        except BlockingIOError:
            pass
    time.sleep(0.001)
print(sent, flush=True)
while os.path.exists("/tmp/enough"):        # or the kernel answers late echoes with ICMP errors, which count as bob's
    time.sleep(0.05)
PY
    local sender=$!
    for _ in 1 2 3 4 5 6 7 8; do
        sum=$((sum + $(galaf_stats --reset --json | reset_packets)))
    done
    touch /tmp/enough
    eventually 20 test -s /tmp/sent
    sum=$((sum + $(galaf_stats --reset --json | reset_packets)))
    rm /tmp/enough
    wait "$sender"
    [ "$(cat /tmp/sent)" -gt 1000 ] || complain "only $(cat /tmp/sent) packets"
    same "$(cat /tmp/sent)" "$sum" "the sum over the resets"
    same "" "$(nft list set inet galaf post-filter-out | grep elements)" "what is left"
    run nft list tables
    says_not galaf_reset
}

# reset_packets: bob's packets out, from --json.
reset_packets() {
    /usr/bin/python3 -c 'import json, sys
print(sum(row["packets"] for row in json.load(sys.stdin)["sets"]["post-filter-out"] if row["user"] == "bob"))'
}

@test "--reset --set zeroes that set alone, and with what was let out what was tried, and the other way round" {
    local set
    for set in pre-filter-out post-filter-out; do
        datagrams alice echo 198.18.0.10 2 100
        passes galaf_stats --reset --set $set
        says "┤ Set: pre-filter-out ├" "┤ Set: post-filter-out ├" "alice/echo" "256 B"
        says_not "post-filter-in"
        same "" "$(figure post-filter-out alice echo)"
        same "" "$(figure pre-filter-out alice echo)"
    done
    same "4 512" "$(figure post-filter-in alice echo)"
    fails 2 galaf_stats --reset --user alice
}

@test "counters survive a reload of the rules" {
    datagrams alice echo 198.18.0.10 2 100
    passes galaf_config --yes
    same "2 256" "$(figure post-filter-out alice echo)"
}

@test "counters are kept in a file and put back with the rules" {
    datagrams alice echo 198.18.0.10 2 100
    datagrams bob echo 2001:2:0:1::10 2 100
    local before
    before=$(galaf_stats --query '$.sets')
    PYTHONPATH=/usr/lib /usr/bin/python3 -c 'from galaf.observe import counters; counters.save()'
    nft --stateless --terse list table inet galaf >/tmp/rules
    nft delete table inet galaf
    PYTHONPATH=/usr/lib /usr/bin/python3 -c '
from galaf.observe import counters
print(counters.restore_text(counters.SAVED, open("/tmp/rules").read()))' >>/tmp/rules
    passes nft -f /tmp/rules
    same "$before" "$(galaf_stats --query '$.sets')" "the counters"
    passes galaf_firewall start
}

@test "history: since a span, a date and boot; what a reset has zeroed is in it" {
    rm -f /var/lib/galaf/history.sqlite
    datagrams alice echo 198.18.0.10 2 100
    passes galaf_stats --sample
    datagrams alice echo 198.18.0.10 3 100
    passes galaf_stats --reset
    datagrams alice echo 198.18.0.10 4 100
    local when
    for when in 1h boot "$(date -d '-1 hour' '+%F %T')"; do
        same 9 "$(galaf_stats --since "$when" --user alice --query '$.sets.post-filter-out[*].packets' 2>/dev/null)" "since $when"
    done
    same "" "$(galaf_stats --since '2100-01-01' --user alice --query '$.sets.post-filter-out[*].packets' 2>/dev/null)"
    fails 1 galaf_stats --since yesteryear
    says "not a time"
    same 600 "$(stat -c %a /var/lib/galaf/history.sqlite)" "the history's mode"
}

@test "samples, resets and looks at the history at the same time: each packet is counted once" {
    rm -f /var/lib/galaf/history.sqlite
    nft 'add element inet galaf post-filter-out { 0xfde803e8 counter packets 1000000 bytes 1000000 }'
    local number jobs=()
    for number in 1 2 3 4 5 6 7 8; do
        datagrams alice echo 198.18.0.10 1 100 >/dev/null
        galaf_stats --sample 3>&- & jobs+=($!)
        if [ "$number" = 4 ]; then galaf_stats --reset >/dev/null 3>&- & jobs+=($!); fi
        galaf_stats --since 1h >/dev/null 3>&- & jobs+=($!)
    done
    for number in "${jobs[@]}"; do wait "$number"; done
    passes galaf_stats --since 1h --user alice --query '$.sets.post-filter-out[*].packets'
    same "8 1000000" "$(sort -n <<<"$output" | tail -n 2 | xargs)"
}

@test "--history draws bars by hour and day, of one group or all" {
    rm -f /var/lib/galaf/history.sqlite
    datagrams alice echo 198.18.0.10 8 1000
    passes galaf_stats --history echo
    same 24 "${#lines[@]}" "hours"
    [[ ${lines[23]} == "$(date +%F\ %H):00"*"8.0 KiB out     8.0 KiB in  █"* ]] || complain "the last hour: ${lines[23]}"
    passes galaf_stats --history --by day
    same 30 "${#lines[@]}" "days"
    [[ ${lines[29]} == "$(date +%F)"*"█"* ]] || complain "today: ${lines[29]}"
    passes galaf_stats --history closed
    says_not "█"
}

@test "a damaged history is named, and the tables still come" {
    echo nonsense >/var/lib/galaf/history.sqlite
    fails 1 galaf_stats --history
    says "galaf_stats: /var/lib/galaf/history.sqlite: file is not a database"
    passes galaf_stats
    rm /var/lib/galaf/history.sqlite
}

@test "recorded addresses, and who came in unasked" {
    datagrams alice echo 198.18.0.10 2 100
    datagrams alice echo 2001:2:0:1::20 1 100
    fails 7 internet curl -s http://192.0.2.2:9/
    fails 7 internet curl -s -g 'http://[2001:db8::2]:9/'
    passes galaf_stats
    says "┤ echo: addresses, out, IPv4 ├" "┤ echo: addresses, in, IPv6 ├" "| 2001:2:0:1::20" \
        "┤ refused in, IPv4 ├" "| 192.0.2.1 -> 192.0.2.2 tcp 9 " "| 2001:db8::1 -> 2001:db8::2 tcp 9 "
    passes galaf_stats --query '$.sets."record/echo/in4"[0].address'
    same 198.18.0.10 "$output"
    passes galaf_stats --set record/echo/in4 --json
    says '"address": "198.18.0.10"' '"packets": 2' '"bytes": 256'
    passes galaf_stats --set denied_in4 --json
    says '"source": "192.0.2.1"' '"destination": "192.0.2.2"' '"protocol": "tcp"' '"port": 9'
}

@test "a set or an element of another form is named and passed over" {
    datagrams alice echo 198.18.0.10 1 100
    nft 'add set inet galaf record/foreign/out4 { type ipv4_addr; }'
    nft 'add element inet galaf record/foreign/out4 { 192.0.2.77 }'
    passes galaf_stats
    says "alice/echo" "galaf_stats: set record/foreign/out4: 1 element(s) of an unknown form passed over, such as 192.0.2.77"
    nft delete set inet galaf record/foreign/out4
}

@test "--watch: rates on a screen of its own; q, Ctrl-C and SIGTERM leave the terminal as it was" {
    tmux new-session -d -x 100 -y 50 'bash --norc'
    local way
    tmux send-keys 'PS1=; clear; stty -g >/tmp/before; echo as it was' Enter
    passes eventually 20 test -s /tmp/before
    for way in q C-c TERM; do
        tmux send-keys 'galaf_stats --watch 0.5; echo "status $?"; stty -g >/tmp/after' Enter
        passes eventually 20 screen_says 'packets/s'
        datagrams bob echo 198.18.0.10 20 1000
        passes eventually 20 screen_says '\| bob/echo +\|[^|]+\|[^|]+\| +[1-9][^|]+\| +[1-9]'
        screen_says 'q quits'
        if [ "$way" = TERM ]; then pkill -f "galaf_stats --watch"; else tmux send-keys "$way"; fi
        passes eventually 20 screen_says 'as it was'
        passes eventually 20 test -s /tmp/after
        same "$(cat /tmp/before)" "$(cat /tmp/after)" "the terminal's settings after $way"
        same 1 "$(tmux display-message -p '#{cursor_flag}')" "the cursor after $way"
        rm /tmp/after
        tmux send-keys "clear; echo as it was" Enter
    done
    fails 2 galaf_stats --watch
    says "needs a terminal"
}

screen_says() { tmux capture-pane -p | grep -qE -e "$1"; }

@test "what can't be: no root, no such set, rules not loaded" {
    fails 1 as alice galaf_stats
    says "galaf_stats: reading the counters needs root: run it with sudo"
    fails 1 galaf_stats --set nonsense
    says "there are pre-filter-out, post-filter-out, post-filter-in"
    fails 2 galaf_stats --sort colour
    nft delete table inet galaf
    fails 1 galaf_stats
    says "the table inet galaf is not loaded: run galaf_config"
    passes galaf_stats --sample
    galaf_firewall start
}
