# SPDX-License-Identifier: GPL-3.0-or-later
"""What galaf_conf.json, its drop-ins and known entries come to together, and whose fault is whose."""
import json
import os

import pytest

from galaf import paths
from galaf.config import conf, jsontext, known, sources
from galaf.errors import GalafError

MAIN = """{
    "config": { "forward": ["iifname \\"a\\""] },
    "groups": {
        "web": { "rule": "tcp dport 80" }
    },
    "inbound": { "sshd": "tcp dport 22", "root": ["tcp dport 1", "tcp dport 2"] },
    "kernel": "tcp dport 2049"
}
"""
DROP_INS = {
    "20-b.json": '{ "groups": { "#": "b",\n "mail": { "rule": "tcp dport 993" } },'
                 '"inbound": { "sshd": "tcp dport 2222" } }',
    "10-a.json": '{ "config": { "forward": ["iifname \\"b\\""] }, '
                 '"users": { "_apt": { "rule": "tcp dport 80" } },'
                 '"inbound": { "root": ["tcp dport 2", "tcp dport 3"] },'
                 '"kernel": ["tcp dport 2049", "udp dport 2049"] }',
}


@pytest.fixture(name="write")
def _write(tmp_path):
    """A function that writes files for a configuration, and reads it: main's text, drop-ins' texts by name."""
    def write(main, **drop_ins):
        top = tmp_path / "galaf_conf.d"
        top.mkdir(exist_ok=True)
        top.chmod(0o755)
        (tmp_path / "galaf_conf.json").write_text(main, encoding="utf-8")
        for name, text in drop_ins.items():
            (top / name).write_text(text, encoding="utf-8")
            (top / name).chmod(0o644)
        return sources.read(str(tmp_path / "galaf_conf.json"))
    return write


def fault(files):
    """What parse() has against files."""
    with pytest.raises(GalafError) as error:
        files.parse()
    return str(error.value)


def test_files_add_up(write):
    """In the order of their names: accounts side by side, rules of inbound, kernel and forward one after the other."""
    files = write(MAIN, **DROP_INS)
    parsed = files.parse()
    assert list(parsed.groups) == ["web", "mail"] and list(parsed.users) == ["_apt"]
    assert [rule.text for rule in parsed.inbound["sshd"]] == ["tcp dport 22", "tcp dport 2222"]
    assert [rule.text for rule in parsed.inbound["root"]] == ["tcp dport 1", "tcp dport 2", "tcp dport 3"]
    assert [rule.text for rule in parsed.kernel] == ["tcp dport 2049", "udp dport 2049"]
    assert [rule.text for rule in parsed.forward] == ['iifname "a"', 'iifname "b"']
    assert list(files.kept()) == ["galaf_conf.json", "galaf_conf.d/10-a.json", "galaf_conf.d/20-b.json",
                                  "resolved.json"]


def test_what_is_resolved_stands_alone(write):
    """The text that a generation keeps comes to the same, with no other file beside it."""
    files = write(MAIN.replace('"web": {', '"git": "known", "web": {'), **DROP_INS)
    first = files.parse()
    again = conf.parse(files.kept()["resolved.json"], "resolved.json")
    assert again == first and again.groups["git"].execv[0] == "/usr/bin/git"


def test_a_file_alone_is_kept_as_it_is(write):
    """With its comments and its layout, and nothing beside it."""
    files = write(MAIN)
    files.parse()
    assert files.kept() == {"galaf_conf.json": MAIN}


def test_both_places_of_a_disagreement_are_named(write, tmp_path):
    """File, path and line of each; the same said twice is no disagreement, whatever the comments."""
    other = '{ "groups": {\n\n "web": { "#": "mine", "rule": "tcp dport %d" } } }'
    assert write(MAIN, **{"a.json": other % 80}).parse().groups["web"].rules[0].text == "tcp dport 80"
    said = fault(write(MAIN, **{"a.json": other % 81}))
    assert said == (f"{tmp_path}/galaf_conf.d/a.json: $.groups.web: {tmp_path}/galaf_conf.json says otherwise "
                    "(line 4): keep one of the two (line 3)")
    said = fault(write('{"config": {"dns": "open"}}', **{"a.json": '{"config": {"dns": "strict"}}'}))
    assert f"{tmp_path}/galaf_conf.d/a.json: $.config.dns: {tmp_path}/galaf_conf.json says otherwise" in said


@pytest.mark.parametrize("text, said", [
    ('{ "groups": { "x": { "rul": 1 } } }', "a.json: $.groups.x.rul: unknown key: write 'rule' (line 1)"),
    ('{ "groups": {\n "x": { "rule": "accept" } } }', 'a.json: $.groups.x.rule: has the verdict "accept" in it'),
    ('{ "kernel": ["tcp dport 1",\n "drop"] }', 'a.json: $.kernel[1]: has the verdict "drop"'),
    ('{ "inbound": { "root":\n "drop" } }', 'a.json: $.inbound.root: has the verdict "drop"'),
    ('{ "groups": { "x": { "domains": "nobody" } } }', "a.json: $.groups.x.domains: there is no entry 'nobody'"),
    ('{ "groups": { "x": { "from": ["y"] } } }', "a.json: $.groups.x.from[0]: there is no application group 'y'"),
    ('{ "groups": { "x": "known" } }', "a.json: $.groups.x: there is no known entry of this name"),
    ('{ "groups": ', "a.json: line 1, column "),
])
def test_a_fault_is_told_in_its_file(write, text, said):
    """Where the drop-in has it, and not where it came to be."""
    assert said in fault(write(MAIN, **{"a.json": text}))


def test_what_nft_refuses_is_told_in_its_file(write, tmp_path):
    """A rule's path leads back to the file and the place that it was written at."""
    files = write(MAIN, **DROP_INS)
    parsed = files.parse()
    assert files.names(parsed.groups["mail"].rules[0].path) == (
        f"{tmp_path}/galaf_conf.d/20-b.json", "$.groups.mail.rule")
    assert files.names(parsed.inbound["sshd"][1].path) == (f"{tmp_path}/galaf_conf.d/20-b.json", "$.inbound.sshd")
    assert files.names(parsed.inbound["root"][2].path) == (f"{tmp_path}/galaf_conf.d/10-a.json", "$.inbound.root[1]")
    assert files.names(parsed.groups["web"].rules[0].path) == (f"{tmp_path}/galaf_conf.json", "$.groups.web.rule")


def test_which_files_are_read(write, tmp_path):
    """*.json, and none that is hidden; a drop-in says whose it is."""
    files = write("{}", **{"a.json": "{}", ".b.json": "-", "c.json.dpkg-new": "-", "README": "-"})
    assert [os.path.basename(path) for path in files.texts] == ["galaf_conf.json", "a.json"]
    assert sources.main_of(tmp_path / "galaf_conf.d/a.json") == tmp_path / "galaf_conf.json"
    assert sources.main_of(tmp_path / "galaf_conf.json") is None


@pytest.mark.parametrize("mode, path", [(0o664, "a.json"), (0o646, "a.json"), (0o775, ""), (0o1777, "")])
def test_no_drop_in_that_others_can_write(write, tmp_path, mode, path):
    """Neither the file nor the folder."""
    write("{}", **{"a.json": "{}"})
    (tmp_path / "galaf_conf.d" / path).chmod(mode)
    with pytest.raises(GalafError, match="others than root can change it: chown root:root and chmod go-w"):
        sources.read(str(tmp_path / "galaf_conf.json"))


def groups(text):
    """The groups of a configuration's text."""
    return conf.parse(json.dumps({"groups": text}), "f").groups


def test_a_known_entry_is_what_its_file_says():
    """By its own name, by another, and with keys of root's own, which win."""
    written = known.read("ping").entry
    plain = groups({"ping": "known"})["ping"]
    assert plain == groups({"ping": written})["ping"] and plain.ping
    assert groups({"echo": {"known": "ping"}})["echo"].execv == plain.execv
    own = groups({"ping": {"known": "ping", "rule": "icmp type echo-reply", "ping": False}})["ping"]
    assert [rule.text for rule in own.rules] == ["icmp type echo-reply"] and not own.ping and own.execv == plain.execv


def test_the_domains_of_a_known_entry_can_be_borrowed():
    """As those of any entry."""
    data = {"users": {"_apt": "known"}, "groups": {"x": {"domains": "_apt", "rule": "tcp dport 80"}}}
    assert "deb.debian.org" in conf.parse(json.dumps(data), "f").groups["x"].domains


@pytest.mark.parametrize("data, said", [
    ({"users": {"root": "known"}}, '$.users.root: several known entries are root\'s: write { "known": "'),
    ({"groups": {"x": {"known": "gitt"}}}, "$.groups.x.known: there is no known entry 'gitt'"),
    ({"groups": {"x": {"known": "../known/git"}}}, "$.groups.x.known: there is no known entry"),
    ({"groups": {"x": {"known": "apt"}}}, "$.groups.x.known: the known entry 'apt' is none for groups"),
    ({"groups": {"x": {"known": "sshd"}}}, "$.groups.x.known: the known entry 'sshd' is none for groups"),
    ({"groups": {"x": {"known": True}}}, "$.groups.x.known: True is not of type 'string'"),
    ({"groups": {"x": "git"}}, "$.groups.x: 'git' has not the form of a value here: an object; null"),
    ({"config": {"defaults": {"known": "git"}}}, "$.config.defaults: a known entry is for a group or a user"),
    ({"config": {"defaults": "known"}}, "$.config.defaults: a known entry is for a group or a user"),
])
def test_what_no_known_entry_can_be(data, said):
    """Each is told at its place."""
    with pytest.raises(GalafError, match="f: ") as error:
        conf.parse(json.dumps(data), "f")
    assert said in str(error.value)


def test_defaults_hold_for_a_known_entry():
    """What the entry does not say itself."""
    data = {"config": {"defaults": {"record": True}}, "groups": {"git": "known"}}
    assert conf.parse(json.dumps(data), "f").groups["git"].record


def test_every_known_entry_is_written_as_it_can_be_read():
    """As galaf_group add has it."""
    for name in known.names():
        data = known.read(name).grants(inbound=True)
        assert json.loads(jsontext.pretty(data)) == data and paths.KNOWN.is_dir()
