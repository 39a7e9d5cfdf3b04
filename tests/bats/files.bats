#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# galaf's files and folders: whose they are, who may open them, and that an ordinary user who holds all that can be
# held keeps nobody from anything.  The way back from a trial, whatever stands in it.
# long

load helper

OURS=(/run/galaf /var/lib/galaf /etc/galaf /sys/fs/bpf/galaf)

setup() {
    rm -f /var/lib/galaf/trial
    holders=()
    echo '{ "groups": { "web": { "execv": [ "/usr/bin/curl", "-sS", "-m", "5", "…" ], "rule": "tcp dport 80" } } }' >"$CONF"
    passes galaf_config --yes
}

teardown() {
    [ ${#holders[@]} = 0 ] || kill "${holders[@]}" 2>/dev/null || true
}

reaches() { passes in_group web curl -sS --max-time 5 "http://198.18.0.10:$1/"; }
refuses() { fails 7 in_group web curl -sS --max-time 5 "http://198.18.0.10:$1/"; }

# everything: every file that galaf makes is there after this.
everything() {
    passes galaf_mark start
    passes galaf_firewall stop
    passes galaf_firewall start
    passes galaf_stats --sample
    timeout 10 galaf_tcpdump web -c 1 -w /dev/null >/dev/null 2>&1 3>&- 4>&- &
    holders+=($!)
    open_all
    passes galaf_config --try 600
}

# open_all: the file lets everything through.
open_all() { echo '{ "users": { "alice": { "rule": "" } }, "groups": { "web": { "rule": "" } } }' >"$CONF"; }

# hold PATH ...: alice holds whatever lock on these can be had, until the test ends.  What she could open: /tmp/held.
hold() {
    as alice "$BATS_TEST_DIRNAME/../files/lock_all.py" "$@" >/tmp/held 3>&- 4>&- &
    holders+=($!)
    eventually 10 grep -qx held /tmp/held
}

@test "every file and folder is root's alone to write, and none that is locked can be opened by anyone else" {
    everything
    same "" "$(find "${OURS[@]}" ! -type l \( ! -user root -o ! -group root -o -perm /022 \))" "what others own or write"
    same "root root 700" "$(stat -c '%U %G %a' /run/galaf)" "/run/galaf"
    same "root root 700" "$(stat -c '%U %G %a' /run/galaf/locks)" "/run/galaf/locks"
    same "root root 755" "$(stat -c '%U %G %a' /var/lib/galaf)" "/var/lib/galaf"
    same "" "$(find /run/galaf -type f ! -perm 600)" "files of /run/galaf with another mode than 0600"
    same "" "$(find /run/galaf/locks -type f -size 0)" "locks without a note of who took them"
    for file in counters.json history.sqlite trial; do
        same "root root 600" "$(stat -c '%U %G %a' "/var/lib/galaf/$file")" "$file"
    done
    same "root root 644" "$(stat -Lc '%U %G %a' /var/lib/galaf/good/launch)" "the launch table"
    fails 2 as alice ls /run/galaf
    passes as alice cat /var/lib/galaf/good/launch
    # symbolic links: two, of galaf's own
    same "/var/lib/galaf/dnsmasq.d/galaf.conf /var/lib/galaf/good" \
        "$(find "${OURS[@]}" -type l | LC_ALL=C sort | xargs)" "the links"
    # of the installed files too
    same "" "$(dpkg -L galaf | xargs -d '\n' stat -c '%U:%G %A %n' | grep -vE '^root:root .....-..-[.x-]* |^root:root l')" \
        "files of the package that others own or write"
}

@test "alice holds every lock that she can have on any file and folder of galaf's: all goes on, and nobody waits" {
    everything
    passes galaf_config --rollback
    # shellcheck disable=SC2046     # no blank in these names
    hold "${OURS[@]}" $(dpkg -L galaf | grep galaf) /var/lib /run /etc /sys/fs/bpf
    [ "$(wc -l </tmp/held)" -gt 50 ] || complain "alice could open no more than" "$(cat /tmp/held)"
    began=$SECONDS
    echo '{ "groups": { "web": { "execv": [ "/usr/bin/curl", "-sS", "-m", "5", "…" ], "rule": "tcp dport 80" } } }' >"$CONF"
    passes galaf_config --yes
    passes galaf_config --set '$.groups.web.comment' '"x"'
    passes galaf_firewall stop
    passes galaf_firewall start
    passes galaf_mark start
    passes galaf_stats --sample
    passes galaf_stats --since boot
    passes galaf_group add other
    passes galaf_config --yes
    passes galaf_group delete --yes other
    (sleep 1; in_group web curl -s http://198.18.0.10/) >/dev/null 3>&- 4>&- &
    passes timeout 10 galaf_tcpdump web -c 1 -w /dev/null
    passes as alice galaf web http://198.18.0.10/
    passes galaf_denied
    [ $((SECONDS - began)) -lt 40 ] || complain "all that took $((SECONDS - began)) seconds"

    passes galaf_config --audit 3s
    eventually 8 test ! -e /var/lib/galaf/trial
    refuses 8080
    open_all
    passes galaf_config --try 3
    reaches 8080
    eventually 8 test ! -e /var/lib/galaf/trial
    refuses 8080
}

# opened SECONDS: what opens everything is on trial for so long.
opened() {
    open_all
    passes galaf_config --try "$1"
    reaches 8080
}

@test "the way back waits for a lock that another command of root's has, however long" {
    opened 2
    exec 8>/run/galaf/locks/rules
    flock 8
    fails 1 galaf_config --confirm
    says "is at work: try again when it has ended"
    sleep 3
    reaches 8080
    exec 8>&-
    eventually 10 test ! -e /var/lib/galaf/trial
    refuses 8080
}

@test "the way back goes on where nft fails for a while; meanwhile nothing passes" {
    opened 3
    mv /usr/sbin/nft /usr/sbin/nft.real
    cat >/usr/sbin/nft <<'SH'
#!/bin/sh
case "$*" in
"-f -")
    text=$(cat)
    case $text in
    *include*) [ -e /tmp/works ] || { echo "Error: Could not process rule: Cannot allocate memory" >&2; exit 1; } ;;
    esac
    printf '%s\n' "$text" | exec /usr/sbin/nft.real -f -
    ;;
*) exec /usr/sbin/nft.real "$@" ;;
esac
SH
    chmod +x /usr/sbin/nft
    eventually 25 test -e /run/galaf/closed
    refuses 80
    refuses 8080
    passes galaf_firewall status
    says "CLOSED" "Cannot allocate memory"
    touch /tmp/works
    eventually 20 test ! -e /var/lib/galaf/trial
    mv /usr/sbin/nft.real /usr/sbin/nft
    reaches 80
    refuses 8080
    passes galaf_firewall status
    says_not "CLOSED"
}

@test "the way back with a full disk: the rules from before are loaded at once, and kept once there is room" {
    mount -t tmpfs -o mode=755,nr_inodes=200 small /mnt
    cp -a /var/lib/galaf/. /mnt
    mount --move /mnt /var/lib/galaf
    opened 4
    tried=$(readlink /var/lib/galaf/good)
    number=0
    while mkdir "/var/lib/galaf/fill$((number += 1))" 2>/dev/null; do :; done
    sleep 5
    eventually 5 fails 7 in_group web curl -sS --max-time 5 http://198.18.0.10:8080/
    reaches 80
    same "$tried" "$(readlink /var/lib/galaf/good)" "the good generation"
    [ -e /var/lib/galaf/trial ]
    rmdir /var/lib/galaf/fill*
    eventually 20 test ! -e /var/lib/galaf/trial
    refuses 8080
    [ "$(readlink /var/lib/galaf/good)" != "$tried" ]
    umount /var/lib/galaf
}

@test "the way back where dnsmasq can't be started anew: the rules from before hold all the same" {
    start_dnsmasq
    cat >"$CONF" <<'JSON'
{
    "users": { "dnsmasq": { "rule": "udp dport 53" }, "alice": { "rule": "" } },
    "groups": { "web": { "domains": [ "web.example" ] } }
}
JSON
    passes galaf_config --try 4
    mv /usr/sbin/service /usr/sbin/service.real
    printf '#!/bin/sh\necho "no service" >&2\nexit 1\n' >/usr/sbin/service
    chmod +x /usr/sbin/service
    passes as alice curl -sS --max-time 5 http://198.18.0.10/
    eventually 10 test ! -e /var/lib/galaf/trial
    mv /usr/sbin/service.real /usr/sbin/service
    fails 7 as alice curl -sS --max-time 5 http://198.18.0.10/
    reaches 80
}

# kill_waiting: ends what waits for a trial's end; where systemd runs it starts that again.
kill_waiting() { for each in $(pgrep -f '[g]alaf_firewall revert'); do kill -KILL "$each"; done; }

@test "what waits for the end of a trial is killed: the next galaf_firewall start goes back, or has it waited for again" {
    opened 3
    kill_waiting
    sleep 4
    reaches 8080        # no systemd runs here
    passes galaf_firewall start
    says "the rules on trial were not kept"
    refuses 8080
    opened 8
    kill_waiting
    passes galaf_firewall start
    reaches 8080
    eventually 12 test ! -e /var/lib/galaf/trial
    refuses 8080
}

@test "a link that alice has planted beside a file of hers which root edits leads nowhere" {
    mkdir -p /home/alice/conf
    echo '{ "groups": { "web": {} } }' >/home/alice/conf/mine.json
    for planted in mine.json.new .mine.json.new mine.json~ mine.json.tmp; do
        ln -s /etc/cron.d/planted "/home/alice/conf/$planted"
    done
    chown -R --no-dereference alice:alice /home/alice/conf
    passes galaf_config /home/alice/conf/mine.json --set '$.groups.web.comment' '"…"'
    [ ! -e /etc/cron.d/planted ]
    file_says /home/alice/conf/mine.json '"comment": "…"'
    same "alice alice 644" "$(stat -c '%U %G %a' /home/alice/conf/mine.json)"
    ln -sf /etc/cron.d/planted "$CONF.new"
    passes galaf_config --set '$.groups.web.comment' '"x"'
    [ ! -e /etc/cron.d/planted ]
    rm "$CONF.new"
    same "" "$(find /etc/galaf /home/alice/conf -name '.*' -type f)" "what writing left behind"
}

@test "30 edits by --set at once, and applies meanwhile: none is lost" {
    edits=()
    for number in $(seq 30); do
        galaf_config --set "\$.groups.web['# $number']" "$number" 3>&- 4>&- &
        edits+=($!)
    done
    passes galaf_config --yes
    for edit in "${edits[@]}"; do wait "$edit"; done
    same 30 "$(jq '.groups.web | keys | map(select(startswith("# "))) | length' "$CONF")" "edits in the file"
}

@test "umask 027 and 077, from the first file on: launching, counting and the way back work" {
    galaf_firewall stop
    for mask in 027 077; do
        rm -rf /var/lib/galaf /run/galaf /etc/sysctl.d/60-galaf.conf
        (umask $mask; galaf_mark start; galaf_config --yes; galaf_stats --sample; galaf_firewall stop; galaf_firewall start)
        passes as alice galaf web http://198.18.0.10/
        passes as alice galaf --list
        says web
        (umask $mask; galaf_config --set '$.groups.web.comment' "\"$mask\""; galaf_group add more; galaf_config --yes --audit 2s)
        eventually 8 test ! -e /var/lib/galaf/trial
        passes as alice galaf web http://198.18.0.10/
        passes as alice galaf_config --check
        same "644" "$(stat -c %a "$CONF")"
        (umask $mask; galaf_group delete --yes more)
        galaf_firewall stop
    done
}

@test "a locale without UTF-8: read, written and told all the same" {
    ascii() { env LC_ALL=C LANG=C PYTHONCOERCECLOCALE=0 PYTHONUTF8=0 "$@"; }
    echo '{ "groups": { "web": { "comment": "grün …", "execv": [ "/usr/bin/curl", "-sS", "…" ], "rule": "tcp dport 80" } } }' >"$CONF"
    passes ascii galaf_config --yes
    says "execv /usr/bin/curl -sS -m 5 ? "
    passes ascii galaf_config --check
    passes ascii galaf_config --diff
    passes ascii galaf_config --get '$.groups.web.comment'
    passes ascii galaf_config --print nft
    passes ascii galaf_config --set '$.groups.web.comment' '"größer …"'
    file_says "$CONF" '"comment": "größer …"' '"/usr/bin/curl", "-sS", "…"'
    fails 1 ascii galaf_config --set '$.groups.web.comment' $'"gr\xf6"'
    says "not UTF-8"
    for command in "galaf_config --yes" "galaf_config --generations" "galaf_stats" "galaf_stats --history" "galaf_denied" \
        "galaf_group list" "galaf_group add grau" "galaf_firewall status" "galaf_mark status" "galaf_config --help"; do
        # shellcheck disable=SC2086     # several words
        passes ascii $command
        says_not Traceback
    done
    run ascii galaf_doctor
    says_not Traceback
    passes as alice env LC_ALL=C galaf web http://198.18.0.10/
}

@test "whatever is damaged of a generation, galaf_doctor tells it in its own words" {
    good=$(readlink -f /var/lib/galaf/good)
    cp -a "$good" /root/whole
    # all but two, which look through all of the machine's files
    mapfile -t checks < <(galaf_doctor --list | awk '$1 !~ /^set_group$|^setgid_capability$/ { print $1 }')
    for file in ruleset.nft meta.json galaf_conf.json group dnsmasq.conf launch sysctl.conf; do
        for damage in 'rm -f' 'truncate -s 0' 'truncate -s 9' 'cp /usr/bin/true'; do
            $damage "$good/$file"
            run galaf_doctor "${checks[@]}"
            says_not Traceback
            [ "$status" -le 2 ] || complain "exit status $status" "$output"
            [ -n "$output" ]
            rm -rf "$good"
            cp -a /root/whole "$good"
        done
    done
    echo '{}' >"$good/meta.json"
    run galaf_doctor
    says_not Traceback
    rm -rf "$good"
    run galaf_doctor
    says_not Traceback
    cp -a /root/whole "$good"
    passes galaf_config --yes
}
