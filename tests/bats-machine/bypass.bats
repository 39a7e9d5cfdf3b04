#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Attempts that need a booted machine: programs that others start for the user, and names by D-Bus.

load machine

ATTEMPT=/opt/attempt
SAID=/var/tmp/said
REACHED="198.18.0.20 80"
RUNTIME=XDG_RUNTIME_DIR=/run/user/1000

setup_file() {
    later at cron dbus-user-session
    passes install "./$DEB"
    passes on galaf_config --set '$.groups.shell' '{ "execv": ["/usr/bin/env", "…"], "rule": "tcp dport 80" }'
    passes on galaf_config --set '$.groups.loose' \
        '{ "execv": ["/usr/bin/env", "…"], "rule": "tcp dport 80", "no_new_privs": false }'
    passes on galaf_config --set '$.groups.other' "{ \"execv\": [\"$ATTEMPT\"], \"rule\": \"tcp dport 80\" }"
    # What is to be started: it leaves its group and what it was answered.  It fails, or D-Bus would wait for its name.
    cat >"/run/machine/tree$ATTEMPT" <<'END'
#!/bin/sh
{ id -gn; curl -sS -m 5 http://198.18.0.20/ 2>&1; } >/var/tmp/said.new
mv /var/tmp/said.new /var/tmp/said
exit 1
END
    chmod 755 "/run/machine/tree$ATTEMPT"
    passes on galaf_config --yes
    services
    passes on loginctl enable-linger alice
    eventually 10 on test -S /run/user/1000/bus
}

# services: units of alice's and names on her bus, which start the attempt, or the application that makes it.
services() {
    local name home=/run/machine/tree/home/alice
    alice 'mkdir -p .config/systemd/user .local/share/dbus-1/services'
    for name in Attempt Other; do
        printf '[Service]\nType=oneshot\nExecStart=%s\n' "$(starts $name)" >$home/.config/systemd/user/${name,}.service
        printf '[D-BUS Service]\nName=org.example.%s\nExec=%s\n' $name "$(starts $name)" \
            >$home/.local/share/dbus-1/services/org.example.$name.service
    done
}
starts() { [ "$1" = Attempt ] && echo $ATTEMPT || echo /usr/bin/galaf other; }

teardown_file() { sed 's/^/# /' "$BATS_FILE_TMPDIR/table" >&3; }

# begin: nothing has been tried yet.
begin() {
    on rm -f $SAID
    since=$(now)
}

# left: how many packets have left for the attempt's destination; a packet to another tells that all are counted.
left() {
    local asked
    asked=$(now)
    on galaf --test shell curl -sS -m 5 -o /dev/null http://198.18.0.10/
    eventually 5 counted "$asked" || complain "the wire is not read any more"
    sent "$since" "$ROGUE" | count
}
counted() { [ -n "$(sent "$1" 'dst host 198.18.0.10')" ]; }

# row ATTEMPT OUTCOME PACKETS: a line of the table that is printed at the end, once.
row() {
    local line="| $1 | $2 | $3 |"
    grep -qsxF "$line" "$BATS_FILE_TMPDIR/table" || echo "$line" >>"$BATS_FILE_TMPDIR/table"
}

# started GROUP WORDS COMMAND-LINE [BY]: alice runs it (or BY does what leads to it); the attempt is made in that
# group, and is answered so.
started() {
    begin
    run "${4:-alice}" "$3"
    eventually 20 on test -e $SAID || complain "nothing was started by: $3" "$output"
    passes on cat $SAID
    says "$1"$'\n' "$2"
}

# as_the_user ATTEMPT COMMAND-LINE [BY]: the attempt is made as alice and refused, and not a packet leaves.
as_the_user() {
    started alice "Failed to connect" "$2" "${3:-}"
    same 0 "$(left)" "the number of packets of: $1"
    row "$1" "started as the user: ECONNREFUSED" 0
}

# not_started ATTEMPT WORDS COMMAND-LINE: it ends with one of these exit statuses or words (a pattern as
# grep -E has it), no attempt is made, and not a packet leaves.  WORDS=OUTCOME is an outcome in other words.
not_started() {
    begin
    run alice "$3"
    [ "$status" != 0 ] || complain "done: $3" "$output"
    grep -qE "${2%%=*}" <<<"$status $output" || complain "not said: ${2%%=*}, by $3" "$status $output"
    fails 1 on test -e $SAID
    same 0 "$(left)" "the number of packets of: $1"
    row "$1" "${2#*=}" 0
}

# cannot_be_stopped ATTEMPT COMMAND-LINE: the attempt is made in the group of the application, and packets leave.
cannot_be_stopped() {
    started loose "$REACHED" "$2"
    [ "$(left)" -gt 0 ] || complain "no packet left: $2" "$output"
    row "$1" "**passes**, see below" some
}

@test "the attempt gets out in the group of an application, and not by alice's own hand" {
    started shell "$REACHED" "galaf shell $ATTEMPT"
    [ "$(left)" -gt 0 ]
    started alice "Failed to connect" $ATTEMPT
    same 0 "$(left)"
}

@test "the user's systemd starts a unit as the user, also when an application asks" {
    for asking in "" "galaf shell"; do
        as_the_user "a unit of the user's systemd${asking:+, asked for by an application}" \
            "$asking env $RUNTIME systemctl --user start attempt"
        as_the_user "systemd-run --user${asking:+ by an application}" \
            "$asking env $RUNTIME systemd-run --user --quiet --wait $ATTEMPT"
    done
}

@test "nor does it give another group on demand" {
    local run="env $RUNTIME systemd-run --user --quiet --wait"
    for asking in "" "galaf loose"; do
        for property in Group=shell SupplementaryGroups=shell "PrivateUsers=yes -p Group=shell"; do
            # 216 and 218: GROUP and CAPABILITIES, see systemd.exec(5)
            not_started "systemd-run --user -p ${property%shell}" "^216=not started: 216/GROUP" "$asking $run -p $property $ATTEMPT"
        done
        not_started "systemd-run --user -p AmbientCapabilities=CAP_SETGID setpriv --regid" \
            "^218=not started: 218/CAPABILITIES" \
            "$asking $run -p AmbientCapabilities=CAP_SETGID setpriv --regid shell --clear-groups $ATTEMPT"
    done
}

@test "a scope is no new program: alice's is alice's, an application's stays in its group" {
    local run="env $RUNTIME systemd-run --user --quiet --scope"
    as_the_user "systemd-run --user --scope" "$run $ATTEMPT"
    started shell "$REACHED" "galaf shell $run $ATTEMPT"
}

@test "the system's systemd starts nothing for her" {
    for asking in "" "galaf shell"; do
        not_started "systemd-run -p Group=, of the system" "Interactive authentication required|Access denied=not allowed" \
            "$asking systemd-run --no-ask-password --quiet --wait -p User=alice -p Group=shell $ATTEMPT"
    done
}

@test "what D-Bus starts on the user's bus is started as the user" {
    for asking in "" "galaf shell"; do
        as_the_user "D-Bus activation on the user's bus${asking:+ by an application}" "$asking env $RUNTIME busctl --user --expect-reply=no call \
            org.freedesktop.DBus / org.freedesktop.DBus StartServiceByName su org.example.Attempt 0"
    done
}

@test "at: an application has it not, but keeps its group where it may gain privilege" {
    as_the_user "at" "echo $ATTEMPT | at now"
    not_started "at by an application" "You do not have permission to use at=no permission to use at" \
        "echo $ATTEMPT | galaf shell at now"
    cannot_be_stopped 'at by an application with `"no_new_privs": false`' "echo $ATTEMPT | galaf loose at now"
}

# at_boot COMMAND-LINE: alice runs it, then cron does what it does at boot.
at_boot() {
    alice "$1"
    on rm /run/crond.reboot
    on systemctl restart cron
}

@test "a crontab, whoever writes it, is the user's" {
    local write="echo '@reboot $ATTEMPT' |"
    not_started "a crontab by an application" "Permission denied=Permission denied" "$write galaf shell crontab -"
    fails 1 alice "crontab -l"
    as_the_user "a crontab" "$write crontab -" at_boot
    alice "crontab -r"
    as_the_user 'a crontab by an application with `"no_new_privs": false`' "$write galaf loose crontab -" at_boot
}

# hops ATTEMPT COMMAND-LINE [BY]: by it an application has another one started, whose "from" does not name it.
hops() {
    started other "$REACHED" "$2" "${3:-}"
    [ "$(left)" -gt 0 ] || complain "no packet left: $2" "$output"
    row "$1" "**passes**, see below" some
}

@test "an application starts no other one itself, but by whatever starts programs for the user" {
    local env="galaf shell env $RUNTIME"
    not_started "an application starts another one" "may not start it" "galaf shell galaf other"
    not_started "an application starts another one by systemd-run --user --scope" "may not start it" \
        "$env systemd-run --user --quiet --scope galaf other"
    hops "an application starts another one by systemd-run --user" "$env systemd-run --user --quiet --wait galaf other"
    hops "an application starts another one by a unit of the user's systemd" "$env systemctl --user start other"
    hops "an application starts another one by D-Bus activation" "$env busctl --user --expect-reply=no call \
        org.freedesktop.DBus / org.freedesktop.DBus StartServiceByName su org.example.Other 0"
    hops "an application starts another one by a line in the user's .profile" \
        "galaf shell sh -c 'echo galaf other >>.profile'; bash -l -c :"
    alice "sed -i '/galaf other/d' .profile"
    begin
    passes alice "echo 'galaf other >/var/tmp/at 2>&1' | galaf loose at now"
    eventually 20 on grep "may not start it" /var/tmp/at
    fails 1 on test -e $SAID
    same 0 "$(left)"
    row 'an application with `"no_new_privs": false` starts another one by at' "may not start it" 0
    hops 'an application with `"no_new_privs": false` starts another one by a crontab' \
        "echo '@reboot galaf other' | galaf loose crontab -" at_boot
    alice "crontab -r"
}

# resolved NAME: asks systemd-resolved for it by D-Bus, as alice.
resolved() {
    alice "busctl call org.freedesktop.resolve1 /org/freedesktop/resolve1 org.freedesktop.resolve1.Manager \
        ResolveHostname isit 0 $1 0 0"
}

@test "a query by D-Bus to systemd-resolved, which no entry names" {
    later systemd-resolved
    on systemctl reload dbus
    on systemctl restart systemd-resolved
    eventually 10 on resolvectl --no-pager dns eth0
    since=$(now)
    fails 1 resolved secret.other.example
    says_not "org.freedesktop.DBus.Error.ServiceUnknown"
    same "" "$(sent "$since" "dst port 53" | grep secret)" "the queries that were sent"
    row "a name asked of systemd-resolved by D-Bus, which no entry names" "no answer" 0
    on galaf_firewall stop
    passes resolved secret.other.example
    [ "$(sent "$since" "dst port 53" | grep -c secret)" -gt 0 ] || complain "no query left even now"
}

@test "SECURITY.md has the table that these attempts make" {
    is_table 2 "$BATS_FILE_TMPDIR/table"
}
