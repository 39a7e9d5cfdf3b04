#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Users and groups whom no file lists, as SSSD's and LDAP's, and names of every form.

load helper

LONG=a-name-of-just-thirty-two-letters

setup_file() {
    gcc -shared -fPIC -Wall -Werror -o /usr/lib/libnss_hidden.so.2 "$BATS_TEST_DIRNAME/../nss/hidden.c"
    sed -i -E 's/^(passwd|group):.*/\1: files hidden/' /etc/nsswitch.conf
    mkdir -p /var/lib/hidden
    cat >/var/lib/hidden/passwd <<'USERS'
carol:x:1100:1100::/:/bin/sh
dave.smith:x:1101:1101::/:/bin/sh
erin-ann:x:1102:1102::/:/bin/sh
frank@corp.example:x:1103:1100::/:/bin/sh
USERS
    echo "${LONG:0:32}:x:1104:1100::/:/bin/sh" >>/var/lib/hidden/passwd
    cat >/var/lib/hidden/group <<'GROUPS'
carol:x:1100:
staff of corp@corp.example:x:1200:frank@corp.example
held:x:59998:
corp:x:70000:
GROUPS
}

# by UID GID GROUPS COMMAND ...: runs it as a user of these numbers, to whom a login would give these groups.
by() { setpriv --reuid "$1" --regid "$2" --groups "$3" -- env HOME=/ "${@:4}"; }

@test "they are not listed, and known" {
    fails 1 grep carol <(getent passwd)
    passes getent passwd carol 1103
}

@test "users of a directory: their entries hold, they launch what names them or their group" {
    start_dnsmasq
    configure <<JSON
{
    "users": {
        "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] },
        "carol": { "rule": "tcp dport 80" },
        "dave.smith": { "domains": [ "web.example" ] },
        "erin-ann": { "rule": "tcp dport 8080" },
        "${LONG:0:32}": { "rule": "tcp dport 80" }
    },
    "groups": {
        "hers": { "users": [ "carol", "frank@corp.example" ], "execv": [ "/usr/bin/curl", "…" ], "rule": "tcp dport 8080" },
        "theirs": { "users": [ "%staff of corp@corp.example" ], "execv": [ "/usr/bin/curl", "…" ], "rule": "tcp dport 8080" }
    },
    "inbound": { "erin-ann": "tcp dport 8022" }
}
JSON
    says_not "left out"
    same "59996 59997" "$(getent group hers theirs | cut -d: -f3 | sort | xargs)" "the gids, without one of the directory's"
    for way in "" --no-ebpf; do
        passes galaf_config --yes $way
        passes by 1100 1100 1100 curl -sS -m 5 http://198.18.0.10/
        fails 7 by 1100 1100 1100 curl -sS -m 5 http://198.18.0.10:8080/
        passes by 1104 1100 1100 curl -sS -m 5 http://198.18.0.10/
        passes by 1101 1101 1101 curl -sS -m 5 http://web.example/
        passes by 1102 1102 1102 curl -sS -m 5 http://198.18.0.10:8080/
        fails 7 by 1103 1100 1100 curl -sS -m 5 http://198.18.0.10/
        passes by 1100 1100 1100 galaf hers -sS -m 5 http://198.18.0.10:8080/
        passes by 1103 1100 1100 galaf hers -sS -m 5 http://198.18.0.10:8080/
        fails 125 by 1101 1101 1101 galaf hers http://198.18.0.10:8080/
        passes by 1103 1100 1200 galaf theirs -sS -m 5 http://198.18.0.10:8080/
        fails 125 by 1100 1100 1100 galaf theirs http://198.18.0.10:8080/
    done
    passes galaf_stats
    says carol/carol "carol/hers" frank@corp.example/hers
    passes galaf_denied
    says frank@corp.example
    passes galaf_doctor file members
    says_not warning broken
    passes galaf_config --check
    says "users: 5"
}

@test "groups with a dot, with a dash at an end, and of 32 letters: made and launched" {
    for name in org.example.Web -x _x- "${LONG:0:31}" "${LONG:0:32}" A.b; do
        echo '{ "groups": { "'"$name"'": { "rule": "tcp dport 80", "execv": [ "/usr/bin/curl", "…" ] } } }' >"$CONF"
        if [ "$name" = -x ]; then fails 1 galaf_config --check; continue; fi
        passes galaf_config --yes
        passes as alice galaf "$name" -sS -m 5 http://198.18.0.10/
        passes as alice galaf --list
        says "$name"
        passes galaf_group delete "$name" --yes
    done
}

@test "names that can't be: refused at their place" {
    for name in frank@corp.example "staff of corp" 'CORP\\\\carol' "${LONG:0:32}x" tcp; do
        echo '{ "users": { "'"$name"'": { "rule": "tcp dport 80" } } }' >"$CONF"
        [ "$name" = tcp ] || { fails 1 galaf_config --check; says '$.users.'; }
        echo '{ "groups": { "'"$name"'": { "rule": "tcp dport 80" } } }' >"$CONF"
        fails 1 galaf_config --check
        says '$.groups.' ': '
    done
    echo '{ "groups": { "corp": {} } }' >"$CONF"
    fails 1 galaf_config --check
    says '$.groups.corp: a group of this name has gid 70000, outside 30000 to 59999'
    echo '{ "groups": { "a": { "users": [ "nobody@corp.example", "%corp none", "a\u0000b" ] } } }' >"$CONF"
    fails 1 galaf_config --check
    says '$.groups.a.users[0]: there is no user' '$.groups.a.users[1]: there is no group' '$.groups.a.users[2]'
}
