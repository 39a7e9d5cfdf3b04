#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# What an application's queries may look like: plain questions alone reach dnsmasq, so that the next name server reads
# what dnsmasq has judged.

load helper

TESTS=$BATS_TEST_DIRNAME/../questions
RECORD=/run/questions

setup_file() {
    start_dnsmasq
    kill "$(cat /run/internet-dnsmasq.pid)"
    eventually 5 bash -c '! internet ss -Hlnu "sport = 53" | grep -q .'
    record
    configure <<'JSON'
{
    "users": { "dnsmasq": { "rule": [ "udp dport 53", "tcp dport 53" ] } },
    "groups": {
        "web": { "domains": [ "web.example" ], "rule": "tcp dport 80", "execv": [ "/usr/bin/env", "…" ] },
        "anywhere": { "rule": "tcp dport 80", "execv": [ "/usr/bin/env", "…" ] }
    }
}
JSON
}

export PYTHONDONTWRITEBYTECODE=1

# record: a name server that writes down what it is asked, in the internet's place.
record() { passes internet /usr/bin/python3 "$TESTS/recorder.py" "$RECORD" 192.0.2.1 3>&- 4>&-; }

# recorded COMMAND ...: runs it; what the recorder got meanwhile is judged in $output.
recorded() {
    : >"$RECORD"
    "$@" >&2 || return
    sleep 0.5
    passes /usr/bin/python3 "$TESTS/judge.py" "$RECORD"
    echo "# ${lines[0]}; ${lines[1]}" >&3
}

attack() { as alice galaf web /usr/bin/python3 "$TESTS/attack.py" "$@"; }

@test "of questions made at random the program lets the plain ones pass, and none else" {
    passes /usr/bin/python3 "$TESTS/run_program.py" 20000
    echo "# ${lines[*]}" >&3
}

@test "an application with a domain shows the next name server plain questions for it, and nothing else" {
    recorded attack 2000
    [[ ${lines[0]} == "udp: "[1-9]*" plain, 0 not" && ${lines[1]} == "tcp: "[1-9]*" plain, 0 not" ]] || complain "more left" "$output"
}

@test "without the program, or without the rules' mark, it shows it others: the attack is one" {
    galaf_mark stop
    recorded attack 600
    galaf_mark start
    [[ ${lines[0]} != *" 0 not" ]] || complain "nothing else left" "$output"
    nft flush chain inet galaf queries_in
    recorded attack 600
    [[ ${lines[0]} != *" 0 not" ]] || complain "nothing else left" "$output"
    passes galaf_config
    recorded attack 300
    [[ ${lines[0]} == *" 0 not" ]]
}

# stream WAY ...: sends questions to dnsmasq over TCP, from an application with a domain; prints how many it answers.
# WAY: an expression for pieces of bytes, in which q makes a question with its length before it.
stream() {
    in_group web /usr/bin/python3 -c '
import socket, struct, sys, time
sys.path.append(sys.argv[1])
import messages
def q(label, options=b""):
    question = messages.message(messages.name(label + b".web.example"), counts=(1, 0, 0, 1), rest=messages.opt(options))
    return struct.pack(">H", len(question)) + question
with socket.create_connection(("127.0.0.1", 53)) as asking:
    asking.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    asking.settimeout(1.5)
    for piece in eval(sys.argv[2]):
        asking.send(*piece if isinstance(piece, tuple) else [piece])
        time.sleep(0.02)
    answers = asking.makefile("rb")
    number = 0
    try:
        while head := answers.read(2):
            number += answers.read(struct.unpack(">H", head)[0])[3] & 15 == 0
    except OSError:
        pass
    print(number)
' "$TESTS" "$1"
}

# late: an application asks for names of its own, which wait for an answer, and for forty others; dnsmasq is kept from
# reading them for longer than conntrack remembers who asked.
late() {
    kill -STOP "$(cat "$RECORD.pid")" "$(cat /run/dnsmasq/dnsmasq.pid)"
    as alice galaf web /usr/bin/python3 -c '
import socket, sys, time
sys.path.append(sys.argv[1])
import messages
own, others = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
for number in range(100):
    own.sendto(messages.message(messages.name(b"n%d.web.example" % number)), ("127.0.0.1", 53))
for number in range(40):
    others.sendto(messages.message(messages.name(b"secret%d.test" % number)), ("127.0.0.1", 53))
time.sleep(4)
own.sendto(messages.message(messages.name(b"last.web.example")), ("127.0.0.1", 53))
' "$TESTS"
    kill -CONT "$(cat /run/dnsmasq/dnsmasq.pid)"
    sleep 1
    kill -CONT "$(cat "$RECORD.pid")"
}

@test "queries that dnsmasq reads once conntrack has forgotten who asked do not leave" {
    recorded late
    [[ ${lines[0]} == "udp: "[1-9][0-9]*" plain, 0 not" ]] || complain "others left" "$output"
}

@test "over TCP: questions one by one, together, after their length, and many on one connection are answered" {
    same 1 "$(stream '[q(b"a")]')"
    same 2 "$(stream '[q(b"a") + q(b"b")]')"
    same 2 "$(stream '[q(b"a"), q(b"b")]')"
    same 2 "$(stream '[q(b"a")[:2], q(b"a")[2:], q(b"b")[:2], q(b"b")[2:]]')"
    same 3 "$(stream '[q(b"a") + q(b"b")[:2], q(b"b")[2:] + q(b"c")]')"
    same 40 "$(stream '[q(b"n%d" % number) for number in range(40)]')"
}

@test "over TCP: what makes no stream of plain questions is not answered, however it is cut, nor what comes behind it" {
    for way in '[q(b"a")[:2], q(b"bcd")[2:]]' '[q(b"a")[:2], q(b"a")]' '[(q(b"a") + b"x", socket.MSG_OOB), q(b"a")]' \
        '[b"\0\0" + q(b"a")]' '[b"\0", b"\0", q(b"a")]' '[q(b"a") + b"\xff", q(b"a")]' '[q(b"a", messages.option(65001))]'; do
        answered=$(stream "$way")
        [ "$answered" = 0 ] || [ "$way$answered" = '[q(b"a") + b"\xff", q(b"a")]1' ] || complain "$answered answers: $way"
    done
}

@test "resolvers go on working: dig, getent, systemd's and c-ares's ways to ask" {
    for way in "" +tcp +norecurse +cdflag +adflag +dnssec +nocookie +noedns +nsid +subnet=198.18.0.0/24 +padding=128 "+tcp +keepalive" \
        "+tcp +keepopen" "+bufsize=4096" "-t ANY" "-t HTTPS" "-t TYPE65" "-t TXT" "-t AAAA" "+short -t MX" "-4"; do
        # shellcheck disable=SC2086
        passes in_group web dig +tries=1 +time=3 $way @127.0.0.1 "f$RANDOM.WeB.eXample"
    done
    for way in "-c CH -t TXT version.bind" "-t NS ." "-x 198.18.0.10" "_dmarc.other.example -t TXT" "host_1.other.example"; do
        # shellcheck disable=SC2086
        passes in_group anywhere dig +tries=1 +time=3 @127.0.0.1 $way
    done
    passes in_group web getent ahosts web.example
    RES_OPTIONS="use-vc" passes in_group web getent ahosts web.example
    RES_OPTIONS="edns0 trust-ad single-request" passes in_group web getent ahosts web.example
}
