#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# The life of the package on one machine, in this order: installed, used, upgraded, removed, installed
# again, purged.  The lab has Debian's dnsmasq as its resolver from the start.

load helper

setup_file() {
    export DEBIAN_FRONTEND=noninteractive
    start_dnsmasq
    mkdir -p /etc/modprobe.d
    everything >/root/before
    resolver >/root/resolver
}

# The package that tests/run built.
deb() { echo "$BATS_TEST_DIRNAME"/../../dist/galaf_*.deb; }

# Every file of this machine that a package could leave behind, less the logs and caches of apt and dpkg.
everything() {
    find /etc /usr /var /opt /srv /run /sys/fs/bpf -xdev \
        \( -path /var/log -o -path /var/cache -o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /run/netns \
           -o -path /run/systemd -o -path /var/tmp \) -prune \
        -o -print | grep -vE '^/etc/(passwd|group|g?shadow|subuid|subgid)-?$|^/etc/ld.so.cache$' | sort
}

# What decides how names are resolved.
resolver() { cat /etc/resolv.conf; ls -l /etc/resolv.conf /etc/dnsmasq.d /etc/dnsmasq.d/*; }

web_conf() {
    configure <<'JSON'
{
    "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] } },
    "groups": { "web": { "execv": [ "/usr/bin/curl", "-sS", "-m", "5", "…" ], "domains": [ "web.example" ], "rule": "tcp dport 80" } }
}
JSON
}

open_network() {
    passes as alice fetch http://web.example/
    says web.example
    passes as alice fetch http://198.18.0.20:8080/
    passes fetch http://198.18.0.20/
}

enforced() {
    passes as alice galaf web http://web.example/
    says web.example
    fails 7 as alice fetch http://198.18.0.10/
    fails 7 fetch http://198.18.0.20/
}

mark_programs() { bpftool --json cgroup show /sys/fs/cgroup | tr '{' '\n' | grep -c sock_create || true; }

# A package of a higher version, from the same sources.
higher_version() {
    local copy=/root/higher
    mkdir -p "$copy"
    tar -C "$BATS_TEST_DIRNAME/../.." -c --exclude-vcs --exclude=./build --exclude=./dist . | tar -x -C "$copy"
    sed -i '1s/(.*)/(999.0)/' "$copy/debian/changelog"
    passes make --silent -C "$copy" deb
    echo "$copy"/dist/galaf_999.0_*.deb
}

@test "cross-built for arm64, the launcher refuses by that architecture's numbers, and by those of 32-bit arm" {
    local name architecture
    cp -r "$BATS_TEST_DIRNAME"/../../{debian,guard,launcher} /tmp/
    mkdir -p /tmp/lib/galaf
    passes make -C /tmp/launcher clean all CC=aarch64-linux-gnu-gcc CC_FOR_BUILD=gcc
    passes make -C /tmp/guard clean all CC=aarch64-linux-gnu-gcc
    for name in /tmp/launcher/galaf /tmp/lib/galaf/galaf_guard; do
        passes aarch64-linux-gnu-readelf --file-header $name
        says AArch64
    done
    passes "$BATS_TEST_DIRNAME"/../launcher/simulate.py /tmp/build/launcher/filter.h
    for architecture in arm64 arm; do
        for name in fchmod fchmodat fchmodat2 mkdirat mknodat openat openat-tmpfile; do
            says "with_user_namespaces $architecture $name EPERM allowed" "without_user_namespaces $architecture $name EPERM allowed"
        done
        for name in fchown fchown-above fchownat clone unshare setns; do
            says "without_user_namespaces $architecture $name EPERM allowed"
        done
        for name in openat2 io_uring_setup io_uring_enter io_uring_register clone3; do
            says "without_user_namespaces $architecture $name ENOSYS -"
        done
        says "with_user_namespaces $architecture fchown EPERM EPERM" "with_user_namespaces $architecture clone allowed allowed" \
            "without_user_namespaces $architecture openat-folder - allowed" \
            "without_user_namespaces $architecture fchown-other - allowed" "without_user_namespaces $architecture getpid - allowed"
    done
    for name in chmod creat open mkdir mknod chown lchown chown16 chown16-above fchown16 lchown16; do
        says "without_user_namespaces arm $name EPERM allowed"
    done
    same "" "$(awk '$2 == "amd64" && $5 != "ENOSYS" && $5 != "-"' <<<"$output")" "what another architecture's calls give"
}

@test "apt installs it, and the network is as before" {
    open_network
    passes nft list ruleset
    same "" "$output" "the ruleset before"
    passes apt-get install -y "$(deb)"
    open_network
    passes nft list ruleset
    same "" "$output" "the ruleset after"
    fails 3 galaf_firewall status
    says "galaf_config has not been run yet"
}

@test "the launcher has its one capability, and is root's" {
    passes getcap /usr/bin/galaf
    same "/usr/bin/galaf cap_setgid=ep" "$output"
    same "root root 755" "$(stat -c '%U %G %a' /usr/bin/galaf)"
}

@test "the units are enabled before there is a network" {
    for unit in galaf-mark galaf-firewall; do
        passes systemctl is-enabled "$unit.service"
        passes systemd-analyze verify "$unit.service"
        file_says "$(dpkg -L galaf | grep "/$unit.service$")" "Before=network-pre.target"
    done
}

@test "each command tells what it is for, with an example; each page can be read" {
    local commands
    commands=$(dpkg -L galaf | sed -nE 's,^/usr/s?bin/,,p')
    [ -n "$commands" ]
    for command in $commands; do
        passes "$command" --help
        says xample
        passes man --pager=cat "$command"
        says NAME SYNOPSIS
    done
}

@test "what dpkg knows of its files is so" {
    passes dpkg --verify galaf
    same "" "$output"
}

@test "configuring twice changes nothing" {
    everything >/tmp/first
    local first
    first=$(resolver; getcap /usr/bin/galaf)
    local -x DPKG_MAINTSCRIPT_NAME=postinst DPKG_MAINTSCRIPT_PACKAGE=galaf      # as dpkg has it
    echo '# of 0.1.0' >/etc/sysctl.d/60-galaf.conf
    passes /var/lib/dpkg/info/galaf.postinst configure 0.1.0
    passes /var/lib/dpkg/info/galaf.postinst configure ""
    unset DPKG_MAINTSCRIPT_NAME DPKG_MAINTSCRIPT_PACKAGE
    passes dpkg-reconfigure galaf
    same "$first" "$(resolver; getcap /usr/bin/galaf)"
    everything >/tmp/second
    passes diff /tmp/first /tmp/second
}

@test "maintainer scripts refuse an action that dpkg does not have" {
    for script in postinst prerm postrm; do
        fails 1 "/var/lib/dpkg/info/galaf.$script" dance
        says dance
    done
}

@test "galaf_config enforces" {
    passes galaf_mark start
    web_conf
    enforced
    passes galaf_firewall status
}

@test "an upgrade leaves no gap: rules, marks and connections stay" {
    local next table programs tries
    next=$(higher_version)
    internet nft add table inet count
    internet nft add chain inet count in '{ type filter hook prerouting priority -310; }'
    internet nft add rule inet count in tcp dport 8080 counter
    table=$(nft -a list table inet galaf | head -n 1)
    programs=$(bpftool cgroup show /sys/fs/cgroup)
    touch /tmp/go
    as alice bash -c 'while [ -e /tmp/go ]; do (: </dev/tcp/198.18.0.20/8080) 2>/dev/null && echo through; echo try; done' \
        >/tmp/tries 3>&- &
    local trying=$!
    as alice galaf web --limit-rate 1M http://web.example/bytes/4000000 -o /tmp/held 3>&- &
    local held=$!

    passes apt-get install -y "$next"
    rm /tmp/go
    wait "$trying" "$held"
    same 4000000 "$(stat -c %s /tmp/held)" "the bytes that arrived meanwhile"

    tries=$(grep -c try /tmp/tries)
    [ "$tries" -gt 50 ] || complain "only $tries tries to get through"
    echo "# $tries tries to get through during the upgrade" >&3
    same 0 "$(grep -c through /tmp/tries)" "the number of connections let through"
    passes internet nft list chain inet count in
    says "counter packets 0"
    same "$table" "$(nft -a list table inet galaf | head -n 1)" "the table and its handle"
    same "$programs" "$(bpftool cgroup show /sys/fs/cgroup)" "the attached programs"
    passes getcap /usr/bin/galaf
    says cap_setgid=ep
    passes dpkg-query -W -f '${Version} ${Status}' galaf
    same "999.0 install ok installed" "$output"
    enforced
}

@test "an upgrade brings new eBPF programs: each is attached before the old one goes, those that are the same stay" {
    local tree=/root/changed
    program() { bpftool --json cgroup show /sys/fs/cgroup | jq -r --arg name "$1" '.[] | select(.name == $name) | .id'; }
    dpkg-deb -R /root/higher/dist/galaf_999.0_*.deb "$tree"
    sed -i '/^Version:/s/999.0/999.1/' "$tree/DEBIAN/control"
    sed -i 's/\treturn 1;/\tbpf_get_prandom_u32();\n&/' /root/higher/bpf/socket_mark_giduid.bpf.c
    rm -f /root/higher/bpf/*.o /root/higher/lib/galaf/*.bpf.o
    passes make --silent -C /root/higher/bpf
    cp "$(find /root/higher -name socket_mark_giduid.bpf.o ! -path '*/build/*' | head -n 1)" "$tree/usr/lib/galaf/"
    dpkg-deb --root-owner-group -b "$tree" /root/changed.deb >/dev/null
    before=$(program galaf_socket) same=$(program galaf_connect4)
    touch /tmp/go
    while [ -e /tmp/go ]; do [ -n "$(program galaf_socket)" ] || echo none; done >/tmp/gaps 3>&- &
    passes apt-get install -y /root/changed.deb
    rm /tmp/go
    wait $!
    same "" "$(cat /tmp/gaps)" "moments without a program"
    [ "$before" != "$(program galaf_socket)" ] || complain "the old program is attached still"
    same 1 "$(program galaf_socket | wc -l)" "programs that mark sockets"
    same "$same" "$(program galaf_connect4)" "a program that did not change"
    enforced
}

@test "removing gives the network back and keeps the configuration" {
    [ "$(mark_programs)" -gt 0 ]
    ln -s /usr/share/galaf/modprobe.d/galaf-sockets.conf /etc/modprobe.d/      # as galaf_doctor has root do
    passes apt-get remove -y galaf
    says_not "not empty so not removed"
    open_network
    passes nft list ruleset
    same "" "$output" "the ruleset"
    same 0 "$(mark_programs)" "the number of attached programs"
    same "$(cat /root/resolver)" "$(resolver)" "the resolver"
    [ ! -e /usr/lib/galaf ]
    [ ! -L /etc/modprobe.d/galaf-sockets.conf ]
    file_says "$CONF" web.example
    [ -e /var/lib/galaf/good/ruleset.nft ]
}

@test "installed again, it takes nothing away until galaf_config runs" {
    passes apt-get install -y "$(deb)"
    open_network
    file_says "$CONF" web.example
    passes galaf_mark start
    passes galaf_config --yes
    enforced
}

@test "purging leaves nothing but the groups" {
    passes getent group web
    local group=$output
    passes apt-get purge -y galaf
    open_network
    everything >/root/after
    passes diff /root/before /root/after
    same "$(cat /root/resolver)" "$(resolver)" "the resolver"
    passes getent group web
    same "$group" "$output"
}

@test "where the capability cannot be given, it is installed all the same, and starts nothing" {
    passes setpriv --bounding-set -setfcap --inh-caps -setfcap dpkg --install "$(deb)"
    says "/usr/bin/galaf: cannot be given cap_setgid"
    passes getcap /usr/bin/galaf
    same "" "$output"
    passes galaf_mark start
    web_conf
    fails 125 as alice galaf web http://web.example/
    passes dpkg-reconfigure galaf
    enforced
}
