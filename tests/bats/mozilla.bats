#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Debian's own Thunderbird and Firefox, without a screen, by the entries of README and of the shipped file.

load helper

OPTIONS="--headless --no-remote"
HERS=/home/alice
PROFILE=$HERS/profile

setup_file() {
    for package in thunderbird firefox-esr; do
        find "$BATS_TEST_DIRNAME/../../build/debs-others/$package" -name '*.deb' -print0 |
            xargs -0 dpkg --install --force-unsafe-io --force-depends >/tmp/said 2>&1 || { cat /tmp/said; return 1; }
    done
    start_dnsmasq
    echo '{ "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] } }, "groups": {} }' >$CONF
    passes galaf_config --set '$.groups.thunderbird' "$(readme)"
    passes galaf_config --set '$.groups.firefox-esr' "$(jq '.groups["firefox-esr"]' "$SHIPPED")"
    passes galaf_config --yes
    internet tcpdump -lni eth0 'tcp[tcpflags] & tcp-syn != 0 or ip6 proto 6' >/tmp/wire 2>/dev/null 3>&- 4>&- &
    echo $! >/tmp/tcpdump
}

teardown_file() { kill "$(cat /tmp/tcpdump)"; }

# The next one has the same profile.
teardown() {
    pkill -u alice || true
    eventually 20 ended || pkill -KILL -u alice
    eventually 20 ended
    rm -rf $PROFILE
}
ended() { ! pgrep -u alice >/dev/null; }

SHIPPED=$BATS_TEST_DIRNAME/../../etc/galaf/galaf_conf.json

# readme: the entry for Thunderbird in README, with the lab's provider.
readme() {
    { echo '{'; sed -n '/^    "thunderbird": {$/,/^    }$/p' "$BATS_TEST_DIRNAME/../../README.md"; echo '}'; } |
        sed 's/example\.org/mail.example/' | jq .thunderbird
}

# started NAME [ARG ...]: alice starts it; what it says is in /tmp/started.
started() {
    install -d -o alice -g alice $PROFILE
    cat >$PROFILE/user.js
    # shellcheck disable=SC2086     # several words
    as alice galaf "$1" $OPTIONS --profile $PROFILE "${@:2}" >/tmp/started 2>&1 3>&- 4>&- &
}

# sandboxed NAME: a part of it that shows what others wrote is in the group, and in a user namespace of its own or a
# filter of its own; nothing failed.
sandboxed() {
    eventually 60 part || complain "no part of it runs" "$(cat /tmp/started)"
    same "$(getent group "$1" | cut -d: -f3)" "$(stat -c %g "/proc/$(part)")"
    ! grep -i 'sandbox.*fail\|CanCreateUserNamespace' /tmp/started || complain "the sandbox failed"
    [ "$(readlink "/proc/$(part)/ns/user")" != "$(readlink /proc/self/ns/user)" ] || complain "it is in no namespace"
}
part() { pgrep -u alice -f -- '-contentproc.*-isForBrowser' | head -n 1 | grep .; }

@test "Thunderbird with README's entry: its sandbox is there, it asks for its provider's name and connects, and to nothing else" {
    started thunderbird <<'JS'
user_pref("mail.accountmanager.accounts", "account1");
user_pref("mail.accountmanager.defaultaccount", "account1");
user_pref("mail.account.account1.server", "server1");
user_pref("mail.account.account1.identities", "id1");
user_pref("mail.identity.id1.useremail", "alice@mail.example");
user_pref("mail.server.server1.hostname", "imap.mail.example");
user_pref("mail.server.server1.type", "imap");
user_pref("mail.server.server1.port", 993);
user_pref("mail.server.server1.socketType", 3);
user_pref("mail.server.server1.userName", "alice");
user_pref("mail.server.server1.login_at_startup", true);
JS
    sandboxed thunderbird
    eventually 60 grep -q '\.993: Flags \[S\]' /tmp/wire || complain "no connection" "$(cat /tmp/wire /tmp/started)"
    same "" "$(grep 'IP.* > ' /tmp/wire | grep 'Flags \[S\],' | grep -v '\.993: ')" "what else left"
}

@test "without \"user_namespaces\" its sandbox says that it fails, as the manual has it" {
    passes galaf_config --set '$.groups.thunderbird.user_namespaces' false
    passes galaf_config --yes
    started thunderbird </dev/null
    eventually 60 grep -q 'CanCreateUserNamespace() clone() failure' /tmp/started || complain "it doesn't" "$(cat /tmp/started)"
}

@test "Firefox with the shipped entry: its sandbox is there, and a page comes" {
    started firefox-esr http://web.example/ </dev/null
    sandboxed firefox-esr
    eventually 60 grep -q '198\.18\.0\.10\.80: Flags \[S\]\|2001:2:0:1::10\.80: Flags \[S\]' /tmp/wire ||
        complain "no connection" "$(cat /tmp/wire /tmp/started)"
}

@test "Firefox that is made the default browser names its menu entry, by which it starts in its group, and writes none of its own" {
    started firefox-esr --setDefaultBrowser </dev/null
    eventually 60 grep -qs 'scheme-handler/https=' $HERS/.config/mimeapps.list || complain "nothing is written" "$(cat /tmp/started)"
    same x-scheme-handler/https=firefox-esr.desktop "$(grep -m 1 scheme-handler/https= $HERS/.config/mimeapps.list)"
    same "" "$(find $HERS/.local -name 'userapp*')" "menu entries of its own"
    file_says /var/lib/galaf/desktop/share/applications/firefox-esr.desktop "Exec=/usr/bin/galaf firefox-esr"
}
