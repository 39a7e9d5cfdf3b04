#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# The life of the package on a booted workstation with NetworkManager, in this order.

load machine

setup_file() { before_galaf; }

open_network() {
    passes alice '/usr/bin/curl -sS -m 5 http://web.example/ http://198.18.0.10/'
    says web.example 198.18.0.10
}

loaded() { on nft list tables inet | grep -qxF "table inet galaf"; }

enforced() {
    passes on galaf_firewall status
    says "enforced: table inet galaf"
    passes alice 'galaf web -m 5 http://web.example/'
    says web.example
    passes alice 'galaf web -m 5 -4 http://web.example/'
    fails 7 alice '/usr/bin/curl -sS -m 5 http://198.18.0.10/'
    fails 7 alice '/usr/bin/curl -sS -g -m 5 http://[2001:2:0:1::10]/'
    fails 6 alice 'galaf web -m 5 http://mail.example/'
    fails 7 alice 'galaf web -m 5 http://198.18.0.20/'
}

@test "install: nothing about the network changes but who resolves names" {
    since=$(now)
    passes install "./$DEB"
    open_network
    passes on nft list ruleset
    same "" "$output" "the ruleset"
    passes on cat /etc/resolv.conf
    says "nameserver 127.0.0.1"
    passes on systemctl is-system-running
    [ "$(sent "$since" "$ROGUE" | count)" -gt 10 ] || complain "the rogue's packets do not arrive even now"
}

@test "galaf_config --yes with the shipped file: enforced" {
    passes on galaf_config --yes
    says "enforced: generation 1"
    sleep 0.2
    since=$(now)
    sleep 1
    same "" "$(sent "$since" "$ROGUE" | head -n 5)" "the rogue's packets"
    passes alice 'galaf ping -c 1 198.18.0.10'
    passes alice 'galaf ping -c 1 web.example'
    fails 7 alice '/usr/bin/curl -sS -m 5 http://198.18.0.10/'
}

@test "edit: an application more, at once, for a user who is logged in" {
    passes on galaf_config --set '$.groups.web' '{
        "execv": ["/usr/bin/curl", "-sS", "…"], "domains": ["web.example"], "rule": "tcp dport 80"}'
    passes on galaf_config --yes
    enforced
}

@test "a user without root asks what was refused, and is told" {
    fails 7 alice 'curl -sS -m 5 http://198.18.0.30:993/'
    passes alice 'galaf_denied --mine'
    says "/usr/bin/curl" "tcp 993"
    passes on systemctl is-active galaf-denied.socket
    passes on systemctl stop galaf-denied.service
    passes alice 'galaf_denied --mine --since 1h --program curl'
    says "tcp 993"
}

@test "reboot: the rules are there before the network, and until the power is off" {
    forget_tries
    passes alice 'galaf web -o /dev/null http://web.example/bytes/300000'
    before=$(received)
    [ "$before" -gt 300000 ]
    since=$(now)
    reboot
    [ "$(received)" -ge "$before" ] || complain "received by alice/web: $before before the reboot, $(received) after it"
    sleep 1
    echo "# seen: $(tries) tries to get out, $(sent "$since" "$ROGUE" | count) packets of them on the wire;" \
        "$(sent "$since" "not ($LINK or ($QUERIES))" | count) unlisted of $(sent "$since" '' | count) sent," \
        "$(sent "$since" "$QUERIES" | count) queries of dnsmasq's" >&3
    [ "$(tries)" -gt 20 ] || complain "only $(tries) tries"
    same "" "$(sent "$since" "not ($LINK or ($QUERIES))" | head -n 5)" "what the machine sent"
    same "" "$(sent "$since" "$ROGUE" | head -n 5)" "what the rogue sent"
    enforced
    passes on ip -6 route show default
    says "proto ra"
}

@test "power cut: the same without a shutdown" {
    forget_tries
    since=$(now)
    power_cut
    sleep 1
    [ "$(tries)" -gt 20 ] || complain "only $(tries) tries"
    same "" "$(sent "$since" "not ($LINK or ($QUERIES))" | head -n 5)" "what the machine sent"
    enforced
}

@test "upgrade while traffic flows: no gap, and connections go on" {
    passes higher "$BATS_TEST_DIRNAME/../../$DEB"
    forget_tries
    alice 'galaf web --limit-rate 1M http://web.example/bytes/6000000 -o held' 3>&- &
    held=$!
    sleep 0.5
    since=$(now)
    guard=$(on systemctl show --property=MainPID --value galaf-guard)
    passes install /opt/higher/galaf.deb
    says "the rules are active as they were kept" "sudo galaf_config"
    newer=$(on systemctl show --property=MainPID --value galaf-guard)
    [ "$newer" != 0 ] && [ "$newer" != "$guard" ] || complain "the old guard runs on: process $guard, then $newer"
    same /usr/lib/galaf/galaf_guard "$(on readlink "/proc/$newer/exe")" "what the guard runs"
    rm -r /run/machine/tree/opt/higher
    wait "$held"
    same 6000000 "$(stat -c %s /run/machine/tree/home/alice/held)" "the bytes that arrived meanwhile"
    echo "# seen: $(tries) tries to get out, $(sent "$since" "$ROGUE" | count) packets of them on the wire" >&3
    same "" "$(sent "$since" "$ROGUE" | head -n 5)" "what the rogue sent"
    passes on dpkg-query -W -f '${Version} ${Status}' galaf
    same "999.0 install ok installed" "$output"
    enforced
}

# shipped VERSION LINE: a package of that version with this line more in its galaf_conf.json, in the machine's /opt/shipped.
shipped() {
    local work=/run/machine/shipped
    dpkg-deb -R "$BATS_TEST_DIRNAME/../../$DEB" "$work"
    sed -i "/^Version:/s/ .*/ $1/" "$work/DEBIAN/control"
    printf %s "$2" >>"$work/etc/galaf/galaf_conf.json"
    mkdir -p /run/machine/tree/opt/shipped
    passes dpkg-deb --root-owner-group -b "$work" "/run/machine/tree/opt/shipped/$1.deb"
    rm -r "$work"
}

# same_as_ever SINCE: enforced, the file is as it was edited, and nothing else has left since then.
same_as_ever() {
    enforced
    same "$edited" "$(on sha256sum /etc/galaf/galaf_conf.json)" "the edited file"
    same "" "$(sent "$1" "$ROGUE" | head -n 5)" "what the rogue sent"
}

@test "another galaf_conf.json is shipped: dpkg asks, and until it is answered all goes on as before" {
    edited=$(on sha256sum /etc/galaf/galaf_conf.json)
    shipped 1000.0 $'\n'
    shipped 1001.0 ""
    forget_tries
    since=$(now)
    fails 100 install /opt/shipped/1000.0.deb       # nobody answers: DEBIAN_FRONTEND is debconf's
    says "*** galaf_conf.json (Y/I/N/O/D/Z) [default=N] ?" "end of file on stdin at conffile prompt"
    passes on dpkg-query -W -f '${Status}' galaf
    says_not "ok installed"
    same_as_ever "$since"

    mkfifo /run/machine/tree/opt/shipped/typed
    on sh -c 'dpkg --configure -a <>/opt/shipped/typed >/opt/shipped/asked 2>&1' 3>&- 4>&- &
    asking=$!
    eventually 60 on grep -q 'default=N' /opt/shipped/asked
    same_as_ever "$since"
    echo Y | put /opt/shipped/typed   # the package's in the place of the edited one
    wait "$asking"
    passes on cat /opt/shipped/asked
    says "the rules are active as they were kept"
    enforced
    fails 1 on grep '"web"' /etc/galaf/galaf_conf.json
    passes on galaf_doctor file
    says "sudo galaf_config --diff"
    passes on mv /etc/galaf/galaf_conf.json.dpkg-old /etc/galaf/galaf_conf.json
    same_as_ever "$since"

    passes install -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold /opt/shipped/1001.0.deb
    says_not "default=N"
    same_as_ever "$since"
    passes on dpkg-query -W -f '${Version} ${Status}' galaf
    same "1001.0 install ok installed" "$output"
    rm -r /run/machine/tree/opt/shipped
    tried
}

# slipped WHAT: says how many of the rogue's packets are on the wire since then; all within less than a second.
slipped() {
    local packets open
    packets=$(sent "$since" "$ROGUE")
    open=$(awk 'NR == 1 { first = $1 } END { printf "%d", ($1 - first) * 1000 }' <<<"$packets")
    echo "# seen: $1: $(grep -c . <<<"$packets") of the rogue's packets on the wire, within $open ms" >&3
    [ "$open" -lt 1000 ] || complain "open for $open ms" "$packets"
}

@test "systemctl restart NetworkManager nftables: galaf comes back by itself" {
    for units in NetworkManager nftables "NetworkManager nftables"; do
        since=$(now)
        # shellcheck disable=SC2086     # units
        passes on systemctl restart $units
        eventually 10 loaded || complain "no table ten seconds after systemctl restart $units"
        after=$(now)
        slipped "systemctl restart $units"
        passes on nm-online -q -t 10
        sleep 1
        same "" "$(sent "$after" "$ROGUE" | head -n 5)" "what the rogue sent once the table was back"
        enforced
    done
}

@test "nft flush ruleset, nft delete table by hand: galaf comes back within a second" {
    for command in "flush ruleset" "delete table inet galaf"; do
        since=$(now)
        # shellcheck disable=SC2086     # words
        passes on nft $command
        eventually 10 loaded || complain "no table ten seconds after nft $command"
        after=$(now)
        eventually 10 alice 'galaf web -m 5 http://web.example/'
        slipped "nft $command"
        same "" "$(sent "$after" "$ROGUE" | head -n 5)" "what the rogue sent once the table was back"
        enforced
    done
    echo "# seen: galaf_guard: $(on sh -c 'cat /proc/$(pidof galaf_guard)/smaps_rollup' |
        awk '$1 == "Pss:" { print $2 }') KiB of memory (PSS)" >&3
}

@test "galaf_firewall stop by hand: what was stopped on purpose stays so" {
    passes on galaf_firewall stop
    sleep 1
    open_network
    passes on galaf_firewall start
    enforced
}

@test "nftables enabled at boot: it flushes before galaf loads, not after" {
    passes on systemctl enable nftables.service
    reboot
    since=$(now)
    enforced
    power_cut
    same "" "$(sent "$since" "$ROGUE" | head -n 5)" "what the rogue sent"
    enforced
    passes on systemctl disable nftables.service
}

@test "remove: network and names as before, byte for byte" {
    passes on apt-get remove -q -y galaf
    open_network
    passes on nft list ruleset
    says_not galaf
    passes network
    same "$(cat /run/machine/network)" "$output" "the network's set-up"
    passes on systemctl is-system-running
}

@test "installed again: the rules that were kept are active, and the file is as it was" {
    passes install "./$DEB"
    says "the rules are active as they were kept"
    passes on galaf_config --yes
    enforced
}

@test "purge: nothing is left but the groups" {
    passes on getent group web
    group=$output
    passes on apt-get purge -q -y galaf
    open_network
    passes on getent group web
    same "$group" "$output"
    footprint >/run/machine/footprint.after
    passes diff /run/machine/footprint /run/machine/footprint.after
    passes network
    same "$(cat /run/machine/network)" "$output" "the network's set-up"
    passes on bpftool cgroup show /sys/fs/cgroup
    says_not sock_create
}
