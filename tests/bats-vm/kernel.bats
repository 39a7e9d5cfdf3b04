#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# galaf on the releases' own kernels: the eBPF programs, marks, permissions, sets, boot, and WireGuard by wg-quick.

load ../bats-machine/machine

CABLE=/run/machine/cable.pcap       # qemu's own record, from power-on
OURS='ether src 02:00:00:00:00:02'

setup_file() {
    installed
    conf >/run/machine/conf
    put /etc/galaf/galaf_conf.json </run/machine/conf
    passes on galaf_config --yes
    passes on loginctl enable-linger alice      # or each login starts a systemd of hers
    start_rogue 0.5
}

conf() {
    cat <<'JSON'
{
    "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] } },
    "groups": {
        "web": {
            "execv": [ "/usr/bin/curl", "-sS", "…" ], "domains": [ "web.example" ], "rule": "tcp dport 80", "timeout": "60s"
        },
        "nothing": { "execv": [ "/usr/bin/env", "…" ] }
    }
}
JSON
}

# mark GROUP: the mark of alice's sockets in it.
mark() { printf '0x%08x' $(($(on getent group "$1" | cut -d : -f 3) << 16 | 1000)); }

teardown_file() { on systemctl disable --quiet --now rogue.service; }

# enforced: web reaches what it may, over IPv4 and IPv6; all else is refused, to it and to others.
enforced() {
    passes on galaf_firewall status
    says "enforced: table inet galaf"
    passes alice 'galaf web -4 -m 20 http://web.example/'
    says "web.example 80"
    passes alice 'galaf web -6 -m 20 http://web.example/'
    says "web.example 80"
    fails 7 alice 'galaf web -m 20 http://198.18.0.20/'
    fails 6 alice 'galaf web -m 20 http://mail.example/'
    fails 7 alice 'galaf nothing /usr/bin/curl -sS -m 20 http://198.18.0.10/'
    fails 7 alice '/usr/bin/curl -sS -m 20 http://198.18.0.10/'
    fails 7 alice '/usr/bin/curl -sS -g -m 20 http://[2001:2:0:1::10]/'
}

@test "the release's own kernel takes each eBPF program, and they are attached" {
    release=$(on sed -n 's/^VERSION_ID="\(.*\)"/\1/p' /etc/os-release)
    passes on uname -r
    case $release in
    12) [[ $output == 6.1.* ]] ;;
    13) [[ $output == 6.12.* ]] ;;
    *) complain "Debian $release" ;;
    esac
    echo "# Debian $release, Linux $output" >&3
    passes on galaf_mark status --json
    same 9 "$(jq '.programs | length' <<<"$output")" "the number of programs"
    same "true []" "$(jq --raw-output --compact-output '"\(.marked) \([.programs[] | select(. == null or . == 0)])"' <<<"$output")"
    passes on bpftool cgroup show /sys/fs/cgroup
    says galaf_socket galaf_connect4 galaf_sendmsg6 galaf_answers galaf_capable galaf_set_gid galaf_families
}

@test "its eBPF program tells plain questions from others, and those alone reach dnsmasq" {
    passes on env PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 /srv/galaf/tests/questions/run_program.py 2000
    echo "# ${lines[*]}" >&3
    ask='import socket, sys
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout(5)
asking.sendto(bytes.fromhex(sys.argv[1]), ("127.0.0.1", 53))
print(asking.recv(600)[3] & 15)'
    plain=00070100000100000000000003776562076578616d706c650000010001
    passes on /usr/bin/python3 -c "$ask" "$plain"
    fails 1 on /usr/bin/python3 -c "$ask" "${plain}00"
    says "timed out"
}

@test "an application is let through, others are refused" {
    enforced
}

@test "the mark is on the socket, and seen in conntrack and in the counters" {
    passes on systemd-run --quiet --unit=held --uid=alice galaf web --limit-rate 20k -o /dev/null http://web.example/bytes/9000000
    eventually 20 on sh -c 'ss -tn state established | grep -q :80'
    passes on ss -tnepO state established
    says "fwmark:$(mark web)"
    passes on conntrack -L -p tcp --dport 80 --mark "$(($(mark web)))"
    says "dport=80" "[ASSURED]"
    passes on systemctl stop held
    passes on nft list set inet galaf post-filter-out
    says "$(mark web) counter packets"
    passes on galaf_stats
    says "alice/web"
    passes on galaf_denied
    says 198.18.0.20
}

# flood NUMBER: alice sends a datagram to each of so many ports.
flood() {
    alice "python3 -c '
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
    for port in range(1, $1 + 1):
        try: probe.sendto(bytes(1), (\"198.18.0.20\", port))
        except PermissionError: pass'"
}

# tries WAY: alice's refused datagrams that are listed (out) or not (more-out), as "rows tries".
tries_of() {
    on galaf_denied --json --user alice | jq --raw-output --arg way "$1" \
        '[.denied[] | select(.way == $way and (.protocol == "udp" or $way != "out"))] | "\(length) \(map(.tries) | add // 0)"'
}

@test "who fills the list of what was refused fills a share of it, and each packet is counted once" {
    passes on galaf_denied --clear
    passes flood 1500
    passes flood 10
    same "1000 1010" "$(tries_of out)"
    same "1 500" "$(tries_of more-out)"
}

# expires: the seconds that the address of web.example has left in web's sets, of which a sweep moves it to the second.
expires() {
    for name in web_4 old/web_4; do on nft -j list set inet galaf $name; done |
        jq --slurp '[.[].nftables[].set?.elem[]?.elem.expires] | max // 0'
}

@test "an address in a set is refreshed by use" {
    passes alice 'galaf web -4 -m 20 http://web.example/'
    sleep 8
    before=$(expires)
    passes alice 'galaf web -m 20 http://198.18.0.10/'
    after=$(expires)
    [ "$before" -lt 55 ] && [ "$after" -gt "$before" ] || complain "it had $before s left before, and $after s after"
}

# closed SINCE [FILE]: the rogue has tried, and nothing left but what is listed; prints the count.
closed() {
    local unlisted="$OURS and not ($LINK or ($QUERIES))"
    tried
    sleep 1     # what the last of them sent is on the wire
    echo "# $(tries) tries to get out, $(sent "$1" "$ROGUE" "$CABLE" | count) packets of them on the cable;" \
        "$(sent "$1" "$unlisted" "$CABLE" | count) unlisted of $(sent "$1" "$OURS" "$CABLE" | count) sent" >&3
    same "" "$(sent "$1" "$unlisted" "$CABLE" | head -n 5)" "what the machine sent"
    same "" "$(sent "$1" "$unlisted" | head -n 5)" "what came from the machine"
}

@test "reboot and power cut: from the first moment to the last not a packet that is not listed" {
    [ "$(sent 0 "dst host 198.18.0.10 and tcp port 80" "$CABLE" | count)" -gt 10 ] || complain "qemu's record lacks what was sent"
    for way in reboot power_cut; do
        sleep 2
        forget_tries
        since=$(now)
        $way
        closed "$since"
        passes on galaf_firewall status
        says "enforced: table inet galaf"
        passes alice 'galaf web -m 20 http://web.example/'
        fails 7 alice '/usr/bin/curl -sS -m 20 http://198.18.0.10/'
    done
    same "" "$(sent 0 "$ROGUE" "$CABLE" | head -n 5)" "what was sent to the rogue's address since power-on"
}
