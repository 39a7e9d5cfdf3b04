# SPDX-License-Identifier: GPL-3.0-or-later
"""What galaf_doctor makes of texts; what it finds on a machine is in tests/bats/doctor.bats."""
import ast
import copy
import json
import os
import re
from types import SimpleNamespace

import pytest
from conftest import TOP

from galaf import checks, mark
from galaf.checks import cgroup1, deputies, local_names, networks, results, rules, sharing, strict_dns, tries
from galaf.config import conf, jsontext, known, sandboxes
from galaf.system import accounts, executables, iprule, other_firewalls

LISTING = {"nftables": [
    {"metainfo": {"version": "1.0.6"}},
    {"table": {"family": "inet", "name": "galaf", "handle": 1}},
    {"chain": {"family": "inet", "table": "galaf", "name": "output", "handle": 2, "hook": "output", "policy": "drop"}},
    {"rule": {"table": "galaf", "chain": "output", "handle": 3, "expr": [{"match": "a"}]}},
    {"rule": {"table": "galaf", "chain": "output", "handle": 4, "expr": [{"match": "b"}]}},
    {"set": {"table": "galaf", "name": "web_4", "handle": 5, "timeout": 60, "elem": ["192.0.2.1"]}},
    {"map": {"table": "galaf", "name": "apps", "handle": 6,
             "elem": [[30000, {"jump": {"target": "x"}}], [30001, {"jump": "y"}]]}},
]}


def differences(change):
    """What is said to differ after change(the list of objects) on a copy of LISTING."""
    live = copy.deepcopy(LISTING)
    change(live["nftables"])
    return rules.differences("galaf", json.dumps(LISTING), json.dumps(live))


@pytest.mark.parametrize("change, wanted", [
    (lambda objects: None, []),
    (lambda objects: objects[3]["rule"].update(handle=99), []),
    (lambda objects: objects[5]["set"].update(elem=["198.51.100.1"]), []),
    (lambda objects: objects[6]["map"]["elem"].reverse(), []),
    (lambda objects: objects.insert(0, objects.pop(5)), []),
    (lambda objects: objects.insert(3, objects.pop(4)), ["chain output"]),
    (lambda objects: objects.pop(3), ["chain output"]),
    (lambda objects: objects[2]["chain"].update(policy="accept"), ["chain output"]),
    (lambda objects: objects[5]["set"].update(timeout=61), ["set web_4"]),
    (lambda objects: objects[6]["map"]["elem"].pop(), ["map apps"]),
    (lambda objects: objects.pop(6), ["map apps"]),
    (lambda objects: objects.append({"chain": {"table": "galaf", "name": "extra"}}), ["chain extra"]),
])
def test_differences(change, wanted):
    """Rules, their order, maps and policies count; handles and what sets have learned do not."""
    assert differences(change) == wanted


SHARING = known.read("sharing").grants(inbound=True)


@pytest.mark.parametrize("change, wanted", [
    ({}, []),
    ({"users": {"nobody": SHARING["users"]["nobody"]}}, ["get no address"]),
    ({"users": {"root": known.read("dhcp").entry, **SHARING["users"]}}, ["get no address"]),
    ({"users": {"root": known.read("sharing-dhcp").entry}}, ["resolve no name"]),
    ({"inbound": {"nobody": "tcp dport { 53, 67 }"}}, ["get no address", "resolve no name"]),
    ({"inbound": {"root": "iifname { \"eth1\", \"wl*\" } udp dport 53-67"}}, []),
    ({"inbound": {"root": "iifname \"eth1\" udp dport { 53, 67 }"}}, ["get no address", "resolve no name"]),
    ({"config": {}}, ["reach nothing through this machine"]),
    ({"config": {"forward": ["iifname \"virbr0\"", "ip saddr { 10.43.0.0/16, 10.42.1.0/24 }"]}},
     ["reach nothing through this machine"]),
    ({"config": {"forward": ["iifname \"wlan0\" ip daddr != 10.0.0.0/8"]}}, []),
    ({"config": {"forward": ["ip saddr 10.42.0.2-10.42.0.9"]}}, []),
])
def test_what_a_shared_connection_lacks(change, wanted):
    """By the words of the rules: those of another interface, network, port or protocol are not for it."""
    root = {"root": known.read("sharing-dhcp").entry}
    data = {**SHARING, "users": {**root, **SHARING["users"]}, **change}
    parsed = conf.parse(json.dumps(data), "file")
    assert list(sharing.lacks(parsed, sharing.Shared("wlan0", "10.42.0.1", "nobody"))) == wanted


PLACES = """{
    "networks": { "home": { "connection": [ "Home", "u-1" ] }, "tunnel": { "interface": [ "wg0" ] } },
    "groups": { "always": { "rule": "tcp dport 80", "not_on": [] },
                "letters": { "domains": [ "a.example" ], "on": [ "home" ] },
                "both": { "rule": [ "tcp dport 1", { "rule": "tcp dport 2", "on": [ "tunnel" ] } ], "on": [ "home" ] },
                "away": { "rule": "tcp dport 80", "not_on": [ "home" ] },
                "bare": { "rule": "tcp dport 80", "not_on": [ "tunnel" ] } }
}"""


@pytest.mark.parametrize("where, wanted", [
    ({}, ["letters", "both", "away"]),
    ({"eth0": []}, ["letters", "both"]),
    ({"eth0": ["home"]}, ["away"]),
    ({"eth0": ["home"], "eth1": []}, []),
    ({"wg0": ["tunnel"]}, ["letters"]),
])
def test_who_is_off_on_networks(where, wanted):
    """Each rule of an entry's holds on none of the interfaces; an entry for all networks is never off."""
    parsed = conf.parse(PLACES, "file")
    assert [entry.name for entry in networks.config.off(parsed.entries(), where)] == wanted


@pytest.mark.parametrize("there, wanted", [
    (None, []),
    ({"u-1": True, "Home": True}, []),
    ({"u-1": True}, ["$.networks.home: NetworkManager has no connection Home"]),
    ({"u-1": True, "Home": False},
     ["$.networks.home: the connection Home is a single person's, and its name counts for nothing"]),
])
def test_connections_that_no_network_has(there, wanted):
    """Told are names that NetworkManager does not have, and such as do not count; nothing where it can't be asked."""
    named = conf.parse(PLACES, "file").networks.values()
    assert [each.what for each in networks.unknown(named, there)] == wanted


FINDING = {"users": {"avahi": known.read("avahi").entry, "lp": known.read("cups").entry,
                     "root": known.read("cups-browsed").entry}, "inbound": known.read("avahi").inbound}


@pytest.mark.parametrize("change, wanted", [
    ({}, []),
    ({"users": {}}, ["avahi", "root", "lp"]),
    ({"inbound": {}}, ["avahi"]),
    ({"config": {"mode": "audit"}, "users": {}}, []),
    ({"users": {**FINDING["users"], "avahi": {"rule": "tcp dport 5353"}, "lp": {"mode": "audit"}}}, ["avahi"]),
    ({"users": {**FINDING["users"], "root": {"rule": "tcp dport 9"}, "lp": {"rule": "udp dport 631"}}}, ["root", "lp"]),
    ({"users": {**FINDING["users"], "root": {"rule": "ip daddr 192.168.1.0/24"}}}, []),
])
def test_what_finds_names_and_printers_lacks(change, wanted):
    """By the words of the rules: those of another port or protocol are not for it."""
    parsed = conf.parse(json.dumps({**FINDING, **change}), "file")
    assert [one.user for one in local_names.FINDERS if local_names.lacks(parsed, one)] == wanted


def test_cgroup_version_1():
    """net_cls is found under the name that systemd mounts both by, and nothing else is."""
    other = "33 31 0:30 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
    both = "34 31 0:31 / /sys/fs/cgroup/net_cls,net_prio rw shared:9 - cgroup cgroup rw,net_cls,net_prio\n"
    assert cgroup1.version1(other + "35 24 0:32 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n") == []
    assert cgroup1.version1(other + both) == ["net_cls", "net_prio"]


def test_marks_that_rules_may_take():
    """A group's programs may be any user's; a user's have the user's own group."""
    found = iprule.marks(accounts.Ids(users={"root": 0}, groups={"web": 30004}))
    assert found["root"] == [mark.encode(0, 0)]
    assert {one >> 16 for one in found["web"]} == {30004} and mark.encode(30004, 0) in found["web"]
    assert set(found) == {"root", "web"}


@pytest.mark.parametrize("expression, wanted", [
    ({"accept": None}, []),
    ({"redirect": {"port": 9040}}, ["has redirect"]),
    ({"mangle": {"key": {"ct": {"key": "mark"}}, "value": 7}}, ["sets the ct mark"]),
    ({"mangle": {"key": {"meta": {"key": "priority"}}, "value": 7}}, []),
    ({"xt": {"type": "target", "name": "DNAT"}}, ["has DNAT"]),
    ({"xt": None}, []),
    ("notrack", ["has notrack"]),
])
def test_acts(expression, wanted):
    """What another table's rule does that touches the mark or the way."""
    assert list(other_firewalls.acts([expression])) == wanted


def test_touching():
    """A flow table, which lets packets past the forward hook, is told; our own table is not."""
    objects = [{"metainfo": {}}, {"table": {"family": "ip", "name": "t"}},
               {"flowtable": {"family": "inet", "table": "fast", "name": "f", "hook": "ingress"}},
               {"rule": {"family": "inet", "table": "galaf", "chain": "c", "expr": [{"redirect": None}]}},
               {"rule": {"family": "ip", "table": "galaf", "chain": "c", "expr": [{"redirect": None}]}}]
    assert list(other_firewalls.touching(json.dumps({"nftables": objects}), "galaf")) == [
        "inet fast f forwards past the rules", "ip galaf c has redirect"]


def test_touching_legacy():
    """Of what iptables-save prints only targets count, not words in comments or names of chains."""
    listing = """# Generated
*nat
:OUTPUT ACCEPT [0:0]
:DNAT - [0:0]
-A OUTPUT -p tcp -m tcp --dport 80 -m comment --comment "a -j MARK b" -j REDIRECT --to-ports 9040
-A POSTROUTING -o eth0 -j MASQUERADE
COMMIT
*raw
-A OUTPUT -j CT --notrack
-A OUTPUT -m comment --comment "-j" -j ACCEPT
COMMIT
"""
    assert list(other_firewalls.touching_legacy("ip6", listing)) == [
        "ip6 nat OUTPUT has REDIRECT", "ip6 raw OUTPUT has CT"]


@pytest.mark.parametrize("check", checks.ORDER)
def test_a_test_of_the_installed_package_breaks_what_each_check_looks_at(check):
    tests, *others = ((TOP / name).read_text(encoding="utf-8") for name in (
        "tests/bats/doctor.bats", "tests/bats-vm/sockets.bats", "tests/bats-machine/desktop.bats",
        "tests/bats-machine/networks.bats"))
    assert (re.search(rf"finds (warning|broken) {check}\b", tests)
            or any(re.search(rf'galaf_doctor {check}\n    says "(warning|broken) ', text) for text in others))


def test_each_module_with_a_check_is_in_the_order():
    """And the other way round."""
    having = {path.stem for path in (TOP / "lib/galaf/checks").glob("*.py")
              if re.search(r"^def check\(", path.read_text(encoding="utf-8"), re.MULTILINE)}
    assert having == set(checks.ORDER) and len(having) == len(checks.ORDER)


def test_the_manual_lists_the_checks_as_their_docstrings_say():
    """GOLDEN_UPDATE=1 writes the list."""
    page = TOP / "man/galaf_doctor.8"
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(".SH CHECKS\n")
    after = rest[rest.index(".SH "):]
    wanted = f"{before}.SH CHECKS\n{''.join(map(roff, checks.ORDER))}{after}"
    if os.environ.get("GOLDEN_UPDATE"):
        page.write_text(wanted, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == wanted


def roff(name):
    """A check's docstring as man(7) has it."""
    first, _, more = checks.load(name).__doc__.strip().partition("\n\n")
    lines = f"{first}\n{more}".strip().replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return f".TP\n.B {name}\n" + re.sub(r"^(?=[.'])", r"\\&", lines, flags=re.MULTILINE) + "\n"


@pytest.mark.parametrize("execv, more, led", [
    ("/usr/bin/firejail --quiet --noprofile --private /usr/bin/web …", {}, False),
    ("/usr/bin/firejail --private /usr/bin/web --noprofile", {}, True),
    ("/usr/bin/firejail --profile=/etc/firejail/web.profile /usr/bin/web …", {}, True),      # which includes a .local
    ("/usr/bin/firejail …", {}, True),
    ("/usr/bin/systemd-run --user --scope /usr/bin/firejail --private /usr/bin/web", {}, True),
    ("/usr/bin/flatpak run org.x.App …", {}, True),
    ("/usr/bin/flatpak run --system org.x.App …", {}, True),                    # its runtime may be the user's
    ("/usr/bin/flatpak -v run org.x.App …", {"env": {"keep": ["FLATPAK_USER_DIR"]}}, True),
    ("/usr/bin/flatpak run org.x.App …", {"env": {"set": {"FLATPAK_USER_DIR": "/nonexistent"}}}, False),
    ("/usr/bin/flatpak update", {}, False),
    ("/usr/bin/flatpak …", {}, False),
    ("/usr/bin/grep firejail …", {}, False),
])
def test_sandboxes_that_files_in_a_home_lead(execv, more, led):
    """galaf_doctor tells them, and galaf_config too, but where an entry says that it is meant."""
    data = {"groups": {"web": {"execv": execv.split(), **more}}}
    parsed = conf.parse(json.dumps(data), "file")
    assert len(list(sandboxes.led(parsed))) == len(list(sandboxes.remarks(parsed))) == led
    data["groups"]["web"]["trusted"] = True
    parsed = conf.parse(json.dumps(data), "file")
    assert len(list(sandboxes.led(parsed))) == led and not list(sandboxes.remarks(parsed))


@pytest.mark.parametrize("rule, wide", [
    ("", True), ("tcp dport 631", True), ("meta l4proto { tcp, udp }", True), ("th dport 80", True),
    ("ip daddr != 192.168.1.0/24 tcp dport 631", True), ("ip daddr  != 192.168.1.0/24", True),
    ("udp sport 68 udp dport 67", False), ("icmp type echo-request", False),
    ("ip6 daddr fe80::/10 tcp dport 631", False)])
def test_what_carries_to_any_address(rule, wide):
    """A rule that names no protocol is for all; one that names an address is narrowed, unless it is all but that."""
    assert deputies.carries(rule, "tcp") == wide


def test_few():
    """A long list ends in a number; a file's name can't clear the screen."""
    assert results.few(range(7)) == "0, 1, 2, 3, 4 and 2 more"
    assert results.few(["a\33[2J\nb", "é"]) == r"a\x1b[2J\nb, é"


def test_steps_follow_links(tmp_path):
    """The folders of a link and of what it leads to are both on the way; a circle and a gap end it."""
    (tmp_path / "real").mkdir()
    (tmp_path / "links").mkdir()
    (tmp_path / "real/tool").write_text("x", encoding="ascii")
    (tmp_path / "links/tool").symlink_to("../real/tool")
    (tmp_path / "loop").symlink_to("loop")
    steps = [path for path, _ in executables.steps(f"{tmp_path}/links/tool")]
    assert f"{tmp_path}/links" in steps and steps[-2:] == [f"{tmp_path}/real", f"{tmp_path}/real/tool"]
    assert [path for path, _ in executables.steps(f"{tmp_path}/loop")][-1] == str(tmp_path)
    assert [path for path, _ in executables.steps(f"{tmp_path}/no/such")][-1] == str(tmp_path)


TEXT = '{\n    "a": { "x": 1 },  \n    "b": 2,\n    "c": { "only": [1] }\n}\n'


@pytest.mark.parametrize("place, wanted", [
    (("a",), TEXT.replace('"a": { "x": 1 },  \n    ', "")),
    (("b",), TEXT.replace('"b": 2,\n    ', "")),
    (("c",), TEXT.replace(',\n    "c": { "only": [1] }', "")),
    (("c", "only"), TEXT.replace(' "only": [1]', "")),
])
def test_remove_a_member(place, wanted):
    """One member goes with its comma; everything else stays as it is."""
    assert jsontext.remove(TEXT, place) == wanted
    json.loads(wanted)


def test_rename_a_member():
    """The key alone changes; what is not there is an error."""
    assert jsontext.rename(TEXT, ("c", "only"), "é\"") == TEXT.replace('"only"', '"é\\""')
    for place in (("d",), ("b", "x"), ("x", "y")):
        with pytest.raises(KeyError):
            jsontext.rename(TEXT, place, "z")


@pytest.mark.parametrize("settings, key", [({"mode": "audit"}, "mode"), ({"dns": "open", "mode": "audit"}, "dns")])
def test_open_dns_is_fixed_where_it_was_opened(settings, key):
    result = strict_dns.check(SimpleNamespace(conf=conf.Conf(**settings)))
    assert result.state == results.WARNING and result.fix.startswith(f'take "{key}"')


# What root alone can carry out: commands as a fix of galaf_doctor's may name them.
ROOTS = re.compile(r"(?<![\w/-])(galaf_(config|mark|firewall|dns|group|allow)\b|systemctl (enable|revert|restart)"
                   r"|apt |ln -s|service |dpkg-reconfigure|gpasswd|usermod|groupmod|modprobe|homectl update|nft list"
                   r"|ip6?tables-legacy-save)")


def fixes():
    """Where the checks have it, and the text of each fix, with what is looked up in its place as ""."""
    for file in sorted((TOP / "lib/galaf/checks").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Result":
                for fix in [*node.args[2:], *(key.value for key in node.keywords if key.arg == "fix")]:
                    texts = [part.value for part in ast.walk(fix)
                             if isinstance(part, ast.Constant) and isinstance(part.value, str)]
                    yield from ((f"{file.name}:{node.lineno}", text) for text in texts)


def test_a_fix_can_be_typed_as_it_stands():
    """Who has called the doctor by sudo can call what it says: what needs root has its sudo."""
    assert len(list(fixes())) > 40
    for place, text in [*fixes(), ("iprule.py", iprule.FIX), ("tries.py", tries.NEW_SKELETON)]:
        assert all(text[:found.start()].endswith("sudo ") for found in ROOTS.finditer(text)), f"{place}: {text}"
