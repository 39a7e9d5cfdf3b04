#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# File systems of the network, CIFS from Debian's samba and NFS from its nfs-ganesha, by the releases' own kernels: the
# kernel sends, and "kernel" allows it.

load ../bats-machine/machine
load ../bats-machine/servers

SERVER=192.0.2.1

setup_file() {
    samba
    ganesha
    installed
    on mkdir -p /mnt/cifs /mnt/nfs
}

teardown_file() {
    on umount -l /mnt/cifs || true
    on umount -l /mnt/nfs || true
    kill "$(cat $FILES/smbd.pid)" "$(cat $FILES/ganesha.pid)"
}

ganesha() {
    from_debian nfs-ganesha-vfs
    mkdir -p /run/ganesha /var/lib/nfs/ganesha
    printf '%s\n' 'NFS_CORE_PARAM { Protocols = 4; Enable_NLM = false; Enable_RQUOTA = false; }' \
        'NFSv4 { Graceless = true; Minor_Versions = 1, 2; RecoveryBackend = fs; }' \
        "EXPORT { Export_Id = 1; Path = $SHARE; Pseudo = /share; Protocols = 4;" \
        '  Access_Type = RW; Squash = None; SecType = sys; FSAL { Name = VFS; } }' >$FILES/ganesha.conf
    internet ganesha.nfsd -f $FILES/ganesha.conf -L $FILES/ganesha.log -p $FILES/ganesha.pid \
        </dev/null >$FILES/nfsd.log 2>&1 3>&- 4>&-
    serves 2049
}

# allowed [RULE]: the file, with that rule for the kernel.
allowed() {
    echo '{ "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] } }, "groups": {}, "kernel":' "[ $1 ] }" |
        put /etc/galaf/galaf_conf.json
    passes on galaf_config --yes
}

# manual: the rule that galaf_conf.json(5) has for a file server, with this one's address.
manual() {
    sed -n 's/^ *"kernel": \[ \("ip daddr .*2049 }"\), .*/\1/p' "$BATS_TEST_DIRNAME/../../man/galaf_conf.json.5" |
        sed "s/192\.168\.1\.5/$SERVER/"
}

# cifs, nfs: the kernel's own part of a mount: no helper asks for names or sends anything.  By NFS 4.2, Linux 6.12 and this
# nfs-ganesha read a file that was just written as zeros.
cifs() { on timeout 60 mount -i -t cifs "//$SERVER/share" /mnt/cifs -o "ip=$SERVER,username=anyone,password=none,vers=3.0,soft"; }
nfs() {
    on timeout 60 mount -i -t nfs "$SERVER:/share" /mnt/nfs \
        -o "addr=$SERVER,clientaddr=192.0.2.9,vers=4.1,sec=sys,soft,timeo=50,retrans=1"
}

# is_refused KIND: it can't be mounted.
is_refused() {
    run "$1"
    [ "$status" != 0 ] || complain "$1 is mounted" "$output"
}

# to_server: how many packets for it the machine has sent since then.
to_server() { sent "$since" "dst host $SERVER and (tcp dst port 139 or tcp dst port 445 or tcp dst port 2049)" | count; }

# silent: for a second the machine has sent the server nothing, not even the end of a connection.
silent() {
    since=$(now)
    sleep 1
    [ "$(to_server)" = 0 ]
}

@test "a mount must be listed: without a rule nothing of it leaves, and it fails" {
    allowed
    since=$(now)
    is_refused cifs
    is_refused nfs
    same 0 "$(to_server)" "packets to the server"
    passes on galaf_denied
    says "$SERVER" " 445 " " 2049 "
}

@test "with the manual's rule both are mounted, read and written; no program's packet passes by it" {
    allowed "$(manual)"
    for kind in cifs nfs; do
        passes $kind
        passes alice "cat /mnt/$kind/file"
        same "a file of the server's" "$output" "what is read by $kind"
        passes on sh -c "echo from the machine >/mnt/$kind/$kind; sync"
        same "from the machine" "$(cat $SHARE/$kind)"
        passes on umount /mnt/$kind
    done
    eventually 20 silent || complain "a mount goes on"
    since=$(now)
    for port in 445 2049; do
        fails 1 alice "true <>/dev/tcp/$SERVER/$port"
        says refused
        fails 1 on bash -c "true <>/dev/tcp/$SERVER/$port"
        says refused
    done
    same 0 "$(to_server)" "packets to the server"
}

@test "open mounts go on when their rule goes, as all that runs; new ones are refused" {
    for kind in cifs nfs; do passes $kind; done
    allowed
    for kind in cifs nfs; do
        passes on sh -c "echo 3 >/proc/sys/vm/drop_caches; cat /mnt/$kind/file"
        same "a file of the server's" "$output" "what is read by $kind"
        passes on umount /mnt/$kind
    done
    is_refused cifs
    eventually 30 is_refused nfs
}

@test "mounts that are older than the rules go on where these list them" {
    on galaf_firewall stop
    for kind in cifs nfs; do passes $kind; done
    allowed "$(manual)"
    for kind in cifs nfs; do
        passes on sh -c "echo 3 >/proc/sys/vm/drop_caches; cat /mnt/$kind/file"
        passes on umount /mnt/$kind
    done
}
