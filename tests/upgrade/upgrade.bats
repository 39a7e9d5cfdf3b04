#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# From an older package, OLD, to this one, on a booted workstation: what ran goes on, what was refused is, and the programs
# in the kernel and the guard are this version's.  By hand, before a release: CONTRIBUTING.md.

load ../bats-machine/machine

setup_file() { before_galaf; }

# enforced: what is listed passes, nothing else does.
enforced() {
    passes on galaf_firewall status
    says "enforced: table inet galaf"
    passes alice 'galaf web -m 5 http://web.example/'
    fails 6 alice 'galaf web -m 5 http://mail.example/'
    fails 7 alice 'galaf web -m 5 http://198.18.0.20/'
    fails 7 alice '/usr/bin/curl -sS -m 5 http://198.18.0.10/'
}

# silent SINCE: nothing of the rogue's has left since then.
silent() { same "" "$(sent "$1" "$ROGUE" | head -n 5)" "what the rogue sent"; }

# changed: the eBPF programs' files that differ between the two packages, by name.
changed() {
    dpkg-deb --fsys-tarfile "$BATS_TEST_DIRNAME/../../$OLD" | tar -x -C "$BATS_FILE_TMPDIR"
    for file in "$BATS_FILE_TMPDIR"/usr/lib/galaf/*.bpf.o; do
        cmp -s "$file" "/run/machine/tree/usr/lib/galaf/${file##*/}" || basename "$file" .bpf.o
    done
}

# program NAME: its number in the kernel.
program() { on bpftool --json cgroup show /sys/fs/cgroup | jq --arg name "$1" '.[] | select(.name == $name) | .id'; }

@test "the older version, active" {
    passes install "./$OLD"
    passes on galaf_config --set '$.groups.web' '{
        "execv": ["/usr/bin/curl", "-sS", "…"], "domains": ["web.example"], "rule": "tcp dport 80"}'
    passes on galaf_config --yes
    enforced
}

@test "upgraded while traffic flows: no gap, connections go on, and this version's programs and guard run" {
    before=$(program galaf_socket)
    guard=$(on systemctl show --property=MainPID --value galaf-guard)
    forget_tries
    alice 'galaf web --limit-rate 1M http://web.example/bytes/6000000 -o held' 3>&- &
    held=$!
    sleep 0.5
    since=$(now)
    passes install -o Dpkg::Options::=--force-confold "./$DEB"
    wait $held
    same 6000000 "$(stat -c %s /run/machine/tree/home/alice/held)" "the bytes that arrived meanwhile"
    tried
    silent "$since"
    passes on galaf_mark status
    if changed | grep -x socket_mark_giduid; then [ "$before" != "$(program galaf_socket)" ]; fi
    newer=$(on systemctl show --property=MainPID --value galaf-guard)
    [ "$newer" != 0 ] && [ "$newer" != "$guard" ] || complain "the old guard runs on: process $guard, then $newer"
    same /usr/lib/galaf/galaf_guard "$(on readlink "/proc/$newer/exe")" "what the guard runs"
    enforced
}

@test "the older version's rules hold until galaf_config: looked at, loaded again, removed by another, at boot" {
    passes on galaf_doctor rules probe_out launcher guard units marks
    passes on galaf_doctor file
    says "galaf_config --diff"
    passes on galaf_firewall reload
    enforced
    passes on nft flush ruleset
    eventually 10 on nft list table inet galaf
    eventually 10 alice 'galaf web -m 5 http://web.example/'
    since=$(now)
    reboot
    silent "$since"
    enforced
}

@test "galaf_config makes them anew, and goes back to them" {
    passes on galaf_config --yes
    enforced
    passes on galaf_doctor
    passes on galaf_config --rollback
    enforced
}

@test "purged: nothing of either is left" {
    passes on apt-get purge -q -y galaf
    footprint >/run/machine/after
    passes diff /run/machine/footprint /run/machine/after
    passes network
    same "$(cat /run/machine/network)" "$output" "the network's set-up"
    passes on bpftool cgroup show /sys/fs/cgroup
    says_not galaf
}
