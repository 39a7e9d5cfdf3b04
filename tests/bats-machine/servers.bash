# SPDX-License-Identifier: GPL-3.0-or-later
# File servers at the other end of a machine's cable, Debian's own, and what they serve.

# shellcheck disable=SC2034     # for the files that load this
FILES=/run/machine/files
SHARE=$FILES/share

# shared: the folder that they serve, with a file.
shared() {
    mkdir -p $SHARE
    echo "a file of the server's" >$SHARE/file
    chmod 755 $FILES && chmod 777 $SHARE
}

# samba: at port 445.
samba() {
    shared
    from_debian samba
    printf '%s\n' '[global]' 'server role = standalone server' 'map to guest = bad user' 'load printers = no' \
        "pid directory = $FILES" "lock directory = $FILES" "state directory = $FILES" "cache directory = $FILES" \
        "private dir = $FILES" "ncalrpc dir = $FILES/rpc" "log file = $FILES/samba.log" \
        '[share]' "path = $SHARE" 'guest ok = yes' 'read only = no' 'force user = root' >$FILES/smb.conf
    internet smbd --daemon --configfile=$FILES/smb.conf </dev/null >$FILES/smbd.log 2>&1 3>&- 4>&-
    serves 445
}

# webdav: Apache, at port 8081 and for 192.168.7.7 at port 80.
webdav() {
    local module
    shared
    from_debian apache2-bin
    for module in mpm_event authz_core dav dav_fs; do
        echo "LoadModule ${module}_module /usr/lib/apache2/modules/mod_$module.so"
    done >$FILES/apache.conf
    printf '%s\n' "ServerName files" "Listen 8081" "PidFile $FILES/apache.pid" "ErrorLog $FILES/apache.log" \
        "DavLockDB $FILES/lock" "DocumentRoot $SHARE" "<Directory $SHARE>" "Dav On" "</Directory>" >>$FILES/apache.conf
    internet apache2 -f $FILES/apache.conf </dev/null >$FILES/apache2.log 2>&1 3>&- 4>&-
    serves 8081
    internet nft 'table ip dav { chain dav { type nat hook prerouting priority dstnat
        ip daddr 192.168.7.7 tcp dport 80 redirect to :8081; }; }'
}

# sshd HOME: for root, with a key that is in that home then.
sshd() {
    shared
    from_debian openssh-server
    mkdir -p /run/sshd "$1/.ssh"
    ssh-keygen -q -t ed25519 -N '' -f $FILES/host
    ssh-keygen -q -t ed25519 -N '' -f "$1/.ssh/id_ed25519"
    printf '192.168.7.7 %s\n' "$(cut -d ' ' -f 1,2 $FILES/host.pub)" >"$1/.ssh/known_hosts"
    internet /usr/sbin/sshd -f /dev/null -h $FILES/host -o AuthorizedKeysFile="$1/.ssh/id_ed25519.pub" -o StrictModes=no \
        -o PermitRootLogin=yes -o UsePAM=no -o Subsystem="sftp internal-sftp" -o PidFile=$FILES/sshd.pid
    serves 22
}

PRINTER=/run/machine/tree/opt/printer
# printer: at 192.168.8.8 on the machine's own cable, by IPP and with names of its own, which avahi-daemon tells: printer.local.
# It is Debian's ippeveprinter, of the machine's files, in namespaces of its own; what it prints is in $PRINTER/spool.
printer() {
    mkdir -p $PRINTER/spool
    printf '%s\n' '[server]' host-name=printer allow-interfaces=eth0 '[publish]' publish-workstation=no >$PRINTER/avahi.conf
    echo '192.168.8.8 printer.local' >$PRINTER/hosts
    ip netns add printer
    ip link add printer type veth peer name eth0 netns printer
    ip link set printer master switch up
    nsenter --net=/run/netns/printer sh -c 'ip link set lo up; ip link set eth0 up; ip addr add 192.168.8.8/24 dev eth0'
    on ip addr add 192.168.8.2/24 dev eth0
    nsenter --net=/run/netns/printer unshare --mount --uts chroot /run/machine/tree sh -c '
        mount -t tmpfs run /run && mount -t proc proc /proc && mount --bind /opt/printer/hosts /etc/hosts
        hostname printer && mkdir /run/dbus && dbus-daemon --system --fork
        avahi-daemon --daemonize --no-chroot --no-drop-root --file /opt/printer/avahi.conf &&
            exec ippeveprinter -k -d /opt/printer/spool -p 631 -f application/pdf,image/pwg-raster,image/urf Lab' \
        >$PRINTER/log 2>&1 </dev/null 3>&- 4>&- &
    eventually 30 nsenter --net=/run/netns/printer bash -c 'true <>/dev/tcp/192.168.8.8/631' 2>/dev/null ||
        complain "no printer" "$(cat $PRINTER/log)"
}

# from_debian PACKAGE: what tests/setup has fetched, into the lab.
from_debian() {
    find "$BATS_TEST_DIRNAME/../../build/debs-others/$1" -name '*.deb' -print0 |
        DEBIAN_FRONTEND=noninteractive xargs -0 dpkg --install --force-unsafe-io --force-depends >$FILES/dpkg.log 2>&1 ||
        complain "$1 is not installed" "$(cat $FILES/dpkg.log)"
}

# serves PORT: a server at the other end of the cable answers.
serves() {
    eventually 30 internet bash -c "true <>/dev/tcp/127.0.0.1/$1" 2>/dev/null ||
        complain "no server at port $1" "$(tail $FILES/*.log)"
}
