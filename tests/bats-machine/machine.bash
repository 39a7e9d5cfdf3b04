# SPDX-License-Identifier: GPL-3.0-or-later
# What the bats files for a booted machine share.  tests/run-machines starts each of them beside a machine of
# its own, tests/machine or with --vm tests/vm, which has this tree in /srv/galaf and galaf not installed yet.

# shellcheck disable=SC2034,SC2154    # some are for the files that load this; status and output are run's
load ../bats/helper

DEB=$(cd "$BATS_TEST_DIRNAME/../.." && echo dist/galaf_*.deb)
# What a machine says to its link before any application speaks: DHCP, neighbour discovery, the
# multicast reports of both (ICMPv6 type 143 behind an option); and what the shipped file allows dnsmasq,
# with the ICMP error for an answer that comes when it is not there any more.
LINK='arp or udp dst port 67 or udp dst port 547 or (icmp6 and ip6[40] >= 133 and ip6[40] <= 136)
    or (ip6[6] = 0 and ip6[48] = 143)'
QUERIES='(dst host 192.0.2.1 or dst host 2001:db8::1) and (dst port 53 or icmp[0] = 3 or (icmp6 and ip6[40] = 1))'
ROGUE='dst host 198.18.0.20 or dst host 2001:2:0:1::20'

# on COMMAND ...: runs it as root on the machine.
on() { "$MACHINE" on "$@" </dev/null; }

# put FILE: writes standard input to a file of the machine's.
put() { "$MACHINE" on dd status=none of="$1"; }

# alice COMMAND-LINE: runs it as alice, who logs in on the machine for that.
alice() { on runuser --login alice --command "$1"; }

# install FILE ...: has the machine's apt install packages, without a network.
install() { on env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"; }

# installed: galaf is, by this file or by one before it on the same machine.
installed() { on test -x /usr/bin/galaf || passes install "./$DEB"; }

# later PACKAGE ...: installs packages that tests/machine-tree has put aside, with what they need.
later() {
    # shellcheck disable=SC2046     # no blank in these names
    passes install $(on find "${@/#//var/local/debs/}" -name '*.deb')
}

# higher FILE ...: packages made anew as version 999.0, one for all that depend on each other, in the machine's /opt/higher.
higher() {
    local file work=/run/machine/higher higher=/run/machine/tree/opt/higher
    mkdir -p "$higher"
    for file in "$@"; do
        dpkg-deb -R "$file" "$work"
        sed -i "/^Version:/s/ .*/ 999.0/; s/(= $(dpkg-deb -f "$file" Version))/(= 999.0)/" "$work/DEBIAN/control"
        dpkg-deb --root-owner-group -b "$work" "$higher/$(dpkg-deb -f "$file" Package).deb"
        rm -r "$work"
    done
}

# reboot: by systemd, as a user does it; waits until the machine is up again.
reboot() {
    local boot
    boot=$("$MACHINE" boot)
    VM_SECONDS=20 on systemctl reboot || true   # systemd may be gone before it has answered
    up_again "$boot"
}

# power_cut: the power goes and comes back; waits until the machine is up again.
power_cut() {
    local boot
    boot=$("$MACHINE" boot)
    passes "$MACHINE" kill
    up_again "$boot"
}

# up_again BOOT: waits until the machine is up by another boot than that one.
up_again() {
    eventually 300 rebooted "$1" || complain "no boot within five minutes"
    "$MACHINE" up
}
rebooted() {
    local boot
    boot=$("$MACHINE" boot) && [ "$boot" != "$1" ]
}

# address INTERFACE: the machine's IPv4 address there.
address() { on ip -4 -o addr show dev "$1" | awk '{ sub("/.*", "", $4); print $4 }'; }

# by_ssh [OPTION ...] COMMAND: as root from the internet, with a key that the machine knows.
by_ssh() {
    internet chroot /run/machine/tree ssh -i /root/.ssh/key -o BatchMode=yes -o StrictHostKeyChecking=no -o LogLevel=ERROR \
        -o ConnectTimeout=2 "root@$(address eth0 | head -n 1)" "$@"
}

# let_ssh_in: the server, with that key.
let_ssh_in() {
    later openssh-server
    passes on sh -c 'mkdir -p -m 700 /root/.ssh && ssh-keygen -q -t ed25519 -N "" -f /root/.ssh/key &&
        cp /root/.ssh/key.pub /root/.ssh/authorized_keys'
}

# now: the time, as sent wants it.
now() { date +%s.%N; }

# sent SINCE FILTER [FILE]: the packets that the machine has sent since a time, a line of tcpdump's each; FILE: by another cable.
sent() { tcpdump -ttnr "${3:-/run/machine/wire.pcap}" "$2" 2>/dev/null | awk -v since="$1" '$1 > since'; }

# count: lines of standard input.
count() { wc -l | tr -d ' '; }

# none SINCE FILTER [FILE], some SINCE FILTER [FILE]: such packets were not sent, or were.
none() { same "" "$(sent "$@" | head -n 5)" "what was sent of '$2'"; }
some() { eventually 10 several "$@" || complain "nothing sent of '$2'"; }
several() { [ "$(sent "$@" | count)" -gt 5 ]; }

# sends GROUP HOST: a program in that group sends there, a hundred times a second, until systemctl stop sends-GROUP.
sends() {
    put "/opt/sends-$1" <<'END'
import itertools, socket, sys, time
with socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM) as sending:
    for _ in itertools.count():
        try:
            sending.sendto(b"x", (sys.argv[1], 5000))
        except OSError:
            pass
        time.sleep(0.01)
END
    passes on systemd-run --quiet --unit="sends-$1" galaf --test "$1" python3 "/opt/sends-$1" "$2"
}

# is_at [LINE]: galaf_firewall status says that of the networks, and no more; there [LINE]: soon.
is_at() { [ "$(on galaf_firewall status | sed -n 's/^network: //p' | paste -sd ' ')" = "$*" ]; }
there() { eventually 20 is_at "$@" || complain "wanted: $*" "$(on galaf_firewall status)"; }

# answer GROUP NAME: what the machine's resolver answers a program of alice's in that group.
answer() {
    on galaf --test "$1" setpriv --reuid alice --clear-groups python3 -c '
import socket, struct, sys
labels = b"".join(bytes([len(label)]) + label.encode() for label in sys.argv[1].split("."))
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout(3)
asking.connect(("127.0.0.1", 53))
asking.send(struct.pack(">6H", 1, 0x100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1")
print({0: "NOERROR", 3: "NXDOMAIN", 5: "REFUSED"}[asking.recv(4096)[3] & 15])' "$2"
}

# start_rogue [SECONDS]: a program of nobody's that tries to get out 20 times a second, or every SECONDS, over
# IPv4 and IPv6, TCP and UDP: from the first moment of each boot, before any target, to the last.
start_rogue() {
    put /opt/rogue <<END
#!/bin/bash
exec 9<> <(:)
while :; do
    for host in 198.18.0.20 2001:2:0:1::20; do
        { echo rogue >"/dev/udp/\$host/5000"; true <"/dev/tcp/\$host/80"; } 2>/dev/null
    done
    echo try
    read -rt ${1:-0.05} -u 9    # sleeps, and starts no program for it
done
END
    printf '%s\n' '[Unit]' 'DefaultDependencies=no' '[Service]' User=nobody 'ExecStart=/bin/bash /opt/rogue' \
        StandardOutput=append:/opt/tries '[Install]' WantedBy=sysinit.target | put /etc/systemd/system/rogue.service
    on systemctl enable --quiet --now rogue.service
}

# before_galaf: starts the rogue on a machine where galaf is not installed yet, and notes its files and its network.
before_galaf() {
    start_rogue 0.05
    footprint >/run/machine/footprint
    eventually 30 told || complain "no name servers" "$(on cat /etc/resolv.conf)"
    network >/run/machine/network
}

# told: resolv.conf has the name server that DHCP tells and the router's, of which either may come first, or a
# resolver of the machine's own.
told() {
    on grep -q '^nameserver 127\.' /etc/resolv.conf && return
    on grep -q '^nameserver [0-9.]*$' /etc/resolv.conf || return 1
    ! ipv6 || on grep -q '^nameserver .*:' /etc/resolv.conf
}
ipv6() { on grep -q eth0 /proc/net/if_inet6; }

tries() { on cat /opt/tries | count; }
# tried: the rogue has tried often enough to tell; waits for that.
tried() { eventually 60 enough_tries || complain "only $(tries) tries"; }
enough_tries() { [ "$(tries)" -gt 20 ]; }
forget_tries() { on truncate --size 0 /opt/tries; }

# received: the bytes that alice's programs in the group web received, by the kernel's counters.
received() {
    on galaf_stats --json --set post-filter-in | python3 -c '
import json, sys
def walk(value):
    if isinstance(value, dict):
        if value.get("group") == "web" and value.get("user") == "alice":
            yield value["bytes"]
        for each in value.values():
            yield from walk(each)
    elif isinstance(value, list):
        for each in value:
            yield from walk(each)
print(sum(walk(json.load(sys.stdin))))'
}

# footprint: every file of the machine that a package could leave behind, less what apt, dpkg,
# systemd and NetworkManager write as they go.
footprint() {
    on find /etc /usr /var /opt /srv -xdev \( -path /var/log -o -path /var/cache -o -path /var/lib/dpkg -o -path /var/backups \
        -o -path /var/lib/apt -o -path /var/lib/NetworkManager -o -path /var/lib/private -o -path /var/tmp \
        -o -path /var/lib/systemd/timers -o -path /srv/galaf \) -prune -o -print |
        grep -vE '^/etc/(passwd|group|g?shadow|subuid|subgid)-?$|^/etc/ld.so.cache$|^/var/lib/systemd/random-seed$' | sort
}

# network: what decides how the machine's network and names are set up, byte for byte.
network() {
    on cat /etc/resolv.conf
    on find /etc/NetworkManager /etc/resolv.conf /etc/dnsmasq.d -ls 2>/dev/null | awk '{ print $3, $5, $6, $7, $NF }'
    on find /etc/NetworkManager /etc/dnsmasq.d -type f -exec sha256sum '{}' + 2>/dev/null || true
}
