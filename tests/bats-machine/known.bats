#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Known entries with the programs that they are for, on a booted workstation: what leaves with the entry, and nothing without.

load machine
load servers

# A known entry, its package (see tests/known-debs), the arguments, and what of it is to be seen on the cable.  198.18.0.10 is another machine.
TRIED='
curl|curl|-sS -m 3 http://198.18.0.10/|tcp dst port 80
wget|wget|-q -T 3 -t 1 -O - http://198.18.0.10/|tcp dst port 80
w3m|w3m|-dump http://198.18.0.10/|tcp dst port 80
lynx|lynx|-dump http://198.18.0.10/|tcp dst port 80
aria2|aria2|-t 3 --max-tries=1 -d /tmp http://198.18.0.10/bytes/9|tcp dst port 80
httping|httping|-c 1 -t 2 http://198.18.0.10/|tcp dst port 80
git|git|ls-remote git://198.18.0.10/x|tcp dst port 9418
ssh|openssh-client|-o BatchMode=yes -o ConnectTimeout=3 198.18.0.10 true|tcp dst port 22
scp|openssh-client|-o BatchMode=yes -o ConnectTimeout=3 198.18.0.10:x /tmp/x|tcp dst port 22
sftp|openssh-client|-o BatchMode=yes -o ConnectTimeout=3 198.18.0.10|tcp dst port 22
rsync|rsync|--timeout=3 rsync://198.18.0.10/x /tmp/x|tcp dst port 873
dig|bind9-dnsutils|+time=1 +tries=1 @198.18.0.10 x.example|udp dst port 53
nslookup|bind9-dnsutils|-timeout=1 -retry=1 x.example 198.18.0.10|udp dst port 53
host|bind9-host|-W 1 x.example 198.18.0.10|udp dst port 53
ldnsutils|ldnsutils|x.example @198.18.0.10|udp dst port 53
ping|iputils-ping|-c 1 -W 1 198.18.0.10|icmp[0] = 8
fping|fping|-c 1 -t 500 198.18.0.10|icmp[0] = 8
mtr|mtr-tiny|-n -r -c 1 198.18.0.10|icmp[0] = 8
traceroute|traceroute|-n -m 1 -q 1 -w 1 198.18.0.10|udp dst portrange 33434-33534
tracepath|iputils-tracepath|-n -m 1 198.18.0.10|udp dst portrange 44444-44544
whois|whois|-h 198.18.0.10 example.org|tcp dst port 43
nc|netcat-openbsd|-z -w 2 198.18.0.10 7000|tcp dst port 7000
ncat|ncat|-w 2 198.18.0.10 7001|tcp dst port 7001
socat|socat|-T 2 - TCP:198.18.0.10:7002,connect-timeout=2|tcp dst port 7002
telnet|inetutils-telnet|198.18.0.10|tcp dst port 23
openssl|openssl|s_client -connect 198.18.0.10:443|tcp dst port 443
sslscan|sslscan|--connect-timeout=2 198.18.0.10:993|tcp dst port 993
msmtp|msmtp|--host=198.18.0.10 --port=465 --tls=on --tls-starttls=off --timeout=3 --serverinfo|tcp dst port 465
mpop|mpop|--host=198.18.0.10 --port=995 --tls=on --tls-starttls=off --timeout=3 --serverinfo|tcp dst port 995
redis-tools|redis-tools|-h 198.18.0.10 ping|tcp dst port 6379
snmp|snmp|-v2c -c public -t 1 -r 0 198.18.0.10|udp dst port 161
dict|dict|-h 198.18.0.10 word|tcp dst port 2628
nbtscan|nbtscan|198.18.0.10|udp dst port 137
smbclient|smbclient|-N -t 3 -L 198.18.0.10|tcp dst port 445
'

# tried: the table's lines.
tried() { grep . <<<"$TRIED"; }

setup_file() {
    RELEASE=$(on sh -c '. /etc/os-release; echo $VERSION_ID')
    mkdir -p /run/machine/tree/opt/debs
    cp "$BATS_TEST_DIRNAME/../../build/known-debs-$RELEASE"/*.deb /run/machine/tree/opt/debs/
    passes on sh -c 'DEBIAN_FRONTEND=noninteractive dpkg --install --force-unsafe-io --force-depends /opt/debs/*.deb'
    passes install "./$DEB"
}

# leaves: what of the other machine's is on the cable since $since.
leaves() { sent "$since" "(dst host 198.18.0.10) and ($1)"; }

# run_all PREFIX: each of the table's programs by alice, 20 seconds at most, since they start all at once; PREFIX: "galaf NAME", or the program's own path.
run_all() {
    local name arguments program
    while IFS='|' read -r name _ arguments _; do
        program=$(on python3 -c '
import json, sys
print(json.load(open(f"/usr/share/galaf/known/{sys.argv[1]}.json"))["groups"][sys.argv[1]]["execv"][0])' "$name")
        [ "$1" != galaf ] || program="galaf $name"
        echo "timeout 20 $program $arguments </dev/null &"
    done < <(tried) >/run/machine/tree/opt/all
    echo wait >>/run/machine/tree/opt/all
    alice '. /opt/all' >/run/machine/said 2>&1 || true
}

@test "without its entry not a packet of any of them leaves" {
    echo '{}' | put /etc/galaf/galaf_conf.json
    passes on galaf_config --yes
    since=$(now)
    run_all directly
    sleep 0.5
    same "" "$(leaves 'ip' | head -n 5)" "packets on the cable"
}

@test "with its entry each of them reaches what it is for" {
    while IFS='|' read -r name _; do
        passes on galaf_group add "$name"
        says "$name is in /etc/galaf/galaf_conf.json"
        says_not "is not installed"
    done < <(tried)
    passes on galaf_config --yes
    since=$(now)
    run_all galaf
    sleep 0.5
    silent=""
    while IFS='|' read -r name _ _ filter; do
        [ -n "$(leaves "$filter" | head -n 1)" ] || silent="$silent $name"
    done < <(tried)
    [ "$(tried | count)" -ge 25 ]
    same "" "$silent" "those of which nothing left"
}

# A known entry, what a person types who wants to see the file of the server's, at which address and port.
SERVERS="
gvfs|gio mount -a smb://192.168.7.7/share; gio cat smb://192.168.7.7/share/file|445
gvfs|gio mount dav://192.168.7.7/; gio cat dav://192.168.7.7/file|80
gvfs|gio mount sftp://root@192.168.7.7/; gio cat sftp://root@192.168.7.7$SHARE/file|22
sshfs|mkdir -p near; sshfs root@192.168.7.7:$SHARE near; cat near/file; fusermount3 -u near|22
davfs2|mount -t davfs http://192.168.7.7/ /mnt; cat /mnt/file; umount /mnt|80
"

# file_of NAME COMMAND-LINE: what is shown by that, typed by alice in her session, for davfs2 by root.
file_of() {
    case $1 in
    davfs2) on timeout 60 sh -c "$2" 2>&1 ;;
    *) alice "export XDG_RUNTIME_DIR=/run/user/1000 DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus
        timeout 60 sh -c '$2'" 2>&1 ;;
    esac || true
}

@test "file servers: not a packet without their entries, mounted and read with them, ssh listed or not; gvfs obeys anyone" {
    internet ip address add 192.168.7.7/32 dev lo
    samba
    webdav
    sshd /run/machine/tree/home/alice
    passes on sh -c 'chown -R alice: /home/alice/.ssh; test -e /dev/fuse || mknod -m 666 /dev/fuse c 10 229
        echo user_allow_other >>/etc/fuse.conf; echo "/mnt none none" >>/etc/davfs2/secrets; loginctl enable-linger alice'
    echo '{ "users": { "dnsmasq": "known" } }' | put /etc/galaf/galaf_conf.json
    passes on galaf_config --yes
    passes on systemctl restart user@1000
    since=$(now)
    while IFS='|' read -r name typed _; do
        [[ "$(file_of "$name" "$typed")" != *"file of the server's"* ]] || complain "read without an entry: $typed"
    done < <(grep . <<<"$SERVERS")
    same "" "$(sent "$since" 'dst host 192.168.7.7' | head -n 5)" "packets on the cable"

    echo '{ "users": { "dnsmasq": "known", "davfs2": "known" },
        "groups": { "gvfs": "known", "sshfs": "known", "ssh": "known" } }' | put /etc/galaf/galaf_conf.json
    passes on galaf_config --yes
    passes on systemctl restart user@1000
    while IFS='|' read -r name typed port; do
        since=$(now)
        said=$(file_of "$name" "$typed")
        [[ "$said" == *"file of the server's"* ]] || complain "not read: $typed" "$said" "$(on galaf_denied)"
        [ -n "$(sent "$since" "dst host 192.168.7.7 and tcp dst port $port" | head -n 1)" ] || complain "not at $port: $typed"
    done < <(grep . <<<"$SERVERS")
    passes on galaf_doctor deputies
    says_not warning
    since=$(now)
    file_of gvfs 'gio mount dav://198.18.0.10/; gio mount dav://word-of-alice.example/'
    same "" "$(sent "$since" '(dst host 198.18.0.10) or (udp dst port 53)' | grep -E '198\.18\.0\.10\.|word-of-alice')" "what left"
    passes on galaf_config --set '$.groups.gvfs' '{ "execv": [ "/usr/libexec/gvfsd" ], "rule": "tcp dport 80" }'
    passes on galaf_config --yes
    passes on galaf_doctor deputies
    says 'by $.groups.gvfs any program can have gvfs mount a file server at any address'
}

# by_smbclient: a file of the server's that the one before has.
by_smbclient() { alice "galaf smbclient -N //192.168.7.7/share -c 'get file -'"; }
by_gvfs() { file_of gvfs 'gio mount -a smb://192.168.7.7/share; gio cat smb://192.168.7.7/share/file'; }

@test "Samba in the office alone, by smbclient and gvfs: not a packet elsewhere, and what was open ends when the machine leaves" {
    start_rogue
    passes on nmcli connection add type ethernet con-name office ifname eth0 autoconnect no
    echo '{ "networks": { "office": { "connection": [ "office" ] } }, "users": { "dnsmasq": "known" }, "groups": {
        "gvfs": { "known": "gvfs", "on": [ "office" ] }, "smbclient": { "known": "smbclient", "on": [ "office" ] } } }' |
        put /etc/galaf/galaf_conf.json
    passes on galaf_config --yes
    passes on systemctl restart user@1000
    since=$(now)
    for way in by_smbclient by_gvfs; do
        run $way
        says_not "file of the server's"
    done
    none "$since" "dst host 192.168.7.7 and tcp dst port 445"

    passes on nmcli connection up office
    there "eth0: office"
    for way in by_smbclient by_gvfs; do
        run $way
        says "a file of the server's"
    done
    rm -f /run/machine/tree/home/alice/{heard,left}
    alice "{ echo 'get file -'; until [ -e left ]; do sleep 0.1; done; echo 'get file -'; } |
        galaf smbclient -N //192.168.7.7/share >heard 2>&1" 3>&- &
    held=$!
    eventually 20 grep -q "a file of the server's" /run/machine/tree/home/alice/heard
    sleep 0.5       # an acknowledgement may come late
    left=$(now)
    passes on nmcli connection up wired
    there "eth0: none that the file names"
    alice 'touch left'
    wait "$held" || true
    same 1 "$(grep -c "a file of the server's" /run/machine/tree/home/alice/heard)" "how often the file was read"
    run by_gvfs
    says_not "file of the server's"
    none "$left" "dst host 192.168.7.7 and tcp dst port 445"
    forget_tries
    tried
    none "$since" "$ROGUE"
    passes on systemctl disable --quiet --now rogue.service
}

@test "behind a proxy: git, curl and apt reach it and nothing else, by what the file says once; --suggest names its port" {
    proxy
    url=http://198.18.0.20:3128
    echo '{ "config": { "defaults": { "rule": "ip daddr 198.18.0.20 tcp dport 3128",
                "env": { "set": { "http_proxy": "'$url'", "https_proxy": "'$url'" } } } },
        "users": { "_apt": {}, "dnsmasq": "known" },
        "groups": { "curl": { "execv": [ "/usr/bin/curl", "…" ] }, "git": { "execv": [ "/usr/bin/git", "…" ] } } }' |
        put /etc/galaf/galaf_conf.json
    passes on galaf_config --yes
    since=$(now)
    passes alice 'galaf curl -sS -m 5 http://web.example/a'
    says web.example
    alice 'galaf git ls-remote http://web.example/b; galaf curl -sS -m 5 https://web.example/' || true
    echo 'deb [trusted=yes] http://web.example/c ./' | put /etc/apt/sources.list.d/c.list
    on apt-get -q update -o Acquire::http::Proxy=$url -o Acquire::Retries=0 || true
    on rm /etc/apt/sources.list.d/c.list
    proxied "GET http://web.example/a" "GET http://web.example/b/info/refs" "CONNECT web.example:443" "GET http://web.example/c/" ||
        complain "$(on galaf_denied)"
    fails 7 alice 'galaf curl -sS -m 5 --noproxy "*" http://198.18.0.10/'
    fails 7 alice "/usr/bin/curl -sS -m 5 -x $url http://web.example/"
    none "$since" "not ($LINK or ($QUERIES) or (dst host 198.18.0.20 and tcp dst port 3128))"
    passes on galaf_denied --suggest
    says "198.18.0.20 tcp 3128 is a web proxy's port"
    kill "$(cat /tmp/proxy.pid)"
}

@test "a tunnel's mark, which mtr gives for any program: it sends by it where its rule says, and nowhere else" {
    echo '{ "kernel": [ { "mark": 51820, "rule": "ip daddr 198.51.100.7 udp dport 51820" } ] }' | put /etc/galaf/galaf_conf.json
    passes on galaf_config --yes
    since=$(now)
    alice 'for to in "51820 198.51.100.7" "51821 198.51.100.7" "51820 198.18.0.10"; do
        timeout 5 mtr -n -r -c 1 -u -M 51820 -P $to; done; timeout 5 mtr -n -r -c 1 -u -P 51820 198.51.100.7' || true
    eventually 5 marked || complain "nothing by its mark"
    none "$since" "(dst host 198.51.100.7 and not udp dst port 51820) or dst host 198.18.0.10"
}
marked() { [ -n "$(sent "$since" "dst host 198.51.100.7 and udp dst port 51820")" ]; }

# asked COMMAND-LINE: alice's programs ask a service; what of the other machine's, or about the names asked for, leaves.
asked() {
    since=$(now)
    alice "$1" >/run/machine/said 2>&1 || true
    sleep 2     # a backend of CUPS's starts when its queue is looked at
    sent "$since" '(dst host 198.18.0.10) or (udp dst port 53)' | grep -E '198\.18\.0\.10\.|word-of-alice' | head -n 3
}
LOOK='avahi-resolve -n word-of-alice.example'
PRINT='PATH=$PATH:/usr/sbin; lpadmin -p out -E -v ipp://198.18.0.10:9100/x; lpadmin -p named -E -v ipp://word-of-alice.example:9100/x
    echo hello | lp -d out; echo hello | lp -d named'

@test "CUPS and Avahi obey any program: by their entries they look up no name and reach no address beyond the network" {
    on usermod --append --groups lpadmin alice
    echo '{ "users": { "dnsmasq": "known", "avahi": "known", "lp": "known" } }' | put /etc/galaf/galaf_conf.json
    passes on galaf_config --yes
    passes on systemctl restart avahi-daemon cups
    same "" "$(asked "$LOOK")" "what left for Avahi"
    same "" "$(asked "$PRINT")" "what left for CUPS"
    since=$(now)
    alice '/usr/sbin/lpadmin -p near -E -v ipp://192.168.7.7:9100/x; echo hello | lp -d near'
    eventually 10 near || complain "nothing is printed: $(on tail -n 5 /var/log/cups/error_log)"
    passes on galaf_doctor deputies
    says_not warning
}
near() { [ -n "$(sent "$since" 'dst host 192.168.7.7 and tcp dst port 9100')" ]; }

@test "with a rule for any address and no word of domains both do, and galaf_doctor says so" {
    passes on galaf_config --set '$.users.avahi' '{ "rule": "udp dport 5353" }'
    passes on galaf_config --set '$.users.lp' '{ "rule": "tcp dport 9100" }'
    passes on galaf_config --yes
    [ -n "$(asked "$LOOK")" ] || complain "no name left: $(cat /run/machine/said)"
    [[ "$(asked "$PRINT")" == *198.18.0.10.9100* ]] || complain "nothing was printed: $(cat /run/machine/said)"
    passes on galaf_doctor deputies
    says 'by $.users.avahi any program can have Avahi look any name up' 'by $.users.lp any program can have CUPS print'
    for queue in out named near; do passes on lpadmin -x $queue; done      # what waits in them is tried again for long
}

# milliseconds NAME: how long the quickest of ten look-ups takes by itself, on a machine that may have much else to do.
milliseconds() {
    on python3 -c '
import socket, sys, time
def took():
    began = time.monotonic()
    assert socket.getaddrinfo(sys.argv[1], 631)[0][4][0] == "192.168.8.8"
    return time.monotonic() - began
print(round(1000 * min(took() for _ in range(10))))' "$1"
}

# looked_up NAME: by whoever may ask nobody, root, an entry with a domain, one for any name; over IPv4, and over either.
looked_up() {
    local database who
    for database in hosts ahosts; do
        on getent $database "$1" || true
        for who in "" "galaf named "; do alice "timeout 20 ${who:-/usr/bin/getent }$database $1" || true; done
        alice "timeout 20 galaf any $database $1" || true
    done
}
by_name() { [ "$(on getent hosts printer.local)" = "192.168.8.8     printer.local" ]; }
no_name() { ! on getent hosts printer.local; }

@test "names below local: where avahi-daemon has no entry they fail at once for everybody, and are there while galaf is stopped" {
    printer
    echo '{ "users": { "dnsmasq": "known" }, "groups": {
        "named": { "execv": [ "/usr/bin/getent", "…" ], "domains": [ "web.example" ], "rule": "tcp dport 80" },
        "any": { "execv": [ "/usr/bin/getent", "…" ], "rule": "tcp dport 80" } } }' | put /etc/galaf/galaf_conf.json
    passes on systemctl restart avahi-daemon cups
    passes on galaf_config --yes
    eventually 10 no_name
    since=$(now)
    began=$(date +%s)
    for name in printer.local nobody.local; do
        same "" "$(looked_up $name)" "$name"
    done
    [ $(($(date +%s) - began)) -lt 50 ] || complain "16 look-ups took $(($(date +%s) - began)) s: 5 s each if they wait"
    same "" "$(sent "$since" 'udp port 5353' | head -n 5)" "what was asked of the link"
    passes on galaf_doctor local_names
    says "avahi-daemon runs without its entry" "galaf_group add --inbound avahi"
    says_not "waits 5 seconds"
    passes on galaf_firewall stop
    eventually 20 by_name || complain "no name while galaf is stopped"
    passes on galaf_firewall start
    eventually 20 no_name
}

@test "a printer of the network, with the known entries: it is found, its name resolves in 0.2 s, a page is printed" {
    for known in "--inbound avahi" cups-browsed cups; do
        # shellcheck disable=SC2086     # an option and a name
        passes on galaf_group add $known
    done
    since=$(now)
    passes on galaf_config --yes
    eventually 60 by_name || complain "its name does not resolve: $(on galaf_denied)"
    took=$(milliseconds printer.local)
    echo "# $took ms" >&3
    [ "$took" -le 200 ] || complain "its name took $took ms"
    passes alice 'galaf named hosts printer.local'
    says 192.168.8.8
    eventually 60 found || complain "it is not found: $(on avahi-browse -art)" "$(on galaf_denied)"
    passes on lpadmin -p page -E -v ipp://printer.local/ipp/print -m everywhere
    passes alice 'echo hello >page.txt; lp -d page page.txt'
    eventually 60 printed || complain "nothing is printed" "$(on tail /var/log/cups/error_log)" "$(on galaf_denied)" "$(tail $PRINTER/log)"
    same "" "$(sent "$since" "not ($LINK or ($QUERIES) or udp dst port 5353 or (dst host 192.168.8.8 and tcp dst port 631))" |
        head -n 5)" "what else the machine sent"
    passes on galaf_doctor local_names services deputies
    says_not warning
}
found() { alice 'lpstat -e' | grep -qx Lab; }
printed() { head -c 4 $PRINTER/spool/*.pdf 2>/dev/null | grep -qx %PDF; }
