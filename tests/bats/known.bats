#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Known entries and drop-ins on the installed package: from the library and the files into the rules, and back.

load helper

LIBRARY=/usr/share/galaf/known

setup_file() { start_dnsmasq; }

setup() {
    rm -rf /etc/galaf/galaf_conf.d
    for name in git curl fping web extra own-git; do
        groupdel "$name" 2>/dev/null || true
    done
    [ -e /tmp/curl.json ] || cp "$LIBRARY/curl.json" /tmp/curl.json
    cp /tmp/curl.json "$LIBRARY/curl.json"
    configure <<'JSON'
{
    "#": "mine",
    "groups": {
        "#1": "kept",
        "web":   { "rule": "tcp dport 80",     "execv": [ "/usr/bin/curl", "…" ] }
    }
}
JSON
}

# drop_in NAME: standard input as a drop-in.
drop_in() {
    mkdir -p /etc/galaf/galaf_conf.d
    cat >"/etc/galaf/galaf_conf.d/$1"
    chmod 644 "/etc/galaf/galaf_conf.d/$1"
}

# a_new_library: another galaf's curl, which may reach port 8080 alone.
a_new_library() { sed -i 's/"rule": "[^"]*"/"rule": "tcp dport 8080"/' "$LIBRARY/curl.json"; }

# reaches GROUP PORT: whether a program of that group has an answer from there.
reaches() { in_group "$1" fetch "http://198.18.0.10:$2/"; }

@test "nft and dnsmasq take every known entry, and so does groupadd" {
    # Users that the entries are of, for as long as this takes; root and others have several, so it takes rounds.
    /usr/bin/python3 - <<'PY' >/tmp/rounds
import collections, json, pathlib, pwd, subprocess
rounds = collections.defaultdict(lambda: {"users": {}, "groups": {}, "inbound": {}})
count = 0
for file in sorted(pathlib.Path("/usr/share/galaf/known").glob("*.json")):
    data = json.loads(file.read_text())
    for section in ("users", "groups", "inbound"):
        for name, value in data.get(section, {}).items():
            if section != "groups":
                try:
                    pwd.getpwnam(name)
                except KeyError:
                    if not (section == "inbound" and name in data.get("groups", {})):
                        subprocess.run(["useradd", "--system", "--badname", name], check=True, capture_output=True)
            number = next(n for n in range(100) if name not in rounds[n][section])
            rounds[number][section][name] = value
            count += 1
for number, data in rounds.items():
    data["inbound"] = {name: rules for name, rules in data["inbound"].items()
                       if name not in rounds[0]["groups"] or name in data["groups"]}
    pathlib.Path(f"/tmp/round-{number}.json").write_text(json.dumps(data))
print(len(rounds), count)
PY
    read -r rounds count </tmp/rounds
    [ "$count" -gt 400 ] && [ "$rounds" -gt 2 ]
    for file in /tmp/round-*.json; do
        passes galaf_config --check "$file"
        says_not "no such user"
    done
    passes galaf_config --yes /tmp/round-0.json
    passes nft list chain inet galaf group_chromium
}

@test "known: lists, filters, says what is installed and what the file has; shows the one it comes to" {
    passes as alice galaf_group known
    says "chromium" "systemd-timesyncd"
    [ "$(wc -l <<<"$output")" -gt 300 ]
    passes galaf_group known --installed
    says "git " "curl "
    says_not "chromium"
    same false "$(galaf_group known --json sshd | jq '.[] | select(.name == "sshd") | .configured')" "what nobody may reach"
    passes galaf_group known browser
    says "epiphany-browser"
    passes galaf_group known timesyncd
    says '"systemd-timesync": {' "debian.pool.ntp.org" "rests on: paths: Debian 12 and 13"
    passes galaf_group known --json git
    says '"name": "git"' '"installed": true' '"configured": false'
    fails 1 galaf_group known no-such-thing
    says "nothing that is known has to do with 'no-such-thing'"
}

@test "add: takes the known entry, shows it, writes it; comments and layout stay; then it works" {
    fails 7 reaches web 8080
    passes galaf_group add curl
    says '"execv": ["/usr/bin/curl", "…"]' "curl is in $CONF: run galaf_config"
    file_says "$CONF" '"#1": "kept"' '"web":   { "rule": "tcp dport 80",     "execv": [ "/usr/bin/curl", "…" ] }' \
        '"rule": "tcp dport { 80, 443 }"'
    passes galaf_config --yes
    passes as alice galaf curl --silent --max-time 5 http://198.18.0.10/
    says "198.18.0.10 80"
    fails 7 as alice galaf curl --silent --max-time 5 http://198.18.0.10:8080/
    fails 1 galaf_group add curl
    says "there is such a group already"
    groupdel curl
    passes galaf_group add curl
    [[ $output =~ ^group\ curl\ made,\ gid\ [0-9]+:\ run\ galaf_config$ ]] || complain "$output"
}

@test "add: a user's entry, and beside one that is there; where both can't stand in one, what is lacking is said" {
    passes galaf_group add apt
    file_says "$CONF" '"users": {' '"_apt": {' 'deb.debian.org'
    passes galaf_config --yes
    says "user _apt: new"
    before=$(cat "$CONF")
    fails 1 galaf_group add apt
    says "$CONF: \$.users._apt: has all of apt already; nothing was changed"
    same "$before" "$(cat "$CONF")"
    fails 1 as alice galaf_group add git
    says "needs root"

    cp "$BATS_TEST_DIRNAME/../../etc/galaf/galaf_conf.json" "$CONF"
    has_of_roots() { galaf_group known --json | jq --compact-output '[.[] | select(.account == "root") | select(.configured) | .name]'; }
    same '["dhcp"]' "$(has_of_roots)"
    passes galaf_group known network-manager
    says "other rules" "of that \$.users.root in $CONF lacks the rule \"tcp dport 80\"; the domain network-test.debian.org"
    fails 1 galaf_group add network-manager
    says "$CONF: \$.users.root: is there already, and was left as it is" 'it lacks the rule "tcp dport 80"; the domain network-test.debian.org'
    passes galaf_group add cups-browsed
    says "It stands beside what \$.users.root had. Over IPv4 alone, as its \"families\" say."
    passes galaf_config --yes
    same '["cups-browsed","dhcp"]' "$(has_of_roots)"
    file_says "$CONF" '"comment": "DHCP. '
    passes nft list chain inet galaf user_root
    says "udp sport 68 udp dport 67" "tcp dport 631"
}

@test "add: what others may reach is never granted unasked" {
    fails 1 galaf_group add sshd
    says "sshd does nothing but serve: with --inbound others may reach it"
    passes galaf_group add avahi
    says "Others can't reach it: that is for --inbound"
    fails 1 galaf_config --get '$.inbound'
    passes galaf_group add sshd --inbound
    passes galaf_group add nfs-kernel-server --inbound
    passes galaf_config --get '$.inbound'
    same '{"root": ["tcp dport 22", "tcp dport { 111, 2049 }", "udp dport 111"]}' "$output"
    passes galaf_config --yes
}

@test "add --empty: an empty entry, although one of that name is known; add is undone where the file can't be written" {
    passes galaf_group add --empty git
    file_says "$CONF" '"git": null'
    mount --bind "$CONF" "$CONF"
    mount -o remount,bind,ro "$CONF"
    fails 1 galaf_group add curl
    umount "$CONF"
    fails 2 getent group curl
    passes galaf_config --check
}

@test "add --follow: a later galaf's entry holds, once --diff has shown it; until then, and at boot, the old one" {
    passes galaf_group add --follow curl
    file_says "$CONF" '"curl": "known"'
    passes galaf_config --yes
    passes galaf_config --diff
    same "" "$output"
    a_new_library
    passes galaf_config --diff
    says "group curl: rules {'tcp dport { 80, 443 }'} → {'tcp dport 8080'}"
    run galaf_doctor file
    says "have changed since"
    passes galaf_firewall stop
    passes galaf_firewall start
    passes reaches curl 80
    fails 7 reaches curl 8080
    passes galaf_config --yes
    fails 7 reaches curl 80
    passes reaches curl 8080
    passes galaf_config --rollback
    passes reaches curl 80
    fails 7 reaches curl 8080
    rm "$LIBRARY/curl.json"
    fails 1 galaf_config --yes
    says "$CONF: \$.groups.curl: there is no known entry of this name among groups"
    passes galaf_firewall start
    passes reaches curl 80
}

@test "what root wrote wins over what is known" {
    galaf_config --set '$.groups.curl' '{ "known": "curl", "rule": "tcp dport 8080" }'
    passes galaf_config --yes
    passes as alice galaf curl --silent --max-time 5 http://198.18.0.10:8080/
    fails 7 as alice galaf curl --silent --max-time 5 http://198.18.0.10/
}

@test "rename: what refers to a known entry goes on referring to it" {
    passes galaf_group add --follow git
    passes galaf_config --yes
    passes galaf_group rename git own-git
    file_says "$CONF" '"own-git": {"known": "git"}'
    passes galaf_config --get '$.groups.own-git'
    passes galaf --list
    says "own-git"
}

@test "drop-ins: a package's entry is active with the next galaf_config, and gone with the package" {
    mkdir -p /tmp/pkg/DEBIAN /tmp/pkg/etc/galaf/galaf_conf.d
    printf 'Package: extra\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x.example>\nDescription: x\n' >/tmp/pkg/DEBIAN/control
    echo '{ "groups": { "extra": { "rule": "tcp dport 8080" } } }' >/tmp/pkg/etc/galaf/galaf_conf.d/extra.json
    passes dpkg-deb --root-owner-group --build /tmp/pkg /tmp/extra.deb
    passes dpkg --install /tmp/extra.deb
    passes galaf_config --diff
    says "group extra: new"
    sed -n '/^if \[ .-e .var.lib/,/^fi/{s/\\-/-/g;p}' "$BATS_TEST_DIRNAME/../../man/galaf_config.8" >/tmp/pkg/DEBIAN/postinst
    sed -i '1i#!/bin/sh' /tmp/pkg/DEBIAN/postinst
    chmod 755 /tmp/pkg/DEBIAN/postinst
    file_says /tmp/pkg/DEBIAN/postinst "galaf_config --yes"
    passes dpkg-deb --root-owner-group --build /tmp/pkg /tmp/extra.deb
    passes dpkg --install /tmp/extra.deb
    passes reaches extra 8080
    passes reaches web 80
    good=$(readlink -f /var/lib/galaf/good)
    passes cmp /etc/galaf/galaf_conf.d/extra.json "$good/galaf_conf.d/extra.json"
    passes cmp "$CONF" "$good/galaf_conf.json"
    passes galaf_config --yes
    same "$good" "$(readlink -f /var/lib/galaf/good)" "a generation of what is the same"
    passes dpkg --purge extra
    passes galaf_config --yes
    fails 7 reaches extra 8080
    passes galaf_config --rollback
    passes galaf_firewall stop
    passes galaf_firewall start
    passes reaches extra 8080
}

@test "drop-ins: --check, --get, --set and --unset know them" {
    drop_in 10-extra.json <<<'{ "groups": { "extra": { "rule": "tcp dport 8080", "record": true } } }'
    passes galaf_config --check
    says "groups: 2"
    passes galaf_config --get '$.groups.extra.rule'
    same '"tcp dport 8080"' "$output"
    before=$(cat "$CONF")
    passes galaf_config --set '$.groups.extra.rule' 'tcp dport 8081'
    passes galaf_config --set '$.groups.extra.comment' 'new'
    passes galaf_config --unset '$.groups.extra.record'
    same '{ "groups": { "extra": { "rule": "tcp dport 8081", "comment": "new" } } }' "$(cat /etc/galaf/galaf_conf.d/10-extra.json)"
    same "$before" "$(cat "$CONF")"
    passes galaf_config --set '$.groups.new' '{ "rule": "tcp dport 1" }'
    file_says "$CONF" '"new"'
    fails 1 galaf_config --check /etc/galaf/galaf_conf.d/10-extra.json
    says "is read together with /etc/galaf/galaf_conf.json: leave it out"
    passes galaf_config --unset '$.groups.new'
    passes galaf_config --yes
    passes galaf_group rename extra own-git
    file_says /etc/galaf/galaf_conf.d/10-extra.json '"own-git"'
    passes galaf_group delete own-git --yes
    same '{ "groups": { } }' "$(tr -s ' ' </etc/galaf/galaf_conf.d/10-extra.json)"
}

@test "drop-ins: a disagreement, or what nft refuses, is told where it is; the rules stay as they were" {
    drop_in 10-extra.json <<<'{ "groups": { "web": { "rule": "tcp dport 8080" } } }'
    fails 1 galaf_config --yes
    says "/etc/galaf/galaf_conf.d/10-extra.json: \$.groups.web: $CONF says otherwise (line 5): keep one of the two (line 1)"
    drop_in 10-extra.json <<<'{ "groups": { "extra": { "rule": "tcp dport 70000" } } }'
    fails 1 galaf_config --yes
    says "/etc/galaf/galaf_conf.d/10-extra.json: \$.groups.extra.rule: Error: "
    passes reaches web 80
    drop_in 10-extra.json <<<'{ "groups": '
    fails 1 galaf_config --check
    says "/etc/galaf/galaf_conf.d/10-extra.json: line 2, column 1: a closing bracket is missing at the end"
}

@test "drop-ins: one that others can write, or whose folder they can, is refused" {
    drop_in 10-extra.json <<<'{}'
    chown alice /etc/galaf/galaf_conf.d/10-extra.json
    fails 1 galaf_config --yes
    says "/etc/galaf/galaf_conf.d/10-extra.json: others than root can change it: chown root:root and chmod go-w"
    chown root /etc/galaf/galaf_conf.d/10-extra.json
    chmod g+w /etc/galaf/galaf_conf.d
    fails 1 galaf_config --yes
    says "/etc/galaf/galaf_conf.d: others than root can change it"
    chmod g-w /etc/galaf/galaf_conf.d
    passes galaf_config --yes
}

@test "--edit: an editor, the check, back to the line at fault, and then a trial" {
    put_editor() { cat >/tmp/editor; chmod +x /tmp/editor; rm -f /tmp/edits; }
    before=$(cat "$CONF")
    EDITOR=true passes galaf_config --edit
    same "nothing was changed" "$output"
    EDITOR=false fails 1 galaf_config --edit
    says "the editor failed; $CONF was left as it was"
    put_editor <<'SH'
#!/bin/sh
echo "$*" >>/tmp/edits
for file; do :; done
[ "$(wc -l </tmp/edits)" = 1 ] && sed -i 's/dport 80"/dport 70000"/' "$file" || sed -i 's/dport 70000/dport 8080/' "$file"
SH
    EDITOR=/tmp/editor fails 1 galaf_config --edit </dev/null
    says "\$.groups.web.rule: Error: " "Edit it again?" "$CONF was left as it was"
    same "$before" "$(cat "$CONF")"
    rm /tmp/edits
    EDITOR="/tmp/editor -x" passes galaf_config --edit <<<y
    same 2 "$(wc -l </tmp/edits)" "how often the editor was started"
    file_says /tmp/edits "-x /tmp/"
    says "on trial for 60 seconds: keep it with galaf_config --confirm"
    passes reaches web 8080
    passes galaf_config --rollback
    passes reaches web 80
    echo "$before" >"$CONF"
    drop_in 10-extra.json <<<'{ "groups": { "extra": { "rule": "tcp dport 80" } } }'
    rm /tmp/edits
    EDITOR="sed -i s/80/8080/" passes galaf_config --yes --edit /etc/galaf/galaf_conf.d/10-extra.json
    passes reaches extra 8080
    passes reaches web 80
    fails 1 as alice galaf_config --edit
}

@test "--unset: a key, an element, what several places match; nothing is there, and what would be refused" {
    passes galaf_config --set '$.groups.web.rule' '["tcp dport 80", "tcp dport 81", "tcp dport 82"]'
    passes galaf_config --unset '$.groups.web.rule[1]'
    passes galaf_config --get '$.groups.web.rule'
    same '["tcp dport 80", "tcp dport 82"]' "$output"
    passes galaf_config --unset '$.groups.*.execv'
    fails 1 galaf_config --get '$.groups.web.execv'
    file_says "$CONF" '"#1": "kept"'
    fails 1 galaf_config --unset '$.groups.nobody'
    says "nothing is there"
    fails 1 galaf_config --unset '$'
    before=$(cat "$CONF")
    fails 1 galaf_config --set '$.groups.web.rule' 'tcp dport 70000'
    says "\$.groups.web.rule: Error: "
    same "$before" "$(cat "$CONF")"
}

# second_machine: another machine, with files, processes, network and marks of its own, and a cable to the internet.
second_machine() {
    mkdir -p /sys/fs/cgroup/beta
    cat >/tmp/beta.sh <<'SH'
set -e
hostname beta
for folder in /etc /var/lib/galaf; do
    mkdir -p "/tmp/beta$folder"
    cp -a "$folder/." "/tmp/beta$folder"
    mount --bind "/tmp/beta$folder" "$folder"
done
rm -rf /var/lib/galaf/* /etc/galaf/galaf_conf.d
mount -t tmpfs -o mode=755 run /run
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
ip link set lo up
touch /tmp/beta/up
exec sleep infinity
SH
    sh -c 'echo $$ >/sys/fs/cgroup/beta/cgroup.procs
        exec unshare --mount --net --uts --cgroup --pid --fork --mount-proc --kill-child sh /tmp/beta.sh' 3>&- &
    unshared=$!
    eventually 20 test -e /tmp/beta/up
    BETA=$(pgrep --parent "$unshared")
    internet ip link add beta type veth peer name eth0 netns "$BETA"
    internet ip addr add 10.77.0.1/24 dev beta
    internet ip link set beta up
    beta sh -c 'ip addr add 10.77.0.2/24 dev eth0; ip link set eth0 up; ip route add default via 10.77.0.1'
}

# alpha, beta COMMAND ...: runs it on this machine, or on the other one.
alpha() { "$@"; }
beta() {
    sh -c 'echo $$ >/sys/fs/cgroup/beta/cgroup.procs; exec "$@"' sh \
        nsenter --target "$BETA" --mount --net --uts --cgroup --pid "$@"
}

# playbook: the example, as it is for one machine; Ansible reaches it without ssh.
playbook() {
    "$1" env LC_ALL=C.UTF-8 ANSIBLE_LOCALHOST_WARNING=false ansible-playbook --inventory "$1," --connection local \
        --extra-vars '{"ansible_become": false, "ansible_python_interpreter": "/usr/bin/python3"}' /tmp/fleet/fleet.yml
}

# site PORT [MORE]: what the example gives the machines.
site() { echo "{ \"groups\": { \"extra\": { \"rule\": \"tcp dport $1\" } $2 } }" >/tmp/fleet/40-site.json; }

@test "a fleet: one drop-in, and both machines change; one refuses what disagrees with its own, and keeps rules and files" {
    others ansible-core
    mkdir /tmp/fleet
    cp /usr/share/doc/galaf/examples/fleet.yml /tmp/fleet
    second_machine
    passes beta galaf_config --set '$.groups.own' '{ "rule": "tcp dport 993" }'
    passes beta galaf_config --yes
    fails 7 beta galaf --test own /usr/bin/curl -sS --max-time 5 http://198.18.0.10:8080/
    site 8080
    for machine in alpha beta; do
        passes playbook $machine
        passes "$machine" galaf --test extra /usr/bin/curl -sS --max-time 5 http://198.18.0.10:8080/
        fails 7 "$machine" galaf --test extra /usr/bin/curl -sS --max-time 5 http://198.18.0.10:80/
        fails 1 "$machine" galaf_config --confirm
        passes playbook $machine
        says "changed=0 "
    done
    site 80 ', "own": { "rule": "tcp dport 80" }'
    before=$(beta cat /var/lib/galaf/good/ruleset.nft)
    passes playbook alpha
    fails 2 playbook beta
    says "/etc/galaf/galaf_conf.d/40-site.json: \$.groups.own: $CONF says otherwise"
    passes alpha galaf --test extra /usr/bin/curl -sS --max-time 5 http://198.18.0.10:80/
    fails 7 beta galaf --test extra /usr/bin/curl -sS --max-time 5 http://198.18.0.10:80/
    passes beta galaf --test extra /usr/bin/curl -sS --max-time 5 http://198.18.0.10:8080/
    same "$before" "$(beta cat /var/lib/galaf/good/ruleset.nft)" "what beta's boot loads"
    passes beta galaf_config --check
    same "40-site.json" "$(beta ls /etc/galaf/galaf_conf.d)"
    site '{'
    for machine in alpha beta; do
        fails 2 playbook $machine
        says "\$.groups.extra.rule: has an unbalanced brace"
        passes "$machine" galaf_config --check
    done
    kill "$BETA"
}
