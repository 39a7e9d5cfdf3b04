# SPDX-License-Identifier: GPL-3.0-or-later
# What the bats files share.  tests/run starts each in a lab with the package installed, the
# eBPF mark on, the ordinary users alice (1000) and bob (1001), and the internet of tests/internet.

# shellcheck disable=SC2034,SC2154    # CONF is for the files that load this; status and output are run's
bats_require_minimum_version 1.5.0

CONF=/etc/galaf/galaf_conf.json

# as USER COMMAND ...: runs it as an ordinary user, with that user's groups and home.  The
# command may be fetch; bash executes anything else in its own place.
as() {
    local user=$1
    shift
    setpriv --reuid "$user" --regid "$user" --init-groups \
        env HOME="/home/$user" USER="$user" LOGNAME="$user" bash -c '"$@"' bash "$@"
}

# in_group GROUP COMMAND ...: runs it, as root, in an application group; the command may be fetch.
in_group() {
    local group=$1
    shift
    galaf --test "$group" /bin/bash -c '"$@"' bash "$@"
}

# internet COMMAND ...: runs it at the other end of the cable.
internet() { nsenter --net=/run/netns/internet "$@"; }

# wire_packets [wire_dns]: how many packets have arrived at the other end of the cable.
wire_packets() { internet nft list counter inet wire "${1:-wire_packets}" | awk '$1 == "packets" { print $2 }'; }

# fetch URL [CURL OPTION ...]: prints what a web server answers, within 5 seconds.
fetch() { curl --silent --show-error --max-time 5 --noproxy '*' "$@"; }
export -f fetch

# hold_connection GROUP ADDRESS PORT: opens one that asks for a page once /tmp/go is there; /tmp/reply has what came.
hold_connection() {
    in_group "$1" /usr/bin/python3 -c '
import os, socket, sys, time
held = socket.create_connection((sys.argv[1], int(sys.argv[2])))
open("/tmp/held", "w").close()
while not os.path.exists("/tmp/go"):
    time.sleep(0.05)
held.sendall(b"GET / HTTP/1.1\r\nHost: held\r\nConnection: close\r\n\r\n")
open("/tmp/reply", "wb").write(held.makefile("rb").read())
' "$2" "$3" 3>&- &
    eventually 20 test -e /tmp/held
}

# configure [OPTION ...]: takes a galaf_conf.json from standard input and applies it.
configure() {
    cat >"$CONF"
    passes galaf_config --yes "$@"
}

# start_dnsmasq: Debian's dnsmasq as this machine's resolver, asking the internet's, with galaf's options.
start_dnsmasq() { passes "$BATS_TEST_DIRNAME/../prepare" resolver; }

# made_up_dnsmasq VERSION OPTIONS: in dnsmasq's place a program that calls itself this; Debian has no such version.
made_up_dnsmasq() {
    mv -n /usr/sbin/dnsmasq /usr/sbin/dnsmasq.away
    printf '#!/bin/sh\necho "Dnsmasq version %s"\necho "compile time options: %s"\n' "$1" "$2" >/usr/sbin/dnsmasq
    chmod +x /usr/sbin/dnsmasq
}

# real_dnsmasq: Debian's again.
real_dnsmasq() { mv /usr/sbin/dnsmasq.away /usr/sbin/dnsmasq; }

# others PACKAGE: installs it with what it needs.  systemd-sysv would take the place of the lab's init.
others() {
    find "$BATS_TEST_DIRNAME/../../build/debs-others/$1" -name '*.deb' ! -name 'systemd-sysv_*' -print0 |
        xargs -0 dpkg --install --force-unsafe-io --force-depends >/tmp/said 2>&1 || { cat /tmp/said; return 1; }
}

# proxy: a web proxy of the internet's, at 198.18.0.20:3128.  proxied WORDS ...: a line of its log has each of them.
proxy() {
    others tinyproxy-bin
    echo nameserver 192.0.2.1 >/tmp/proxy.resolv
    printf '%s\n' 'Port 3128' 'Listen 198.18.0.20' 'LogFile "/tmp/proxy.log"' 'LogLevel Info' 'PidFile "/tmp/proxy.pid"' \
        'MaxClients 9' >/tmp/proxy.conf
    internet unshare --mount sh -c 'mount --bind /tmp/proxy.resolv /etc/resolv.conf; tinyproxy -c /tmp/proxy.conf' 3>&- 4>&-
    eventually 20 internet bash -c 'true <>/dev/tcp/198.18.0.20/3128' || complain "no proxy"
}
proxied() {
    local words
    for words in "$@"; do
        grep -qF -- "$words" /tmp/proxy.log || complain "the proxy was not asked: $words" "$(cat /tmp/proxy.log)"
    done
}

# silent: alice runs a program, quiet, from a file system of her own that then answers nobody; its process is $silent,
# its file is there for others as $silent_file.  speaks: all of that ends.
silent() {
    # shellcheck disable=SC2016     # for the shell there
    as alice unshare --user --map-root-user --mount bash -c 'mount -t tmpfs own /mnt && cd /mnt && mkdir fuse none top
        "$1" fuse quiet /usr/bin/tail &
        until [ -e fuse/quiet ]; do sleep 0.1; done
        mount -t overlay -o lowerdir=fuse:none own top && exec top/quiet -f /dev/null' bash \
        "$BATS_TEST_DIRNAME/../silent-files" 3>&- &
    eventually 20 pgrep -x -u alice quiet >/dev/null || complain "alice's program does not run"
    silent=$(pgrep -x -u alice quiet)
    silent_file=/proc/$silent/root/mnt/top/quiet
    [ -x "$silent_file" ] || complain "$silent_file is not there"
    pkill -USR1 -u alice -f silent-files
}
speaks() { pkill -KILL -u alice -f silent-files; kill "$silent"; }

# eventually SECONDS COMMAND ...: repeats it until it succeeds, in vain for SECONDS at most.
eventually() {
    local end=$(($(date +%s%3N) + $1 * 1000))
    shift
    until "$@"; do
        [ "$(date +%s%3N)" -lt "$end" ] || return 1
        sleep 0.1
    done
}

# Assertions.  Each prints what it found before it fails.

# passes COMMAND ...: ends with 0; its output, both streams, is in $output.
passes() { fails 0 "$@"; }

# fails STATUS COMMAND ...: ends with just that exit status.
fails() {
    local wanted=$1
    shift
    run "$@"
    [ "$status" = "$wanted" ] || complain "exit status $status, not $wanted, of: $*" "$output"
}

# ended STATUS: what was run ended with that exit status.
ended() { [ "$status" = "$1" ] || complain "exit status $status, not $1" "$output"; }

# says TEXT ...: each TEXT occurs in $output.
says() {
    local text
    for text in "$@"; do
        [[ $output == *"$text"* ]] || complain "not said: $text" "$output"
    done
}

# says_not TEXT ...: no TEXT occurs in $output.
says_not() {
    local text
    for text in "$@"; do
        [[ $output != *"$text"* ]] || complain "said: $text" "$output"
    done
}

# same WANTED FOUND [WHAT]: the two strings are equal.
same() { [ "$1" = "$2" ] || complain "${3:-a value} is not what it should be" "wanted: $1" "found:  $2"; }

# file_says FILE TEXT ...: each TEXT occurs in the file.
file_says() {
    local file=$1 text
    shift
    for text in "$@"; do
        grep -qF -e "$text" "$file" || complain "not in $file: $text" "$(cat "$file")"
    done
}

# is_table NUMBER FILE: the file has the rows of that table of SECURITY.md, no more and no fewer, in that order.
is_table() {
    # A line is printed at the next one, as a heading is told by the line below it.
    run diff -u --label SECURITY.md <(awk -v number="$1" '/^\|---/ { at++; held = ""; next }
        { if (held && at == number) print held; held = /^\|/ ? $0 : "" }
        END { if (held && at == number) print held }' "$BATS_TEST_DIRNAME/../../SECURITY.md") "$2"
    [ "$status" = 0 ] || complain "the table of SECURITY.md is another" "$output"
}

# complain WHAT [DETAIL ...]: fails the test with these words.
complain() {
    printf '%s\n' "$@" >&2
    return 1
}
