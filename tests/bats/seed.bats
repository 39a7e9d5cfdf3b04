#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# A file as one has it who wrote it for the scripts that galaf comes from: it applies as it is, and says what is otherwise.

load helper

setup_file() {
    [ -e /usr/bin/firejail ] || cp /usr/bin/env /usr/bin/firejail   # as set-uid as the real one, which does not run in a lab
    chmod 4755 /usr/bin/firejail
    start_dnsmasq
    configure < <(seed)
    printf '%s\n' "$output" >"$BATS_FILE_TMPDIR/said"
}

teardown_file() {
    galaf_firewall stop
    rm -f /usr/bin/firejail
}

# seed: the file.
seed() {
    cat <<'JSON'
{
    "config": {
        "gid_range": [ 30000, 59999 ],
        "table": "filter",
        "inet": true,
        "defaults": { "families": [ 4 ] }
    },
    "users": {
        "#comment": "services",
        "sshd": null,
        "dnsmasq": { "families": [ 4, 6 ], "rule": [ "udp dport 53", "tcp dport 53" ] },
        "_apt": { "domains": [ "web.example" ], "rule": "tcp dport { 80, 443 }" }
    },
    "groups": {
        "# sandboxed": "firejail is set-uid",
        "sandboxed": { "execv": [ "/usr/bin/firejail", "…" ], "domains": "web", "rule": "tcp dport { 80, 443 }" },
        "web": { "execv": [ "/usr/bin/curl", "…" ], "domains": [ "web.example" ], "rule": "tcp dport { 80, 443 }" },
        "both": { "families": [ 4, 6 ], "rule": "tcp dport 80", "execv": [ "/usr/bin/curl", "…" ] },
        "ping": { "execv": [ "/usr/bin/ping", "…" ], "rule": "icmp type echo-request" }
    }
}
JSON
}

@test "it applies, in a table of that name, with a remark for each thing that is otherwise" {
    file_says "$BATS_FILE_TMPDIR/said" \
        '$.config.table: inet filter is galaf'"'"'s alone' \
        '$.config.dns: is "strict" unless written' \
        '$.groups.both.rule, $.users.dnsmasq.rule: without rule6 this holds for IPv6 too' \
        '$.groups.ping.execv[0]: /usr/bin/ping has file capabilities, so it is started as with "no_new_privs": false' \
        '$.groups.sandboxed.execv[0]: /usr/bin/firejail is set-uid, so it is started as with "no_new_privs": false' \
        "enforced: generation"
    passes nft list tables
    same "table inet filter" "$output"
    passes galaf_config --check
    says '$.groups.ping.execv[0]' "in order; groups: 4, users: 2"
}

@test "its programs reach what they may and no more" {
    passes as alice galaf web --silent http://web.example/
    fails 6 as alice galaf web --silent http://mail.example/
    fails 7 as alice galaf web --silent http://198.18.0.20/
    passes as alice galaf both --silent 'http://[2001:2:0:1::10]/'
    fails 7 as alice galaf both --silent 'http://[2001:2:0:1::10]:8080/'
    fails 7 as alice fetch http://198.18.0.10/
    fails 7 in_group web fetch 'http://[2001:2:0:1::10]/'
}

@test "ping has its capability and works; a set-uid command gets its privilege; others get no_new_privs" {
    passes as alice galaf ping -n -c 1 -W 2 198.18.0.10
    sysctl -qw net.ipv4.ping_group_range="1 0"
    passes as alice galaf ping -n -c 1 -W 2 198.18.0.10
    fails 1 as alice ping -n -c 1 -W 1 198.18.0.10
    passes as alice galaf sandboxed id -un
    same root "$output"
    passes as alice galaf sandboxed id -gn
    same sandboxed "$output"
    passes grep -c no_new_privs=no /var/lib/galaf/good/launch
    same 2 "$output"
    passes galaf_config --yes
    says "nothing changed"
}

@test "galaf_doctor goes on telling until the entry says what it wants; what it says then holds" {
    passes galaf_doctor privileges
    says warning '$.groups.ping: /usr/bin/ping has file capabilities' '$.groups.sandboxed: /usr/bin/firejail is set-uid'
    galaf_config --set '$.groups.ping.no_new_privs' false
    galaf_config --set '$.groups.sandboxed.no_new_privs' true
    passes galaf_config --yes
    says_not "is started as with"
    passes galaf_doctor privileges
    says_not warning
    passes as alice galaf sandboxed id -un
    same alice "$output"
    configure < <(seed)
}

@test "a set-gid command keeps its application's group, and says so" {
    cp /usr/bin/env /usr/local/bin/of-games
    chgrp games /usr/local/bin/of-games
    chmod 2755 /usr/local/bin/of-games
    galaf_config --set '$.groups.web.execv[0]' /usr/local/bin/of-games
    passes galaf_config --yes
    says '$.groups.web.execv[0]: /usr/local/bin/of-games is set-gid, and is started without that'
    passes as alice galaf web id -gn
    same web "$output"
    passes as alice galaf web /usr/bin/curl --silent http://web.example/
    rm /usr/local/bin/of-games
    configure < <(seed)
}
