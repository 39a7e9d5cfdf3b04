#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Containers of systemd-nspawn with ids of their own (--private-users) on the network of a booted workstation.

load machine

# The containers' ids 0 to 65535 are these and those that follow on the machine.
LISTED=131072
UNLISTED=196608

setup_file() {
    later systemd-container
    passes install "./$DEB"
    # Linux lets a container mount proc where a whole one is to be seen; the machine's own has covered parts.
    passes on mkdir /run/whole-proc
    passes on mount -t proc proc /run/whole-proc
    passes on galaf_config --set '$.users.nobody' '{ "rule": "udp dport 5000" }'
    passes on galaf_config --set '$.groups.web' '{ "domains": ["web.example"], "rule": "tcp dport 80" }'
    passes on galaf_config --set '$.groups.letters' '{ "domains": ["mail.example"], "rule": "tcp dport 993" }'
    passes on galaf_config --yes
}

# contained BASE COMMAND ...: runs it as a container's root; the container has the machine's /usr alone.
contained() {
    local base=$1
    shift
    on systemd-run --quiet --wait --pipe systemd-nspawn --quiet --machine=box --directory=/ --volatile=yes \
        --private-users="$base:65536" --console=pipe -- "$@"
}

# contained_in BASE GROUP [CURL OPTION ...]: fetches, as the container's uid 1000 with an application group's gid.
contained_in() {
    local base=$1 gid
    gid=$(on getent group "$2" | cut -d : -f 3)
    shift 2
    contained "$base" setpriv --reuid 1000 --regid "$gid" --clear-groups curl -sS -g -m 5 "$@"
}

# contained_echo BASE UID: what the echo server on UDP port 5000 answers that user of a container.
contained_echo() {
    contained "$1" setpriv --reuid "$2" --regid "$2" --clear-groups bash -c \
        'exec 3<>/dev/udp/198.18.0.10/5000 && echo answered >&3 && timeout 2 head -n 1 <&3'
}

@test "the container has ids of its own, and the machine's network" {
    passes contained $LISTED cat /proc/self/uid_map
    read -r -a map <<<"$output"
    same "0 $LISTED 65536" "${map[*]}"
    passes contained $LISTED stat -L -c %i /proc/self/ns/net
    same "$(on stat -L -c %i /proc/self/ns/net)" "$output" "the network namespace"
}

@test "its base is not listed: an application's gid inside grants nothing" {
    fails 7 contained_in $LISTED web http://198.18.0.10/
    fails 6 contained_in $LISTED web http://web.example/
    fails 1 contained_echo $LISTED 65534
}

@test "its base is listed: the same rules for the applications inside" {
    passes on galaf_config --set '$.config.container_bases' "[$LISTED]"
    passes on galaf_config --yes
    passes contained_in $LISTED web -4 http://web.example/
    says "web.example 80"
    passes contained_in $LISTED web -6 http://web.example/
    says "web.example 80"
    passes contained_in $LISTED letters http://mail.example:993/
    says "mail.example 993"
    passes contained_echo $LISTED 65534
    same answered "$output"
}

@test "and nothing beyond them" {
    fails 7 contained_in $LISTED web http://web.example:8080/
    fails 7 contained_in $LISTED web http://198.18.0.20/
    fails 7 contained_in $LISTED web 'http://[2001:2:0:1::20]/'
    fails 6 contained_in $LISTED web http://mail.example/
    fails 6 contained_in $LISTED letters http://web.example/
    fails 1 contained_echo $LISTED 1000
    fails 7 contained $LISTED curl -sS -m 5 http://198.18.0.10/
    fails 6 contained $LISTED curl -sS -m 5 http://web.example/
}

@test "another container's ids, equal in their low 16 bits, grant nothing" {
    fails 7 contained_in $UNLISTED web http://198.18.0.10/
    fails 6 contained_in $UNLISTED web http://web.example/
    fails 1 contained_echo $UNLISTED 65534
}

@test "a container's root removes no rule" {
    fails 1 contained $LISTED nft delete table inet galaf
    says "Operation not permitted"
    passes on galaf_firewall status
    says enforced
}

@test "what was sent and refused inside counts for the application of that gid" {
    passes on galaf_stats
    says "alice/web" "alice/letters"
    passes on galaf_denied
    says 198.18.0.20
}
