#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# galaf_mark on the installed package: which mark sockets get, and what is attached when.
load helper

TOP=/sys/fs/cgroup
OBJECTS=/usr/lib/galaf

setup_file() {
    nft -f - <<'NFT'
table inet seen {
    set out { type mark; flags dynamic; size 1024; }
    set back { type mark; flags dynamic; size 1024; }
    chain output {
        type filter hook output priority -150
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld2-listener-report } accept
        ct mark set mark update @out { ct mark }
    }
    chain input {
        type filter hook input priority -150
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept
        update @back { ct mark }
    }
}
NFT
}

setup() { passes galaf_mark start; }

# marks_of COMMAND ...: runs it; prints the conntrack marks of the packets meanwhile, out and back.
marks_of() {
    nft flush set inet seen out
    nft flush set inet seen back
    "$@" >/dev/null || return
    echo "$(nft list set inet seen out | grep -o '0x[0-9a-f]*')" "$(nft list set inet seen back | grep -o '0x[0-9a-f]*')"
}

# marked MARK COMMAND ...: its packets have this mark alone, in both directions.
marked() {
    local mark=$1
    shift
    same "$mark $mark" "$(marks_of "$@")" "the mark of: $*"
}

# udp ADDRESS: sends a datagram to the internet's echo server and waits for the answer.
udp() {
    /usr/bin/python3 - "$1" <<'PYTHON'
import socket
import sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.socket(family, socket.SOCK_DGRAM) as probe:
    probe.settimeout(5)
    probe.sendto(b"hello", (sys.argv[1], 123))
    assert probe.recv(100) == b"hello"
PYTHON
}
export -f udp

# everywhere MARK COMMAND ...: what it runs is marked over TCP, UDP and ICMP, IPv4 and IPv6.
everywhere() {
    local address host ping mark=$1
    shift
    for address in 198.18.0.10 2001:2:0:1::10; do
        ping=(ping -n -c 1 -W 5 "$address")
        [[ $address == *:* ]] && host="[$address]" || host=$address
        marked "$mark" "$@" curl --silent --max-time 5 --noproxy '*' "http://$host/"
        marked "$mark" "$@" bash -c "udp $address"
        echo 1 0 >/proc/sys/net/ipv4/ping_group_range           # ping has to use a raw socket
        marked "$mark" "$@" "${ping[@]}"
        echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range  # ping uses one of the kernel's ping sockets
        marked "$mark" "$@" "${ping[@]}"
    done
}

# variant NAME FIND REPLACE: compiles the marking program with its text changed, prints the object's path.
variant() {
    mkdir -p "/tmp/$1"
    cp "$BATS_TEST_DIRNAME"/../../bpf/*.[ch] "/tmp/$1"
    sed -i "s/$2/$3/" "/tmp/$1/socket_mark_giduid.bpf.c"
    clang -O2 -g -target bpf "-I/usr/include/$(cc -print-multiarch)" \
        -c "/tmp/$1/socket_mark_giduid.bpf.c" -o "/tmp/$1/object.o"
    echo "/tmp/$1/object.o"
}

# attached: the names of what is attached at the top, on one line.
attached() { bpftool -j cgroup show "$TOP" | grep -o '"name":"[^"]*"' | cut -d'"' -f4 | sort | xargs; }

# taken NAME: the second word if this kernel loads that guard.
taken() {
    bpftool prog load "$OBJECTS/$1.bpf.o" /sys/fs/bpf/tried >/dev/null 2>&1 || return 0
    rm /sys/fs/bpf/tried
    echo "$2"
}

# shellcheck disable=SC2046     # nothing, or a word
OURS=$(echo galaf_answers $(taken user_namespaces galaf_capable) galaf_connect4 galaf_connect6 \
    $(taken socket_families galaf_families) galaf_sendmsg4 galaf_sendmsg6 $(taken user_namespaces galaf_set_gid) galaf_socket)
# shellcheck disable=SC2046     # the same
OBJECTS_TAKEN=$(echo $(taken socket_families socket_families) socket_mark_giduid socket_watch \
    $(taken user_namespaces user_namespaces))

# priority: the SO_PRIORITY of a new socket, which our program leaves at 0.
priority() { /usr/bin/python3 -c 'import socket; print(socket.socket().getsockopt(1, socket.SO_PRIORITY))'; }

@test "root's traffic is marked 1, over TCP, UDP and ICMP, IPv4 and IPv6" {
    everywhere 0x00000001
}

@test "a user's traffic is marked with gid and uid" {
    everywhere 0x03e803e8 setpriv --reuid 1000 --regid 1000 --clear-groups
}

@test "traffic of an application group is marked with its gid" {
    everywhere 0x753403e8 setpriv --reuid 1000 --regid 30004 --clear-groups
}

@test "ids above 65535, which any user has, carry no mark of others: theirs is left to the ruleset" {
    marked 0x00000000 setpriv --reuid 65534 --regid 161076 --clear-groups bash -c "udp 198.18.0.10"
    marked 0x00000000 setpriv --reuid 131072 --regid 30004 --clear-groups bash -c "udp 198.18.0.10"
    marked 0x7534ffff setpriv --reuid 65535 --regid 30004 --clear-groups bash -c "udp 198.18.0.10"
}

@test "the mark is that of who made the socket, also where another uses it, and where it was accepted from" {
    passes /usr/bin/python3 - <<'PYTHON'
import os
import socket
MARK = socket.SOL_SOCKET, socket.SO_MARK
with socket.create_server(("127.0.0.1", 0)) as server:
    os.setresgid(30004, 30004, 30004)
    os.setresuid(1000, 1000, 1000)
    client = socket.create_connection(server.getsockname())
    accepted, _ = server.accept()
    print(hex(server.getsockopt(*MARK)), hex(accepted.getsockopt(*MARK)), hex(client.getsockopt(*MARK)))
PYTHON
    same "0x1 0x1 0x753403e8" "$output"
}

@test "start twice attaches once, and keeps what the watching program counted" {
    before=$(galaf_mark status --json)
    seen=$(bpftool map show pinned /sys/fs/bpf/galaf/socket_watch/map/galaf_seen | head -n 1)
    passes galaf_mark start
    same "$before" "$(galaf_mark status --json)"
    same "$OURS" "$(attached)"
    same "$seen" "$(bpftool map show pinned /sys/fs/bpf/galaf/socket_watch/map/galaf_seen | head -n 1)"
}

@test "another version takes the place of the active one, and no socket is made unmarked meanwhile" {
    object=$(variant newer 'sk->mark =' 'sk->priority = 6; sk->mark =')
    same 0 "$(priority)"
    cp "$OBJECTS/socket_mark_giduid.bpf.o" /tmp/original.o
    cp "$object" "$OBJECTS/socket_mark_giduid.bpf.o"
    /usr/bin/python3 - >/tmp/made 3>&- <<'PYTHON' &
import os
import socket
made = unmarked = 0
while not os.path.exists("/tmp/enough"):
    with socket.socket() as one:
        made += 1
        unmarked += one.getsockopt(socket.SOL_SOCKET, socket.SO_MARK) != 1
print(made > 1000, unmarked)
PYTHON
    maker=$!
    passes galaf_mark start
    same "$OURS" "$(attached)"
    same 6 "$(priority)"
    cp /tmp/original.o "$OBJECTS/socket_mark_giduid.bpf.o"
    passes galaf_mark start
    touch /tmp/enough
    wait "$maker"
    same "$OURS" "$(attached)"
    same 0 "$(priority)"
    same "True 0" "$(cat /tmp/made)"
}

@test "what an interrupted start or lost pins left is taken up by the next start, and by stop" {
    bpftool prog load "$OBJECTS/socket_mark_giduid.bpf.o" /sys/fs/bpf/left_over
    bpftool cgroup attach "$TOP" cgroup_inet_sock_create pinned /sys/fs/bpf/left_over multi
    mkdir -p /sys/fs/bpf/galaf/socket_watch_new/prog /sys/fs/bpf/galaf/of_an_earlier_version/prog
    rm -r /sys/fs/bpf/left_over /sys/fs/bpf/galaf/socket_mark_giduid
    same "$OURS galaf_socket" "$(attached)"
    passes galaf_mark start
    same "$OURS" "$(attached)"
    same "$OBJECTS_TAKEN" "$(find /sys/fs/bpf/galaf -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | xargs)"
    rm -r /sys/fs/bpf/galaf
    passes galaf_mark stop
    same "" "$(attached)"
}

@test "status says what is attached and whether it works; 0 all, 3 not" {
    passes galaf_mark status
    says "galaf_socket: attached at $TOP, program " "galaf_sendmsg6: attached at $TOP" "sockets are marked"
    passes galaf_mark stop
    fails 3 galaf_mark status
    says "galaf_socket: not attached" "galaf_connect4: not attached" "sockets are NOT MARKED: run galaf_mark start" \
        "the user namespaces of applications are NOT GUARDED" "sockets that the rules do not see are NOT GUARDED"
    fails 3 galaf_mark status --json
    same '{"cgroup2": "/sys/fs/cgroup", "marked": false, "guarded": false, "families": false, "programs": {"galaf_socket": null, "galaf_connect4": null, "galaf_connect6": null, "galaf_sendmsg4": null, "galaf_sendmsg6": null, "galaf_answers": null, "galaf_capable": null, "galaf_set_gid": null, "galaf_families": null}}' "$output"
    passes galaf_mark start
    number=$(bpftool -j cgroup show "$TOP" | grep -o '"id":[0-9]*,"attach_type":"cgroup_inet4_connect"' | grep -o '[0-9]*' | head -n 1)
    bpftool cgroup detach "$TOP" cgroup_inet4_connect id "$number"
    fails 3 galaf_mark status
    says "galaf_connect4: not attached" "sockets are marked"
}

@test "a kernel that can't guard user namespaces, or sockets, marks all the same, and start says so" {
    galaf_mark stop
    for name in user_namespaces socket_families; do
        cp "$OBJECTS/$name.bpf.o" "/tmp/$name.o"
        head -c 2000 "/tmp/$name.o" >"$OBJECTS/$name.bpf.o"
    done
    passes galaf_mark start
    for name in user_namespaces socket_families; do
        cp "/tmp/$name.o" "$OBJECTS/$name.bpf.o"
    done
    says "galaf_mark: the user namespaces of applications are not guarded: user_namespaces.bpf.o: not loaded: " \
        "galaf_mark: sockets that the rules do not see are not guarded: socket_families.bpf.o: not loaded: "
    same 2 "${#lines[@]}" "the number of lines"
    passes galaf_mark status
    says "sockets are marked" "galaf_capable: not attached" "applications are NOT GUARDED" \
        "galaf_families: not attached" "sockets that the rules do not see are NOT GUARDED"
    mkdir -p /sys/kernel/security
    mount -t tmpfs none /sys/kernel/security
    echo lockdown,capability,apparmor >/sys/kernel/security/lsm
    passes galaf_mark start
    umount /sys/kernel/security
    says ": boot with lsm=lockdown,capability,apparmor,bpf on the kernel's command line"
}

@test "stop leaves no mark, no program, no pin; stopping twice is no fault" {
    passes galaf_mark stop
    same "" "$(attached)"
    [ ! -e /sys/fs/bpf/galaf ] || complain "pins are left" "$(find /sys/fs/bpf/galaf)"
    marked 0x00000000 bash -c "udp 198.18.0.10"
    passes galaf_mark stop
}

@test "programs of others stay, at the top and below" {
    galaf_mark stop
    object=$(variant foreign galaf_socket other_socket)
    mkdir -p "$TOP/below"
    bpftool prog load "$object" /sys/fs/bpf/other
    bpftool cgroup attach "$TOP" cgroup_inet_sock_create pinned /sys/fs/bpf/other multi
    bpftool cgroup attach "$TOP/below" cgroup_inet_sock_create pinned /sys/fs/bpf/other
    passes galaf_mark start
    same "$OURS other_socket" "$(attached)"
    (echo "$BASHPID" >"$TOP/below/cgroup.procs" && marked 0x00000001 bash -c "udp 198.18.0.10")
    passes galaf_mark stop
    same other_socket "$(attached)"
    bpftool cgroup show "$TOP/below" | grep other_socket
    bpftool cgroup detach "$TOP" cgroup_inet_sock_create pinned /sys/fs/bpf/other
    bpftool cgroup detach "$TOP/below" cgroup_inet_sock_create pinned /sys/fs/bpf/other

    bpftool cgroup attach "$TOP" cgroup_inet_sock_create pinned /sys/fs/bpf/other   # for itself alone
    fails 1 galaf_mark start
    says "galaf_mark: $TOP: galaf_socket cannot be attached: " "bpftool cgroup show $TOP"
    same 1 "${#lines[@]}" "the number of lines"
    bpftool cgroup detach "$TOP" cgroup_inet_sock_create pinned /sys/fs/bpf/other
    rm /sys/fs/bpf/other
}

# in_a_part COMMAND ...: runs it where only a part of the cgroups is seen, while it is not in that part.
in_a_part() {
    mkdir -p "$TOP/part"
    bash -c 'echo $$ >"$0/part/cgroup.procs"; exec unshare --cgroup --mount bash -c '\''
        mount -t cgroup2 part /mnt && echo $$ >"$0/cgroup.procs" && umount "$0" && exec "$@"'\'' "$0" "$@"' "$TOP" "$@"
}

@test "where the programs mark no socket they are refused and detached" {
    galaf_mark stop
    fails 1 in_a_part galaf_mark start
    same "galaf_mark: /mnt: the programs do not mark sockets and are detached: this process is not below /mnt: run it on the machine itself, not in part of a container" "$output"
    same "" "$(bpftool -j cgroup show "$TOP/part")"
    [ ! -e /sys/fs/bpf/galaf ] || complain "pins are left" "$(find /sys/fs/bpf/galaf)"
}

@test "where cgroup v1's net_cls or net_prio may be why, they are named" {
    # The lab may not mount cgroup v1, so this one gives the program a table of mounts.
    passes /usr/bin/python3 -B - <<'PYTHON'
import sys
sys.path.append("/usr/lib")
from galaf.system import bpf, marking
bpf.mounts = lambda: [("cgroup", "/", "/v1", "rw,net_cls,net_prio"), ("cgroup2", "/", "/v2", "rw")]
print(marking.why_unmarked("/v2"))
PYTHON
    same "cgroup v1's net_cls and net_prio may take sockets out of cgroup2: boot with systemd.unified_cgroup_hierarchy=1" "$output"
}

@test "without root, bpftool, cgroup2, eBPF or a sound object: one plain line, nothing attached" {
    galaf_mark stop
    for command in start stop status; do
        fails 1 setpriv --reuid 1000 --regid 1000 --clear-groups galaf_mark "$command"
        says "needs root: run it with sudo"
    done
    mv /usr/sbin/bpftool /tmp/bpftool
    fails 1 galaf_mark start
    mv /tmp/bpftool /usr/sbin/bpftool
    same "galaf_mark: the program bpftool is missing: install the package that has it" "$output"
    fails 1 unshare --mount bash -c "umount --lazy $TOP; galaf_mark start"
    same "galaf_mark: no cgroup2 file system is mounted: boot with systemd.unified_cgroup_hierarchy=1" "$output"
    fails 1 unshare --mount bash -c "mount -t tmpfs none /sys/fs && mkdir $TOP && mount -t cgroup2 none $TOP && galaf_mark start"
    same "galaf_mark: /sys/fs/bpf is missing: this kernel has no eBPF, or /sys is not mounted" "$output"
    cp "$OBJECTS/socket_watch.bpf.o" /tmp/whole.o
    head -c 3000 /tmp/whole.o >"$OBJECTS/socket_watch.bpf.o"
    fails 1 galaf_mark start
    cp /tmp/whole.o "$OBJECTS/socket_watch.bpf.o"
    says "galaf_mark: socket_watch.bpf.o: not loaded: "
    same 1 "${#lines[@]}" "the number of lines"
    fails 2 galaf_mark
    fails 2 galaf_mark begin
    fails 2 galaf_mark start --json
}

@test "without bpffs it is mounted" {
    galaf_mark stop
    passes unshare --mount bash -c 'umount --lazy /sys/fs/bpf && galaf_mark start && galaf_mark status &&
        grep " /sys/fs/bpf .* - bpf " /proc/self/mountinfo'
    passes galaf_mark stop
}

# seen: what the watching program saw, a line for each destination, in no order.
seen() {
    PYTHONPATH=/usr/lib /usr/bin/python3 - <<'PYTHON'
import time
from galaf.observe import watch
for one in watch.read():
    assert 0 <= time.time() - one.last < 60 and one.first <= one.last and one.pid > 1, one
    print(f"{one.mark:#010x} {one.address} {one.protocol} {one.port} {one.comm} {one.count}")
PYTHON
}

@test "who asked for which destination is seen, with the program's name, also when nothing gets through" {
    galaf_mark stop
    galaf_mark start
    nft add table inet shut '{ chain out { type filter hook output priority 0; policy drop; }; }'
    alice="setpriv --reuid 1000 --regid 30004 --clear-groups"
    $alice curl --silent --max-time 1 http://198.18.0.10:8080/ && false
    $alice curl --silent --max-time 1 'http://[2001:2:0:1::20]:443/' && false
    for _ in 1 2 3; do
        bash -c 'echo hello >/dev/udp/198.18.0.30/5000' || true
    done
    /usr/bin/python3 -c 'import socket
for family, address in (socket.AF_INET, "198.18.0.44"), (socket.AF_INET6, "2001:2:0:1::66"), (socket.AF_INET6, "::ffff:198.18.0.10"):
    for _ in range(2):
        try:
            socket.socket(family, socket.SOCK_DGRAM).sendto(b"hello", (address, 123))
        except PermissionError:
            pass'
    nft delete table inet shut
    same "0x00000001 198.18.0.10 17 123 python3 2
0x00000001 198.18.0.30 17 5000 bash 3
0x00000001 198.18.0.44 17 123 python3 2
0x00000001 2001:2:0:1::66 17 123 python3 2
0x753403e8 198.18.0.10 6 8080 curl 1
0x753403e8 2001:2:0:1::20 6 443 curl 1" "$(seen | sort)"
}

@test "a program's hostile name is shown harmless and hides no record" {
    galaf_mark stop
    galaf_mark start
    passes /usr/bin/python3 -c '
import ctypes, socket
for name in b"a\"b\\n", b"\x1b[31m\xff", b"\xe2\x80\xa6\n":
    ctypes.CDLL(None).prctl(15, name)
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("198.18.0.10", 123))'
    same '0x00000001 198.18.0.10 17 123 \x1b\x5b31m\xff 1
0x00000001 198.18.0.10 17 123 \xe2\x80\xa6\x0a 1
0x00000001 198.18.0.10 17 123 a\x22b\x5cn 1' "$(seen | sort)"
}

@test "who fills the map of what was seen loses his own oldest, and nobody else's" {
    setpriv --reuid 1000 --regid 30004 --clear-groups bash -c 'echo hello >/dev/udp/198.18.0.30/5000'
    passes setpriv --reuid 1000 --regid 1000 --clear-groups /usr/bin/python3 -c '
import socket
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for number in range(60000):
    one.connect((f"10.{number >> 14}.{number >> 7 & 127}.{number & 127}", 9))'
    passes seen
    own=$(grep -c ^0x03e803e8 <<<"$output")
    [ "$own" -gt 900 ] && [ "$own" -le 1024 ] || complain "$own destinations of the flood are in the map"
    says " 10.3.84.95 17 9 python3 1" "0x753403e8 198.18.0.30 17 5000 bash 1"
}

@test "what goes on in a network namespace of one's own is not seen, whatever mark its sockets have" {
    galaf_mark stop
    galaf_mark start
    passes setpriv --reuid 1000 --regid 1000 --clear-groups unshare --user --map-root-user --net /usr/bin/python3 -c '
import socket, subprocess
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
for mark in 0x753403e8, 0:
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if mark:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
    one.connect(("127.0.0.1", 53))
    one.sendto(b"x", ("127.0.0.1", 5000))'
    same "" "$(seen)"
    galaf_mark stop
}
