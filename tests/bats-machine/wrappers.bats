#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# What starts an application for galaf: firejail, bwrap and systemd-run, by the entries of
# galaf_conf.json(5), on a booted workstation.

load machine

setup_file() {
    later bubblewrap dbus-user-session firejail firejail-profiles
    passes install "./$DEB"
    # Linux lets a sandbox mount proc where a whole one is to be seen; the machine's own has covered parts.
    passes on mkdir /run/whole-proc
    passes on mount -t proc proc /run/whole-proc
    kernel_thread
    passes on loginctl enable-linger alice
    on touch /home/alice/hers
    for name in firefox-private curl-alone thunderbird-limited; do
        passes on galaf_config --set "\$.groups.$name" "$(entry $name)"
    done
    passes on galaf_config --yes
}

teardown_file() { on pkill -x kthreadd; }

# firejail does nothing where it sees no kernel thread among the first ten processes, as in a
# container, which this machine is to it.
kernel_thread() {
    on cp /bin/sleep /run/kthreadd
    on sh -c 'echo 4 >/run/whole-proc/sys/kernel/ns_last_pid; /run/kthreadd 600 >/dev/null 2>&1 3>&- 4>&- &'
    on sh -c '[ "$(pidof kthreadd)" -le 10 ]'
}

# entry NAME: the manual page's, but that any command is the application, which may reach web.example's port 80.
entry() {
    sed -n '/^"'"$1"'": {$/,/^}$/p' "$BATS_TEST_DIRNAME/../../man/galaf_conf.json.5" |
        sed -e '1s/.*/{/' -e 's/\\-/-/g' -e 's/\\\[u2026\]/…/g' |
        jq --compact-output '.execv[-2] = "/usr/bin/env" | .domains = ["web.example"] | .rule = "tcp dport 80"'
}

# packets NAME: how many of alice's in that group the kernel has let out.
packets() {
    on galaf_stats --json --set post-filter-out |
        jq --arg group "$1" '[.. | objects | select(.group? == $group and .user? == "alice").packets] | add // 0'
}

# works NAME: alice's application by that entry is in its group, and reaches what it may and no more.
works() {
    local name=$1
    since=$(now)
    before=$(packets "$name")
    passes alice "galaf $name id -gn"
    same "$name" "$output"
    passes alice "galaf $name curl -sS -m 5 http://web.example/"
    says web.example
    [ "$(packets "$name")" -gt "$before" ] || complain "not counted for alice and $name" "$(on galaf_stats)"
    fails 6 alice "galaf $name curl -sS -m 5 http://mail.example/"
    fails 7 alice "galaf $name curl -sS -m 5 http://198.18.0.20/"
    nothing_without_galaf "$name"
    same "" "$(sent "$since" "$ROGUE")" "what was sent elsewhere"
}

# nothing_without_galaf NAME: the same command, started by alice herself.
nothing_without_galaf() {
    local command
    command=$(entry "$1" | jq --raw-output '.execv[:-1] | @sh')
    passes alice "$command id -gn"
    same alice "$output"
    fails 6 alice "$command curl -sS -m 5 http://web.example/"
    fails 7 alice "$command curl -sS -m 5 http://198.18.0.20/"
}

# leaves_nothing NAME: a set-gid file that the application makes is nowhere where another program could run it.
leaves_nothing() {
    # shellcheck disable=SC2016     # for the shell in the sandbox
    passes alice "galaf $1 sh -c "'"find / -path /proc -prune -o -type d -writable -print 2>/dev/null |
        while read -r folder; do
            cp /usr/bin/id \"\$folder/left\" 2>/dev/null && chmod 2755 \"\$folder/left\" && echo \"\$folder\"
        done"'
    says /tmp
    on find / \( -path /proc -o -path /run/whole-proc \) -prune -o -name left -perm -2000 -print >/run/machine/left
    while read -r file; do
        passes on findmnt --noheadings --output OPTIONS --target "$file"
        says nosuid
        passes alice "$file -gn"
        same alice "$output" "the group by $file"
    done </run/machine/left
}

# apart NAME: alice's application sees nothing of her home.
apart() {
    passes alice 'ls'
    says hers
    passes alice "galaf $1 find /home -user alice"
    says_not hers
}

# join NAME: alice's other programs try to join the user namespace of an application, and its group.
join() {
    local pid
    alice "galaf $1 sleep 60" 3>&- &
    eventually 5 on pgrep -x sleep
    pid=$(on pgrep -x sleep)
    run alice "/srv/galaf/tests/bypass/namespace.py join $pid curl -sS -m 5 http://web.example/"
    on kill "$pid"
}

@test "firejail: without a word about no_new_privs it works, as it is set-uid, and galaf_config says so" {
    passes on stat -c %A /usr/bin/firejail
    says -rws
    entry firefox-private | jq '{ groups: { jailed: del(.no_new_privs) } }' >/run/machine/tree/opt/wordless.json
    passes on galaf_config --check /opt/wordless.json
    says '$.groups.jailed.execv[0]: /usr/bin/firejail is set-uid, so it is started as with "no_new_privs": false'
    jq '.groups.jailed.no_new_privs = false' /run/machine/tree/opt/wordless.json >/run/machine/tree/opt/word.json
    passes on galaf_config --check /opt/word.json
    says_not "is started"
    passes on galaf_config --set '$.groups.wordless' "$(entry firefox-private | jq --compact-output 'del(.no_new_privs)')"
    passes on galaf_config --yes
    passes alice 'galaf wordless curl -sS -m 5 http://web.example/'
}

@test "firejail: a browser's entry" {
    works firefox-private
    apart firefox-private
    passes alice "galaf firefox-private cat /proc/self/status"
    says $'NoNewPrivs:\t1' $'Seccomp:\t2'
    leaves_nothing firefox-private
    join firefox-private
    same 1 "$status"
    says_not web.example
}

@test "firejail: no profile of the user's leads it; one that does has the group, and leaves it in the user's home" {
    put /opt/her.profile <<<$'private /home/alice/jail\nenv BASH_ENV=/opt/hers'
    passes alice 'mkdir -p ~/.config/firejail ~/jail && tee ~/.config/firejail/{env.profile,globals.local} </opt/her.profile'
    put /opt/hers <<<'cp /usr/bin/id /home/alice/left && chmod 2755 /home/alice/left'
    passes on galaf_config --set '$.groups.led' "$(entry firefox-private | jq --compact-output '.execv -= ["--noprofile"]')"
    passes on galaf_config --yes
    says '$.groups.led.execv: by a profile in ~/.config/firejail any program can have firejail run what it likes'
    passes alice 'galaf firefox-private bash -c true'
    passes alice 'ls ~/jail'
    same "" "$output"
    passes alice 'galaf led bash -c true; ~/jail/left -gn'
    same led "$output"
    on rm -r /home/alice/.config/firejail /home/alice/jail
}

@test "bwrap: curl's entry" {
    works curl-alone
    apart curl-alone
    passes alice "galaf curl-alone cat /proc/self/status"
    says $'NoNewPrivs:\t1'
    leaves_nothing curl-alone
    join curl-alone
    says web.example
}

@test "bwrap with user_namespaces in the place of no_new_privs: Debian 12's works, and leaves the filter" {
    passes on galaf_config --set '$.groups.filtered' "$(entry curl-alone | jq 'del(.no_new_privs) | .user_namespaces = true')"
    passes on galaf_config --yes
    if on grep -q VERSION_CODENAME=bookworm /etc/os-release; then
        works filtered
        fails 1 alice 'galaf filtered sh -c "touch /tmp/file && chmod 2755 /tmp/file"'
        says "Operation not permitted"
    else
        fails 1 alice 'galaf filtered true'
        says "Function not implemented"
    fi
}

@test "a service with DynamicUser: the manual's entry and lines for its unit" {
    local page="$BATS_TEST_DIRNAME/../../man/galaf_conf.json.5"
    passes on galaf_config --set '$.groups.fwupd-lists' "$(sed -n '/^"fwupd.*": {$/,/^}$/p' "$page" |
        sed '1s/.*/{/' | jq --compact-output '.domains = ["web.example"] | .rule = "tcp dport 80"')"
    passes on galaf_config --yes
    for name in listed unlisted; do
        printf '[Service]\nType=oneshot\nDynamicUser=yes\nExecStart=/usr/bin/id -gn\nExecStart=%s\n' \
            "/usr/bin/curl -sS -m 5 http://web.example/" | put /etc/systemd/system/$name.service
    done
    on mkdir /etc/systemd/system/listed.service.d
    sed -n '/^\[Service\]$/,/^\.EE$/{/^\.EE$/!p}' "$page" | sed 's/\\-/-/g' | put /etc/systemd/system/listed.service.d/galaf.conf
    passes on systemctl daemon-reload
    passes on systemctl start listed.service
    passes on journalctl --unit listed.service --output cat
    says fwupd-lists "web.example 80"
    fails 1 on systemctl start unlisted.service
    on systemctl reset-failed
}

@test "systemd-run --user --scope: a mail program's entry" {
    works thunderbird-limited
    passes alice "galaf thunderbird-limited cat /proc/self/cgroup"
    says "user@1000.service/app.slice/run-"
    passes alice 'galaf thunderbird-limited sh -c "systemctl --user show --property=MemoryMax run-*.scope"'
    says MemoryMax=2147483648
    passes alice "galaf thunderbird-limited cat /proc/self/status"
    says $'NoNewPrivs:\t1' $'Seccomp_filters:\t1'
}

# homed NAME [OPTION ...]: a user whom systemd-homed keeps, by a record in a home, and in no file of /etc.
homed() {
    passes on env NEWPASSWORD=a-word-of-hers homectl create "$1" --storage=directory --enforce-password-policy=no "${@:2}"
    passes on env PASSWORD=a-word-of-hers homectl activate "$1"
    fails 1 on grep "^$1:" /etc/passwd
}

# by USER COMMAND-LINE: runs it as a user with the user's groups.
by() { on runuser --user "$1" -- sh -c "cd; $2"; }

@test "users whom systemd-homed keeps: listed by name and by group they launch, nobody else does; an entry of users holds" {
    later systemd-homed libnss-systemd
    passes on groupadd --gid 990 crew
    homed grace
    homed heidi --member-of=crew
    homed ivan
    passes on galaf_config --set '$.groups.hers' '{ "users": [ "grace", "%crew" ],
        "execv": [ "/usr/bin/curl", "-sS", "-m", "5", "…" ], "domains": [ "web.example" ], "rule": "tcp dport 80" }'
    passes on galaf_config --set '$.users.ivan' '{ "rule": "tcp dport 8080" }'
    passes on galaf_config --yes
    says_not "grace: there is" "ivan: there is"
    for name in grace heidi; do
        passes by $name 'galaf --list'
        says hers
        passes by $name 'galaf hers http://web.example/'
        says web.example
        fails 7 by $name '/usr/bin/curl -sS -m 5 http://198.18.0.10:8080/'
    done
    fails 125 by ivan 'galaf hers http://web.example/'
    says "may not start it"
    passes by ivan '/usr/bin/curl -sS -m 5 http://198.18.0.10:8080/'
    fails 7 by ivan '/usr/bin/curl -sS -m 5 http://198.18.0.20/'
    passes on galaf_stats
    says grace/hers heidi/hers ivan/ivan
    passes on galaf_doctor file members
    says_not warning broken
    fails 1 on galaf_config --set '$.groups.hers.users[0]' judy
    says '$.groups.hers.users[0]: there is no user '"'judy'"
    homed judy --member-of=hers
    fails 1 on galaf_doctor members
    says "hers has the member judy"
}
