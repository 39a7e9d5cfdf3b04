#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Closed while other packages are upgraded, and over power cuts in the middle of an apply.

load machine

CUTS=6

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

# whole NUMBER: the good generation is that configuration's, every text of it, and just that is enforced.
whole() {
    local kind file
    for kind in nft:ruleset.nft dnsmasq:dnsmasq.conf launch:launch; do
        file=/run/machine/tree/var/lib/galaf/good/${kind#*:}
        on galaf_config --print "${kind%:*}" /var/lib/galaf/good/galaf_conf.json | cmp - "$file"
    done
    passes on galaf_firewall status
    says "enforced: table inet galaf"
    passes alice "galaf web -m 5 http://$(domain "$1")/"
    fails 6 alice "galaf web -m 5 http://$(domain $(($1 + 1)))/"
    passes alice "galaf added-$1"
}

# The machine's files are in memory: this shows what killed processes leave behind, not what a disk had not written yet.
@test "the power cut in the middle of galaf_config: after boot the old or the new generation, whole, and never open" {
    good=/run/machine/tree/var/lib/galaf/good/galaf_conf.json
    apply 2     # what an apply takes once all that it reads has been read before
    began=$(date +%s%3N)
    apply 1
    took=$(($(date +%s%3N) - began))
    before=1
    olds=0
    cut=0
    : >/run/machine/tree/opt/tries
    since=$(now)
    for number in $(seq 2 $((CUTS + 1))); do
        conf "$number" >/run/machine/tree/etc/galaf/galaf_conf.json
        boot=$(cat /run/machine/cgroup)
        on galaf_config --yes 3>&- &
        applying=$!
        moment=$((took * (number - 1) / (CUTS + 1)))
        sleep "$((moment / 1000)).$(printf %03d $((moment % 1000)))"
        passes "$BATS_TEST_DIRNAME/../machine" kill
        wait "$applying" || cut=$((cut + 1))
        eventually 10 rebooted "$boot"
        "$BATS_TEST_DIRNAME/../machine" up
        closed "$since"
        if cmp -s "$good" <(conf "$before"); then
            olds=$((olds + 1))
        else
            conf "$number" | cmp - "$good"
            before=$number
        fi
        whole "$before"
    done
    echo "# cuts tried: $CUTS, in the middle of an apply of $took ms: $cut; found whole, the old generation: $olds," \
        "the new: $((CUTS - olds)); $(tries) tries to get out, packets that slipped through: $(sent "$since" "$ROGUE" | count)" >&3
    [ "$cut" -gt 0 ] || complain "no cut came before the end of an apply"
}
