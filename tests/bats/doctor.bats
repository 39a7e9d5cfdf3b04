#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# galaf_doctor on the installed package: each thing it looks at is broken here, and must be reported.

load helper

setup_file() {
    start_dnsmasq
    cp /etc/resolv.conf /tmp/resolv.conf
}

setup() {
    cp --remove-destination /tmp/resolv.conf /etc/resolv.conf
    [ ! -e /usr/sbin/dnsmasq.away ] || real_dnsmasq
    configure <<'JSON'
{
    "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] } },
    "groups": {
        "web":  { "rule": "tcp dport 80", "domains": [ "web.example" ], "execv": [ "/usr/bin/curl", "…" ] },
        "echo": { "rule": "icmp type echo-request", "ping": true }
    }
}
JSON
}

# finds STATE CHECK [TEXT ...]: galaf_doctor has this check in this state, with these words, and exits as it should.
finds() {
    local wanted=$1 check=$2
    shift 2
    run galaf_doctor "$check"
    [[ $output == *"$wanted "* ]] || complain "$check is not $wanted" "$output"
    same "$([ "$wanted" = broken ] && echo 1 || echo 0)" "$status" "the exit status for $check"
    says "$@"
    if [ "$wanted" = ok ]; then says_not fix: warning broken; else says fix:; fi
    says_not Traceback "could not be looked at"
}

@test "a machine as it should be: nothing is broken, in a few seconds, and nothing leaves it" {
    before=$(wire_packets)
    galaf_denied --clear >/dev/null
    began=$SECONDS
    passes galaf_doctor
    says_not broken warning
    [ $((SECONDS - began)) -le 40 ]     # with other labs beside this one; 5 alone
    same "$before" "$(wire_packets)"
    local TIMEFORMAT='%U %S'
    { time passes galaf_doctor --json; } 2>/tmp/used
    awk '{ print; exit $1 + $2 > 10 }' /tmp/used || complain "seconds of a processor, more than 10" "$(cat /tmp/used)"
    /usr/bin/python3 -c '
import json, sys
rows = json.load(sys.stdin)
assert {row["state"] for row in rows} == {"ok"} and len({row["check"] for row in rows}) >= 20, rows' <<<"$output"
    # What it tried is no refusal that somebody has to look at.
    passes galaf_denied
    same "nothing was refused" "${lines[0]}"
    says "galaf_doctor: what it tried itself was refused "
    fails 7 in_group echo fetch http://198.18.0.10/
    passes galaf_denied
    says echo 198.18.0.10 "galaf_doctor: "
    says_not 203.0.113.113 galaf-doctor.invalid
    fails 2 galaf_doctor nonsense
    fails 1 as alice galaf_doctor
    says "needs root"
}

@test "rules: not loaded, changed in the kernel, audit" {
    finds ok rules
    nft add element inet galaf web_4 '{ 198.18.0.99 }'      # sets fill by themselves
    finds ok rules
    nft insert rule inet galaf output accept
    finds broken rules "chain output"
    passes galaf_firewall start
    finds ok rules
    nft add element inet galaf users '{ 1000 : jump group_web }'
    finds broken rules "map users"
    passes galaf_firewall start
    nft add map inet galaf more '{ type uid : verdict; }'
    finds broken rules "map more"
    passes galaf_firewall start
    nft add chain inet galaf extra '{ type filter hook output priority -500; policy accept; }'
    finds broken rules "chain extra"
    galaf_firewall stop
    finds broken rules "not loaded" "galaf_firewall start"
    galaf_config --set '$.groups.web.mode' audit
    galaf_config --yes
    finds warning rules '$.groups.web'
    galaf_config --set '$.config' '{ "mode": "audit" }'
    galaf_config --yes
    finds broken rules "audit mode: nothing is refused"
    finds warning probe_out "not tried, since the mode is audit"
}

@test "rules: made by an older galaf, before galaf_allow was, and loaded after an upgrade" {
    good=$(readlink -f /var/lib/galaf/good)
    cp -a "$good" /root/kept
    sed -i -e '/jump allowed_/d' -e '/chain allowed_[a-z]* {$/,/}/d' -e '/chain allowed_[a-z]* {.*}/d' "$good/ruleset.nft"
    fails 1 grep "^[^#]*allowed_" "$good/ruleset.nft"
    sed -i "s/\"sha256\": \"[0-9a-f]*/\"sha256\": \"$(sha256sum "$good/ruleset.nft" | cut -d ' ' -f 1)/" "$good/meta.json"
    galaf_firewall stop
    passes galaf_firewall start
    finds ok rules
    nft insert rule inet galaf output accept
    finds broken rules "chain output"
    rm -r "$good"
    mv /root/kept "$good"
    passes galaf_firewall start
    finds ok rules
}

@test "rules, file, probe_out: before the first galaf_config" {
    galaf_firewall stop
    mv /var/lib/galaf/good /var/lib/galaf/elsewhere
    finds broken rules "no rules are kept"
    finds broken probe_out "not tried"
    finds warning file
    mv /var/lib/galaf/elsewhere /var/lib/galaf/good
}

@test "file: an edit that waits, a fault, another skeleton" {
    finds ok file
    galaf_config --set '$.groups.web.rule' 'tcp dport 443'
    finds warning file "ruleset.nft" "galaf_config --diff"
    echo '{ "groups": ' >"$CONF"
    finds warning file "has faults" "line "
    configure <<<'{ "groups": { "web": { "rule": "tcp dport 80" } } }'
    finds ok file
    printf 'table inet galaf {\n    chain neighbours_out {\n        udp dport 9 accept\n    }\n}\n' >/etc/galaf/nftables.d/own.nft
    finds warning file "ruleset.nft"
    rm /etc/galaf/nftables.d/own.nft
}

@test "probe_out: a real program outside every group, let through by another's rule, by an open ruleset, by a slow one" {
    finds ok probe_out "was refused 203.0.113.113" "2001:db8:ffff::113"
    nft insert rule inet galaf output accept
    before=$(wire_packets)
    finds broken probe_out "these rules did not refuse it"
    [ "$(wire_packets)" -gt "$before" ]
    passes galaf_firewall start
    nft flush chain inet galaf refused_out
    finds broken probe_out "these rules did not refuse it"
    nft add rule inet galaf refused_out jump denied_out
    finds broken probe_out "timeout, though it should be refused at once"
    passes galaf_firewall start
    ip route del default via 192.0.2.1
    run galaf_doctor probe_out
    says "not tried over IPv4: there is no route" "refused 2001:db8:ffff::113"
    ip route add default via 192.0.2.1
}

@test "loopback, strict_dns: lo is open, a stranger's address passes, queries pass before they are marked" {
    finds ok loopback
    finds ok strict_dns "reaches no resolver at another address" "more in a row"
    nft insert rule inet galaf output oif lo accept
    before=$(wire_packets)
    finds broken loopback "sends from 2001:db8:ffff::113, which is not this machine's, to 2001:db8::2" \
        "sends to 203.0.113.113 by way of lo" "/etc/galaf/nftables.d/galaf.nft"
    finds broken strict_dns "reaches whatever resolver is at 127.0.2.53"
    same "$before" "$(wire_packets)"
    passes galaf_firewall start
    # one query in fifty comes without a mark, as in a moment before it has its own, and dnsmasq's allow-list lets it pass
    nft add table inet late
    nft add chain inet late output '{ type filter hook output priority 400; }'
    nft add rule inet late output oif lo udp dport 53 numgen inc mod 50 49 ct mark set 0
    finds broken strict_dns "queries by a program outside every group were answered"
    nft delete table inet late
    finds ok strict_dns "more than a plain question does not reach dnsmasq"
    nft flush chain inet galaf queries_in
    finds broken strict_dns "queries that are more than plain questions reach dnsmasq" "galaf_config"
    passes galaf_firewall start
    bpftool cgroup detach /sys/fs/cgroup cgroup_inet_ingress id "$(galaf_mark status --json | jq .programs.galaf_answers)"
    finds broken strict_dns "queries that are more than plain questions reach dnsmasq" "galaf_mark start"
    passes galaf_mark start
    finds ok strict_dns
    galaf_firewall stop
    finds broken loopback "not tried"
}

@test "loopback: what an ordinary program sends to every port meanwhile is not taken for a stranger's" {
    sysctl --quiet net.ipv4.ip_local_port_range="40000 40063"
    as alice /usr/bin/python3 -c '
import contextlib, socket
sockets = [socket.socket(family, socket.SOCK_DGRAM) for family in (socket.AF_INET, socket.AF_INET6)]
while True:
    for port in range(40000, 40064):
        for sock, own in zip(sockets, ("192.0.2.2", "2001:db8::2")):
            with contextlib.suppress(OSError):
                sock.sendto(b"", (own, port))' 3>&- &
    sending=$!
    sleep 0.5
    finds ok loopback
    kill "$sending"
    sysctl --quiet net.ipv4.ip_local_port_range="32768 60999"
}

@test "strict_dns: another dnsmasq at an address of this machine's, which holds nobody to names" {
    nft insert rule inet galaf output oif lo accept
    dnsmasq --conf-file=/dev/null --no-resolv --address=/invalid/192.0.2.9 --listen-address=127.0.1.1 --bind-interfaces --keep-in-foreground \
        --pid-file= --user=bob >/dev/null 2>&1 3>&- &
    other=$!
    eventually 5 grep -q ' 0101007F:0035 ' /proc/net/udp
    finds broken strict_dns "reaches whatever resolver is at 127.0.1.1, "
    finds ok services "dnsmasq, run by bob, listens at 127.0.1.1:53 tcp, 127.0.1.1:53 udp; no entry lets it out"
    kill "$other"
    passes galaf_firewall start
}

# serves PORT COMMAND ...: runs a web server that way, in the background, until it listens; stops ends it.
serves() {
    local port=$1
    shift
    "$@" /usr/bin/python3 -m http.server --bind 127.0.0.1 "$port" >/dev/null 2>&1 3>&- &
    eventually 20 pidof_server
}
pidof_server() { server=$(ss -Hltnp "sport = :$port" | grep -o 'pid=[0-9]*'); }
stops() {
    kill "${server#pid=}"
    eventually 10 no_server
}
no_server() { [ ! -e "/proc/${server#pid=}" ]; }

@test "deputies: CUPS, with an entry for any address, for any name, and for the network's alone; keyutils; sudo; Exim" {
    finds ok deputies "there is none"
    [ ! -e /usr/sbin/cupsd ]
    : >/usr/sbin/cupsd
    galaf_config --set '$.users.root' '{ "domains": [], "rule": "udp sport 68 udp dport 67" }'
    galaf_config --set '$.users.lp' '{ "rule": "ip daddr 192.168.1.0/24 tcp dport 9100" }'
    passes galaf_config --yes
    finds warning deputies 'by $.users.lp any program can have CUPS print'
    says_not users.root
    galaf_config --set '$.users.lp.domains' '[]'
    galaf_config --set '$.users.root.rule' '["udp sport 68 udp dport 67", "tcp dport 631"]'
    passes galaf_config --yes
    finds warning deputies 'by $.users.root any program can have CUPS look for a printer'
    says_not users.lp
    [ ! -e /usr/sbin/pppd ]
    : >/usr/sbin/pppd
    finds warning deputies 'look for a printer at any address, pppd connect to any address, if its user is in the group dip'
    rm /usr/sbin/pppd
    galaf_config --set '$.users.root.rule' '"ip daddr 192.168.1.0/24 tcp dport 631"'
    passes galaf_config --yes
    finds ok deputies "is let out to any address: /usr/sbin/cupsd"
    rm /usr/sbin/cupsd
    [ ! -e /usr/sbin/key.dns_resolver ]
    : >/usr/sbin/key.dns_resolver
    finds ok deputies "/usr/sbin/key.dns_resolver"
    galaf_config --set '$.users.root' '{ "rule": "udp sport 68 udp dport 67" }'
    passes galaf_config --yes
    finds warning deputies 'by $.users.root any program can have keyutils look any name up'
    rm /usr/sbin/key.dns_resolver
    [ ! -e /usr/bin/sudo ]
    : >/usr/bin/sudo
    finds warning deputies 'by $.users.root any program can have sudo look any name up'
    rm /usr/bin/sudo
    [ ! -e /usr/sbin/exim4 ]
    : >/usr/sbin/exim4
    finds warning deputies 'by $.users.root any program can have Exim look any name up, by exim4 -bt'
    rm /usr/sbin/exim4
    [ ! -e /usr/sbin/winbindd ]
    : >/usr/sbin/winbindd
    finds warning deputies 'by $.users.root any program can have winbind look any name up, and send to any address'
    rm /usr/sbin/winbindd
    mkdir -p /usr/lib/NetworkManager/VPN
    [ ! -e /usr/lib/NetworkManager/VPN/nm-openconnect-service.name ]
    : >/usr/lib/NetworkManager/VPN/nm-openconnect-service.name
    id nm-openconnect 2>/dev/null || useradd --system nm-openconnect
    galaf_config --set '$.users.root.domains' '[]'
    galaf_config --set '$.users["nm-openconnect"]' '"known"'
    passes galaf_config --yes
    finds warning deputies "by \$.users.nm-openconnect any program can have NetworkManager's openconnect log in at any address"
    galaf_config --set '$.users["nm-openconnect"]' '{ "known": "network-manager-openconnect", "domains": [ "web.example" ] }'
    passes galaf_config --yes
    finds ok deputies "/usr/lib/NetworkManager/VPN/nm-openconnect-service.name"
    rm /usr/lib/NetworkManager/VPN/nm-openconnect-service.name
}

@test "services: a proxy of a user's, with and without an entry, and one that an application runs" {
    finds ok services "but for galaf's dnsmasq"
    serves 3128 as alice
    finds ok services "run by alice, listens at 127.0.0.1:3128 tcp; no entry lets it out"
    galaf_config --set '$.users.alice' '{ "rule": "tcp dport 80" }'
    passes galaf_config --yes
    finds warning services "run by alice, listens at 127.0.0.1:3128 tcp" '$.users.alice lets it out'
    stops
    serves 54321 in_group web
    finds warning services "127.0.0.1:54321 tcp" '$.groups.web lets it out'
    stops
    serves 54322 as alice       # a port as any other, and no application
    finds ok services "but for galaf's dnsmasq"
    stops
}

@test "services: of a user's many programs some are told, and how many more there are" {
    mkdir -m 1777 /tmp/many
    as alice /usr/bin/python3 -c '
import shutil, subprocess
listening = "import socket, time; s = socket.create_server((\"127.0.5.%d\", 8080)); time.sleep(60)"
started = [subprocess.Popen([shutil.copy("/usr/bin/python3", f"/tmp/many/{each}"), "-c", listening % each])
           for each in range(1, 8)]
started[0].wait()' 3>&- &
    eventually 20 bash -c "[ \$(ss -Hlnt 'sport = 8080' | wc -l) = 7 ]"
    finds ok services "1, run by alice, listens at 127.0.5.1:8080 tcp; no entry lets it out" \
        "2 more programs, run by alice, listen; no entry lets it out"
    says_not "7, run by"
    ss -Hlntp 'sport = 8080' | grep -o 'pid=[0-9]*' | cut -d = -f 2 | xargs kill
}

@test "a check that crashes, and a generation that is damaged, are told, and the other checks go on" {
    cp -a /etc/gshadow /tmp/gshadow
    echo nonsense >>/etc/gshadow
    fails 1 galaf_doctor members apt
    says "broken   members           this check itself failed: ValueError" "ok       apt"
    says_not Traceback
    cp -a /tmp/gshadow /etc/gshadow
    for name in galaf_conf.json meta.json ruleset.nft; do
        for text in "" '{ "groups"'; do
            printf '%s' "$text" >"/var/lib/galaf/good/$name"
            fails 1 galaf_doctor rules members probe_out apt
            says "broken   rules" "ok       members" "ok       probe_out" "ok       apt"
            says_not Traceback
            passes galaf_config --yes
        done
    done
    finds ok rules
}

@test "guard, units: not enabled, or replaced by one that comes late" {
    finds ok guard
    finds ok units
    for unit in guard:guard units:firewall units:mark; do
        link=/etc/systemd/system/sysinit.target.wants/galaf-${unit#*:}.service
        target=$(readlink "$link")
        rm "$link"
        if [ "$unit" = guard:guard ]; then finds warning guard; else finds broken units "${unit#*:}.service is not enabled"; fi
        ln -s "$target" "$link"
    done
    printf '[Service]\nExecStart=/usr/sbin/galaf_firewall start\n' >/etc/systemd/system/galaf-firewall.service
    finds broken units "/etc/systemd/system/galaf-firewall.service does not come before network-pre.target"
    rm /etc/systemd/system/galaf-firewall.service
}

@test "marks: detached, partly detached, left to nft" {
    finds ok marks
    id=$(bpftool -j cgroup show /sys/fs/cgroup | grep -o '"id":[0-9]*,"attach_type":"cgroup_inet4_connect"' | grep -oE '[0-9]+' | head -1)
    bpftool cgroup detach /sys/fs/cgroup cgroup_inet4_connect id "$id"
    finds warning marks "galaf_connect4"
    galaf_mark stop
    finds broken marks "sockets are not marked"
    passes galaf_config --yes --no-ebpf
    finds ok marks "by nft alone"
    passes galaf_config --yes
    finds ok marks
}

@test "cgroup1: net_cls and net_prio are mounted" {
    finds ok cgroup1
    # In a lab, which has a cgroup namespace of its own, the kernel makes no hierarchy of cgroup v1: the line
    # that it would show is put before the program's eyes.
    sed '$a 99 1 0:99 / /v1 rw - cgroup cgroup rw,net_cls,net_prio' /proc/self/mountinfo >/tmp/mountinfo
    galaf_doctor() {
        # shellcheck disable=SC2016     # for the other shell
        unshare --mount sh -c 'mount --bind /tmp/mountinfo /proc/$$/mountinfo && exec /usr/sbin/galaf_doctor "$@"' sh "$@"
    }
    finds warning cgroup1 "net_cls and net_prio mounted" "systemd.unified_cgroup_hierarchy=1"
}

@test "routing: an ip rule that matches a group's mark, as a VPN's may, in either family" {
    finds ok routing
    ip rule add fwmark 0x80000/0xff0000 lookup 52
    finds ok routing
    gid=$(getent group web | cut -d: -f3)
    ip -6 rule add fwmark "$((gid << 16))/0xffff0000" lookup 52 priority 4242
    finds broken routing "web (rule 4242)" "--no-ebpf"
    says_not echo
    fails 1 galaf_config --yes
    says "ip rule routes by the marks of web (rule 4242)" "--no-ebpf" "nothing was changed"
    passes galaf_config --yes --no-ebpf
    finds ok routing
    ip -6 rule del priority 4242
    ip rule del fwmark 0x80000/0xff0000
    passes galaf_config --yes
}

@test "launcher: no capability, another owner, writable, a hard link, missing" {
    finds ok launcher
    setcap -r /usr/bin/galaf
    finds broken launcher "lacks cap_setgid" "dpkg-reconfigure galaf"
    setcap cap_setgid+ep /usr/bin/galaf
    chmod 775 /usr/bin/galaf
    finds broken launcher "can be changed by the group root"
    chmod 755 /usr/bin/galaf
    ln /usr/bin/galaf /usr/local/bin/also
    finds broken launcher "hard link"
    rm /usr/local/bin/also
    chown alice /usr/bin/galaf
    finds broken launcher "can be changed by its owner alice"
    chown root /usr/bin/galaf
    setcap cap_setgid+ep /usr/bin/galaf
    mv /usr/bin/galaf /usr/bin/hidden
    finds broken launcher "is missing"
    mv /usr/bin/hidden /usr/bin/galaf
    finds ok launcher
}

@test "outside: a program and a script that were started without galaf, and not those that were with it" {
    finds ok outside
    mkfifo -m 666 /tmp/waits
    as alice galaf web -s file:///tmp/waits 3>&- &
    as alice bash -c 'exec -a another curl -s file:///tmp/waits' 3>&- &
    eventually 5 sh -c '[ "$(pgrep -c -x curl)" = 2 ]' || complain "$(pgrep -a curl)"
    finds warning outside "web runs outside its group since $(date +%H:)" "(process $(pgrep -x -G alice curl)): close it"
    same 1 "$(grep -o 'runs outside' <<<"$output" | wc -l)"
    pkill -x -G alice curl
    finds ok outside
    printf '#!/usr/bin/python3\nopen("/tmp/waits").read()\n' >/usr/local/bin/waiter
    chmod 755 /usr/local/bin/waiter
    as alice python3 /usr/local/bin/waiter 3>&- &
    eventually 5 pgrep -f local/bin/waiter
    galaf_config --set '$.groups.late' '{ "execv": [ "/usr/local/bin/waiter" ], "rule": "tcp dport 80" }'
    passes galaf_config --yes
    says "galaf_config: late runs outside its group since" "close it and start it again"
    passes galaf_config --yes
    says_not "runs outside"
    finds warning outside "late runs outside"
    pkill -f local/bin/waiter
    pkill -x curl
    rm /tmp/waits /usr/local/bin/waiter
}

@test "outside: a command line that names a file system which answers nobody keeps nobody waiting" {
    as bob bash -c 'exec curl -s file:///dev/zero -o /dev/null' 3>&- &
    silent
    # shellcheck disable=SC2154     # silent's
    as alice bash -c 'exec -a python3 /usr/bin/python3 -c "import time; time.sleep(300)" "$1"' bash "$silent_file" 3>&- &
    eventually 5 pgrep -f -u alice "time.sleep.*$silent_file" >/dev/null
    eventually 5 pgrep -x -u bob curl >/dev/null
    finds warning outside "web runs outside its group"
    pkill -x -u bob curl
    finds warning outside "what alice runs was not looked at"
    speaks
    pkill -u alice -f time.sleep
    finds ok outside
}

@test "outside: a program's command line may be as long as its owner likes" {
    local memory='import ctypes, mmap, struct, sys, time
c = ctypes.CDLL(None)
c.mmap.restype = c.sbrk.restype = ctypes.c_void_p
c.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
size = 64 << 30
at = c.mmap(None, size, 3, 0x4022, -1, 0)      # MAP_NORESERVE: zeros, which take no memory
of = [0, 0] + list(map(int, open("/proc/self/stat").read().rpartition(")")[2].split()[1:]))
# struct prctl_mm_map, of fields 26 to 28, 45 to 47, 50 and 51 of proc(5)'"'"'s stat; PR_SET_MM, PR_SET_MM_MAP
mm = struct.pack("=11QQIi", of[24], of[25], of[43], of[44], of[45], c.sbrk(0), of[26], at, at + size, of[48], of[49], 0, 0, -1)
sys.exit("prctl") if c.prctl(35, 14, mm, len(mm), 0) else open("/tmp/long", "w").close()
time.sleep(60)'
    yes /usr/bin/env | head -n 1500 | as alice xargs timeout 60 sh -c 'exec sleep 60' 3>&- &
    as alice /usr/bin/python3 -c "$memory" 3>&- &
    eventually 5 test -e /tmp/long
    eventually 5 pgrep -x -U alice sleep
    passes sh -c 'ulimit -v 2000000; exec galaf_doctor outside'
    says "no listed application runs outside its group"
    galaf_config --set '$.groups.late' '{ "execv": [ "/usr/bin/curl" ], "rule": "tcp dport 80" }'
    passes sh -c 'ulimit -v 2000000; exec galaf_config --yes'
    pkill -U alice
    galaf_config --unset '$.groups.late'
    rm /tmp/long
}

@test "members: a member, a password, an administrator, a login group" {
    finds ok members
    gpasswd --add alice web
    finds broken members "web has the member alice"
    gpasswd --delete alice web
    gpasswd --administrators bob web
    finds broken members "web has the administrator bob"
    gpasswd --administrators "" web
    sed -i 's/^web:[^:]*:/web:$6$salt$hash:/' /etc/gshadow
    finds broken members "web has a password"
    sed -i 's/^web:[^:]*:/web:!:/' /etc/gshadow
    usermod --gid web bob
    finds broken members "web is the login group of bob"
    usermod --gid bob bob
    groupadd --gid 45000 --users alice friends
    finds broken members "friends has the member alice" "groupmod --gid"
    groupmod --gid 2000 friends
    finds ok members
}

@test "set_group, setgid_capability: a set-gid file of the range, a copy of the launcher, in a home and on a tmpfs" {
    finds ok set_group
    finds ok setgid_capability
    cp /usr/bin/curl /home/alice/innocent
    chgrp web /home/alice/innocent
    chmod 2755 /home/alice/innocent
    finds broken set_group /home/alice/innocent
    rm /home/alice/innocent
    cp /usr/bin/galaf /dev/shm/old-galaf
    finds ok setgid_capability
    setcap cap_setgid+ep /dev/shm/old-galaf
    finds broken setgid_capability /dev/shm/old-galaf
    mv /dev/shm/old-galaf $'/dev/shm/\xff'     # a name that is no UTF-8 hides nothing
    finds broken setgid_capability '/dev/shm/\udcff'
    rm $'/dev/shm/\xff'
}

@test "set_group, setgid_capability: what any user can make gives nothing, and is no fault" {
    as alice cp /usr/bin/true /home/alice/tool
    passes as alice unshare --user --map-root-user setcap cap_setgid+ep /home/alice/tool
    passes getcap -n /home/alice/tool
    says "cap_setgid=ep [rootid=1000]"
    finds ok setgid_capability
    mkdir /tmp/stick
    mount -t tmpfs -o nosuid,mode=755 none /tmp/stick     # as udisks mounts what a user plugs in
    cp /usr/bin/curl /home/alice/tool /tmp/stick
    chgrp web /tmp/stick/curl
    chmod 2755 /tmp/stick/curl
    setcap cap_setgid+ep /tmp/stick/tool
    finds ok set_group
    finds ok setgid_capability
    mount --bind /tmp/stick /mnt
    mount -o remount,bind,suid /mnt
    finds broken set_group /mnt/curl
    finds broken setgid_capability /mnt/tool
    umount /mnt /tmp/stick
}

@test "written_commands: changed since galaf_config looked, and trusted ones" {
    finds ok written_commands
    mkdir -p /opt/tools
    cp /usr/bin/curl /opt/tools/curl
    galaf_config --set '$.groups.web.execv[0]' /opt/tools/curl
    passes galaf_config --yes
    finds ok written_commands
    chown bob /opt/tools
    finds broken written_commands '$.groups.web.execv[0]' "/opt/tools (mode 0755) can be changed by its owner bob"
    galaf_config --set '$.groups.web.trusted' true
    passes galaf_config --yes
    finds warning written_commands "trusted: " "owner bob"
    chown root /opt/tools
}

@test "privileges: a set-uid command whose entry doesn't say what it wants" {
    finds ok privileges
    cp /usr/bin/true /usr/local/bin/gainer
    chmod 4755 /usr/local/bin/gainer
    galaf_config --set '$.groups.web' '{ "rule": "", "execv": [ "/usr/local/bin/gainer" ] }'
    passes galaf_config --yes
    finds warning privileges '$.groups.web: /usr/local/bin/gainer is set-uid'
    galaf_config --set '$.groups.web.no_new_privs' true
    passes galaf_config --yes
    finds ok privileges
    rm /usr/local/bin/gainer
}

@test "sandboxes: flatpak with the user's own installation, firejail with the user's profiles" {
    finds ok sandboxes
    galaf_config --set '$.groups.web' '{ "rule": "", "execv": [ "/usr/bin/flatpak", "run", "org.x.App" ] }'
    passes galaf_config --yes
    says '$.groups.web.execv: by ~/.local/share/flatpak any program can have flatpak run what it likes'
    finds warning sandboxes '$.groups.web: by ~/.local/share/flatpak' FLATPAK_USER_DIR
    galaf_config --set '$.groups.web.env' '{ "set": { "FLATPAK_USER_DIR": "/nonexistent" } }'
    galaf_config --set '$.groups.jail' '{ "rule": "", "execv": [ "/usr/bin/firejail", "/usr/bin/true" ], "trusted": true }'
    passes galaf_config --yes
    says_not "what it likes"
    finds warning sandboxes '$.groups.jail: by a profile in ~/.config/firejail' noprofile
    galaf_config --set '$.groups.jail.execv' '[ "/usr/bin/firejail", "--noprofile", "/usr/bin/true" ]'
    passes galaf_config --yes
    finds ok sandboxes
}

@test "namespaces: a range in /etc/subgid, and a process that has one" {
    finds ok namespaces
    cp /etc/subgid /tmp/subgid
    echo alice:29990:100 >>/etc/subgid
    finds broken namespaces alice
    cp /tmp/subgid /etc/subgid
    unshare --user sleep 60 3>&- &
    sleeper=$!
    eventually 20 test "$(readlink "/proc/$sleeper/ns/user")" != "$(readlink /proc/self/ns/user)" || sleep 0.5
    echo "0 30000 1000" >"/proc/$sleeper/gid_map"
    finds broken namespaces "process $sleeper"
    kill "$sleeper"
}

@test "guarded: an entry may make user namespaces, which nothing guards" {
    finds ok guarded "no entry may make user namespaces"
    galaf_config --set '$.groups.web.user_namespaces' true
    passes galaf_config --yes
    galaf_mark stop
    finds warning guarded '$.groups.web' "galaf_mark start"
    mkdir /tmp/root
    mount --rbind / /tmp/root
    passes chroot /tmp/root galaf_doctor guarded        # where the kernel makes none
    says "ok " "no user namespaces are made"
    umount --lazy /tmp/root
    galaf_config --set '$.groups.web' '{ "rule": "", "execv": [ "/usr/bin/curl" ], "no_new_privs": false }'
    passes galaf_config --yes --no-ebpf
    finds warning guarded '$.groups.web' "without --no-ebpf"
    passes galaf_config --yes
}

@test "families: this kernel has no sockets that the rules do not see; tests/bats-vm/sockets.bats has some" {
    finds ok families "no program is given PPPoE's sockets"
}

# version PACKAGE VERSION: what dpkg says is installed.
version() { sed -i "/^Package: $1\$/,/^\$/s/^Version: .*/Version: $2/" /var/lib/dpkg/status; }

@test "packages: an nftables or a dnsmasq that is too old, a dnsmasq that is missing" {
    finds ok packages "nftables 1."
    cp /var/lib/dpkg/status /tmp/status
    version nftables 1.0.2-1
    finds broken packages "nftables 1.0.2-1"
    version nftables 1.0.6-2
    version dnsmasq-base 2.86-1.1
    finds broken packages "too old: dnsmasq-base 2.86-1.1"
    says_not "nftables 1."
    sed -i 's/^Package: dnsmasq-base$/Package: dnsmasq-other/' /var/lib/dpkg/status
    finds broken packages "dnsmasq-base is missing"
    cp /tmp/status /var/lib/dpkg/status
}

@test "names, strict_dns: another server, no options, a dnsmasq that is down or that answers everyone" {
    finds ok names
    finds ok strict_dns
    echo nameserver 192.0.2.1 >>/etc/resolv.conf
    finds broken names "/etc/resolv.conf" "127.0.0.1"
    cp /tmp/resolv.conf /etc/resolv.conf
    rm /etc/dnsmasq.d/00-galaf.conf
    finds broken names "galaf's options" "galaf_dns connect"
    service dnsmasq restart
    finds broken strict_dns "queries by a program outside every group were answered" "galaf_dns connect"
    passes galaf_dns connect
    finds ok names
    finds ok strict_dns
    service dnsmasq stop
    finds broken strict_dns "nothing answers at 127.0.0.1"
    service dnsmasq start
    galaf_config --set '$.config' '{ "dns": "open" }'
    passes galaf_config --yes
    finds warning strict_dns "DNS is open"
}

@test "names: the dnsmasq that runs is too old, or built without what is needed" {
    made_up_dnsmasq 2.86 "conntrack nftset"
    finds broken names "dnsmasq 2.86 is too old" "2.87 or newer"
    made_up_dnsmasq 2.90 "conntrack no-nftset"
    finds broken names "built without nftset" "Debian's dnsmasq-base"
    real_dnsmasq
    finds ok names
}

@test "names: no rule lets dnsmasq ask, since its entry is mistyped" {
    configure <<<'{ "users": { "dnsmask": { "rule": "udp dport 53" } }, "groups": { "web": { "domains": [ "web.example" ] } } }'
    says "no entry lets dnsmasq reach a name server"
    finds warning names "no entry lets dnsmasq reach a name server" 'fix: write into "users": "dnsmasq": {'
}

@test "vpn_names: a VPN's file leads names past dnsmasq" {
    finds ok vpn_names
    mkdir -p /etc/wireguard /etc/openvpn/client
    printf '[Interface]\nDNS = 192.0.2.53, wg.example\n' >/etc/wireguard/wg0.conf
    finds warning vpn_names "/etc/wireguard/wg0.conf: DNS = 192.0.2.53, wg.example" "VPNS in galaf_conf.json(5)"
    rm /etc/wireguard/wg0.conf
    echo 'up /etc/openvpn/update-resolv-conf' >/etc/openvpn/client/work.conf
    finds ok vpn_names
    touch /usr/sbin/resolvconf
    finds warning vpn_names "/etc/openvpn/client/work.conf: up /etc/openvpn/update-resolv-conf"
    rm /etc/openvpn/client/work.conf /usr/sbin/resolvconf
    rm /etc/resolv.conf
    finds ok names
    cp /tmp/resolv.conf /etc/resolv.conf
}

@test "names: systemd-resolved owns resolv.conf" {
    mkdir -p /run/systemd/resolve
    echo nameserver 127.0.0.53 >/run/systemd/resolve/stub-resolv.conf
    ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
    finds broken names "systemd-resolved owns /etc/resolv.conf"
    rm -r /etc/resolv.conf /run/systemd/resolve
    cp /tmp/resolv.conf /etc/resolv.conf
}

@test "other_resolvers: the word in nsswitch.conf, systemd-resolved's socket, nscd" {
    finds ok other_resolvers
    cp /etc/nsswitch.conf /tmp/nsswitch.conf
    sed -i 's/^hosts:.*/hosts: files resolve [!UNAVAIL=return] dns/' /etc/nsswitch.conf
    finds warning other_resolvers "/etc/nsswitch.conf"
    cp /tmp/nsswitch.conf /etc/nsswitch.conf
    mkdir -p /run/systemd/resolve /run/nscd
    touch /run/systemd/resolve/io.systemd.Resolve
    finds warning other_resolvers "systemd-resolved"
    rm -r /run/systemd/resolve
    touch /run/nscd/socket
    finds warning other_resolvers "nscd"
    rm -r /run/nscd
}

@test "network_changes: left as Debian has them, a member of netdev, of dip, a connection that a user made before" {
    finds ok network_changes
    galaf_config --set '$.config' '{ "network_changes": "session" }'
    passes galaf_config --yes
    finds warning network_changes "network_changes says"
    galaf_config --set '$.config' '{}'
    passes galaf_config --yes
    finds ok network_changes
    getent group netdev || groupadd --system netdev
    usermod --append --groups netdev alice
    finds ok network_changes
    touch /usr/sbin/wpa_supplicant
    finds broken network_changes "netdev has alice"
    passes galaf_config --yes
    says "the group netdev has alice"
    rm /usr/sbin/wpa_supplicant
    gpasswd --delete alice netdev
    usermod --append --groups dip alice
    [ ! -e /usr/sbin/pppd ]
    cp /usr/bin/true /usr/sbin/pppd
    finds ok network_changes
    chmod 4754 /usr/sbin/pppd
    finds warning network_changes "the group dip has alice" "any address, and a route to any, by pppd" \
        "gpasswd --delete USER dip"
    passes galaf_config --yes
    says "the group dip has alice"
    mv /usr/sbin/pppd /usr/sbin/pppoe
    finds broken network_changes "the group dip has alice" "frames past the rules, by pppoe"
    rm /usr/sbin/pppoe
    gpasswd --delete alice dip
    touch /usr/sbin/connmand
    finds broken network_changes "do all that ConnMan does"
    rm /usr/sbin/connmand
    cp /usr/bin/true /usr/bin/firejail
    mkdir -p /etc/firejail
    echo "restricted-network yes" >/etc/firejail/firejail.config
    echo "restricted-network no" >>/etc/firejail/firejail.config
    finds ok network_changes
    chmod 4755 /usr/bin/firejail
    finds broken network_changes "firejail gives any program an interface"
    echo "network no" >>/etc/firejail/firejail.config
    finds ok network_changes
    rm -r /usr/bin/firejail /etc/firejail
    [ -e /dev/net/tun ] || { mkdir -p /dev/net && mknod -m 666 /dev/net/tun c 10 200; }
    ip tuntap add tap8 mode tap
    ip tuntap add tap9 mode tap user alice
    finds warning network_changes "by tap9 of alice: past the rules"
    ip tuntap del tap9 mode tap
    install -D -m 4755 /usr/bin/true /usr/libexec/lxc/lxc-user-nic
    mkdir -p /etc/lxc
    printf '# bob veth lxcbr0 10\n' >/etc/lxc/lxc-usernet
    finds ok network_changes
    printf 'alice veth br0 10\n' >>/etc/lxc/lxc-usernet
    finds warning network_changes "by br0 of alice: past the rules"
    rm -r /usr/libexec/lxc /etc/lxc
    ip tuntap del tap8 mode tap
    mkdir -p /etc/NetworkManager/system-connections
    profile=/etc/NetworkManager/system-connections/mine.nmconnection
    printf '[connection]\nid=mine\ntype=wifi\npermissions=user:alice:;\n[ipv4]\nmethod=auto\n' >$profile
    finds ok network_changes
    echo 'dns=198.18.0.66;' >>$profile
    finds warning network_changes mine
    printf '[connection]\nid=mine\ntype=bridge\n' >$profile
    finds ok network_changes
    rm $profile
}

@test "other_tables: what redirects, sets marks; a table that drops or accepts first is none of these" {
    nft 'table inet plain { chain out { type filter hook output priority -400; tcp dport 25 drop; accept; }; }'
    finds ok other_tables
    finds ok probe_out
    nft 'table ip proxy { chain out { type nat hook output priority -100; tcp dport 80 redirect to :9040; }; }'
    finds warning other_tables "ip proxy out has redirect"
    nft delete table ip proxy
    nft 'table ip marks { chain out { type route hook output priority -140; ct mark set 7; meta mark set 8; }; }'
    finds warning other_tables "ip marks out sets the ct mark" "sets the meta mark"
    nft delete table ip marks
    nft delete table inet plain
}

@test "other_tables: rules of iptables, by way of nft and by the kernel's older tables, in either family" {
    local nat="-t nat OUTPUT -p tcp --dport 80 -j REDIRECT --to-ports 9040" raw="-t raw OUTPUT -p udp -j NOTRACK"
    for program in iptables-nft ip6tables-nft iptables-legacy ip6tables-legacy; do
        family=${program%%tables*}
        $program -A OUTPUT -p tcp --dport 25 -j ACCEPT
        finds ok other_tables
        # shellcheck disable=SC2086     # several words
        for rule in "$nat" "$raw"; do
            $program ${rule/OUTPUT/-A OUTPUT}
            finds warning other_tables "$family ${rule:3:3} OUTPUT has " "iptables-legacy-save"
            $program ${rule/OUTPUT/-D OUTPUT}
        done
        finds ok other_tables
        $program -F
    done
    mv /usr/sbin/iptables-legacy-save /usr/sbin/away
    finds warning other_tables "ip filter, nat, raw of iptables-legacy, which is not here"
    mv /usr/sbin/away /usr/sbin/iptables-legacy-save
}

@test "others: a bridge without forward rules, a tunnel" {
    finds ok others
    ip link add docker0 type bridge
    finds warning others docker0 '"forward"'
    galaf_config --set '$.config' '{ "forward": [ "iifname \"docker0\" tcp dport 443" ] }'
    passes galaf_config --yes
    finds ok others
    ip link del docker0
    ip link add wg0 type veth peer name far0
    finds warning others wg0
    ip link del wg0
}

@test "local_names: avahi-daemon and CUPS run without their entries; a look-up waits, until galaf_config was run" {
    finds ok local_names "avahi-daemon does not run"
    useradd --system avahi
    for daemon in avahi-daemon cupsd; do
        cp /usr/bin/sleep "/usr/sbin/$daemon"
        "/usr/sbin/$daemon" 600 3>&- &
        daemons="${daemons:-} $!"
    done
    finds warning local_names "avahi-daemon runs without its entry" "waits 5 seconds" "galaf_group add --inbound avahi" \
        "root has no rule for tcp 631" "lp has no rule for tcp 631" "galaf_group add cups"
    passes galaf_config --yes
    finds warning local_names "avahi-daemon runs without its entry"
    says_not "waits 5 seconds"
    for known in "--inbound avahi" cups-browsed cups; do
        # shellcheck disable=SC2086     # an option and a name
        passes galaf_group add $known
    done
    finds warning local_names "avahi-daemon runs without its entry"
    passes galaf_config --yes
    finds ok local_names "avahi, root, lp may find names and printers"
    # shellcheck disable=SC2086     # two
    kill $daemons
    rm /usr/sbin/avahi-daemon /usr/sbin/cupsd
    userdel avahi
}

@test "sharing: a connection is shared with others, without its rules" {
    finds ok sharing "no connection is shared"
    ip link add share0 type bridge
    ip addr add 10.42.0.1/24 dev share0
    ip link set share0 up
    # as NetworkManager starts it
    dnsmasq --conf-file=/dev/null --no-hosts --bind-interfaces --except-interface=lo --listen-address=10.42.0.1 \
        --dhcp-range=10.42.0.10,10.42.0.254,60m --dhcp-leasefile=/tmp/leases --pid-file=/run/nm-dnsmasq-share0.pid
    finds warning sharing "share0 is shared with others, who get no address, resolve no name, reach nothing"
    galaf_group add --inbound sharing
    galaf_config --yes
    finds warning sharing "share0 is shared with others, who get no address" "sharing-dhcp"
    galaf_config --set '$.users.root' '{ "known": "sharing-dhcp" }'
    galaf_config --yes
    finds ok sharing share0
    kill "$(cat /run/nm-dnsmasq-share0.pid)"
    ip link del share0
}

@test "ping: the kernel's range is another" {
    finds ok ping "57344 57359"
    sysctl -qw net.ipv4.ping_group_range="1 0"
    finds broken ping '$.groups.echo'
}

@test "portals: one is installed, which refuses who is listed" {
    finds ok portals
    touch /usr/libexec/xdg-desktop-portal
    finds warning portals "desktop portals refuse listed applications" "galaf_desktop(8)"
    rm /usr/libexec/xdg-desktop-portal
}

@test "apt: SRV records are asked for" {
    finds ok apt
    mv /etc/apt/apt.conf.d/60galaf /tmp/
    finds warning apt "SRV"
    mv /tmp/60galaf /etc/apt/apt.conf.d/
}
