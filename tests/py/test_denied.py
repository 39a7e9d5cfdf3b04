# SPDX-License-Identifier: GPL-3.0-or-later
"""What was refused, joined; and what would allow it."""
import argparse
import ipaddress
import json

import pytest

from galaf import mark
from galaf.config import conf, known
from galaf.errors import GalafError
from galaf.observe import answers, denied, programs, proposals, special, suggest, watch
from galaf.observe.counters import Count
from galaf.system import labels

NOW = 1_800_000_000
WEB = 30004 << 16 | 1000
ROOT = 30004 << 16 | 1


@pytest.fixture(autouse=True)
def accounts(monkeypatch):
    """The names that marks stand for."""
    groups = {30004: "web", 30005: "bare", 30006: "other", 1000: "alice"}
    users = {1: "root", 1000: "alice", 33: "www-data", 65535: "others"}
    monkeypatch.setattr(denied.labels, "group_name", lambda gid: groups.get(gid, str(gid)))
    monkeypatch.setattr(denied.labels, "user_name", lambda uid: users.get(uid, str(uid)))


def seen(mark=WEB, address="198.18.0.10", protocol=6, port=80, comm="curl", first=-100, last=-50):
    return watch.Seen(mark, ipaddress.ip_address(address), protocol, port, comm, 3, NOW + first, NOW + last, 77)


def out(*key, age=50, tries=2):
    """The only Refusal of one element, with nothing seen."""
    family = ipaddress.ip_address(key[1]).version
    count = Count(key, tries, 60 * tries, expires=denied.TIMEOUT - age)
    return {f"denied{family}": [count]}


def refusal(destination=None, port=80, protocol=6, domain=None, mark=WEB, types=(), way="out"):
    return denied.Refusal(way, mark, (), None, destination, domain, protocol, port, types, 1, None, NOW)


def name(domain, types=(1, 28), mark=WEB):
    return refusal(None, None, None, domain, mark, types, "name")


def suggested(data, *rows):
    found, remarks, _ = suggest.suggest(data, list(rows), "galaf_conf.json")
    merged = {**data, **{kind: {**data.get(kind, {}), **found.get(kind, {})} for kind in ("groups", "users")}}
    conf.parse(json.dumps(merged), "suggestion")        # raises where the schema or a rule is not kept
    return found, remarks


# ---- joining ----

def test_a_program_its_times_and_its_domain_belong_to_the_same_mark_address_protocol_and_port():
    others = [seen(mark=ROOT, comm="x1"), seen(address="198.18.0.11", comm="x2"), seen(protocol=17, comm="x3"),
              seen(port=81, comm="x4")]
    answer = answers.Resolved("web.example", "curl", NOW - 60)
    resolved = {(WEB, ipaddress.ip_address("198.18.0.10")): answer,
                (ROOT, ipaddress.ip_address("198.18.0.10")): answers.Resolved("other.example", "x5", NOW)}
    one, = denied.outgoing(out(WEB, "198.18.0.10", 6, 80), [seen(), seen(comm="wget", first=-99), *others],
                           resolved, NOW)
    assert one == denied.Refusal("out", WEB, ("curl", "wget"), None, "198.18.0.10", "web.example", 6, 80, (), 2,
                                 NOW - 100, NOW - 50, answer)


def test_last_is_the_time_of_the_refusal_also_where_the_program_went_on_later():
    one, = denied.outgoing(out(WEB, "198.18.0.10", 6, 80), [seen(first=-100, last=-1)], {}, NOW)
    assert (one.first, one.last) == (NOW - 100, NOW - 50)
    one, = denied.outgoing(out(WEB, "198.18.0.10", 6, 80), [seen(first=-10, last=-1)], {}, NOW)
    assert (one.first, one.last) == (None, NOW - 50)


def test_the_second_that_nft_leaves_off_is_mended_by_what_was_seen():
    one, = denied.outgoing(out(WEB, "198.18.0.10", 6, 80), [seen(first=-49.5, last=-49.5)], {}, NOW)
    assert one.first == one.last == NOW - 49.5


def test_without_a_port_the_address_tells_the_program():
    one, = denied.outgoing(out(WEB, "2001:db8::5", 58, 0),
                           [seen(address="2001:db8::5", protocol=17, port=1025, comm="ping")], {}, NOW)
    assert (one.programs, one.domain, one.port) == (("ping",), None, 0)


def test_inbound_traffic_has_source_and_destination_and_nobody_of_ours():
    count = Count(("192.0.2.1", "192.0.2.2", 6, 22), 5, 300, expires=denied.TIMEOUT)
    one, = denied.incoming({"denied_in4": [count]}, NOW)
    assert (one.way, one.mark, one.source, one.destination, one.tries, one.last) == (
        "in", None, "192.0.2.1", "192.0.2.2", 5, NOW)


def test_what_others_send_through_this_machine_is_apart_and_its_remark_says_what_allows_it():
    count = Count(("10.42.0.9", "198.18.0.10", 6, 80), 5, 300, expires=denied.TIMEOUT)
    one, = denied.incoming({"denied_through4": [count]}, NOW)
    assert (one.way, one.mark, one.source, one.destination, one.port) == (
        "through", None, "10.42.0.9", "198.18.0.10", 80)
    found, remarks = suggested({"groups": {}}, one)
    assert found == {} and remarks == [special.THROUGH] and '"forward"' in special.THROUGH


def test_a_name_is_one_row_for_all_its_types_and_who_asked():
    refused = [answers.Refused(WEB, "a.example", kind, 2, NOW - 10, NOW - 5, program)
               for kind, program in ((28, "wget"), (1, "curl"))]
    one, = denied.unresolved(refused)
    assert one == denied.Refusal("name", WEB, ("curl", "wget"), None, None, "a.example", None, None, (1, 28), 4,
                                 NOW - 10, NOW - 5)


def test_what_is_not_listed_is_said_and_suggests_nothing():
    counts = {"denied_more": [Count(WEB, 5, 300, expires=denied.TIMEOUT)], "denied_in_more": [Count(17, 2, 60)]}
    rows = list(denied.more(counts, {ROOT: 3}, NOW))
    assert [(one.way, one.mark, one.protocol, one.tries, one.last) for one in rows] == [
        ("more-out", WEB, None, 5, NOW), ("more-in", None, 17, 2, None), ("more-name", ROOT, None, 3, None)]
    assert suggested({}, *rows) == ({}, [])


def test_user_and_group_are_names_or_numbers_and_leave_out_what_has_neither():
    one, inbound = refusal("198.18.0.10"), refusal("192.0.2.2", mark=None, way="in")
    for user, group in (("alice", None), ("1000", "web"), (None, "30004"), (None, None)):
        assert denied.fits(one, user, group, None)
    assert not denied.fits(one, "bob", None, None) and not denied.fits(one, "alice", "bare", None)
    assert denied.fits(inbound, None, None, NOW) and not denied.fits(inbound, None, None, NOW + 1)
    assert not denied.fits(inbound, "alice", None, None)


# ---- maps ----

def test_the_maps_are_read_with_or_without_the_types_that_bpftool_adds():
    entry = '{"key":["0x01","0xff"],"value":["0x00","0x7f"]%s}'
    typed = ',"formatted":{"key":{"mark":1,"comm":[1,2]},"value":{"count":3}}'
    for text in (f"[{entry % ''},{entry % ''}]", f"[{entry % typed},{entry % typed}]"):
        assert watch.parse(text) == [(b"\x01\xff", b"\x00\x7f")] * 2
    assert watch.parse("[]") == []


def test_names_are_lower_case_and_harmless():
    assert answers.name(b"\x03WeB\x07example" + bytes(116)) == "web.example"
    assert answers.name(b"\x04a.b\x1b\x01\\" + bytes(10)) == "a\\046b\\027.\\092"
    assert answers.name(bytes(128)) == "."
    assert answers.name(b"\x3f" + b"x" * 127)       # a length that is not true ends with the buffer


def test_no_byte_that_a_user_chooses_reaches_a_terminal_a_shell_or_a_table():
    for byte in range(1, 256):
        for text in (watch.text(bytes((byte,))), answers.name(bytes((1, byte)) + bytes(9))):
            assert text.isascii() and text.isprintable() and not set(text) & set("'\"`$&;|<>*?[]{}!,=/")
    assert watch.text(b"Web Content\0x") == "Web Content" and watch.text("…".encode()) == "\\xe2\\x80\\xa6"


def test_the_records_of_the_maps():
    place = watch.PLACE.pack(WEB, 7)
    address = ipaddress.ip_address("::ffff:198.18.0.10").packed
    answer = answers.ANSWER.pack(3, 1_000_000_000, 2_500_000_000, address, 28, 0, b"\x01a\x07example", b"curl", 0)
    assert answers.decode_resolved(place, answer, NOW) == (
        (WEB, ipaddress.ip_address("198.18.0.10")), answers.Resolved("a.example", "curl", NOW + 2.5))
    assert answers.decode_refused(place, answer, NOW) == answers.Refused(
        WEB, "a.example", 28, 3, NOW + 1, NOW + 2.5, "curl")


# ---- suggesting ----

def test_a_refused_name_joins_the_domains_and_everything_else_stays():
    data = {"groups": {"web": {"#": "mine", "execv": ["/usr/bin/x", "…"], "domains": ["web.example"],
                               "rule": "tcp dport 80"}}}
    found, remarks = suggested(data, name("www.other.example"), name("a.web.example"), name("www.other.example"))
    assert found == {"groups": {"web": {**data["groups"]["web"], "domains": ["web.example", "www.other.example"]}}}
    assert remarks == []


def test_a_new_port_of_a_known_domain_joins_the_rules():
    data = {"groups": {"web": {"domains": ["web.example"], "rule": ["tcp dport { 80, 8000-8080 }"]}}}
    found, _ = suggested(data, refusal("198.18.0.10", 443, domain="web.example"),
                         refusal("2001:db8::1", 443, domain="web.example"),
                         refusal("198.18.0.10", 8001, domain="web.example"),
                         refusal("198.18.0.10", 123, 17, "web.example"))
    assert found["groups"]["web"]["rule"] == ["tcp dport { 80, 8000-8080 }", "tcp dport 443", "udp dport 123"]


def test_an_entry_with_a_rule_of_its_own_for_ipv6_gets_each_family_its_own():
    data = {"groups": {"web": {"domains": ["web.example"], "rule": "tcp dport 80", "rule6": "tcp dport 81"}}}
    found, _ = suggested(data, refusal("2001:db8::1", 443, domain="web.example"),
                         refusal("2001:db8::1", 0, 58, domain="web.example"))
    assert found["groups"]["web"]["rule"] == "tcp dport 80"
    assert found["groups"]["web"]["rule6"] == ["tcp dport 81", "tcp dport 443", "icmpv6 type echo-request"]


def test_an_address_without_a_domain_has_no_place_beside_domains_and_that_is_said():
    data = {"groups": {"web": {"domains": ["web.example"]}}}
    found, remarks = suggested(data, refusal("198.18.0.99", 443))
    assert found == {}
    assert remarks == ["$.groups.web: 198.18.0.99 tcp 443 is left out, since its domain is not known and the entry "
                       "has domains: give it to an application group without domains"]


def test_an_entry_without_domains_gets_addresses_and_keeps_its_rules():
    data = {"groups": {"web": {"rule": "tcp dport 80"}}}
    found, _ = suggested(data, refusal("198.18.0.30", 443, domain="mail.example"), refusal("198.18.0.9", 443),
                         refusal("198.18.0.9", 80), refusal("2001:db8::1", 5000, 17), refusal("198.18.0.9", 0, 1),
                         refusal("198.18.0.9", 0, 47))
    assert found["groups"]["web"] == {
        "# 198.18.0.30": "mail.example",
        "rule": ["tcp dport 80", "ip daddr 198.18.0.9 icmp type echo-request",
                 "ip daddr { 198.18.0.9, 198.18.0.30 } tcp dport 443", "ip daddr 198.18.0.9 meta l4proto 47",
                 "ip6 daddr 2001:db8::1 udp dport 5000"]}


def test_a_bare_entry_gets_domains_where_all_are_known_else_addresses():
    data = {"groups": {"bare": None}}
    mark = 30005 << 16 | 1
    known = refusal("198.18.0.10", 443, domain="web.example", mark=mark)
    found, remarks = suggested(data, known)
    assert found == {"groups": {"bare": {"domains": ["web.example"], "rule": "tcp dport 443"}}} and not remarks
    found, _ = suggested(data, known, refusal("198.18.0.99", 443, mark=mark))
    assert found["groups"]["bare"] == {"# 198.18.0.10": "web.example",
                                       "rule": "ip daddr { 198.18.0.10, 198.18.0.99 } tcp dport 443"}
    found, remarks = suggested(data, name("web.example", mark=mark))
    assert found == {"groups": {"bare": {"domains": ["web.example"]}}}
    assert "every port" in remarks[0]


def test_a_suggestion_says_what_it_rests_on():
    data = {"groups": {"bare": None}}
    mark = 30005 << 16 | 1000
    answer = answers.Resolved("web.example", "curl", NOW)
    rows = [refusal("198.18.0.10", 443, domain="web.example", mark=mark)._replace(answer=answer, programs=("wget",)),
            name("a.example", mark=mark)]
    when = denied.clock(NOW)
    assert suggest.suggest(data, rows, "x")[2] == [
        f"$.groups.bare: alice/bare wget tried once, last {when}: 198.18.0.10 tcp 443, which is web.example by an "
        f"answer to curl at {when}",
        f"$.groups.bare: alice/bare (program not known) tried once, last {when}: a.example"]
    many = [name(f"{number}.example", mark=mark) for number in range(25)]
    assert suggest.suggest(data, many, "x")[2][0] == "$.groups.bare: and 15 more, which galaf_denied shows"
    assert suggest.suggest({"groups": {"bare": {"rule": ""}}}, rows, "x")[2] == []


def test_ids_that_the_mark_cannot_hold_are_others_and_nothing_is_suggested_for_them():
    assert mark.encode(131072 + 30004, 131072 + 1000) == 0xFFFFFFFF and mark.encode(1000, 70000) == 1000 << 16 | 0xFFFF
    assert suggested({}, refusal("198.18.0.9", mark=0xFFFF))[1] == [
        "others: nothing can be suggested for it, since it has no name"]
    assert suggested({"groups": {"web": None}}, refusal("198.18.0.9", mark=30004 << 16 | 0xFFFF))[0]["groups"]


def test_defaults_and_borrowed_domains_count_as_the_entrys_own():
    data = {"config": {"defaults": {"rule": "tcp dport 80", "families": [4]}},
            "groups": {"web": {"domains": "other"}, "other": {"domains": ["web.example"]}}}
    found, remarks = suggested(data, refusal("2001:db8::1", 443, domain="a.web.example"), name("b.example"))
    assert found["groups"]["web"] == {"domains": ["web.example", "b.example"], "families": [4, 6],
                                      "rule": ["tcp dport 80", "tcp dport 443"]}
    assert "$.groups.web: its other rules hold for IPv6 too from then on" in remarks


def test_whoever_is_in_no_application_group_is_known_by_the_user():
    found, remarks = suggested({}, refusal("198.18.0.9", 80, mark=1000 << 16 | 1000),
                               refusal("198.18.0.9", 80, mark=33), refusal("198.18.0.9", 80, mark=1))
    assert {name: entry["rule"] for name, entry in found["users"].items()} == dict.fromkeys(
        ("alice", "root", "www-data"), "ip daddr 198.18.0.9 tcp dport 80")
    assert remarks == ["$.users.alice: holds for whatever this user runs; "
                       "start the program with galaf NAME instead, if it has an entry"]


def test_the_doctors_own_tries_are_not_to_be_allowed():
    nobody = 65533 << 16 | 65533
    assert suggested({}, refusal("203.0.113.113", 9, mark=nobody), refusal("2001:db8:ffff::113", 9, mark=nobody),
                     name("galaf-doctor.invalid", mark=nobody)) == ({}, [])


def test_a_name_that_is_not_on_this_machine_is_refused_and_root_is_found():
    assert labels.asked("root", None) == labels.asked("daemon", None) == ("1", None)
    assert labels.asked("4711", "unmarked") == ("4711", "unmarked")
    for user, group, said in (("me", None, "no user 'me' on this"), (None, "ours", "no group 'ours' on this")):
        with pytest.raises(GalafError, match=said):
            labels.asked(user, group)


def test_what_nothing_can_be_suggested_for_is_said():
    found, remarks = suggested({"groups": {"web": {"domains": ["web.example"]}}}, name("10.in-addr.arpa", (12,)),
                               name("router"), refusal("198.18.0.9", mark=0), refusal("198.18.0.9", mark=31000 << 16),
                               refusal("192.0.2.2", 22, mark=None, way="in"))
    assert found == {}
    assert remarks == ["0/31000: nothing can be suggested for it, since it has no name",
                       "unmarked: nothing can be suggested for it, since it has no name",
                       "$.groups.web: 10.in-addr.arpa (PTR) is left out: it leads to no address",
                       "$.groups.web: router (A, AAAA) is left out: it leads to no address"]


def test_applied_once_it_suggests_nothing_more():
    data = {"groups": {"web": {"domains": ["web.example"], "rule": "tcp dport 80"}, "bare": None}}
    rows = [name("other.example"), refusal("198.18.0.10", 443, domain="web.example"),
            refusal("198.18.0.30", 443, mark=30005 << 16 | 1000), refusal("198.18.0.30", 0, 1, mark=30005 << 16 | 1000),
            refusal("2001:db8::9", 5000, 17, mark=1000 << 16 | 1000),
            refusal("198.18.0.30", 0, 47, mark=1000 << 16 | 1000)]
    found, _ = suggested(data, *rows)
    again, remarks = suggested({**data, **found}, *rows)
    assert again == {}
    assert remarks == [f"$.{place}: what was refused is allowed by now" for place in
                       ("groups.bare", "groups.web", "users.alice")]


def test_a_name_that_stays_refused_is_never_said_to_be_allowed():
    """Root's DHCP rule beside an empty list of domains, and NetworkManager's connectivity check by name."""
    data = {"users": {"root": {"families": [4], "domains": [], "rule": "udp sport 68 udp dport 67"}}}
    check = name("check.example", mark=1)
    found, remarks = suggested(data, check)
    assert found == {}
    assert remarks == ["$.users.root: check.example stays refused: the entry has rules and may resolve nothing, and a "
                       "domain would narrow its rules to that domain: give the program an entry of its own"]
    found, remarks = suggested(data, check, refusal("198.18.0.30", 80, domain="check.example", mark=1))
    assert found["users"]["root"]["rule"] == ["udp sport 68 udp dport 67", "ip daddr 198.18.0.30 tcp dport 80"]
    assert any("check.example stays refused" in said for said in remarks)


@pytest.mark.parametrize("entry, query, allowed", [
    ({"rule": "tcp dport 80"}, "any.example", True),
    ({"domains": ["a.example"]}, "b.a.example", True),
    ({"domains": ["a.example"]}, "1.2.3.4.5.6.a.example", True),
    ({"domains": ["a.example"]}, "1.2.3.4.5.6.7.a.example", False),
    ({"domains": ["a.example"]}, "_x.a.example", False),
    ({"domains": []}, "a.example", False),
    ({"domains": [], "rule": "tcp dport 80"}, "a.example", False),
    ({"domains": [], "rule": "tcp dport 80", "mode": "audit"}, "a.example", True)])
def test_a_name_is_allowed_by_now_where_the_name_server_answers_for_it(entry, query, allowed):
    remarks = suggested({"groups": {"web": entry}}, name(query))[1]
    assert (remarks == ["$.groups.web: what was refused is allowed by now"]) == allowed
    open_ = {"config": {"dns": "open"}, "groups": {"web": entry}}
    assert suggested(open_, name(query)) == ({}, ["$.groups.web: what was refused is allowed by now"])


@pytest.mark.parametrize("entry", [
    {"rule": "tcp dport { 80, 443 }", "on": ["home"]},
    {"rule": ["tcp dport 80", {"rule": "tcp dport 81", "not_on": []}], "on": ["home", "office"]},
    {"rule": "tcp dport 80", "not_on": ["office"]},
    {"domains": ["web.example"], "rule": "tcp dport 80", "on": ["home"]},
    {"domains": ["web.example"], "on": ["home"]}])
def test_what_is_for_another_network_is_told_so_and_no_rule_suggested(entry):
    data = {"networks": {"home": {"connection": ["H"]}, "office": {"connection": ["O"]}}, "groups": {"web": entry}}
    told = ('is for other networks alone than where it was refused, by "on" or "not_on": '
            "galaf_firewall status says where this machine is")
    tried = refusal("198.18.0.10", 80, domain="web.example")
    assert suggested(data, tried) == ({}, [f"$.groups.web: 198.18.0.10 tcp 80 {told}"])
    if "domains" in entry:
        assert suggested(data, name("web.example")) == ({}, [f"$.groups.web: web.example {told}"])
    else:
        found, _ = suggested(data, tried, refusal("198.18.0.10", 5000, domain="web.example"))
        assert "ip daddr 198.18.0.10 tcp dport 5000" in found["groups"]["web"]["rule"]
        assert "ip daddr 198.18.0.10 tcp dport 80" not in found["groups"]["web"]["rule"]
    entry["rule"] = [{"rule": "", "on": ["home"]}, {"rule": "", "not_on": []}]
    assert suggested(data, tried, name("web.example")) == ({}, ["$.groups.web: what was refused is allowed by now"])


def test_a_faulty_configuration_is_named():
    with pytest.raises(GalafError, match=r"galaf_conf.json: \$\.groups\.web\.rule"):
        suggest.suggest({"groups": {"web": {"rule": "accept"}}}, [name("a.example")], "galaf_conf.json")


def test_addresses_of_a_name_and_its_threads_are_one_row_and_ports_are_not():
    rows = [refusal("198.18.0.10", domain="web.example")._replace(programs=("curl",), first=NOW - 9),
            refusal("2001:db8::10", domain="web.example")._replace(programs=("curl",), tries=4, last=NOW + 1),
            refusal("198.18.0.10", 443, domain="web.example")._replace(programs=("curl",)),
            refusal("198.18.0.10", domain="web.example")._replace(programs=("wget",)),
            name("web.example"), name("web.example", mark=ROOT)]
    assert [(one.way, one.programs, one.port, one.tries, one.last) for one in denied.joined(rows)] == [
        ("out", ("curl",), 443, 1, NOW), ("out", ("wget",), 80, 1, NOW), ("name", (), None, 1, NOW),
        ("name", (), None, 1, NOW), ("out", ("curl",), 80, 5, NOW + 1)]
    same = [row._replace(executables=("/usr/lib/firefox-esr/firefox-esr",), programs=(who,))
            for row in rows[:2] for who in ("firefox-esr", "Socket Process")]
    assert len(denied.joined(same)) == 1


@pytest.mark.parametrize("programs, executables, words", [
    ((), (), ""), (("curl",), (), "curl"), (("curl",), ("/usr/bin/curl",), "/usr/bin/curl"),
    (("firefox-esr",), ("/tmp/x",), "firefox-esr (/tmp/x)"),
    (("a-very-long-nam",), ("/usr/bin/a-very-long-name",), "/usr/bin/a-very-long-name")])
def test_a_name_that_is_another_than_the_executables_is_said_beside_it(programs, executables, words):
    assert denied.program_words(refusal("198.18.0.10")._replace(programs=programs, executables=executables)) == words


# ---- entries of their own ----

def proposed(path, groups, _range):
    """As proposals.entry_for(), of a machine that has all programs."""
    if path == "/usr/bin/python3":
        raise LookupError("it runs whatever it is given")
    return ("web", None) if "web" in groups else ("tool", {"execv": [path, "…"]})


def test_a_persons_program_gets_an_entry_of_its_own_and_never_the_person():
    alice = 1000 << 16 | 1000
    row = refusal("198.18.0.9", 443, mark=alice)._replace(executables=("/usr/bin/tool",), programs=("tool",))
    found, remarks, _ = suggest.suggest({}, [row], "x", proposed)
    assert found["groups"] == {"tool": {"execv": ["/usr/bin/tool", "…"],
                                        "rule": "ip daddr 198.18.0.9 tcp dport 443"}}
    assert remarks == ["$.groups.tool: start it by galaf tool"]
    for unknown in row._replace(executables=()), row._replace(executables=("/usr/bin/python3",)):
        found, remarks, _ = suggest.suggest({}, [unknown], "x", proposed)
        assert found == {} and "--as user, for all that alice runs" in remarks[0]
    data = {"groups": {"web": {"execv": ["/usr/bin/tool"], "rule": "tcp dport 443"}}}
    assert suggest.suggest(data, [row], "x", proposed)[:2] == ({}, [
        "$.groups.web: start it by galaf web", "$.groups.web: what was refused is allowed by now"])


@pytest.mark.parametrize("name", [
    "python3.11", "bash", "dash", "sh", "perl", "perl5.36.0", "node", "env", "busybox", "ld-linux-x86-64.so.2", "ld.so",
    "ld-linux-aarch64.so.1", "qemu-x86_64-static", "qemu-arm", "gdb", "valgrind", "memcheck-amd64-linux", "strace",
    "gjs-console", "mono-sgen", "guile-3.0", "luajit-2.1.0-beta3", "beam.smp", "mksh", "R", "timeout", "systemd-run",
    "flatpak", "electron", "wine64-preloader"])
def test_what_runs_whatever_it_is_given_gets_no_entry(name):
    with pytest.raises(LookupError, match="runs whatever it is given"):
        proposals.own_entry(f"/usr/bin/{name}")


@pytest.mark.parametrize("name", ["curl", "git", "firefox-esr", "ldapsearch", "ld", "Runner", "rsync", "rsh-client",
                                  "qemulator", "monodevelop", "gdbus", "ssh", "expectorate", "guiled"])
def test_what_does_one_thing_may_have_one(name, monkeypatch):
    monkeypatch.setattr(proposals.executables, "changeable", lambda path: None)
    monkeypatch.setattr(proposals.executables, "lack", lambda path: None)
    monkeypatch.setattr(proposals.executables, "privilege", lambda path: None)
    assert proposals.own_entry(f"/usr/bin/{name}")["execv"] == [f"/usr/bin/{name}", "…"]


def test_the_flags_that_a_program_needs(tmp_path, monkeypatch):
    monkeypatch.setattr(proposals.executables, "changeable", lambda path: None)
    for folder, beside, mode, flags in (("a", "libxul.so", 0o755, {"user_namespaces": True}), ("b", "x", 0o755, {}),
                                        ("c", "x", 0o4755, {"no_new_privs": False}), ("d", "x", 0o2755, {})):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / beside).touch()
        file = tmp_path / folder / "an-application"
        file.touch()
        file.chmod(mode)
        assert proposals.own_entry(str(file)) == {"execv": [str(file), "…"], **flags}


def test_a_groups_name_is_one_that_nothing_has(monkeypatch):
    monkeypatch.setattr(proposals.grp, "getgrnam", {"ssh": argparse.Namespace(gr_gid=101)}.__getitem__)
    assert proposals.own_name("/usr/bin/Some Tool+", {}, (30000, 59999)) == "some-tool"
    assert proposals.own_name("/usr/bin/ssh", {"ssh-net": None}, (30000, 59999)) == "ssh-net2"
    assert proposals.own_name("/usr/bin/7z", {}, (30000, 59999)) == "app-7z"


@pytest.mark.parametrize("name, search, said", [
    ("other.example.lan", ["lan"], "with the search domain lan"), ("router.lan", ["lan"], None),
    ("other.example.lan", ["home"], None)])
def test_a_name_with_a_search_domain_behind_it_is_not_to_be_allowed(name, search, said):
    found = special.searched(name, search)
    assert found is None if said is None else said in found


def test_an_executable_is_known_by_inode_and_size(tmp_path, monkeypatch):
    for file, text in (("tool", "x"), ("script", "#!/usr/bin/env tool\n"), ("other", "#! /nowhere/tool\n")):
        (tmp_path / file).write_text(text)
    monkeypatch.setattr(programs, "SEARCH", [str(tmp_path)])
    monkeypatch.setattr(programs, "_running", dict)
    run = programs.identity(tmp_path / "tool")
    assert programs.executable.__wrapped__("tool", run) == programs.executable.__wrapped__("tool", run) == str(
        tmp_path / "tool")
    assert programs.executable.__wrapped__("script", run) == str(tmp_path / "script")
    for name, other in (("other", run), ("../tool", run), ("tool", (run[0], 2)), ("tool", (0, 0))):
        assert programs.executable.__wrapped__(name, other) is None


def test_a_helper_that_is_gone_is_known_too(tmp_path, monkeypatch):
    for name, mode in (("git-remote", 0o755), ("data", 0o644), ("a b", 0o755)):
        (tmp_path / name).write_text(name)
        (tmp_path / name).chmod(mode)
    (tmp_path / "link").symlink_to("/bin/true")
    monkeypatch.setattr(programs, "HELPERS", (f"{tmp_path}/*",))
    monkeypatch.setattr(programs, "_running", dict)
    programs._helpers.cache_clear()
    found = [programs.executable.__wrapped__("nothing-here", programs.identity(tmp_path / name))
             for name in ("git-remote", "data", "a b", "link")]
    assert found == [str(tmp_path / "git-remote"), None, None, None]


@pytest.mark.parametrize("path, owners, wanted", [
    ("/usr/lib/git-core/git-remote-http", "git: /x\n", "git"), ("/usr/bin/git-shell", "git: /x\n", None),
    ("/usr/lib/two/tool", "two: /x\n", None), ("/usr/lib/none/tool", None, None)])
def test_a_helper_is_of_the_one_known_entry_of_its_package(monkeypatch, path, owners, wanted):
    def search(*_):
        if owners is None:
            raise GalafError("no path found")
        return owners
    every = [known.Known(name, "", "", (package,), "/", "groups", name) for name, package in
             (("git", "git"), ("one", "two"), ("other", "two"))]
    monkeypatch.setattr(proposals.known, "every", lambda: every)
    monkeypatch.setattr(proposals, "run", search)
    found = proposals._helped(path)
    assert (found and found.name) == wanted
