# SPDX-License-Identifier: GPL-3.0-or-later
"""What the configuration takes and what it refuses, and where it says so."""
import json
import re

import pytest
from conftest import TOP

from galaf import limits, paths
from galaf.config import conf, jsontext, rulesyntax
from galaf.errors import GalafError
from galaf.render import families


def entry(**values):
    """The Entry of a group x with these values."""
    return conf.parse(json.dumps({"groups": {"x": values}}), "f").groups["x"]


REFUSED = {
    '{ "groups": {': "f: line 1, column 14: ",
    '': "f: line 1, column 1: the file is empty",
    '{ "groups": {}\n\n "users": {} }': "f: line 1, column 15: a comma is missing here",
    '{ "groups": {}, }': "f: line 1, column 15: a comma too many",
    '{ "groups": { "a": { "domains": ["b.example", ] } } }': "f: line 1, column 45: a comma too many",
    '{ "groups": { "a": { "domains": ["b.example" } } }': "f: line 1, column 46: a closing bracket that fits none",
    '{ // mine\n "groups": {} }': "f: line 1, column 3: JSON has no comments",
    '{ "groups": {}, # mine\n "users": {} }': "f: line 1, column 17: JSON has no comments",
    "{ 'groups': {} }": "f: line 1, column 3: write plain double quotes",
    '{ "groups": {} } }': "f: line 1, column 18: more follows the end",
    '{ "groups": { "a": NaN } }': "f: NaN is not JSON",
    '{ "groups": {\n"a": {},\n "a": {} } }':
        'f: line 3, column 2: the key "a" stands twice in one object, the first time at line 2, column 1: keep one',
    '{ "#": 1, "#": 2, "groups": { "a": [0, { "b": {}, "#": 3, "b": {} }] } }': "column 59: ",
    '[]': "is not of type 'object'",
    '{ "group": {} }': "f: $.group: unknown key: write 'groups' (line 1)",
    '{ "groups": {},\n"mode": "audit" }':
        'f: $.mode: unknown key here: write it into "config": "config": { "mode": … } (line 2)',
    '{ "groups": { "a": {\n"rules": "" } } }': "f: $.groups.a.rules: unknown key: write 'rule' (line 2)",
    '{ "groups": { "a": { "allow": "" } } }':
        "f: $.groups.a.allow: unknown key; known are comment, desktop, discovery, domains, ",
    '{ "groups": { "a": { "execv": "/usr/bin/curl …" } } }': ': write an array: ["/usr/bin/curl", "…"] (line 1)',
    '{ "groups": { "a": { "ping": "true" } } }': "'true' is not of type 'boolean': write true without quotes",
    '{ "groups": { "a": { "rule": [80] } } }': ': write a match, such as "tcp dport 80"',
    '{ "groups": { "a": { "execv": ["/a", "..."] } } }': "f: $.groups.a.execv[1]: three dots: write the one",
    '{ "groups": { "a": { "domains": ["https://b.example"] } } }': "f: $.groups.a.domains[0]: write 'b.example': ",
    '{ "groups": { "a": { "domains": ["b.example:443"] } } }': "f: $.groups.a.domains[0]: write 'b.example': ",
    '{ "groups": { "a": { "domains": ["B.example/x"] } } }': "f: $.groups.a.domains[0]: write 'b.example': ",
    '{ "groups": { "a": { "rule": 1 } } }': "f: $.groups.a.rule: 1 is not of type 'string'",
    '{ "groups": { "a": { "families": [5] } } }': "f: $.groups.a.families[0]: 5 is not one of [4, 6]",
    '{ "groups": { "a b": {} } }': "f: $.groups.'a b': not a name",
    '{ "groups": { "-a": {} } }': "not a name",
    '{ "groups": { "a\\nb": {} } }': "not a name",
    '{ "groups": { "%s": {} } }' % ("a" * 33): "not a name",
    '{ "groups": { "a": {} }, "users": { "a": {} } }': "f: $.groups.a: is a name in users too",
    '{ "config": { "inet": false } }': "f: $.config.inet: false is not supported",
    '{ "config": { "gid_range": [1000, 59999] } }': "f: $.config.gid_range[0]: 1000 is less than",
    '{ "config": { "gid_range": [40000, 30000] } }': "f: $.config.gid_range: the first gid is above",
    '{ "config": { "table": "a;b" } }': "f: $.config.table: 'a;b' has not the form",
    '{ "config": { "container_bases": [131073] } }': "f: $.config.container_bases[0]: 131073 is not a multiple",
    '{ "groups": { "a": { "execv": ["ls"] } } }': "f: $.groups.a.execv[0]: 'ls' is not an absolute path",
    '{ "groups": { "a": { "execv": [] } } }': "f: $.groups.a.execv: [] is too short",
    '{ "groups": { "a": { "execv": [""] } } }': "f: $.groups.a.execv[0]: '' is not an absolute path",
    '{ "groups": { "a": { "execv": ["/a", "…", "…"] } } }': "stands twice",
    '{ "groups": { "a": { "execv": ["/a\\u0000"] } } }': "NUL",
    '{ "groups": { "a": { "domains": ["com"] } } }': "f: $.groups.a.domains[0]: 'com' is not a domain",
    '{ "groups": { "a": { "domains": ["a..b"] } } }': "'a..b' is not a domain",
    '{ "groups": { "a": { "domains": ["a/b.example"] } } }': "is not a domain",
    '{ "groups": { "a": { "domains": ["192.0.2.1"] } } }': "write a rule: ip daddr",
    '{ "groups": { "a": { "domains": ["*.web.example"] } } }': "write 'web.example'",
    '{ "groups": { "a": { "domains": ["printer.local"] } } }': "f: $.groups.a.domains[0]: 'printer.local' can't",
    '{ "groups": { "a": { "domains": ["x.y", "host_1.web.example"] } } }': "domains[1]: 'host_1.web.example'",
    '{ "groups": { "a": { "domains": ["_dmarc.x.example"] } } }': "takes no name with _ or below local",
    '{ "config": { "stop_dns_rebind": "yes" } }': "f: $.config.stop_dns_rebind",
    '{ "groups": { "a": { "domains": "b" } } }': "there is no entry 'b' with domains",
    '{ "groups": { "a": { "domains": "b.example" } } }': 'for one domain, write an array: ["b.example"] (line 1)',
    '{ "groups": { "a": { "domains": "b" }, "b": { "domains": "c" }, "c": { "domains": "a" } } }': "a → b → c → a",
    '{ "groups": { "a": { "from": ["b"] } } }': "f: $.groups.a.from[0]: there is no application group 'b'",
    '{ "groups": { "a": { "rule": "ip6 daddr ::1", "families": [4] } } }': "f: $.groups.a.rule: matches IPv6 only",
    '{ "groups": { "a": { "timeout": "1w" } } }': "f: $.groups.a.timeout: '1w' has not the form",
    '{ "inbound": { "a b": "tcp dport 1" } }': "f: $.inbound.'a b': not the name",
    '{ "config": { "table": "a\\n" } }': "f: $.config.table: 'a\\n' has not the form",
    '{ "groups": { "a": { "timeout": "1d\\n" } } }': "f: $.groups.a.timeout: '1d\\n' has not the form",
    '{ "groups": { "a": { "env": { "keep": ["A\\n"] } } } }': "f: $.groups.a.env.keep[0]: 'A\\n' has not the form",
    '{ "groups": { "a": { "env": { "set": { "A": "\\u0000" } } } } }': "f: $.groups.a.env.set.A: has a NUL",
    '{ "groups": { "a": { "execv": ["/a",\n"\\ud800"] } } }': "f: $.groups.a.execv[1]: has half a character",
    '{ "groups": { "a": { "\\udfff": 1 } } }': "f: $.groups.a: has half a character",
    '{ "kernel": [ "", { "mark": 70000, "rule": "" } ] }': "f: $.kernel[1].mark: 70000 is greater than the maximum",
    '{ "kernel": [ { "mark": 51820 } ] }': "f: $.kernel[0]: 'rule' is a required property",
    '{ "kernel": [ { "mark": 7, "rule": "udp dport 1 accept" } ] }': 'f: $.kernel[0].rule: has the verdict "accept"',
    '{ "kernel": [ { "mark": 7, "rule": "", "marks": 1 } ] }': "f: $.kernel[0].marks: unknown key: write 'mark'",
    '{ "config": { "socket_families": [ "can", "vsok" ] } }': "f: $.config.socket_families[1]: 'vsok' is not one of",
    '{ "groups": { "galaf-last": {} } }': "f: $.groups.galaf-last: is a group of galaf's own",
}


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text):
    """Each bad file gets an error that names the file and the place."""
    with pytest.raises(GalafError) as caught:
        conf.parse(text, "f")
    assert REFUSED[text] in str(caught.value)
    assert "\n" not in str(caught.value) or text.count("domains") > 1


def test_a_lost_file_is_said_to_be_kept_where_it_was_put_into_force(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "CONF", tmp_path / "galaf_conf.json")
    monkeypatch.setattr(paths, "GOOD", tmp_path / "good")
    with pytest.raises(GalafError, match="No such file or directory$"):
        conf.read(paths.CONF)
    paths.GOOD.mkdir()
    (paths.GOOD / "galaf_conf.json").touch()
    with pytest.raises(GalafError, match=f"directory: what is active was made of {paths.GOOD}/galaf_conf.json$"):
        conf.read(paths.CONF)


def test_all_faults_at_once_with_their_lines():
    """A user sees every fault of a file, each with its line."""
    text = '{ "groups": {\n "a": { "rule": "tcp dport 1 accept" },\n "b": { "execv": ["x"] }\n} }'
    with pytest.raises(GalafError) as caught:
        conf.parse(text, "f")
    first, second = str(caught.value).splitlines()
    assert first.startswith("f: $.groups.a.rule: ") and first.endswith("(line 2)")
    assert second.startswith("f: $.groups.b.execv[0]: ") and second.endswith("(line 3)")


@pytest.mark.parametrize("text", [
    "tcp dport 443 accept", "tcp dport 443 drop", "jump group_x", "ct state vmap { new : accept }", "tcp dport 1; drop",
    "tcp dport 1\ndrop", "tcp dport { 1", "tcp dport 1 }", "} {", "( ]", 'comment "a', "tcp dport 1 # x", "a \\",
    "meta mark set 1", "include \"/etc/passwd\"", "oif eth0", "iif eth0", "tcp dport é", "queue", "masquerade",
    "counter", "update @x { ip daddr }", "reject with tcp reset", "return",
    "ct status dnat accept", "ct status dnat; dnat",
    'oifname . tcp dport { "a" . 1 }', "ip daddr . oifname { 192.0.2.1 . a }",
    'fib daddr oifname "a"', '(oifname "a")', 'oifname "a", "b"', "oifgroup 1 - 3", 'sdifname "a"', "oifname a & b"])
def test_no_match_expression(text):
    """A verdict, a statement or a way out of the block is refused before nft sees it."""
    assert rulesyntax.fault(text)


@pytest.mark.parametrize("text", [
    "", "tcp dport 443", "tcp dport { 465, 993 }", "ip daddr @accept_list tcp dport 1", 'iifname "accept"',
    'oifname "eth0" udp dport 1-5', "ct mark $drop", "limit rate 5/second", "meta l4proto { tcp, udp } th dport 53",
    "ct status dnat", "ct status { snat, dnat } tcp dport 1", "ct status != dnat",
    "ip daddr { 192.0.2.0/24, 198.51.100.7 }", "icmp type echo-request", "(tcp dport 1)"])
def test_match_expression(text):
    """What is one match is taken; words that only name something are no verdicts."""
    assert rulesyntax.fault(text) is None


@pytest.mark.parametrize(("text", "families"), [
    ("tcp dport 1", (4, 6)), ("ip daddr 192.0.2.1", (4,)), ("icmp type 8", (4,)), ("ip6 saddr ::1", (6,)),
    ("icmpv6 type 1", (6,)), ("meta nfproto ipv4", (4,)), ("ip daddr 192.0.2.1 ip6 daddr ::1", ()),
    ('iifname "ip6tnl0"', (4, 6)), ("ip daddr @ip6_peers", (4,))])
def test_families_of_a_rule(text, families):
    """A match on one family's header grants nothing in the other."""
    assert rulesyntax.families(text) == families


@pytest.mark.parametrize(("text", "found"), [
    ("tcp dport 1", []), ('oifname "wg0" tcp dport 1', [("o", 'ifname "wg0"')]), ("oifname wg0", [("o", "ifname wg0")]),
    ('udp dport 1  meta  oifname !=  "wg*"', [("o", 'ifname != "wg*"')]), ("oifgroup ne 3", [("o", "ifgroup != 3")]),
    ('oifname{ "a","b" }tcp dport 1', [("o", 'ifname { "a","b" }')]), ("iifname == @home", [("i", "ifname @home")]),
    ('iifname "oifname" ip saddr 192.0.2.1 oifname $x', [("i", 'ifname "oifname"'), ("o", "ifname $x")])])
def test_interfaces_of_a_rule(text, found):
    """What a rule says of interfaces is found however it is written."""
    assert rulesyntax.fault(text) is None
    assert rulesyntax.interfaces(text) == found


def test_open_dns_takes_the_domains_that_the_allow_list_would_not():
    names = ["printer.local", "host_1.web.example", "_dmarc.x.example"]
    parsed = conf.parse(json.dumps({"config": {"dns": "open"}, "groups": {"a": {"domains": names}}}), "f")
    assert list(parsed.groups["a"].domains) == names


def test_defaults_and_null():
    """config.defaults holds for every entry but one that is only a name."""
    parsed = conf.parse('{"config": {"defaults": {"families": [4], "timeout": "2h"}},'
                        ' "groups": {"a": {"rule": ""}, "b": null, "c": {"timeout": "5s"}}}', "f")
    assert parsed.groups["a"].families == (4,) and parsed.groups["a"].timeout == 7200
    assert parsed.groups["b"].families == (4, 6) and not parsed.groups["b"].rules
    assert parsed.groups["c"].timeout == 5


def test_domains():
    """Lower case, ASCII form, no last dot, each once."""
    assert entry(domains=["A.Example.", "a.example", "bücher.example"]).domains == (
        "a.example", "xn--bcher-kva.example")


def test_the_kernels_rules_are_told_from_a_tunnels_by_their_form():
    """An object with a mark is a tunnel's; a rule that speaks of a mark is like any other."""
    parsed = conf.parse('{"kernel": ["meta mark 7 tcp dport 1", {"#": "x", "mark": 8, "rule": "ip daddr 192.0.2.1"},'
                        ' {"mark": 9, "rule": ""}]}', "f")
    assert [(rule.text, rule.families, rule.of_tunnel) for rule in parsed.kernel] == [
        ("meta mark 7 tcp dport 1", (4, 6), False), ("meta mark 8 ip daddr 192.0.2.1", (4,), True),
        ("meta mark 9", (4, 6), True)]


def test_every_family_that_the_schema_takes_has_its_number():
    schema = json.loads((paths.LIB / "galaf_conf.schema.json").read_text(encoding="utf-8"))
    named = schema["definitions"]["config"]["properties"]["socket_families"]["items"]["enum"]
    assert named == sorted(families.FAMILIES)


def test_shipped_files():
    """The configuration that we ship is in order, and so is the schema."""
    from jsonschema import Draft7Validator
    conf.parse(conf.read(TOP / "etc/galaf/galaf_conf.json"), "shipped")
    Draft7Validator.check_schema(json.loads((paths.LIB / "galaf_conf.schema.json").read_text(encoding="utf-8")))


TEXT = '''{
    "#": "first", "#": "second",
    "groups": {
        "a-b": { "execv": ["/bin/x", "y"] },
        "c": {}
    }
}
'''


@pytest.mark.parametrize(("place", "value", "wanted"), [
    (("groups", "a-b", "execv", 1), "z", TEXT.replace('"y"', '"z"')),
    (("groups", "a-b", "rule"), "", TEXT.replace('"y"]', '"y"], "rule": ""')),
    (("groups", "d"), None, TEXT.replace('"c": {}', '"c": {},\n        "d": null')),
    (("groups", "c", "rule"), "", TEXT.replace('"c": {}', '"c": {\n            "rule": ""\n        }')),
    (("users",), {}, TEXT.replace("    }\n}", '    },\n    "users": {}\n}')),
])
def test_replace_keeps_every_other_character(place, value, wanted):
    """Setting one value leaves comments, order and layout alone, and gives valid JSON."""
    changed = jsontext.replace(TEXT, place, value)
    assert changed == wanted
    json.loads(changed)


def test_replace_where_nothing_is():
    """A place without an object above it can't be set."""
    for place in (("users", "x"), ("groups", "a-b", "execv", 7), ("#", "x")):
        with pytest.raises(KeyError):
            jsontext.replace(TEXT, place, 1)


def test_numbers_with_a_point():
    """30000.0 is an integer to JSON Schema, and one in what is rendered."""
    found = conf.parse('{ "config": { "gid_range": [30000.0, 4e4], "container_bases": [65536.0] }, '
                       '"groups": { "a": { "families": [4.0], "rule": "" } } }', "f")
    made = found.gid_range, found.container_bases, found.groups["a"].families
    assert repr(made) == "((30000, 40000), (65536,), (4,))"


def test_the_connectivity_check_of_the_shipped_file():
    """What its comment says: two lines of root's entry in the place of two others."""
    data = json.loads((TOP / "etc/galaf/galaf_conf.json").read_text(encoding="utf-8"))
    root = data["users"]["root"]
    root.update(domains=root.pop("#domains"), rule=root.pop("#rule"))
    entry_ = conf.parse(json.dumps(data), "f").users["root"]
    assert entry_.domains == ("network-test.debian.org",) and not entry_.resolves_any
    assert [rule.text for rule in entry_.rules] == ["tcp dport 80"]


@pytest.mark.parametrize("name", ["README.md", "man/galaf_conf.json.5", "etc/galaf/galaf_conf.json"])
def test_a_browser_and_thunderbird_may_make_their_sandbox(name):
    """Each entry that starts one says so, or has no filter against it."""
    text = (TOP / name).read_text(encoding="utf-8")
    found = re.findall(r'\n *"[a-z-]+": \{\n(?:(?!\n *\}).)*?/usr/bin/(?:firefox-esr|thunderbird)".*?\n *\}', text,
                       re.DOTALL)
    wanted = ('"user_namespaces": true', '"no_new_privs": false')
    assert found and all(any(word in entry for word in wanted) for entry in found), found


@pytest.mark.parametrize("source, first, last", [
    ("launcher/galaf.h", "GID_FIRST", "GID_LAST"), ("bpf/user_namespaces.bpf.c", "FIRST", "LAST")])
def test_c_has_the_same_range(source, first, last):
    """The gids of application groups are the same numbers in C."""
    text = (TOP / source).read_text(encoding="utf-8")
    assert tuple(int(re.search(rf"^#define {name} (\d+)", text, re.MULTILINE)[1])
                 for name in (first, last)) == limits.GIDS
