#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Closed while other packages are upgraded.

load machine

setup_file() {
    passes install "./$DEB"
    start_rogue
    apply 0
}

# apply NUMBER: puts a configuration in force in which web may reach one domain, and there is one group more.
apply() {
    conf "$1" >/run/machine/tree/etc/galaf/galaf_conf.json
    passes on galaf_config --yes
}

# conf NUMBER: even ones let web reach web.example, odd ones mail.example, by the name and on port 80 alone.
conf() {
    cat <<JSON
{
    "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] } },
    "groups": {
        "web": {
            "execv": [ "/usr/bin/curl", "-sS", "…" ], "domains": [ "$(domain "$1")" ], "rule": "tcp dport 80"
        },
        "added-$1": { "execv": [ "/bin/true" ], "rule": "tcp dport 443" }
    }
}
JSON
}
domain() { [ $(($1 % 2)) = 0 ] && echo web.example || echo mail.example; }

# closed SINCE [FILTER]: the rogue has tried, and nothing was sent but what is listed, the latter too.
closed() {
    [ "$(tries)" -gt 20 ] || complain "only $(tries) tries"
    same "" "$(sent "$1" "not ($LINK or ($QUERIES) or tcp port 80 or ${2:-tcp port 80})" | head -n 5)" "what the machine sent"
    same "" "$(sent "$1" "$ROGUE" | head -n 5)" "what the rogue sent"
}

@test "nftables and dnsmasq-base upgraded while traffic flows: no gap, connections and names go on" {
    passes higher /run/machine/tree/var/local/debs/{nftables/nftables,libnftables1/libnftables1,dnsmasq-base/dnsmasq-base}_*.deb
    : >/run/machine/tree/opt/tries
    : >/run/machine/upgrading
    alice 'galaf web --limit-rate 1M http://web.example/bytes/6000000 -o held' 3>&- &
    held=$!
    while [ -e /run/machine/upgrading ]; do
        answer web "n$RANDOM.web.example"
    done >/run/machine/answers 2>&1 3>&- &
    asking=$!
    eventually 5 test -s /run/machine/tree/home/alice/held
    since=$(now)
    passes install /opt/higher/{nftables,libnftables1,dnsmasq-base}.deb
    wait "$held"
    rm /run/machine/upgrading
    wait "$asking"
    same 6000000 "$(stat -c %s /run/machine/tree/home/alice/held)" "the bytes that arrived meanwhile"
    same NOERROR "$(sort -u /run/machine/answers)" "the answers to names asked meanwhile"
    echo "# seen: $(tries) tries to get out, $(sent "$since" "$ROGUE" | count) packets of them on the wire;" \
        "$(count </run/machine/answers) names asked, all answered" >&3
    closed "$since"
    passes on dpkg-query -W -f '${Package} ${Version} ${Status}\n' nftables libnftables1 dnsmasq-base
    same 3 "$(grep -c ' 999.0 install ok installed$' <<<"$output")" "the packages upgraded"
    passes on nmcli general reload dns-full
    eventually 5 alice 'galaf web -m 5 http://new.web.example/'
    passes on nft -c -f /var/lib/galaf/good/ruleset.nft
    fails 7 alice 'curl -sS -m 5 http://198.18.0.10/'
}
