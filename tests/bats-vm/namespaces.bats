#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# The guard of user namespaces, on the releases' own kernels: what is done without it is refused with it.

load ../bats-machine/machine

BYPASS=/opt/bypass

setup_file() {
    installed
    passes on galaf_config --set '$.groups.browser' \
        '{ "execv": ["/usr/bin/env", "…"], "rule": "tcp dport 80", "user_namespaces": true }'
    passes on galaf_config --set '$.groups.shell' '{ "execv": ["/usr/bin/env", "…"], "rule": "tcp dport 80" }'
    passes on galaf_config --yes
    on cp -r /srv/galaf/tests/bypass $BYPASS
    on chmod 755 $BYPASS
    # An application's process in a user namespace that it has made, which maps its group.
    on systemd-run --quiet --unit=sandbox --uid=alice /usr/bin/galaf browser unshare --user --map-current-user sleep 3600
    eventually 20 on sh -c 'grep -q "$(getent group browser | cut -d: -f3)" "/proc/$(systemctl show -P MainPID sandbox)/gid_map"'
}

setup() {
    pid=$(on systemctl show -P MainPID sandbox)
    gid=$(on getent group browser | cut -d: -f3)
}

@test "this kernel takes the guard: the unit attaches it, and galaf_doctor is content" {
    passes on cat /sys/kernel/security/lsm
    says bpf
    passes on galaf_mark status
    says "galaf_capable: attached at" "galaf_set_gid: attached at" "the user namespaces of applications are guarded"
    passes on journalctl --no-pager --unit galaf-mark
    says_not "not guarded"
    passes on galaf_doctor guarded marks
    says "refused to enter the user namespace of an application"
    says_not warning broken
}

# set_gid COMMAND: alice joins the application's namespace and makes a file of that group set-gid; runs it.
set_gid() {
    alice 'rm -f made; galaf browser cp /usr/bin/id made' || return
    alice "$BYPASS/namespace.py set-gid $pid made; stat -c %a made; ./made -g"
}

# open_one: a program of alice's, in no group, makes a namespace that nothing is mapped in; its pid in $open.
open_one() {
    on systemctl stop open 2>/dev/null || true     # from an earlier test
    passes on systemd-run --quiet --collect --unit=open --uid=alice unshare --user sleep 3600
    open=$(on systemctl show -P MainPID open)
    eventually 20 on grep -q sleep "/proc/$open/comm"
    passes alice "echo deny >/proc/$open/setgroups"
    shell=$(on getent group shell | cut -d: -f3)
}

# hands_over: an application, which may make none, maps its group there.
hands_over() { alice "galaf shell bash -c 'echo 0 $shell 1 >/proc/$open/gid_map'"; }

# copied_up: the application has the kernel make a set-gid file of its group; alice runs it.
copied_up() {
    alice "rm -rf up; galaf browser $BYPASS/copy_up.py /usr/bin/id ~" || return
    alice 'up/made -g'
}

@test "without it the user's other programs join an application's namespace, take its group and reach into it" {
    on galaf_mark stop
    since=$(now)
    for way in join join-pidfd; do
        passes alice "$BYPASS/namespace.py $way $pid /usr/bin/curl -sS -m 5 http://198.18.0.20/"
    done
    [ "$(sent "$since" "$ROGUE" | count)" -gt 0 ] || complain "nothing was sent"
    passes alice "$BYPASS/reach_into.py $pid"
    same 9 "$(grep -c ' done$' <<<"$output")" "how many ways are open"
    passes set_gid
    same $'2755\n'"$gid" "$output"
    passes copied_up
    same $'2755\n'"$gid" "$output"
    open_one
    passes hands_over
    passes alice "$BYPASS/namespace.py join $open /usr/bin/curl -sS -m 5 http://198.18.0.20/"
    run on galaf_doctor guarded
    says "warning" '$.groups.browser' "galaf_mark start"
    passes on galaf_mark start
    same "" "$output"
}

@test "with it none of these is done, and nothing is sent" {
    since=$(now)
    fails 1 alice "$BYPASS/namespace.py join $pid /usr/bin/curl -sS -m 5 http://198.18.0.20/"
    same EACCES "$output"
    fails 1 alice "$BYPASS/namespace.py join-pidfd $pid /usr/bin/curl -sS -m 5 http://198.18.0.20/"
    same EPERM "$output"
    passes alice "$BYPASS/reach_into.py $pid"
    says "ptrace EPERM" "mem EACCES" "environ EACCES" "maps EACCES" "process_vm_readv EPERM" "pidfd_getfd EPERM" \
        "descriptors EACCES" "namespace EACCES" "root EACCES"
    passes set_gid
    same $'EACCES\n755\n1000' "$output"
    open_one
    fails 1 hands_over
    says "Operation not permitted"
    fails 126 copied_up
    says 2755 "Operation not permitted"
    passes alice 'galaf browser up/made -g'     # its own group is no gain
    same "$gid" "$output"
    same "" "$(sent "$since" "$ROGUE")" "what was sent"
}

@test "the application's own programs and root enter it, and sandboxes in sandboxes are made as ever" {
    passes alice "galaf browser $BYPASS/namespace.py join $pid id -g"
    same "$gid" "$output"
    passes on nsenter --user --preserve-credentials --target "$pid" true
    passes alice 'galaf browser unshare --user --map-root-user --net --pid --fork unshare --user --map-root-user id -u'
    same 0 "$output"
}

@test "a namespace that no application has made is the user's as ever" {
    on systemd-run --quiet --unit=plain --uid=alice unshare --user --map-current-user sleep 3600
    other=$(on systemctl show -P MainPID plain)
    eventually 20 on grep -q 1000 "/proc/$other/gid_map"
    passes on setpriv --reuid alice --regid nogroup --clear-groups nsenter --user --preserve-credentials --target "$other" id -u
    same 1000 "$output"
}
