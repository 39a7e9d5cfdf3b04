#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# galaf_group on the installed package: groups, entries and files go together.

load helper

setup() {
    rm -f /etc/galaf/nftables.d/own.nft /etc/galaf/nftables.d/z.nft
    for name in web post mail-program fresh echo-er; do
        groupdel "$name" 2>/dev/null || true
    done
    groupadd --gid 31000 web    # "users" below means it
    configure <<'JSON'
{
    "#": "mine",
    "config": { "defaults": { "record": false } },
    "groups": {
        "# web": "the web",
        "web":   { "rule": "tcp dport 80", "execv": [ "/usr/bin/curl", "…" ] },
        "post":  { "rule": "tcp dport 8080",
                   "from": [ "web" ], "users": [ "alice", "%web" ] }
    },
    "inbound": { "web": "tcp dport 8001" }
}
JSON
}

# gid NAME: a group's number, nothing if there is no such group.
gid() { getent group "$1" | cut -d: -f3; }

# on_terminal INPUT COMMAND ...: runs it on a terminal that types the input.
on_terminal() {
    run script --quiet --return --command "${*:2}" /dev/null < <(printf '%b' "$1"; sleep 15)
}

@test "list: gid, mark, members, command, and what is not as it should be" {
    groupadd --gid 40001 stray
    gpasswd --add alice stray
    passes as alice galaf_group list
    says "$(printf '0x%08x' "$(($(gid web) << 16))")" "/usr/bin/curl …" "not in $CONF" "alice"
    passes galaf_group list --json
    /usr/bin/python3 -c '
import json, sys
rows = {row["group"]: row for row in json.load(sys.stdin)}
assert rows["web"] == {"group": "web", "gid": int(sys.argv[1]), "mark": int(sys.argv[1]) << 16, "configured": True,
                       "members": [], "execv": ["/usr/bin/curl", "…"]}, rows
assert rows["stray"]["members"] == ["alice"] and not rows["stray"]["configured"], rows' "$(gid web)" <<<"$output"
    groupdel stray
}

@test "list --files counts them, also below a user's home and on another file system" {
    touch /home/alice/one /dev/shm/two "/home/alice/a
b"
    chgrp web /home/alice/one /dev/shm/two "/home/alice/a
b"
    passes galaf_group list --files --json
    says '"files": 3'
    fails 1 as alice galaf_group list --files
    says "needs root"
    rm /home/alice/one /dev/shm/two /home/alice/a*
}

@test "add: the group and an entry that allows nothing; galaf_config then takes what is filled in" {
    passes galaf_group add fresh
    says "group fresh made, gid 59"
    file_says "$CONF" '"fresh": null' '"#": "mine"' '"web":   { "rule"'
    passes galaf_config --yes
    fails 7 in_group fresh fetch http://198.18.0.10/
    galaf_config --set '$.groups.fresh' '{"rule": "tcp dport 80"}'
    passes galaf_config --yes
    passes in_group fresh fetch http://198.18.0.10/
}

@test "add --ping: a gid of the sub-range; galaf_config sets ping_group_range for now and later" {
    passes galaf_group add echo-er --ping
    [ "$(gid echo-er)" -ge 57344 ] && [ "$(gid echo-er)" -le 57359 ]
    galaf_config --set '$.groups.echo-er.rule' 'icmp type echo-request'
    passes galaf_config --yes
    same "57344	57359" "$(cat /proc/sys/net/ipv4/ping_group_range)"
    passes galaf --test echo-er /usr/bin/python3 -c '
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).connect(("198.18.0.10", 0))'
}

@test "add refuses a name that is taken, that nft or groupadd does not take, or that is no new one" {
    before=$(getent group; cat "$CONF")
    fails 1 galaf_group add web
    says "there is such a group already"
    fails 1 galaf_group add audio
    says "its gid 29 is outside 30000 to 59999"
    fails 1 galaf_group add tcp
    says "a word of nft's own language"
    fails 1 galaf_group add 'a b'
    says "not a name that groupadd and nft take"
    fails 1 galaf_group add --ping -- -x
    fails 1 as alice galaf_group add fresh
    says "needs root"
    same "$before" "$(getent group; cat "$CONF")"
}

# own_rules: a file of the administrator's that uses the group web, and a define whose name begins so.
own_rules() {
    printf '%s\n' 'define web-server = 7' 'table inet galaf {' '    chain neighbours_out {' \
        '        ct mark { $web } udp dport 9 accept     # web' '        ct mark $web-server udp dport 9 accept' \
        '    }' '}' >/etc/galaf/nftables.d/own.nft
    galaf_config --set '$.groups.post.rule6' 'ct mark $web tcp dport 9'
    passes galaf_config --yes
}

@test "rename: group, key and every mention; gid, files, layout and permission stay" {
    number=$(gid web)
    touch /home/alice/one
    chgrp web /home/alice/one
    own_rules
    fails 1 galaf_group rename web post
    says "there is such a group already"
    fails 1 galaf_group rename audio sound
    says "is no application group"
    passes galaf_group rename web mail-program
    says "is now mail-program, gid $number as before" "enforced"
    same "$number" "$(gid mail-program)"
    same "" "$(gid web)"
    same mail-program "$(stat -c %G /home/alice/one)"
    file_says "$CONF" '"mail-program":   { "rule": "tcp dport 80"' '"from": [ "mail-program" ]' '"%mail-program"' \
        '"inbound": { "mail-program": "tcp dport 8001" }' '"# web": "the web"' '"ct mark $mail-program tcp dport 9"'
    file_says /etc/galaf/nftables.d/own.nft '{ $mail-program } udp dport 9 accept     # web' 'ct mark $web-server udp' \
        'define web-server = 7'
    passes in_group mail-program fetch http://198.18.0.10/
    passes galaf_group rename mail-program web
    passes in_group web fetch http://198.18.0.10/
}

# counted_to_web GROUP: packets and bytes of its own that are recorded for web.example.
counted_to_web() {
    galaf_stats --json --set "record/$1/out4" | jq --raw-output \
        '.sets[][] | select(.address == "198.18.0.10") | "\(.packets) \(.bytes)"'
}

@test "rename: what the group's sets have learned and counted goes on under the new name" {
    start_dnsmasq
    galaf_config --set '$.users' '{ "dnsmasq": { "rule": "udp dport 53" } }'
    galaf_config --set '$.groups.web.domains' '[ "web.example" ]'
    galaf_config --set '$.groups.web.record' true
    passes galaf_config --yes
    passes as alice galaf web --silent --ipv4 http://web.example/
    nft add element inet galaf web_4 '{ 198.18.0.99 }'
    printf 'table inet galaf {\n    chain neighbours_out {\n        ip daddr @web_4 udp dport 9 accept\n    }\n}\n' \
        >/etc/galaf/nftables.d/own.nft
    passes galaf_config --yes
    counted=$(counted_to_web web)
    [ "${counted%% *}" -gt 0 ]
    passes galaf_group rename web mail-program
    file_says /etc/galaf/nftables.d/own.nft '@mail-program_4'
    passes nft get element inet galaf mail-program_4 '{ 198.18.0.99 }'
    same "$counted" "$(counted_to_web mail-program)"
    passes nft list sets table inet galaf
    says_not "web_" "record/web"
    passes galaf_doctor rules
    passes as alice galaf mail-program --silent http://web.example/
    says "web.example 80"
    fails 7 as alice galaf mail-program --silent http://198.18.0.20/
}

@test "rename is undone as a whole where the rules can't be loaded" {
    galaf_config --set '$.groups.web.record' true
    own_rules
    before=$(getent group web post; cat "$CONF" /etc/galaf/nftables.d/own.nft; nft -t list sets)
    grep -q "record/web/in6" <<<"$before"
    printf 'nonsense\n' >/etc/galaf/nftables.d/z.nft
    fails 1 galaf_group rename web mail-program
    says "the group is still web: nothing was changed" nonsense
    same "$before" "$(getent group web post; cat "$CONF" /etc/galaf/nftables.d/own.nft; nft -t list sets)"
    rm /etc/galaf/nftables.d/z.nft
    passes in_group web fetch http://198.18.0.10/
}

@test "delete: no other group gets the gid before a reboot, since a socket may still have it" {
    number=$(gid post)
    passes galaf_group delete post --yes
    find /var/lib/galaf/generations -mindepth 1 -maxdepth 1 -not -samefile "$(readlink -f /var/lib/galaf/good)" -exec rm -r {} +
    for name in fresh mail-program; do
        galaf_config --set "$.groups.$name" '{ "rule": "tcp dport 80" }'
    done
    passes galaf_config --yes
    for name in fresh mail-program; do
        [ "$(gid $name)" != "$number" ] || complain "$name has the gid that post had, $number"
    done
}

@test "delete: asks, shows the files, takes permission, files, group and entry" {
    mkdir -p /home/alice/deep/er
    touch /home/alice/deep/er/one "/home/alice/deep/-two
three" /home/alice/other $'/home/alice/deep/\xff'
    chgrp post /home/alice/deep/er/one /home/alice/deep/-* /home/alice/deep $'/home/alice/deep/\xff'
    number=$(gid post)
    on_terminal 'n\n' galaf_group delete post
    says "/home/alice/deep/er/one" "/home/alice/deep/\udcff" "Delete the group post, with its entry in $CONF and give its 4 files to nogroup? [y/N]" "nothing was changed"
    same "$number" "$(gid post)"
    fails 1 galaf_group delete post </dev/null
    says "with --yes"
    passes galaf_group delete post --yes
    says "group post deleted, 4 files given to nogroup"
    says_not "left until galaf_group delete"
    same "" "$(gid post)"
    same "nogroup nogroup nogroup root" \
        "$(stat -c %G /home/alice/deep/er/one $'/home/alice/deep/\xff' /home/alice/deep /home/alice/other | xargs)"
    fails 1 grep '"post"' "$CONF"
    file_says "$CONF" '"# web": "the web"'
    passes nft list map inet galaf apps
    says_not "$number"
}

@test "delete and list --files say on a terminal which file system they look through, and nowhere else" {
    on_terminal '' galaf_group list --files
    says $'\rlooking for files in /: 0 folders\rlooking for files in /: 1000 folders\rlooking for files in /: 2000 folders\r' \
        $' folders\r\n\rlooking for files in /dev/shm: 0 folders\r' "curl"
    passes galaf_group list --files
    says_not "looking for files"
    on_terminal '' galaf_group delete post --yes
    says "looking for files in /: 1000 folders" "looking for files in /dev/shm: 1 folders" "group post deleted"
    passes galaf_group add post
    passes galaf_group delete post --yes
    says "group post deleted"
    says_not "looking for files"
}

@test "delete leaves what a link in a folder's place leads to, and files of other groups" {
    mkdir -p /home/alice/trap
    touch /home/alice/trap/shadow
    chgrp post /home/alice/trap/shadow
    ln -s /etc/shadow /home/alice/link
    chgrp --no-dereference post /home/alice/link
    before=$(stat -c '%U:%G %a' /etc/shadow)
    passes galaf_group delete post --yes
    same "$before" "$(stat -c '%U:%G %a' /etc/shadow)"
    same nogroup "$(stat -c %G /home/alice/link)"
}

@test "delete and list --files go into the subvolumes of btrfs, and into no other file system twice" {
    local below=/srv/b/sub/deeper
    mkdir /srv/b
    truncate --size 120M /tmp/btrfs
    mkfs.btrfs --quiet --mixed /tmp/btrfs
    mount -o loop /tmp/btrfs /srv/b
    btrfs subvolume create /srv/b/sub
    btrfs subvolume create $below
    mkdir "$below/a[b]*"
    mount -t tmpfs tmpfs "$below/a[b]*"
    touch /srv/b/one /srv/b/sub/two $below/three "$below/a[b]*/four"
    chgrp post /srv/b/one /srv/b/sub/two $below/three "$below/a[b]*/four"
    passes galaf_group list --files --json
    says '"execv": [], "files": 4'
    cp /usr/bin/true $below/five
    chgrp web $below/five
    chmod 2755 $below/five
    fails 1 galaf_doctor set_group
    says $below/five
    passes galaf_group delete post --yes
    says "group post deleted, 4 files given to nogroup"
    same nogroup "$(stat -c %G /srv/b/one /srv/b/sub/two $below/three "$below/a[b]*/four" | uniq)"
    umount --recursive /srv/b
}

@test "delete says which files it can't change, and removes the group all the same" {
    mount -t tmpfs tmpfs /srv
    touch /srv/fixed /home/alice/loose
    chgrp post /srv/fixed /home/alice/loose
    mount -o remount,ro /srv
    passes galaf_group delete post --yes
    says "group post deleted, 1 files given to nogroup" "1 files keep the gid" "'/srv/fixed'"
    same "" "$(gid post)"
    umount /srv
}

@test "delete refuses: another entry means it, it runs, it is a login group, it is outside the range, changes wait" {
    fails 1 galaf_group delete web --yes
    says '$.groups.post.from[0]: still means web' '$.groups.post.users[1]' '$.inbound.web'
    own_rules
    fails 1 galaf_group delete web --yes
    says '$.groups.post.rule6: still means web' '/etc/galaf/nftables.d/own.nft: still means web'
    fails 1 galaf_group delete audio --yes
    says "no application group"
    fails 1 galaf_group delete nothing-of-it --yes
    says "there is no such application group"
    galaf --test post /bin/sleep 30 3>&- &
    eventually 20 pgrep --group "$(gid post)" sleep
    fails 1 galaf_group delete post --yes
    says "still runs" "sleep"
    pkill --group "$(gid post)" sleep
    usermod --gid post bob
    fails 1 galaf_group delete post --yes
    says "is the login group of bob"
    usermod --gid bob bob
    galaf_config --set '$.groups.web.rule' 'tcp dport 443'
    fails 1 galaf_group delete post --yes
    says "has changes that are not applied"
    fails 1 galaf_group rename post fresh
    says "has changes that are not applied"
    passes getent group web post
}

@test "delete without rules: only group and files" {
    galaf_firewall stop
    rm -rf /var/lib/galaf/good /var/lib/galaf/generations
    passes galaf_group delete post --yes
    same "" "$(gid post)"
    passes nft list tables
    same "" "$output"
}

# outside_the_range: what groupadd, addgroup, useradd and adduser give is outside of it.
outside_the_range() {
    groupadd made-1
    groupadd made-2
    addgroup --quiet made-3
    useradd made-4
    useradd made-5
    adduser --quiet --disabled-password --gecos '' made-6 >/dev/null
    for name in made-1 made-2 made-3 made-4 made-5 made-6; do
        [ "$(gid $name)" -lt 30000 ] || [ "$(gid $name)" -gt 59999 ] || complain "$name has gid $(gid $name)"
        ! id -u $name >/tmp/uid 2>&1 || [ "$(cat /tmp/uid)" -lt 30000 ] || complain "$name has uid $(cat /tmp/uid)"
    done
    for name in made-4 made-5 made-6; do userdel --remove $name 2>/dev/null; done
    for name in made-1 made-2 made-3; do groupdel $name; done
}

@test "whatever galaf makes and deletes, groups and users that others make have ids outside of the range" {
    groupdel web
    groupdel post
    configure <<<'{ "groups": { "one": { "ping": true, "rule": "" } } }'
    outside_the_range
    for number in 1 2 3; do galaf_config --set "\$.groups.more-$number" null; done
    passes galaf_config --yes
    same 59999 "$(gid galaf-last)"
    for name in more-1 more-2 more-3; do [ "$(gid "$name")" -gt 59980 ] || complain "$name" "$(gid "$name")"; done
    outside_the_range
    passes galaf_group delete more-1 --yes
    passes galaf_group delete more-2 --yes
    outside_the_range
    fails 1 galaf_group delete galaf-last --yes
    says "keeps the ids that groupadd gives to others out of the range"
    passes galaf_group list
    says "galaf-last  59999"
    fails 1 galaf_config --set '$.groups.galaf-last' '{}'
    says '$.groups.galaf-last: is a group of galaf'"'"'s own'
    for name in one more-3; do groupdel $name; done
}

@test "galaf_config offers to delete a group that it made, and none that others made, are in, or run programs in" {
    for name in none member login running; do galaf_config --set "\$.groups.of-$name" '{ "rule": "" }'; done
    passes galaf_config --yes
    gpasswd --add alice of-member
    usermod --gid of-login bob
    galaf --test of-running /bin/sleep 60 3>&- &
    eventually 20 pgrep --group "$(gid of-running)" sleep
    configure <<<'{ "groups": {} }'
    [[ $output == *"left until galaf_group delete: of-none, post" ]] || complain "other groups" "$output"
    on_terminal 'y\ny\n' galaf_config
    says "Delete 2 application groups that $CONF does not name (of-none, post)?" "group of-none deleted" "group post deleted"
    same "" "$(gid of-none)"
    for name in of-member of-login of-running web; do [ -n "$(gid $name)" ] || complain "$name is gone"; done
    fails 1 galaf_group delete of-member --yes
    says "has the members alice"
    pkill --group "$(gid of-running)" sleep
    usermod --gid bob bob
    gpasswd --delete alice of-member
    groupdel of-none 2>/dev/null || true
    groupadd --gid 59990 of-none        # another one of that name
    passes galaf_config --yes
    [[ $output == *"left until galaf_group delete: of-login, of-member, of-running" ]] || complain "other groups" "$output"
    passes galaf_group rename of-login of-another
    passes galaf_config --yes
    [[ $output == *"left until galaf_group delete: of-another, of-member, of-running" ]] || complain "other groups" "$output"
    for name in of-none of-member of-another of-running; do groupdel $name; done
}

# tool PATH: a program that prints what it was given.
tool() {
    mkdir -p "$(dirname "$1")"
    cp /usr/bin/echo "$1"
}

# takes EXECV [KEYS] / refuses WORDS EXECV [KEYS]: what galaf_config says of a group with this command.
takes() {
    echo '{ "groups": { "tool": { "execv": '"$1${2:-}"' } } }' >/tmp/tool.json
    passes galaf_config --check /tmp/tool.json
}
refuses() {
    echo '{ "groups": { "tool": { "execv": '"$2${3:-}"' } } }' >/tmp/tool.json
    fails 1 galaf_config --check /tmp/tool.json
    says '$.groups.tool.execv[0]: ' "$1"
}

@test "a command that others than root can change is refused: the file, a folder above, a link's folder, one not there" {
    tool /opt/tools/echo
    takes '[ "/opt/tools/echo" ]'
    chown alice /opt/tools/echo
    refuses "/opt/tools/echo (mode 0755) can be changed by its owner alice" '[ "/opt/tools/echo" ]'
    says 'write "trusted": true'
    takes '[ "/opt/tools/echo" ]' ', "trusted": true'
    chown root /opt/tools/echo
    chmod 0757 /opt/tools
    refuses "/opt/tools (mode 0757) can be changed by everyone" '[ "/opt/tools/echo" ]'
    refuses "/opt/tools (mode 0757)" '[ "/opt/tools/not-there" ]'
    chmod 0775 /opt/tools
    refuses "/opt/tools (mode 0775) can be changed by the group root" '[ "/opt/tools/../tools/echo" ]'
    chmod 0755 /opt/tools
    tool /home/alice/mine
    refuses "/home/alice (mode 0" '[ "/home/alice/mine" ]'
    mkdir -p /srv/links
    chown bob /srv/links
    ln -sf /opt/tools/echo /srv/links/echo
    ln -sf /srv/links/echo /opt/tools/indirect
    refuses "/srv/links (mode 0755) can be changed by its owner bob" '[ "/opt/tools/indirect" ]'
    ln -sf loop /opt/tools/loop
    takes '[ "/opt/tools/loop" ]'
}

@test "who may start a command, from which group, and with what environment, as galaf_conf.json has it" {
    groupadd --gid 2000 --users bob friends
    configure <<'JSON'
{
    "groups": {
        "hers":  { "users": [ "alice" ], "execv": [ "/usr/bin/env", "…" ],
                   "env": { "keep": [ "EDITOR" ], "set": { "MODE": "quiet and\tslow", "LANG": "C" } } },
        "theirs": { "users": [ "%friends" ], "from": [ "loose" ], "execv": [ "/usr/bin/id", "-gn" ] },
        "loose": { "no_new_privs": false, "execv": [ "/usr/bin/env", "…" ] }
    }
}
JSON
    passes as alice env EDITOR=/x PAGER=/y LANG=de_DE.UTF-8 galaf hers
    says EDITOR=/x $'MODE=quiet and\tslow' $'\nLANG=C\n'
    says_not PAGER
    fails 125 as bob galaf hers
    says "you (uid 1001) may not start it"
    fails 125 as alice galaf theirs
    passes as bob galaf theirs
    same theirs "$output"
    passes as bob galaf loose galaf theirs
    same theirs "$output"
    fails 125 as alice galaf loose galaf hers
    says "may not start it: add that group to \"from\" of \$.groups.hers"
    passes as alice galaf hers grep NoNewPrivs /proc/self/status
    says $'NoNewPrivs:\t1'
    passes as bob galaf loose grep NoNewPrivs /proc/self/status
    says $'NoNewPrivs:\t0'
    groupdel friends
}

@test "what is said of a command that gains privilege, and not where the entry has the word; the shipped file is in order" {
    tool /opt/tools/plain
    for gain in "chmod u+s:is set-uid, so it is started as with" "chmod u-s,g+s:is set-gid, and is started without" \
        "chmod g-s:" "setcap cap_net_raw+ep:has file capabilities, so it is started as with"; do
        ${gain%%:*} /opt/tools/plain
        takes '[ "/opt/tools/plain" ]'
        says "${gain#*:}"
        for word in true false; do
            takes '[ "/opt/tools/plain" ]' ', "no_new_privs": '$word
            says_not "is started"
        done
    done
    passes galaf_config --check "$BATS_TEST_DIRNAME/../../etc/galaf/galaf_conf.json"
    says ": in order; groups: 4"
}

@test "ping as shipped works without its capability" {
    cp "$BATS_TEST_DIRNAME/../../etc/galaf/galaf_conf.json" "$CONF"
    start_dnsmasq
    passes galaf_config --yes
    passes as alice galaf ping -n -c 1 -W 2 198.18.0.10
    passes as alice galaf ping -n -c 1 -W 2 2001:2:0:1::10
}

# etc_read_only / etc_writable: /etc as after an error of its disk.
etc_read_only() { mount --bind /etc /etc && mount -o remount,ro,bind /etc; }
etc_writable() { umount /etc; }

# instead_of PROGRAM: standard input, a shell script, in its place; it calls PROGRAM.real.
instead_of() {
    mv "$1" "$1.real"
    cat >"$1"
    chmod +x "$1"
}

@test "/etc becomes read-only in the middle of a rename: nothing is lost, it says so, and the rename goes on afterwards" {
    own_rules
    old=$(gid web)
    etc_read_only
    fails 1 galaf_group rename web mail-program
    says "Read-only file system" "the group is still web: nothing was changed"
    says_not Traceback
    etc_writable
    same "$old" "$(gid web)"

    instead_of /usr/sbin/groupmod <<'SH'
#!/bin/sh
mount --bind /etc /etc && mount -o remount,ro,bind /etc
exec /usr/sbin/groupmod.real "$@"
SH
    fails 1 galaf_group rename web mail-program
    mv /usr/sbin/groupmod.real /usr/sbin/groupmod
    says "$CONF: says mail-program by now, and can't be written back either" "go on with galaf_group rename web mail-program"
    says_not Traceback
    etc_writable
    same "$old" "$(gid web)"
    passes /usr/bin/python3 -m json.tool "$CONF"
    passes in_group web fetch http://198.18.0.10/          # the active rules are as they were
    passes galaf_group rename web mail-program
    same "$old" "$(gid mail-program)"
    passes in_group mail-program fetch http://198.18.0.10/
    file_says /etc/galaf/nftables.d/own.nft '$mail-program'
    same "" "$(find /etc -name '.*.nft.*' -o -name '.galaf_conf*')" "what writing left behind"
}

@test "what --set writes while galaf_group asks is not lost" {
    mkfifo /tmp/answer
    passes galaf_group add fresh
    passes galaf_config --yes
    script --quiet --return --command 'galaf_group delete fresh' /dev/null </tmp/answer >/tmp/asked 3>&- 4>&- &
    asking=$!
    exec 5>/tmp/answer
    eventually 30 grep -qs 'y/N' /tmp/asked
    passes galaf_config --set '$.groups.post.comment' '"meanwhile"'
    passes galaf_config --yes
    echo y >&5
    wait "$asking" || true
    exec 5>&-
    rm /tmp/answer
    file_says "$CONF" '"comment": "meanwhile"'
    fails 2 getent group fresh
}
