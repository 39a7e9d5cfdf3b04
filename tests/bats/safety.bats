#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Safe to switch on, closed at every other moment: trials, the way back, audit, damage.
# long

load helper

setup() {
    rm -rf /var/lib/galaf/trial
    echo '{ "groups": { "web": { "rule": "tcp dport 80" } } }' >"$CONF"
    passes galaf_config --yes
}

# reaches PORT / refuses PORT: what the group web may do.
reaches() { passes in_group web curl -sS --max-time 5 "http://198.18.0.10:$1/"; }
refuses() { fails 7 in_group web curl -sS --max-time 5 "http://198.18.0.10:$1/"; }

# on_terminal INPUT COMMAND ...: runs it on a terminal that types the input.
on_terminal() {
    run script --quiet --return --command "${*:2}" /dev/null < <(printf '%b' "$1"; sleep 2)
}

narrow() { echo '{ "groups": { "web": { "rule": "tcp dport 443" } } }' >"$CONF"; }

@test "domains where neither NetworkManager nor dnsmasq is: refused with a clear word, and nothing changes" {
    before=$(nft -s list ruleset)
    echo '{ "groups": { "web": { "domains": [ "web.example" ] } } }' >"$CONF"
    fails 1 galaf_config --yes
    says "neither NetworkManager nor the dnsmasq package is installed" "nothing was changed"
    same "$before" "$(nft -s list ruleset)" "the ruleset"
    reaches 80
}

@test "--try goes back by itself, also when the terminal and the whole process are gone" {
    narrow
    passes galaf_config --try 8
    says "on trial for 8 seconds"
    refuses 80
    reaches 443
    passes galaf_firewall status
    says "on trial"
    eventually 20 in_group web curl -s --max-time 5 http://198.18.0.10:80/
    refuses 443
    passes galaf_firewall status
    says_not "on trial"

    setsid --fork galaf_config --try 3 >/dev/null 2>&1 3>&-
    eventually 20 in_group web curl -s --max-time 5 http://198.18.0.10:443/
    pkill -KILL -x galaf_config || true
    eventually 20 in_group web curl -s --max-time 5 http://198.18.0.10:80/
}

@test "--confirm keeps what is on trial; it can't be kept twice, or once the time is up" {
    narrow
    passes galaf_config --try 5
    passes galaf_config --confirm
    says_not "says otherwise"
    sleep 6
    reaches 443
    fails 1 galaf_config --confirm
    says "nothing is on trial"
    passes galaf_config --try 60
    passes galaf_config --set '$.groups.late' '{ "execv": ["/usr/bin/env"], "rule": "tcp dport 80" }'
    passes galaf_config --confirm
    says "kept: generation" "$CONF says otherwise, and galaf_config would apply that"
}

@test "on a terminal, shrinking permissions are asked about; no answer and a no go back; an addition is not asked about" {
    narrow
    on_terminal 'n\n' galaf_config
    says "Without an answer, the rules before come back in 60 seconds." "Keep these rules? [y/N]"
    says "not kept: generation"
    reaches 80
    narrow
    on_terminal 'y\n' galaf_config
    says "kept: generation"
    reaches 443
    echo '{ "groups": { "web": { "rule": [ "tcp dport 443", "tcp dport 80" ] } } }' >"$CONF"
    on_terminal '' galaf_config
    says_not "Keep these rules"
    reaches 80
    narrow
    on_terminal '' galaf_config --yes
    says_not "Keep these rules"
    refuses 80
}

@test "on a terminal: 60 seconds for an answer, then back, and at once where it is closed; asked where inbound shrinks, and the first time" {
    narrow
    mkfifo /tmp/typed
    script --quiet --return --command galaf_config /dev/null </tmp/typed >/tmp/asked 3>&- 4>&- &
    asking=$!
    exec 5>/tmp/typed
    eventually 10 grep -qs 'y/N' /tmp/asked
    left=$(python3 -c 'import json, time
print(round(json.load(open("/var/lib/galaf/trial"))["until"] - time.clock_gettime(time.CLOCK_BOOTTIME)))')
    echo n >&5
    wait "$asking" || true
    exec 5>&-
    rm /tmp/typed
    [ "$left" -gt 45 ] && [ "$left" -le 60 ] || complain "$left seconds for an answer"
    reaches 80

    run script --quiet --return --command 'galaf_config --try 1' /dev/null < <(exec sleep 30 3>&- 4>&-)
    says "not kept: " "active again"      # by the timer or by galaf_config, whichever is first
    reaches 80      # it is there, and says nothing

    echo '{ "inbound": { "root": "tcp dport 22" }, "groups": { "web": { "rule": "tcp dport 80" } } }' >"$CONF"
    on_terminal '' galaf_config
    says_not "Keep these rules"
    echo '{ "groups": { "web": { "rule": "tcp dport 80" } } }' >"$CONF"
    on_terminal 'n\n' galaf_config
    says "Keep these rules? [y/N]" "not kept: generation"
    passes nft list chain inet galaf inbound
    says "tcp dport 22"

    narrow
    rm /tmp/asked
    script --quiet --command galaf_config /dev/null < <(exec sleep 120 3>&- 4>&-) >/tmp/asked 3>&- 4>&- &
    eventually 60 grep -qs 'y/N' /tmp/asked
    kill -KILL $!       # the terminal is closed
    eventually 45 test ! -e /var/lib/galaf/trial || complain "the rules before are not back"
    reaches 80

    galaf_firewall stop
    rm -rf /var/lib/galaf/good /var/lib/galaf/generations
    on_terminal 'n\n' galaf_config
    says "Keep these rules? [y/N]" "there was no firewall before, and there is none again"
    passes curl -sS --max-time 5 http://198.18.0.10/
}

@test "the first time on trial: back to no firewall at all" {
    galaf_firewall stop
    rm -rf /var/lib/galaf/good /var/lib/galaf/generations
    passes galaf_config --try 5
    fails 7 curl -sS --max-time 5 http://198.18.0.10/
    eventually 20 curl -s --max-time 5 http://198.18.0.10/
    fails 3 galaf_firewall status
    passes nft list tables
    same "" "$output"
}

@test "a trial that a reboot cut short is not kept" {
    narrow
    passes galaf_config --try 600
    pkill -f "galaf_firewall revert"        # as a reboot ends what waits
    sed -i 's/"boot": "[^"]*"/"boot": "another"/' /var/lib/galaf/trial
    nft delete table inet galaf
    passes galaf_firewall start
    says "the rules on trial were not kept"
    reaches 80
    refuses 443
}

@test "--generations lists them, --rollback goes one back, or to the one of a number" {
    before=$(readlink /var/lib/galaf/good)
    narrow
    passes galaf_config --yes
    passes galaf_config --generations
    says "active"
    passes galaf_config --rollback
    same "$before" "$(readlink /var/lib/galaf/good)"
    says "galaf_conf.json was left as it is"
    reaches 80
    refuses 443
    newer=$(($(basename "$before") + 1))
    passes galaf_config --rollback "$newer"
    says "enforced: generation $newer, made of /var/lib/galaf/generations/$newer/galaf_conf.json"
    reaches 443
    fails 1 galaf_config --rollback 999
    says "999: there is no such generation: galaf_config --generations"
    fails 2 galaf_config --rollback "$(basename "$before")" /tmp/other.json
    reaches 443
    for port in 81 82 83 84 85 86 87; do
        echo '{ "groups": { "web": { "rule": "tcp dport '$port'" } } }' >"$CONF"
        passes galaf_config --yes
    done
    same 5 "$(ls /var/lib/galaf/generations | wc -l)" "the generations kept"
}

@test "generations are changes: an apply that changes nothing makes none, and --rollback takes the last change back" {
    kept() { ls /var/lib/galaf/generations; }
    first=$(basename "$(readlink /var/lib/galaf/good)")
    before=$(kept)
    for _ in 1 2 3 4 5 6 7; do
        passes galaf_config --yes
        says "nothing changed" "generation $first"
    done
    same "$before" "$(kept)" "the generations"
    narrow
    passes galaf_config --yes                   # a change
    second=$(basename "$(readlink /var/lib/galaf/good)")
    passes galaf_config --yes                   # none
    passes galaf_config --set '$.groups.web.comment' '"one"'
    passes galaf_config --yes                   # words, which allow nothing else
    says "nothing changed"
    passes galaf_config --set '$.groups.web.comment' '"two"'
    passes galaf_config --yes
    passes galaf_config --rollback
    says "enforced: generation $first,"
    echo '{ "groups": { "web": { "rule": "tcp dport 8080" } } }' >"$CONF"
    passes galaf_config --yes                   # from the first, not from the second
    reaches 8080
    passes galaf_config --rollback
    says "enforced: generation $first,"
    reaches 80
    passes galaf_config --rollback "$second"
    for port in 81 82 83 84 85 86 87; do
        echo '{ "groups": { "web": { "rule": "tcp dport '$port'" } } }' >"$CONF"
        passes galaf_config --yes
        passes galaf_config --rollback
        says "enforced: generation $second,"    # also once it is older than the five that stay
    done
    passes galaf_config --audit 600s
    passes galaf_config --rollback
    says "enforced: generation $second,"
    [ ! -e /var/lib/galaf/trial ]
    refuses 8080
}

@test "a trial is ended by nobody else without a word: another galaf_config is refused, --rollback ends it, and if that fails it goes on" {
    narrow
    passes galaf_config --try 600
    echo '{ "groups": { "web": { "rule": "tcp dport 8080" } } }' >"$CONF"
    for another in --yes '--try 5' '--audit 5s'; do
        # shellcheck disable=SC2086     # two words
        fails 1 galaf_config $another
        says "rules are on trial for another" "galaf_config --confirm" "galaf_config --rollback"
    done
    reaches 443
    refuses 8080
    before=$(jq -r .before /var/lib/galaf/trial)
    mv /usr/sbin/nft /usr/sbin/nft.away
    fails 1 galaf_config --rollback
    fails 1 galaf_config --rollback "$before"
    mv /usr/sbin/nft.away /usr/sbin/nft
    [ -e /var/lib/galaf/trial ]
    reaches 443
    passes galaf_config --rollback
    says "generation $before is active again"
    [ ! -e /var/lib/galaf/trial ]
    reaches 80

    narrow
    passes galaf_config --try 600
    passes galaf_firewall stop
    says "what was on trial is not kept"
    passes galaf_firewall start
    reaches 80
    refuses 443
    nobody_waits() { ! pgrep -f '[g]alaf_firewall revert' >/dev/null; }
    eventually 5 nobody_waits
}

@test "a question holds no lock: while one waits for its answer, all else goes on; what changes meanwhile is seen" {
    echo '{ "groups": { "web": { "rule": "tcp dport 80" }, "fresh": { "rule": "tcp dport 80" } } }' >"$CONF"
    mkfifo /tmp/answer
    script --quiet --return --command galaf_config /dev/null </tmp/answer >/tmp/asked 3>&- 4>&- &
    asking=$!
    exec 5>/tmp/answer
    eventually 10 grep -qs 'y/N' /tmp/asked
    began=$SECONDS
    passes galaf_firewall stop
    passes galaf_firewall start
    [ $((SECONDS - began)) -lt 10 ] || complain "a question kept others waiting for $((SECONDS - began)) s"
    echo '{ "groups": { "web": { "rule": "tcp dport 80" }, "other": { "rule": "tcp dport 80" } } }' >"$CONF"
    echo y >&5
    wait "$asking" || true
    exec 5>&-
    rm /tmp/answer
    file_says /tmp/asked "has changed meanwhile"
    fails 2 getent group other
    fails 2 getent group fresh
}

@test "a span of audit is one of the wall's clock, not of the machine's running time" {
    passes galaf_config --audit 600s
    [ "$(jq '.until - now | . > 590 and . <= 600' /var/lib/galaf/trial)" = true ]
    fails 1 galaf_config --confirm          # an audit is no trial: it is not kept for good
    sed -i 's/"until": [0-9.]*/"until": 5/' /var/lib/galaf/trial       # as after a night in suspend
    eventually 10 test ! -e /var/lib/galaf/trial
    refuses 8080
}

@test "what was tried and not kept is no generation to roll back to" {
    newest() { find /var/lib/galaf/generations -mindepth 1 -printf '%f\n' | sort -n | tail -n 1; }
    before=$(newest)
    narrow
    passes galaf_config --try 3
    same $((before + 1)) "$(newest)"
    eventually 20 test ! -e "/var/lib/galaf/generations/$((before + 1))"
    same "$before" "$(newest)"
}

@test "counters survive a stop and a start, and a table that is made anew" {
    reaches 80
    mark=$(printf '0x%08x' $(($(getent group web | cut -d: -f3) << 16 | 1)))
    counted() { nft list set inet galaf post-filter-in | grep -o "$mark counter packets [0-9]* bytes [0-9]*"; }
    before=$(counted)
    [ -n "$before" ]
    passes galaf_firewall stop
    passes galaf_firewall start
    same "$before" "$(counted)"
    sed -i 's/priority 10;/priority 11;/' /etc/galaf/nftables.d/galaf.nft
    passes galaf_config --yes
    says "made anew"
    same "$before" "$(counted)"
    sed -i 's/priority 11;/priority 10;/' /etc/galaf/nftables.d/galaf.nft
    echo '{ "no": "counters' >/var/lib/galaf/counters.json
    nft delete table inet galaf
    passes galaf_firewall start
    reaches 80
}

@test "audit mode refuses nothing, counts everything, and says so" {
    start_dnsmasq
    echo '{ "config": { "mode": "audit" }, "groups": { "web": { "domains": [ "web.example" ], "rule": "tcp dport 443" } } }' >"$CONF"
    passes galaf_config --yes
    says "NOTHING is enforced"
    reaches 80
    passes in_group web curl -sS --max-time 5 http://other.example/
    passes as alice curl -sS --max-time 5 "http://[2001:2:0:1::10]/"
    passes nft list set inet galaf denied4
    says "198.18.0.10 . tcp . 80 counter"
    passes nft list set inet galaf denied6
    says "$(printf '0x%08x' $(($(id -g alice) << 16 | $(id -u alice)))) . 2001:2:0:1::10 . tcp . 80 counter"
    fails 3 galaf_firewall status
    says "AUDIT, nothing is enforced"
}

@test "--audit for a span: nothing is refused, then all is, also when a reboot comes between" {
    passes galaf_config --audit 9s
    says "NOT enforced, audit" "it is enforced in 9s"
    reaches 8080
    fails 3 galaf_firewall status
    says "AUDIT, nothing is enforced" "until 2"
    eventually 20 test ! -e /var/lib/galaf/trial
    refuses 8080
    reaches 80
    passes galaf_firewall status
    says_not "until"

    passes galaf_config --audit 600s
    nft delete table inet galaf
    passes galaf_firewall start         # still within the span
    reaches 8080
    sed -i 's/"until": [0-9.]*/"until": 5/' /var/lib/galaf/trial
    nft delete table inet galaf
    passes galaf_firewall start
    refuses 8080
    fails 1 galaf_config --audit 7w
    says "--audit 7w: not a number and s, m, h or d"
    passes galaf_config --audit 600s
    passes galaf_config --yes
    refuses 8080
    fails 1 galaf_config --confirm
}

@test "a trial that begins in a span of audit ends in what the audit would end in, not in audit without an end" {
    passes galaf_config --audit 600s
    echo '{ "groups": { "web": { "rule": "tcp dport 443" } } }' >"$CONF"
    passes galaf_config --try 3
    eventually 10 test ! -e /var/lib/galaf/trial
    refuses 8080
    reaches 80
}

@test "audit of one entry: it passes and is counted, the others are refused" {
    echo '{ "groups": { "web": { "rule": "tcp dport 443", "mode": "audit" }, "other": { "rule": "tcp dport 443" } } }' >"$CONF"
    passes galaf_config --yes
    says 'audit: nothing is refused to $.groups.web'
    reaches 80
    fails 7 in_group other curl -sS --max-time 5 http://198.18.0.10/
    passes galaf_firewall status
    says "enforced"
}

@test "a good generation that can't be loaded: closed, with the reason and the way out" {
    good=$(readlink -f /var/lib/galaf/good)
    nft delete table inet galaf
    for damage in 'truncate -s 400' 'rm'; do
        cp "$good/ruleset.nft" /tmp/whole
        $damage "$good/ruleset.nft"
        fails 1 galaf_firewall start
        says "NOTHING but DHCP passes" "galaf_config --rollback"
        before=$(wire_packets)
        refuses 80
        fails 7 curl -sS --max-time 5 "http://[2001:2:0:1::10]/"
        same "$before" "$(wire_packets)"
        passes galaf_firewall status
        says "CLOSED"
        cp /tmp/whole "$good/ruleset.nft"
    done
    passes galaf_firewall start
    reaches 80
    passes galaf_firewall status
    says_not "CLOSED"
    rm "$good/ruleset.nft"
    fails 1 galaf_firewall start
    passes galaf_config --yes
    passes galaf_firewall status
    says_not "CLOSED"
}

# damaged: the rules are not loaded, and the machine is closed or, where they can be loaded after all, enforces.
damaged() {
    nft delete table inet galaf
    run galaf_firewall start
    says_not Traceback
    before=$(wire_packets)
    fails 7 curl -sS --max-time 5 http://198.18.0.10/
    fails 7 curl -sS --max-time 5 "http://[2001:2:0:1::10]/"
    same "$before" "$(wire_packets)" "packets on the wire, with: $1"
    run galaf_firewall status
    says_not Traceback
    passes galaf_config --generations
    passes galaf_config --yes
    passes galaf_firewall status
    says_not CLOSED
    reaches 80
}

@test "whatever of the good generation is damaged or gone: never open, and galaf_config is the way out" {
    good=/var/lib/galaf/good
    for file in ruleset.nft meta.json galaf_conf.json; do
        for damage in rm 'truncate -s 0' 'truncate -s 9' 'cp /usr/bin/true'; do
            $damage "$good/$file"
            damaged "$damage $file"
        done
    done
    echo '{}' >$good/meta.json
    damaged "an empty object as meta.json"
    rm -r "$(readlink -f $good)"
    damaged "no folder"
    rm -r /var/lib/galaf/generations
    damaged "no generation at all"

    passes galaf_config --try 600
    rm -r "/var/lib/galaf/generations/$(jq .before /var/lib/galaf/trial | tr -d '"')"
    sed -i 's/"boot": "[^"]*"/"boot": "another"/' /var/lib/galaf/trial
    damaged "a trial that a reboot cut short, and the generation before it is gone"
}

@test "a group was deleted: the rules load as they were, since ids are numbers, and nobody gets into it" {
    gid=$(getent group web | cut -d : -f 3)
    groupdel web
    nft delete table inet galaf
    passes galaf_firewall start
    passes galaf_firewall status
    says "enforced"
    fails 7 curl -sS --max-time 5 http://198.18.0.10/
    fails 125 in_group web curl -sS --max-time 5 http://198.18.0.10/
    passes galaf_config --yes
    same "$gid" "$(getent group web | cut -d : -f 3)" "the gid"
    reaches 80
}

@test "the eBPF programs gone: permission and strict DNS are as before, by the rules' own marks, and status says so" {
    start_dnsmasq
    configure <<'JSON'
{
    "users": { "dnsmasq": { "rule": "udp dport 53" } },
    "groups": { "web": { "domains": [ "web.example" ], "rule": "tcp dport 80" } }
}
JSON
    passes in_group web curl -sS --max-time 5 http://web.example/
    passes galaf_mark stop
    passes galaf_firewall status
    says "enforced" "sockets are not marked: accounting is partial"
    reaches 80
    refuses 8080
    fails 7 as alice curl -sS --max-time 5 http://198.18.0.10/
    before=$(wire_packets wire_dns)
    fails 6 in_group web curl -sS --max-time 5 http://secret.other.example/
    fails 6 as alice curl -sS --max-time 5 http://secret.web.example/
    same "$before" "$(wire_packets wire_dns)" "queries on the wire"
    passes in_group web curl -sS --max-time 5 http://fresh.web.example/
    passes galaf_mark start
    passes galaf_firewall status
    says_not "not marked"
    passes in_group web curl -sS --max-time 5 http://web.example/
}

# rules PORT: a configuration, kept with all that is rendered from it in /tmp/PORT.
rules() {
    mkdir "/tmp/$1"
    echo '{ "groups": { "web": { "rule": "tcp dport '"$1"'" } } }' | tee "/tmp/$1/galaf_conf.json" >"$CONF"
    passes galaf_config --yes
    cp /var/lib/galaf/good/{ruleset.nft,dnsmasq.conf,launch} "/tmp/$1"
}

# whole PORT ...: the active generation is one of these configurations', every text of it, and the kernel has one of them.
whole() {
    local port rule folder text
    folder=$(readlink -f /var/lib/galaf/good)
    rule=$(nft list chain inet galaf group_web | awk '/dport/ { print $3 }')
    [[ " $* " == *" $rule "* ]] || complain "the kernel's rules are of: $rule"
    nft list chain inet galaf output | grep -q 'policy drop'
    for port in "$@"; do
        cmp -s "/tmp/$port/galaf_conf.json" "$folder/galaf_conf.json" || continue
        for text in "/tmp/$port"/*; do cmp "$text" "$folder/${text##*/}"; done
        return
    done
    complain "another generation" "$(cat "$folder/galaf_conf.json")"
}

# apply_time: microseconds that an apply of the file takes, the fastest of five.
apply_time() {
    for _ in 1 2 3 4 5; do
        began=${EPOCHREALTIME/./}
        galaf_config --yes >/dev/null
        echo $((${EPOCHREALTIME/./} - began))
    done | sort -n | head -n 1
}

@test "killed at 200 moments, two copies at once: always the old or the new generation, whole, and never open" {
    for port in 8000 8001; do rules $port; done
    took=$(apply_time)
    before=$(wire_packets)
    tried=0 killed=0 news=0 last=0
    while [ $killed -lt 200 ] && [ $tried -lt 400 ]; do
        tried=$((tried + 1))
        cp "/tmp/$((8000 + tried % 2))/galaf_conf.json" "$CONF"
        galaf_config --yes >/dev/null 2>&1 &
        first=$!
        [ $((tried % 3)) = 0 ] && galaf_config --yes >/dev/null 2>&1 &
        at=$((took * (killed * 77 % 200 + 1) / 201))    # all over an apply, each moment once
        sleep "$((at / 1000000)).$(printf '%06d' $((at % 1000000)))"
        kill -KILL "$first" 2>/dev/null || true
        status=0
        wait "$first" 2>/dev/null || status=$?
        if [ "$status" = 137 ]; then
            killed=$((killed + 1))
            [ "$at" -lt "$last" ] || last=$at
        else
            same 0 "$status" "the exit status of a galaf_config that ended before it was killed"
            took=$at    # an apply can be as fast as that
        fi
        whole 8000 8001
        ! cmp -s "$CONF" /var/lib/galaf/good/galaf_conf.json || news=$((news + 1))
        fails 7 curl -sS --max-time 5 http://198.18.0.10/
    done
    echo "# killed: $killed of $tried, up to $((last / 1000)) ms of an apply of $((took / 1000)) ms; generations found whole: $tried," \
        "the new one $news times; packets that slipped through: $(($(wire_packets) - before))" >&3
    same 200 "$killed" "kills that hit a living galaf_config"
    same "$before" "$(wire_packets)"
}
