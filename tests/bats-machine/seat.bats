#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Attempts of whoever sits at the machine, where NetworkManager and others obey any program of theirs: interfaces,
# bridges and name servers of the user's own, past the rules.

load machine

MAC=02:00:00:00:00:02
ROGUE_SERVER=198.18.0.66
ROGUE_NUMBER=1107301062     # the same, as inet_aton(3) has it on a little-endian machine
FRAMES=/srv/galaf/tests/seat/frames
ADMINISTRATOR="the administrator's word"    # bob's

# seat COMMAND ...: alice runs it in a session of her own at the machine; another one stays, or what she made would end with it.
seat() {
    on systemd-run --quiet --wait --pipe --collect -p PAMName=login -p User=alice -E XDG_SEAT=seat0 "$@"
}

setup_file() {
    on sh -c 'mkdir /dev/net && mknod -m 666 /dev/net/tun c 10 200'
    # Where this machine's kernel hands bridged packets to the rules; Debian's does not.
    for family in ip ip6 arp; do
        nsenter --net=/run/netns/machine sysctl -qw "net.bridge.bridge-nf-call-${family}tables=0" 2>/dev/null || true
    done
    passes install "./$DEB"
    on useradd --create-home --groups sudo bob
    echo "bob:$ADMINISTRATOR" | "$MACHINE" on chpasswd
    passes on systemd-run --quiet --unit=sitting -p PAMName=login -p User=alice -E XDG_SEAT=seat0 sleep infinity
    passes on galaf_config --set '$.groups.shell' '{ "execv": ["/usr/bin/env", "…"], "rule": "tcp dport 80" }'
    passes on galaf_config --set '$.inbound.root' '"icmp type echo-request"'     # what comes by a tun is answered
    passes on nmcli connection modify wired ipv6.method disabled
    passes on nmcli connection up wired
    passes on galaf_config --yes
}

teardown_file() { [ ! -e "$BATS_FILE_TMPDIR/table" ] || sed 's/^/# /' "$BATS_FILE_TMPDIR/table" >&3; }

teardown() {
    on sh -c 'nmcli -g NAME connection show | grep own | xargs -r nmcli connection delete >/dev/null
        gpasswd --delete alice netdev; gpasswd --delete alice sudo; hostnamectl set-hostname workstation' >/dev/null 2>&1
    on nmcli --wait 10 connection up wired >/dev/null
}

# changes WHO: the rules are loaded, and networks are changed by "session" or "admin".
changes() {
    on galaf_config --set '$.config.network_changes' "$1"
    passes on galaf_config --yes
}

# left SINCE: how many packets have left for the attempt's destination; a packet to another tells that all are counted.
left() {
    local asked
    asked=$(now)
    on nmcli --wait 10 connection up wired >/dev/null
    eventually 5 on galaf --test shell curl -sS -m 2 -o /dev/null http://198.18.0.10/
    eventually 5 counted "$asked" || complain "the wire is not read any more"
    sent "$1" "$ROGUE" | count
}
counted() { [ -n "$(sent "$1" 'dst host 198.18.0.10')" ]; }

# row ATTEMPT OUTCOME PACKETS: a line of the table that is printed at the end, once.
row() {
    local line="| $1 | $2 | $3 |"
    grep -qsxF "$line" "$BATS_FILE_TMPDIR/table" || echo "$line" >>"$BATS_FILE_TMPDIR/table"
}

# adds NAME TYPE [OPTION ...]: alice adds a connection of her own, as nmcli has it.
adds() {
    local name=$1
    shift
    seat nmcli connection add con-name "$name" type "$@" connection.permissions user:alice
}

bridge_and_tap() {
    adds own-bridge bridge ifname br9 ipv4.method disabled ipv6.method disabled bridge.stp no
    adds own-tap tun mode tap owner 1000 ifname tap9 master br9 slave-type bridge
    adds own-port ethernet ifname eth0 master br9 slave-type bridge
    seat nmcli --wait 5 connection up own-tap
    seat nmcli --wait 5 connection up own-port
    seat $FRAMES tap tap9 $MAC 198.18.0.20
}

tun() {
    adds own-tun tun mode tun owner 1000 ifname tun9 ipv4.method manual ipv4.addresses 10.9.9.1/24 ipv6.method disabled
    seat nmcli --wait 5 connection up own-tun
    seat $FRAMES tun tun9 198.18.0.20 10.9.9.1
}

server() {
    seat nmcli device modify eth0 ipv4.dns $ROGUE_SERVER
    sleep 1
}

own_server() {
    adds own-wired ethernet ifname eth0 ipv4.dns $ROGUE_SERVER ipv6.method disabled
    seat nmcli --wait 10 connection up own-wired
}

# In memory alone, with the call by which a desktop joins a new network.
unsaved() {
    local device
    device=$(on nmcli -g GENERAL.DBUS-PATH device show eth0)
    seat busctl call org.freedesktop.NetworkManager /org/freedesktop/NetworkManager org.freedesktop.NetworkManager \
        AddAndActivateConnection2 'a{sa{sv}}ooa{sv}' 2 connection 2 id s own-wired permissions as 1 user:alice: \
        ipv4 2 method s auto dns au 1 $ROGUE_NUMBER "$device" / 1 persist s volatile
    eventually 10 asks_rogue
}

shared() {
    adds own-shared ethernet ifname eth0 ipv4.method shared ipv6.method disabled
    seat nmcli --wait 10 connection up own-shared
}

# Debian's rules for polkit give the groups sudo and netdev more.
for_all() {
    on usermod --append --groups "$1" alice
    seat nmcli connection add con-name own-bridge type bridge ifname br8 bridge.stp no ipv4.method disabled ipv6.method disabled
    sleep 1
}

served() { run server; asks_rogue; }
asks_rogue() { on nmcli -g IP4.DNS device show eth0 | grep -q $ROGUE_SERVER; }
there() { on ip link show dev "$1" >/dev/null 2>&1; }

@test "with network_changes session, as Debian has it, each attempt does what the rules can't hold" {
    changes session
    since=$(now)
    run bridge_and_tap
    [ "$(left "$since")" -gt 0 ] || complain "no packet by a tap: $output"
    since=$(now)
    run tun
    [ "$(left "$since")" -gt 0 ] || complain "no packet by a tun: $output"
    eventually 20 served || complain "$output"
    on nmcli connection up wired
    run own_server
    eventually 10 asks_rogue || complain "$output"
    on nmcli connection delete own-wired
    passes unsaved
    run shared
    on pgrep -f "dnsmasq.*10.42" || complain "$output"
    on nmcli connection delete own-shared
    for group in sudo netdev; do
        run for_all $group
        there br8 || complain "$group: $output"
        on nmcli connection delete own-bridge
        on gpasswd --delete alice $group
    done
    on galaf_doctor network_changes || true
    fails 0 on galaf_doctor network_changes
    says "warning" "any program of whoever sits at this machine may change its networks"
}

# refused WHAT WORDS COMMAND ...: the attempt is answered so, and nothing is left of it.
refused() {
    local what=$1 words=$2
    shift 2
    since=$(now)
    run "$@"
    says "$words"
    same 0 "$(left "$since")" "packets that left"
    asks_rogue && complain "$what: the name server is the rogue's"
    for interface in br9 br8 tap9 tun9; do
        there $interface && complain "$what: $interface is there"
    done
    same "" "$(on nmcli -g NAME connection show | grep own)" "connections of the user's"
    row "$what" "$words" 0
}

@test "without it each is refused, and nothing leaves" {
    changes admin
    refused "a bridge of the cable with a tap of the user's" "Insufficient privileges" bridge_and_tap
    refused "a tun of the user's, for the kernel to answer what comes by it" "Insufficient privileges" tun
    refused "another name server for a connection that is up" "Rejected send message" server
    refused "the same by a connection of the user's own" "Insufficient privileges" own_server
    refused "a connection in memory alone" "Insufficient privileges" unsaved
    refused "a connection shared with others, with a name server and NAT" "Insufficient privileges" shared
    refused "a connection for all, by a member of sudo" "Insufficient privileges" for_all sudo
    on gpasswd --delete alice sudo
    refused "a connection for all, by a member of netdev" "Insufficient privileges" for_all netdev
    on gpasswd --delete alice netdev
    passes on galaf_doctor network_changes
    says "ok"
}

@test "root's own nmcli works, and a user may join a network that is known, or leave it" {
    changes admin
    passes on nmcli connection add con-name own-roots type bridge ifname br8 bridge.stp no ipv4.method disabled ipv6.method disabled
    passes on nmcli device modify eth0 ipv4.dns 192.0.2.1
    passes seat nmcli --wait 10 connection down own-roots
    passes seat nmcli --wait 10 connection up own-roots
    passes seat nmcli --wait 10 connection up wired
    passes seat nmcli networking connectivity
}

# asks PASSWORD COMMAND ...: alice runs it in her session on a terminal, with an agent of polkit's for it, and types that.
# In the same session, another program then tries the same.
asks() {
    put /opt/typist <<'END'
import os, pty, sys, time
word = sys.argv[1].encode() + b"\n"
heard = b""
def read(descriptor):
    global heard, word
    data = os.read(descriptor, 1024)
    heard += data
    if word and b"assword" in heard:
        time.sleep(1)       # until it hides what is typed
        os.write(descriptor, word)
        word = b""
    return data
status = os.waitstatus_to_exitcode(pty.spawn(["sh", "-c", 'pkttyagent --process $$ & sleep 2; exec "$@"', "sh", *sys.argv[2:]], read))
os.execvp("sh", ["sh", "-c", 'echo "it: $0"; "$@"; echo "another: $?"', str(status),
                 *[word.replace("own", "own-too").replace("br8", "br7") for word in sys.argv[2:]]])
END
    seat timeout 60 python3 /opt/typist "$@"
}

@test "a person says yes with an administrator's password, to one program and no other" {
    changes admin
    passes asks "$ADMINISTRATOR" nmcli connection add con-name own type bridge ifname br8 bridge.stp no \
        ipv4.method disabled ipv6.method disabled connection.permissions user:alice
    says "it: 0" "another: 4"
    on nmcli connection delete own
    passes asks "another word" nmcli connection add con-name own type bridge ifname br8 bridge.stp no \
        ipv4.method disabled ipv6.method disabled connection.permissions user:alice
    says "it: 4" "another: 4"
}

@test "where the bus has it, by NetworkManager's other name or without the interface's: refused as well" {
    changes admin
    unique=$(on busctl status org.freedesktop.NetworkManager | sed -n 's/^UniqueName=//p')
    device=$(on nmcli -g GENERAL.DBUS-PATH device show eth0)
    run seat busctl call "$unique" "$device" org.freedesktop.NetworkManager.Device Reapply 'a{sa{sv}}tu' 0 0 0
    says "Access denied"
    put /opt/reapply <<'END'
import ctypes, sys
bus = ctypes.CDLL("libsystemd.so.0")
system, reply = ctypes.c_void_p(), ctypes.c_void_p()
bus.sd_bus_open_system(ctypes.byref(system))
class Error(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("message", ctypes.c_char_p), ("_free", ctypes.c_int)]
error = Error()
bus.sd_bus_call_method(system, b"org.freedesktop.NetworkManager", sys.argv[1].encode(), None, b"Reapply",
                       ctypes.byref(error), ctypes.byref(reply), b"a{sa{sv}}tu", 0, ctypes.c_uint64(0), 0)
print((error.name or b"done").decode(), (error.message or b"").decode())
END
    passes seat python3 /opt/reapply "$device"
    says "AccessDenied Rejected"
}

@test "the machine's name, which DHCP tells the network: an administrator's too, where a desktop gives it to sudo" {
    # As gnome-control-center has it.
    put /usr/share/polkit-1/rules.d/gnome.rules <<'END'
polkit.addRule(function(action, subject) {
    if (/^org.freedesktop.hostname1.set-/.test(action.id) && subject.active && subject.isInGroup("sudo"))
        return polkit.Result.YES;
});
END
    on usermod --append --groups sudo alice
    changes session
    eventually 10 seat hostnamectl --no-ask-password set-hostname secret
    same secret "$(on hostnamectl --static)"
    changes admin
    fails 1 seat hostnamectl --no-ask-password set-hostname secret2
    same secret "$(on hostnamectl --static)"
    on rm /usr/share/polkit-1/rules.d/gnome.rules
}

# policy ACTION ...: these, as polkit(8) has them: whoever sits at the machine may.
policy() {
    echo '<?xml version="1.0"?><!DOCTYPE policyconfig PUBLIC "-//freedesktop//DTD PolicyKit Policy Configuration 1.0//EN"
        "http://www.freedesktop.org/standards/PolicyKit/1.0/policyconfig.dtd"><policyconfig>'
    printf '<action id="%s"><description>d</description><message>m</message><defaults><allow_any>no</allow_any>
        <allow_inactive>no</allow_inactive><allow_active>yes</allow_active></defaults></action>\n' "$@"
    echo '</policyconfig>'
}

# may ACTION: polkit's answer to a program of alice's at the machine; 0 yes, 2 with a password.
may() {
    # shellcheck disable=SC2016     # for the shell there; systemd takes one of two
    seat sh -c 'pkcheck --process $$$$ --action-id "$0"' "$1"
}

@test "what blueman and ModemManager let whoever sits there do is an administrator's too, and nobody leads PackageKit to a proxy" {
    # As their packages in Debian 12 name them; Contacts stays as it was.
    actions=(org.blueman.{network.setup,dhcp.client,pppd.pppconnect}
        org.freedesktop.ModemManager1.{Device.Control,Location,Messaging,USSD,Voice})
    proxy=org.freedesktop.packagekit.system-network-proxy-configure
    policy "${actions[@]}" $proxy org.freedesktop.ModemManager1.Contacts | put /usr/share/polkit-1/actions/desktop.policy
    changes session
    for action in "${actions[@]}" $proxy; do
        eventually 10 may "$action"
    done
    changes admin
    for action in "${actions[@]}"; do
        fails 2 may "$action"
    done
    fails 1 may $proxy      # where no agent would ask either
    passes may org.freedesktop.ModemManager1.Contacts
    on rm /usr/share/polkit-1/actions/desktop.policy
}

# elsewhere ACTION: the same of a program of alice's that is in no session.
elsewhere() {
    # shellcheck disable=SC2016     # for the shell there
    on runuser --user alice -- sh -c 'pkcheck --process $$ --action-id "$0"' "$1"
}

@test "what riseup-vpn lets everybody do as root, a tunnel to a server of theirs, is an administrator's, also where nobody sits" {
    tunnel=se.leap.bitmask.policy       # as Debian 12 and 13 have it
    policy $tunnel | sed 's,<allow_any>no,<allow_any>yes,' | put /usr/share/polkit-1/actions/tunnel.policy
    changes session
    eventually 10 may $tunnel
    passes elsewhere $tunnel
    changes admin
    fails 2 may $tunnel
    fails 2 elsewhere $tunnel
    on rm /usr/share/polkit-1/actions/tunnel.policy
}

# linked: which of galaf's links are there.
linked() { on find /etc/polkit-1/rules.d /etc/dbus-1/system.d -name '*galaf*' -printf '%f '; }

@test "stopped and audited nobody is asked; after a start it is as before" {
    changes admin
    same "00-galaf.rules galaf.conf " "$(linked)"
    passes on galaf_firewall stop
    same "" "$(linked)"
    eventually 10 adds own-one bridge ifname br8 bridge.stp no ipv4.method disabled ipv6.method disabled
    passes on galaf_firewall start
    same "00-galaf.rules galaf.conf " "$(linked)"
    fails 4 adds own-two bridge ifname br7 bridge.stp no ipv4.method disabled ipv6.method disabled
    passes on galaf_doctor network_changes
    says "warning" "own-one"
    on nmcli connection delete own-one
    passes on galaf_config --audit 1h --yes
    same "" "$(linked)"
    passes on galaf_config --yes
    same "00-galaf.rules galaf.conf " "$(linked)"
}

broken() { ! on galaf_doctor network_changes; }

@test "galaf_doctor tells what is open: a rule that is gone, another file in its place, a member of netdev" {
    changes admin
    passes on rm /etc/polkit-1/rules.d/00-galaf.rules
    eventually 10 broken || complain "not broken"
    fails 1 on galaf_doctor network_changes
    says "broken" "add connections"
    passes on rm /etc/dbus-1/system.d/galaf.conf
    passes on systemctl reload dbus
    fails 1 on galaf_doctor network_changes
    says "give a connection that is up another name server"
    echo | put /etc/polkit-1/rules.d/00-galaf.rules
    fails 1 on galaf_config --yes
    says "00-galaf.rules is not galaf's: move it away"
    passes on rm /etc/polkit-1/rules.d/00-galaf.rules
    passes on galaf_config --yes
    passes on galaf_doctor network_changes
    on usermod --append --groups netdev alice
    passes on galaf_doctor network_changes
    later wpasupplicant
    fails 1 on galaf_doctor network_changes
    says "netdev has alice" "gpasswd --delete USER netdev"
    passes on galaf_config --yes
    says "the group netdev has alice"
    on gpasswd --delete alice netdev
}

@test "frames on the cable by wpa_supplicant: a member of netdev sends them, as galaf_doctor says, and no one else" {
    changes admin
    # At the machine's end: a switch passes no such frame on.
    tcpdump -i cable -Q in -U --immediate-mode -w /run/machine/eapol.pcap "ether proto 0x888e" 2>/run/machine/eapol.log 3>&- 4>&- &
    eventually 5 grep -q listening /run/machine/eapol.log
    fails 1 supplicant CreateInterface 'a{sv}' 2 Ifname s eth0 Driver s wired
    says "Access denied"
    on usermod --append --groups netdev alice
    passes supplicant CreateInterface 'a{sv}' 2 Ifname s eth0 Driver s wired
    one=/fi/w1/wpa_supplicant1/Interfaces/0
    passes supplicant $one .Interface AddNetwork 'a{sv}' 4 key_mgmt s IEEE8021X eap s MD5 identity s secret password s x
    passes supplicant $one .Interface SelectNetwork o $one/Networks/0
    eventually 20 spoken || complain "no frame"
    on gpasswd --delete alice netdev
    row "frames on the cable by wpa_supplicant, as a member of netdev" "**passes**, see below" some
}
spoken() { [ -n "$(sent 0 "ether proto 0x888e" /run/machine/eapol.pcap)" ]; }

# supplicant [OBJECT .INTERFACE] METHOD [ARG ...]: alice calls wpa_supplicant.
supplicant() {
    local object=/fi/w1/wpa_supplicant1 interface=
    [[ $1 != /* ]] || { object=$1 interface=$2; shift 2; }
    seat busctl call fi.w1.wpa_supplicant1 "$object" "fi.w1.wpa_supplicant1$interface" "$@"
}

@test "SECURITY.md has the table that these attempts make" {
    is_table 3 "$BATS_FILE_TMPDIR/table"
}

@test "stopped, it is there again after a boot" {
    passes on galaf_firewall stop
    reboot
    same "00-galaf.rules galaf.conf " "$(linked)"
    passes on systemd-run --quiet --unit=sitting -p PAMName=login -p User=alice -E XDG_SEAT=seat0 sleep infinity
    fails 4 adds own-one bridge ifname br8 bridge.stp no ipv4.method disabled ipv6.method disabled
}

@test "closed, since the rules can't be loaded, it is there too" {
    passes on galaf_firewall stop
    on truncate -s 400 /var/lib/galaf/good/ruleset.nft
    fails 1 on galaf_firewall start
    same "00-galaf.rules galaf.conf " "$(linked)"
}

@test "removed, nothing of it stays" {
    passes on apt-get purge -q -y galaf
    same "" "$(linked)"
    eventually 10 adds own-one bridge ifname br8 bridge.stp no ipv4.method disabled ipv6.method disabled
}
