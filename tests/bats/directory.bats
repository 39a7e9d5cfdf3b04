#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Accounts that are in no file: not enumerated ones of Debian's own SSSD, and what systemd's userdb holds, as
# systemd-homed's users.

load helper

setup_file() {
    for package in libnss-sss sssd-common; do
        find "$BATS_TEST_DIRNAME/../../build/debs-others/$package" -name '*.deb' -print0 |
            xargs -0 dpkg --install --force-unsafe-io --force-depends >/tmp/said 2>&1 || { cat /tmp/said; return 1; }
    done
    sed -i 's/^\(passwd\|group\):.*/\1: files sss systemd/' /etc/nsswitch.conf
    sssd_with_two_domains
    userdb
    passes getent passwd
    says_not carol frank
    configure <<'JSON'
{ "users": { "svc": { "rule": "tcp dport 80" } },
  "groups": { "web": { "execv": [ "/usr/bin/curl", "-sS", "-m", "5", "…" ], "rule": "tcp dport 80",
                       "users": [ "carol", "d.ave-smith", "frank@fq", "grace" ] },
              "team-web": { "execv": [ "/usr/bin/curl", "-sS", "-m", "5", "…" ], "rule": "tcp dport 80",
                            "users": [ "%team", "%team@fq" ] } } }
JSON
}

teardown_file() { pkill -x sssd; }

# sssd_with_two_domains: one with short names, one with name@domain.
sssd_with_two_domains() {
    mkdir -p /etc/sssd /var/log/sssd /var/lib/sss/db /var/lib/sss/mc /var/lib/sss/pipes/private
    printf '%s:x:%s:20001::/tmp:/bin/sh\n' carol 20001 d.ave-smith 20002 svc 20004 >/etc/sssd/one.users
    printf '%s\n' 'corp:x:20001:' 'team:x:20005:carol' >/etc/sssd/one.groups
    echo 'frank:x:20006:20006::/tmp:/bin/sh' >/etc/sssd/two.users
    printf '%s\n' 'frank:x:20006:' 'team:x:20007:frank' >/etc/sssd/two.groups
    printf '%s\n' '[sssd]' 'services = nss' 'domains = one, fq' \
        '[domain/one]' 'id_provider = files' 'passwd_files = /etc/sssd/one.users' 'group_files = /etc/sssd/one.groups' \
        '[domain/fq]' 'id_provider = files' 'passwd_files = /etc/sssd/two.users' 'group_files = /etc/sssd/two.groups' \
        'use_fully_qualified_names = true' >/etc/sssd/sssd.conf
    chmod 600 /etc/sssd/sssd.conf
    sssd --daemon --logger=files 3>&- 4>&-
    eventually 30 getent passwd frank@fq >/dev/null || complain "SSSD knows nobody" "$(cat /var/log/sssd/*)"
}

# userdb: a user and the user's group by records.
userdb() {
    mkdir -p /run/userdb
    echo '{ "userName": "grace", "uid": 20010, "gid": 20010 }' >/run/userdb/grace.user
    echo '{ "groupName": "grace", "gid": 20010 }' >/run/userdb/grace.group
    ln -s grace.user /run/userdb/20010.user
    ln -s grace.group /run/userdb/20010.group
    passes getent passwd grace
}

# by UID NAME ...: a program of that user, with the user's groups, starts an application; it reaches the web.
by() {
    local uid=$1 gid
    gid=$(getent passwd "$uid" | cut -d: -f4)
    shift
    setpriv --reuid "$uid" --regid "$gid" --init-groups "$@" http://198.18.0.10/
}

@test "listed users launch, by whatever name they have, and are counted by it; nobody else does" {
    for uid in 20001 20002 20006 20010; do
        passes by $uid galaf web
    done
    fails 125 by 20004 galaf web
    says "you (uid 20004) may not start it"
    passes galaf_stats --set post-filter-out
    says "carol/web" "d.ave-smith/web" "frank@fq/web" "grace/web"
}

@test "members of listed groups launch" {
    for uid in 20001 20006; do
        passes by $uid galaf team-web
    done
    fails 125 by 20002 galaf team-web
}

@test "an entry of users holds for such a user" {
    passes by 20004 curl -sS -m 5
    fails 7 by 20001 curl -sS -m 5
}

@test "a name that can't be an entry's is refused at its place, as is one that nobody has" {
    echo '{ "users": { "frank@fq": { "rule": "" } } }' >/tmp/conf.json
    fails 1 galaf_config --check /tmp/conf.json
    says "/tmp/conf.json: \$.users.'frank@fq': not a name that groupadd and nft take"
    echo '{ "groups": { "web": { "execv": [ "/bin/true" ], "users": [ "frank" ] } } }' >/tmp/conf.json
    fails 1 galaf_config --check /tmp/conf.json
    says "\$.groups.web.users[0]: there is no user 'frank' on this machine"
}

@test "a member of an application group whom the directory alone knows as one: galaf_doctor says so" {
    passes galaf_doctor members
    echo 'alice:x:1000:1000::/home/alice:/bin/bash' >>/etc/sssd/one.users
    echo "shadowing:x:$(getent group web | cut -d: -f3):alice" >>/etc/sssd/one.groups
    eventually 20 member || complain "SSSD doesn't say so" "$(id alice)"
    fails 1 galaf_doctor members
    says "web has the member alice"
}
member() { id alice | grep -q '(web)'; }
