#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Attempts that need a booted machine: programs started by others for the user, and names by D-Bus.

load machine

setup_file() {
    passes install "./$DEB"
    passes on galaf_config --set '$.groups.shell' '{ "execv": ["/usr/bin/env", "…"], "rule": "tcp dport 80" }'
    passes on galaf_config --yes
}

# unit COMMAND: alice's unit "attempt" runs to its end, as systemctl asks that the command starts; prints what it left.
unit() {
    alice "rm -f attempt.*; export XDG_RUNTIME_DIR=/run/user/1000; $1 systemctl --user start attempt; cat attempt.*"
}

@test "the user's systemd starts a unit as the user, also when an application asks" {
    on loginctl enable-linger alice
    alice 'mkdir -p .config/systemd/user'
    on sh -c 'cat >/home/alice/.config/systemd/user/attempt.service <<END
[Service]
Type=oneshot
ExecStart=-/bin/sh -c "id -gn >attempt.group; curl -sS -m 5 http://198.18.0.20/ 2>attempt.said"
END'
    alice 'XDG_RUNTIME_DIR=/run/user/1000 systemctl --user daemon-reload'
    since=$(now)
    for asking in '' 'galaf shell env XDG_RUNTIME_DIR=/run/user/1000'; do
        passes unit "$asking"
        says alice "Failed to connect"
    done
    same "" "$(sent "$since" "$ROGUE")" "what was sent"
    passes alice 'galaf shell curl -sS -m 5 http://198.18.0.20/'
    [ "$(sent "$since" "$ROGUE" | count)" -gt 0 ]
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
    on galaf_firewall stop
    passes resolved secret.other.example
    [ "$(sent "$since" "dst port 53" | grep -c secret)" -gt 0 ] || complain "no query left even now"
}
