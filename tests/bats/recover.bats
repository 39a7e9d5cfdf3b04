#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# What was cut short, failed half-way or is another's by now: told as it is, taken back, and not given to others.

load helper

setup_file() { tests/prepare resolver; }

setup() {
    galaf_firewall stop >/dev/null
    rm -rf /var/lib/galaf/{good,good.next,generations,trial}
    configure <<<'{ "groups": { "web": { "rule": "tcp dport 80" } } }'
}

# alone PORT ...: the group web may reach these, and alice nothing.
reaches() { passes in_group web curl -sS --max-time 5 "http://198.18.0.10:$1/"; }
everyone_is_refused() { fails 7 as alice curl -sS --max-time 5 http://198.18.0.10/; }

@test "a link that can't be made, as on a full disk: nothing is loaded, on trial or not, and nothing stays behind" {
    mkdir -p /var/lib/galaf/good.next/x
    echo '{ "config": { "mode": "audit" } }' >"$CONF"
    for how in --yes "--try 5"; do
        fails 1 galaf_config $how
        says "good.next: " "nothing was changed"
    done
    everyone_is_refused
    passes galaf_firewall status
    says "enforced: table inet galaf, generation 1"
    says_not trial
}

@test "rules that are loaded and not kept: the status says so, stop removes them, whatever their table is called" {
    sed 's/table inet galaf /table inet wall /; s/ inet galaf / inet wall /' /var/lib/galaf/good/ruleset.nft | nft -f -
    passes nft list tables
    says "inet wall" "inet galaf"
    rm /var/lib/galaf/good
    fails 3 galaf_firewall status
    says "rules are loaded that are not kept"
    passes galaf_firewall stop
    same "" "$(nft list tables)"
}

@test "another generation is loaded than the one that is kept: the status says so, start loads that" {
    echo '{ "config": { "mode": "audit" } }' >"$CONF"
    passes galaf_config --yes
    ln -sfn generations/1 /var/lib/galaf/good       # as if it had been killed before the link was made
    passes as alice curl -sS --max-time 5 http://198.18.0.10/
    fails 3 galaf_firewall status
    says "NOT AS KEPT"
    passes galaf_firewall start
    everyone_is_refused
}

@test "a deleted group's gid is the last to be given away; no generation comes back whose ids are another's" {
    gid=$(getent group web | cut -d: -f3)
    passes galaf_group delete web --yes
    passes galaf_group add calc
    [ "$(getent group calc | cut -d: -f3)" != "$gid" ]
    passes galaf_config --rollback 1        # nobody has its gid
    groupadd --gid "$gid" fresh
    echo '{ "groups": { "calc": null } }' >"$CONF"
    passes galaf_config --yes
    fails 1 galaf_config --rollback 1
    says "its web had the gid $gid, which fresh has by now" "nothing was changed"
    fails 7 setpriv --regid fresh --clear-groups curl -sS --max-time 5 http://198.18.0.10/
    groupdel fresh
}

@test "no group is deleted or renamed while rules are on trial" {
    echo '{ "groups": {} }' >"$CONF"
    passes galaf_config --try 60
    fails 1 galaf_group delete web --yes
    says "rules are on trial" "nothing was changed"
    fails 1 galaf_group rename web other
    says "rules are on trial" "nothing was changed"
    passes galaf_config --rollback
    reaches 80
}

@test "who stops the look-ups that are made in their name holds nobody up" {
    configure <<'JSON'
{ "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] },
             "alice": { "domains": [ "web.example", "other.example" ], "rule": "tcp dport 80" } } }
JSON
    as alice /usr/bin/python3 - 3>&- <<'PY' &
import os, signal, time
end = time.monotonic() + 120
while time.monotonic() < end and not os.path.exists("/tmp/enough"):
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/cmdline") as stream:
                words = stream.read().split("\0")
            if words[0] == "getent":
                os.kill(int(process), signal.SIGKILL)
            elif "python3" in words[0] and "-I" in words:
                os.kill(int(process), signal.SIGSTOP)
        except OSError:
            pass
PY
    sed -i 's/, "other.example"//' "$CONF"
    passes timeout 60 galaf_config --yes
    touch /tmp/enough
    wait
    rm /tmp/enough
}

@test "dnsmasq could not be started anew: it is tried again by the next galaf_config, and galaf_doctor says so" {
    echo '{ "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] } },
            "groups": { "web": { "domains": [ "web.example", "other.example" ], "rule": "tcp dport 80" } } }' >"$CONF"
    passes galaf_config --yes
    passes in_group web getent ahostsv4 secret.other.example
    sed -i 's/, "other.example"//' "$CONF"
    mv /usr/sbin/service /usr/sbin/service.away
    printf '#!/bin/sh\necho "Start request repeated too quickly" >&2\nexit 1\n' >/usr/sbin/service
    chmod +x /usr/sbin/service
    fails 1 galaf_config --yes
    says "the rules are loaded, and yet: " "repeated too quickly"
    mv /usr/sbin/service.away /usr/sbin/service
    fails 1 galaf_doctor names
    says "has not read the options"
    passes galaf_config --yes
    fails 2 in_group web getent ahostsv4 secret.other.example
    passes galaf_doctor names
}

@test "back to audit, and a group renamed in it: said as it is" {
    configure <<<'{ "config": { "mode": "audit" }, "groups": { "web": { "rule": "tcp dport 80" } } }'
    passes galaf_group rename web other
    says "NOT enforced, audit"
    passes galaf_group rename other web
    configure <<<'{ "groups": { "web": { "rule": "tcp dport 80" } } }'
    passes galaf_config --rollback
    says "NOT enforced, audit: generation"
    passes as alice curl -sS --max-time 5 http://198.18.0.10/
}

@test "a span of audit keeps its end where a trial could not be begun in it" {
    passes galaf_config --audit 10s
    mv /usr/bin/setsid /usr/bin/setsid.away
    fails 1 galaf_config --try 60
    mv /usr/bin/setsid.away /usr/bin/setsid
    [ -e /var/lib/galaf/trial ]
    eventually 40 fails 7 as alice curl -sS --max-time 5 http://198.18.0.10/
}

@test "closed, and then flushed: not called closed any more" {
    nft flush ruleset
    rm -f /run/galaf/in-force.nft
    SERVICE_RESULT=exit-code sh /usr/lib/galaf/close
    [ -s /run/galaf/in-force.nft ]      # for galaf_guard
    passes galaf_firewall status
    says CLOSED
    nft flush ruleset
    fails 3 galaf_firewall status
    says_not CLOSED
}

@test "back from --no-ebpf: sockets are marked again" {
    passes galaf_config --yes --no-ebpf
    fails 3 galaf_mark status
    passes galaf_config --rollback
    run galaf_mark status
    says_not "not marked"
    [ -e /sys/fs/bpf/galaf ]
}

@test "what is allowed for now ends with whom it was for, and hides nothing of the rules from galaf_doctor" {
    passes galaf_allow web 198.18.0.10 --port 8080 --for 1h
    passes galaf_doctor rules
    says "warning  rules" "1 permissions are for now"
    passes galaf_firewall status
    says "allowed for now beside it: 1"
    nft add rule inet galaf allowed_out accept
    fails 1 galaf_doctor rules
    says "chain allowed_out"
    echo '{ "groups": { "other": { "rule": "tcp dport 443" } } }' >"$CONF"
    passes galaf_config --yes
    fails 7 setpriv --regid web --clear-groups curl -sS --max-time 5 http://198.18.0.10:8080/
    passes galaf_allow --list
    says "nothing is allowed for now"
}

@test "galaf_allow: a note that is lost gives no number twice; numbers that are none are refused" {
    configure <<<'{ "groups": { "web": { "rule": "tcp dport 80" }, "other": { "rule": "tcp dport 80" } } }'
    passes galaf_allow web 198.18.0.10 --port 8080
    rm /run/galaf/allowed.json
    passes galaf_allow other 198.18.0.20 --port 8080
    says "2: other"
    for wrong in "--user ²" "--user $(printf '9%.0s' {1..5000})" "web --port $(printf '9%.0s' {1..5000})"; do
        fails 1 galaf_allow $wrong
        says_not Traceback
    done
    echo '{"last": null, "grants": null}' >/run/galaf/allowed.json
    passes galaf_allow web
}

@test "queries in nobody's name never leave, also where dnsmasq is allowed for now alone" {
    passes galaf_allow --user dnsmasq --port udp/53
    passes nft list chain inet galaf unasked_out
    says "meta mark 0x00000000 jump refused_out"
}
