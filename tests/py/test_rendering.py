# SPDX-License-Identifier: GPL-3.0-or-later
"""What is rendered, against golden files.  GOLDEN_UPDATE=1 writes them anew: read the difference."""
import dataclasses
import json
import os

import pytest
from conftest import TOP

from galaf.config import conf
from galaf.render import dnsmasq, families, grants, launch, networks, ruleset, sysctl, untold
from galaf.system import accounts, nft

GOLDEN = TOP / "tests/py/golden"
CASES = sorted(path.name for path in GOLDEN.iterdir())
SKELETON = "table inet galaf {\n    chain output {\n        jump refused_out\n    }\n}\n"
PASSWD = {"root": 0, "_apt": 42, "sshd": 120, "dnsmasq": 999, "alice": 1000}
GROUP = {"root": 0, "adm": 4, "alice": 1000}


def machine(configuration):
    """The ids of a machine on which every group of the configuration was just made."""
    groups = accounts.allot(configuration, configuration.groups.values())
    return accounts.Ids(
        users={name: PASSWD[name] for name in configuration.users},
        groups=groups,
        inbound={name: groups[name] << 16 if name in groups else PASSWD[name] for name in configuration.inbound},
        launchers={"alice": "1000", "%adm": "%4"},
        every_group={**GROUP, **groups}, every_uid=tuple(PASSWD.values()))


@pytest.mark.parametrize("case", CASES)
def test_golden(case):
    """Each rendered text of a case is what its golden file says."""
    folder = GOLDEN / case
    configuration = conf.parse(conf.read(folder / "galaf_conf.json"), case)
    ids = machine(configuration)
    rendered = {
        "ruleset.nft": ruleset.text(ruleset.render(configuration, ids, [SKELETON], ebpf=case != "no_ebpf")),
        "dnsmasq.conf": dnsmasq.render(configuration, ids),
        "launch": launch.render(configuration, ids),
        "sysctl.conf": sysctl.render(configuration),
        "socket_families": families.render(configuration),
        "networks": networks.definitions(configuration),
        "untold": untold.render(configuration, ids),
    }
    for name, text in rendered.items():
        if os.environ.get("GOLDEN_UPDATE"):
            (folder / name).write_text(text, encoding="utf-8")
        assert text == (folder / name).read_text(encoding="utf-8"), f"{case}/{name}"


BEFORE = {"users": {"alice": {"rule": "tcp dport 1"}, "root": {"rule": "tcp dport 2"}},
          "groups": {"a": {"rule": ["tcp dport 1"], "domains": ["x.example"]}, "ab": {"rule": "tcp dport 3"}}}


@pytest.mark.parametrize("changed, skeleton, fresh", [
    ({}, SKELETON, []),
    ({"groups": {**BEFORE["groups"], "ab": {"rule": "tcp dport 4"}}}, SKELETON, ["ab"]),
    ({"groups": {**BEFORE["groups"], "a": {**BEFORE["groups"]["a"], "rule": "tcp dport 4"}}}, SKELETON, ["a"]),
    ({"groups": {**BEFORE["groups"], "a": {"rule": "tcp dport 1"}}}, SKELETON, None),       # its sets go
    ({"groups": {"a": BEFORE["groups"]["a"]}}, SKELETON, None),
    ({"config": {"mode": "audit"}}, SKELETON, None),
    ({}, SKELETON.replace("refused_out", "mine"), None),
])
def test_what_is_new_in_an_edit(changed, skeleton, fresh):
    """The entries alone whose rules are new, where nothing else is, and nothing went that others may name."""
    before, after = (conf.parse(json.dumps(each), "f") for each in (BEFORE, {**BEFORE, **changed}))
    old = ruleset.text(ruleset.render(before, machine(before), [SKELETON]))
    found = ruleset.fresh(after, ruleset.render(after, machine(before), [skeleton]), old)
    assert (found and [entry.name for entry in found.entries()]) == fresh


def test_a_user_who_was_not_there_is_new():
    configuration = conf.parse(json.dumps(BEFORE), "f")
    ids = machine(configuration)
    absent = dataclasses.replace(ids, users={"root": 0})
    old = ruleset.text(ruleset.render(configuration, absent, [SKELETON]))
    found = ruleset.fresh(configuration, ruleset.render(configuration, ids, [SKELETON]), old)
    assert found is None or "alice" in found.users


def test_every_line_of_an_entry_has_its_path():
    """nft's complaint about a line can be told of the place in the JSON file that it came from."""
    configuration = conf.parse('{"groups": {"a": {"rule": ["tcp dport 1", "tcp dport 2"]}}}', "f")
    lines = ruleset.render(configuration, machine(configuration), [SKELETON])
    assert [path for text, path in lines if text.strip() == "tcp dport 2 goto accepted_out"] == ["$.groups.a.rule[1]"]
    assert [path for text, path in lines if text.startswith("define a =")] == ["$.groups.a"]


def test_a_domain_of_many_groups_is_refused_where_a_line_of_dnsmasq_ends():
    """dnsmasq reads 1,024 characters of a line and would drop the rest."""
    groups = ", ".join(f'"group-with-a-long-name-{i}": {{"domains": ["web.example"]}}' for i in range(20))
    configuration = conf.parse(f'{{"groups": {{{groups}}}}}', "f")
    with pytest.raises(conf.GalafError, match="web.example is in 20 entries"):
        dnsmasq.render(configuration, machine(configuration))


def test_no_mask_mistakes_another_group():
    """Every allow-list line of one group matches the mark of no other group of the machine."""
    configuration = conf.parse(conf.read(GOLDEN / "many_domains/galaf_conf.json"), "f")
    ids = machine(configuration)
    pairs = [tuple(map(int, line.split("=")[1].split(",")[0].split("/")))
             for line in dnsmasq.render(configuration, ids).splitlines() if line.startswith("connmark-allowlist=")]
    assert len(pairs) == len(set(pairs)) > 10
    for mark, mask in pairs:
        matching = {gid for gid in ids.every_group.values() if gid << 16 & mask == mark and mask >> 16}
        matching |= {("uid", uid) for uid in ids.every_uid if uid & mask == mark and not mask >> 16}
        assert len(matching) == 1, f"{mark}/{mask} matches {matching}"


def test_stop_dns_rebind_spares_what_entries_name():
    """The option is off unless asked for; a domain of an entry may have a private address all the same."""
    data = {"groups": {"a": {"domains": ["nas.home.example"]}}}
    plain = conf.parse(json.dumps(data), "f")
    assert "rebind" not in dnsmasq.render(plain, machine(plain))
    asked = conf.parse(json.dumps({**data, "config": {"stop_dns_rebind": True}}), "f")
    lines = dnsmasq.render(asked, machine(asked)).splitlines()
    assert {"stop-dns-rebind", "rebind-domain-ok=/nas.home.example/"} <= set(lines)


QUESTION = "udp dport 53 @th,80,8 0x1 @th,96,48 0x100000000 @th,160,88 0x56c6f63616c0000060001"


@pytest.mark.parametrize("data, wanted", [
    ({}, (1, 2)),
    ({"users": {"avahi": {"domains": []}}}, (1, 2)),
    ({"groups": {"a": {"execv": ["/usr/bin/avahi-browse"], "rule": "tcp dport 80"}}}, (1, 2)),
    ({"config": {"dns": "open"}}, (1, 0)),
    ({"config": {"mode": "audit"}}, (0, 0)),
    ({"users": {"avahi": {"rule": "udp dport 5353"}}}, (0, 0)),
    ({"users": {"avahi": {"mode": "audit"}}}, (0, 0)),
    ({"groups": {"a": {"execv": ["/usr/sbin/avahi-daemon"], "rule": "udp dport 5353"}}}, (0, 0)),
])
def test_names_below_local_fail_at_once_where_avahi_has_no_rule(data, wanted, monkeypatch):
    """(lines of dnsmasq's options, rules); none on a machine without avahi, by another server, for a grant."""
    monkeypatch.setitem(PASSWD, "avahi", 110)
    configuration = conf.parse(json.dumps(data), "f")
    ids = dataclasses.replace(machine(configuration), avahi=110)
    ruled = [text for text, _ in ruleset.render(configuration, ids, [SKELETON]) if QUESTION in text]
    assert (dnsmasq.render(configuration, ids).count("dns-rr=local,6,"), len(ruled)) == wanted
    for lines in (ruleset.render(configuration, ids, [SKELETON], resolver=None),
                  ruleset.render(configuration, machine(configuration), [SKELETON])):
        assert not [text for text, _ in lines if QUESTION in text]
    assert "dns-rr" not in dnsmasq.render(configuration, machine(configuration))
    for_now = grants.Grant(1, "out", "users", "avahi", (110,), 110, ports=(("udp", 5353, 5353),))
    assert "dns-rr" not in dnsmasq.render(configuration, ids, [for_now])


def granted(configuration):
    """The rules of group a's chain."""
    parsed = conf.parse(json.dumps(configuration), "f")
    lines = [text.strip() for text, _ in ruleset.render(parsed, machine(parsed), [SKELETON])]
    at = lines.index("chain group_a {", lines.index("flush table inet galaf"))
    return lines[at + 1:lines.index("}", at)]


def test_an_interface_has_the_same_labels_whatever_other_rules_there_are():
    """Else an open connection would be another rule's after a reload; a rule without an interface comes first."""
    entry = {"rule": ['oifname "wg0" tcp dport 1', "tcp dport 2"]}
    alone = granted({"groups": {"a": entry}})
    assert alone[0] == "tcp dport 2 goto accepted_out"
    assert alone[1].startswith('oifname "wg0" tcp dport 1 ct label set ') and " | 126 goto accepted_out" in alone[1]
    others = {"b": {"rule": 'oifname "eth0"'}, "c": {"rule": 'oifname "wg1"'}}
    assert granted({"groups": {**others, "a": entry}, "inbound": {"sshd": 'iifname "eth1"'}}) == alone


def test_ports_are_asked_before_addresses_unless_the_rule_counts_what_reaches_it():
    """A look-up costs more than a port; a limit would be used up by what goes elsewhere."""
    rules = granted({"groups": {"a": {"domains": ["x.example"], "families": [4],
                                      "rule": ["tcp dport 1", "limit rate 1/second tcp dport 2", "ct count 1"]}}})
    rest = "update @a_4 { ip daddr } goto accepted_out"
    assert rules[::2] == [f"tcp dport 1 ip daddr @a_4 {rest}", f"ip daddr @a_4 limit rate 1/second tcp dport 2 {rest}",
                          f"ip daddr @a_4 ct count 1 {rest}"]


def test_what_is_told_of_a_rule_is_what_the_file_says():
    """Not what was rendered round it, which nobody has written."""
    written = ["tcp dport 1", 'oifname "wg0" tcp dport 2', "limit rate 1/second tcp dport 3"]
    for beside in {}, {"domains": ["x.example"]}, {"discovery": True}:
        for rule in granted({"groups": {"a": {"rule": written, **beside}}}):
            assert nft._RENDERED.sub("", rule).removeprefix("meta nfproto ipv4 ") in written, rule
    parsed = conf.parse(json.dumps({"inbound": {"sshd": ["tcp dport 1", 'iifname "eth0" tcp dport 2']}}), "f")
    rendered = [line.strip() for line, path in ruleset.render(parsed, machine(parsed), [SKELETON])
                if path and path.startswith("$.inbound.sshd[") and "ct mark set" in line]
    assert {nft._RENDERED.sub("", line) for line in rendered} == {"tcp dport 1", 'iifname "eth0" tcp dport 2'}
