#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# The life of the package on each of the machines of tests/machines: installed, active, edited, reloaded, stopped, started,
# removed and purged, over ssh and with connections that are older than the rules.
#
# tests/run-machines runs it once for each machine, whose name is in MACHINE_NAME.

load machine

# What a line of tests/machines may call.

# shell COMMAND ...: root's shells begin with this.
shell() { echo "$*" >>/run/machine/tree/root/.profile; }

# units SETTING: systemd's setting for each service of galaf's.
units() {
    passes on mkdir -p /etc/systemd/system/galaf-.service.d
    { echo '[Service]'; echo "$1"; } | put /etc/systemd/system/galaf-.service.d/test.conf
}

# names ADDRESS NAME: the network's name server knows it; 10.1.2.0/24 answers as the rest of the internet does.
names() {
    internet ip route replace local 10.1.2.0/24 dev lo
    echo "$1 $2" >>/run/internet-hosts
    internet kill -HUP "$(cat /run/internet-dnsmasq.pid)"
}

# slow_names SECONDS: the network's name server answers that late.
slow_names() {
    { alone; internet "$BATS_TEST_DIRNAME/../files/slow_names.py" 5300 "$1"; } >/run/machine/slow 2>&1 &
    eventually 5 grep -q ready /run/machine/slow
    internet nft "table inet slow { chain in { type nat hook prerouting priority dstnat; iifname eth0 udp dport 53 redirect to :5300; }; }"
}

# filter RULES: another firewall's rules for what comes in and is forwarded; what goes out is marked by connection.
filter() {
    put /etc/other.nft <<END
table inet other {
    chain in { type filter hook input priority 0; $1; }
    chain through { type filter hook forward priority 0; policy drop; }
    chain out { type filter hook output priority 0; ct state new counter; }
}
END
    passes on nft -f /etc/other.nft
}

# untracked PORT: another firewall's rules that keep a service's connections out of conntrack.
untracked() {
    put /etc/other.nft <<END
table inet other {
    chain in { type filter hook prerouting priority raw; tcp dport $1 notrack; }
    chain out { type filter hook output priority raw; tcp sport $1 notrack; }
}
END
    passes on nft -f /etc/other.nft
}

# read_only_usr: but for apt, as Debian's wiki has it.
read_only_usr() {
    local each
    for each in Pre:rw Post:ro; do
        echo "DPkg::${each%:*}-Invoke { \"mount -o remount,bind,${each#*:} /usr\"; };"
    done | put /etc/apt/apt.conf.d/99read-only
    passes on mount --bind /usr /usr
    passes on mount -o remount,bind,ro /usr
}

# other_user: mallory holds every lock that can be had on what lies open to all, over and over.
other_user() {
    passes on useradd --create-home mallory
    passes on systemd-run --quiet --unit mallory -p User=mallory bash -c 'while :; do
        timeout 2 python3 /srv/galaf/tests/files/lock_all.py /run /etc /tmp /var/lib /usr/lib/galaf /sys/fs/bpf /dev/shm
        done >/dev/null 2>&1'
}

# only_dnsmasq: Debian's dnsmasq in NetworkManager's place, with systemd-networkd.
only_dnsmasq() {
    later dnsmasq
    printf '[Match]\nName=eth0\n[Network]\nDHCP=yes\n' | put /etc/systemd/network/eth0.network
    printf 'no-resolv\nserver=192.0.2.1\n' | put /etc/dnsmasq.d/upstream.conf
    passes on apt-get purge -q -y network-manager
    on systemctl reset-failed NetworkManager-dispatcher || true     # may be at work as its files go
    passes on systemctl enable --quiet --now systemd-networkd
    rm -f /run/machine/tree/etc/resolv.conf
    echo nameserver 127.0.0.1 | put /etc/resolv.conf
    passes on systemctl restart dnsmasq
    "$MACHINE" up
}

# The life.

setup_file() {
    SITE=web.example BARE='' DOMAINS=yes
    let_ssh_in
    passes on useradd --create-home bob
    local line
    line=$(sed -n "s/^$MACHINE_NAME  *[0-9,]*  *//p" "$BATS_TEST_DIRNAME/../machines")
    [ -n "$line" ] || complain "tests/machines has no machine $MACHINE_NAME"
    eval "$line"
    export SITE BARE DOMAINS
    eventually 30 settled || complain "no network" "$(on ip addr)" "$(on cat /etc/resolv.conf)"
    state >/run/machine/before
    talk ssh by_ssh 'while read -r word; do echo "$word"; done'
    talk bob asking bob 198.18.0.30 8080
    talk alice asking alice 198.18.0.31 8080
}

# settled: the machine has addresses, routes and name servers, and knows the site.
settled() {
    on ip -4 route show default | grep -q . || return 1
    ! ipv6 || on ip -6 route show default | grep -q . || return 1
    told || return 1
    on getent hosts "$SITE" >/dev/null
}

# state: what the package may change, and has to give back.
state() {
    footprint
    network
    rules
    on sysctl --all --pattern '^net\.' 2>/dev/null | grep -v -e nf_conntrack_count -e tcp_fastopen_key
    on sh -c 'ip rule; ip -6 rule; bpftool cgroup show /sys/fs/cgroup; getent passwd; systemctl --failed --plain --no-legend'
    on getent group | grep -vE '^(web|echo|more|galaf-last):'
}
rules() { on nft --stateless list ruleset; }

# root COMMAND ...: in a shell of root's.
root() { on bash -c '. /root/.profile; "$@"' bash "$@"; }

# apt OPTION ...: by root, with root's umask; dpkg insists on its PATH.
apt() {
    root env DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin apt-get -q -y --no-install-recommends "$@"
}

# talk NAME COMMAND ...: a program that says each word back, at once and as long as its connection lasts.
talk() {
    start "$@"
    goes_on "$1"
}

# start NAME COMMAND ...: in the background; hear NAME is what it has said, tell NAME WORD what it is told.
start() {
    local name=/run/machine/talk-$1
    shift
    mkfifo "$name.in"
    { alone; "$@" || true; echo "ended"; } 0<>"$name.in" >"$name.out" 2>&1 &
}
alone() {       # bats waits for whoever has a descriptor of its
    local each
    for each in /proc/"$BASHPID"/fd/*; do
        each=${each##*/}
        [ "$each" -le 2 ] || eval "exec $each>&-"
    done
}
hear() { cat "/run/machine/talk-$1.out"; }
tell() { timeout 5 bash -c 'echo "$0" >"$1"' "$2" "/run/machine/talk-$1.in"; }

# asking USER ADDRESS PORT: a connection of that user's to a web server, which has the words back from there.
asking() {
    "$MACHINE" on runuser --user "$1" -- bash -c 'exec 3<>"/dev/tcp/$0/$1" || exit
        { cat <&3; kill $$ 2>/dev/null; } &
        while read -r word; do printf "GET / HTTP/1.1\r\nHost: %s\r\n\r\n" "$word" >&3; done' "$2" "$3"
}

# goes_on NAME: it still says what it is told.
goes_on() {
    local word=w$RANDOM
    tell "$1" $word
    eventually 5 heard "$1" $word || complain "the connection $1 does not go on:" "$(hear "$1")"
}
heard() { hear "$1" | grep -qF -e "$2"; }

# ended NAME: it does not; it is told so, unless conntrack takes up no connection in its middle.
ended() {
    tell "$1" lost || true
    eventually 5 heard "$1" ended || [ "$(on sysctl -n net.netfilter.nf_conntrack_tcp_loose)" = 0 ] || complain "the connection $1 goes on:" "$(hear "$1")"
    ! heard "$1" lost
}

# kept: what was open before galaf and is listed.
kept() {
    goes_on ssh
    goes_on bob
}

# configuration WORDS: what is allowed here; with these words in web's entry.
configuration() {
    cat <<JSON
{
    "users": {
        "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] },
        "systemd-resolve": { "rule": [ "udp dport 53", "tcp dport 53" ] },
        "bob": { "rule": "tcp dport 8080" }
    },
    "groups": {
        "web": { "execv": [ "/usr/bin/curl", "-sS", "-m", "10", "…" ], $1 },
        "echo": { "execv": [ "/usr/bin/ping", "…" ], "no_new_privs": true, "ping": true,
                  "rule": "icmp type echo-request", "rule6": "icmpv6 type echo-request" }
    },
    "inbound": { "root": "tcp dport 22" }
}
JSON
}
BY_NAME='"domains": [ "web.example", "home.example" ], "rule": "tcp dport 80"'
BY_ADDRESS='"rule": "ip daddr 198.18.0.10 tcp dport 80", "rule6": "ip6 daddr 2001:2:0:1::10 tcp dport 80"'

# open_network: every program reaches all, names are known, and nothing is loaded.
open_network() {
    passes alice "/usr/bin/curl -sS -m 10 http://$SITE/ http://198.18.0.20/"
    says "$SITE 80" "198.18.0.20 80"
    [ -z "$BARE" ] || passes on getent hosts "$BARE"
    same "$(cat /run/machine/rules)" "$(rules)" "the ruleset"
    kept
}

# healthy: galaf_doctor finds nothing broken.
healthy() {
    passes root /usr/sbin/galaf_doctor
    says_not broken Traceback
}

# enforced [NAME]: what is listed passes, this name too; nothing else does.
enforced() {
    local since name
    since=$(now)
    for name in $SITE "$@"; do
        [ $DOMAINS = yes ] || name=198.18.0.10
        passes alice "galaf web http://$name/"
        says "$name 80"
    done
    passes alice 'galaf echo -c 1 -W 5 198.18.0.10'
    [ $DOMAINS = no ] || fails 6 alice 'galaf web http://mail.example/'
    fails 7 alice 'galaf web http://198.18.0.20/'
    fails 7 alice '/usr/bin/curl -sS -m 5 http://198.18.0.20/'
    ! ipv6 || fails 7 alice '/usr/bin/curl -sS -g -m 5 http://[2001:2:0:1::20]/'
    fails 1 alice 'echo >/dev/udp/198.18.0.20/5000'
    same "" "$(sent "$since" "$ROGUE" | head -n 5)" "what reached the wire"
    kept
}

@test "installed: nothing changes" {
    rules >/run/machine/rules
    passes apt install "./$DEB"
    says "nothing is enforced yet"
    open_network
    goes_on alice
}

@test "galaf_config by ssh: asked and answered there; listed connections go on, others end" {
    configuration "$BY_NAME" | put /etc/galaf/galaf_conf.json
    if [ $DOMAINS = no ]; then
        fails 1 root /usr/bin/galaf_config --yes
        says "nothing was changed"
        open_network
        configuration "$BY_ADDRESS" | put /etc/galaf/galaf_conf.json
    fi
    start config by_ssh -tt '. ./.profile; /usr/bin/galaf_config; echo "status: $?"'
    for asked in "Make 2 application groups (web, echo)?" "Keep these rules?"; do
        eventually 30 heard config "$asked" || complain "not asked: $asked" "$(hear config)"
        tell config y
    done
    eventually 10 heard config 'status: 0' || complain "$(hear config)"
    enforced
    ended alice
    healthy
}

@test "edited and reloaded" {
    [ $DOMAINS = no ] || passes root /usr/bin/galaf_config --set '$.groups.web.domains' '[ "web.example", "home.example", "four.example" ]'
    passes root /usr/bin/galaf_config --set '$.groups.more' '{ "rule": "tcp dport 443" }'
    passes root /usr/bin/galaf_config --yes
    enforced four.example
    passes on systemctl reload-or-restart galaf-firewall
    enforced four.example
}

@test "stopped and started: what was begun meanwhile and is listed goes on" {
    passes root /usr/sbin/galaf_firewall stop
    open_network
    talk meanwhile by_ssh 'while read -r word; do echo "$word"; done'
    passes root /usr/sbin/galaf_firewall start
    goes_on meanwhile
    enforced four.example
    healthy
}

@test "removed: as before" {
    passes apt remove galaf
    open_network
}

@test "purged: nothing is left but the groups" {
    passes apt purge galaf
    open_network
    state >/run/machine/after
    passes diff /run/machine/before /run/machine/after
}
