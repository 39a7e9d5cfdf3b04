# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks by name: what the file may say of them, what it renders, and which interfaces are of them."""
import json

import pytest

from galaf.config import changes, conf, groupname, keep, known, setup
from galaf.errors import GalafError
from galaf.render import networks as rendered

HOME = {"home": {"connection": ["Home WLAN"]}, "tunnel": {"interface": ["wg0"]}}


def parsed(**values):
    """The Conf of a file with the networks HOME and these sections."""
    return conf.parse(json.dumps({"networks": HOME, **values}), "f")


def texts(value, **values):
    """The rules of a group with this rule."""
    return [rule.text for rule in parsed(groups={"x": {"rule": value, **values}}).groups["x"].rules]


@pytest.mark.parametrize("data, said", [
    ({"groups": {"x": {"rule": "", "on": ["house"]}}}, "$.groups.x.on[0]: there is no network 'house': known are"),
    ({"groups": {"x": {"rule": {"rule": "", "not_on": ["home", "y"]}}}}, "$.groups.x.rule.not_on[1]: there is no"),
    ({"groups": {"x": {"rule": ["", {"rule": "", "on": ["y"]}]}}}, "$.groups.x.rule[1].on[0]: there is no"),
    ({"inbound": {"root": [{"rule": "", "on": ["y"]}]}}, "f: $.inbound.root[0].on[0]: there is no network 'y'"),
    ({"inbound": {"root": {"rule": "drop", "on": ["home"]}}}, "f: $.inbound.root.rule: has the verdict"),
    ({"config": {"defaults": {"on": ["y"]}}, "groups": {"x": {"rule": ""}}}, "f: $.config.defaults.on[0]: there is no"),
    ({"groups": {"x": {"rule": "", "on": ["home"], "not_on": ["home"]}}}, "f: $.groups.x.not_on: stands beside"),
    ({"groups": {"x": {"rule": {"rule": "", "on": ["home"], "not_on": []}}}}, "$.groups.x.rule.not_on: stands"),
    ({"groups": {"x": {"rule": "oifname @network/y"}}}, "f: $.groups.x.rule: there is no network 'y'"),
    ({"config": {"forward": ["oifname @network/y"]}}, "f: $.config.forward[0]: there is no network 'y'"),
    ({"kernel": [{"mark": 5, "rule": "oifname @network/y"}]}, "f: $.kernel[0].rule: there is no network 'y'"),
    ({"groups": {"x": {"rule": "", "on": []}}}, "f: $.groups.x.on: [] "),
    ({"groups": {"x": {"rule": "", "on": ["home", "home"]}}}, "f: $.groups.x.on: ['home', 'home'] has non-unique"),
    ({"groups": {"x": {"rule": "", "on": "home"}}}, "$.groups.x.on: 'home' is not of type 'array': write an array"),
    ({"groups": {"x": {"rule": {"on": ["home"]}}}}, "f: $.groups.x.rule: 'rule' is a required property"),
    ({"networks": {"n": {}}}, "f: $.networks.n: is empty: write "),
    ({"networks": {"n": {"interface": []}}}, "f: $.networks.n: is empty"),
    ({"networks": {"n": {"interface": ["a" * 16]}}}, "f: $.networks.n.interface[0]: "),
    ({"networks": {"n": {"interface": ["tun*"]}}}, "f: $.networks.n.interface[0]: "),
    ({"networks": {"n": {"interface": ['a"']}}}, "f: $.networks.n.interface[0]: "),
    ({"networks": {"n": {"interface": ["wg0\n"]}}}, "f: $.networks.n.interface[0]: "),
    ({"networks": {"n": {"interface": ["lo"]}}}, "f: $.networks.n.interface[0]: 'lo' is no interface"),
    ({"networks": {"n": {"interface": ["wg0", "wg0"]}}}, "f: $.networks.n.interface: "),
    ({"networks": {"n": {"connection": [""]}}}, "f: $.networks.n.connection[0]: "),
    ({"networks": {"n": {"ssid": ["x"]}}}, "f: $.networks.n.ssid: unknown key; known are connection, interface"),
    ({"networks": {"a b": {"interface": ["wg0"]}}}, "f: $.networks: 'a b' has not the form of a value here: a letter"),
    ({"networks": {"a;b": {"interface": ["wg0"]}}}, "a letter or _, then"),
    ({"networks": {"a/b": {"interface": ["wg0"]}}}, "a letter or _, then"),
    ({"networks": {"n" * 33: {"interface": ["wg0"]}}}, "a letter or _, then"),
])
def test_what_is_refused_and_where(data, said):
    """Each fault at its place."""
    with pytest.raises(GalafError) as error:
        conf.parse(json.dumps({"networks": HOME, **data}), "f")
    assert said in str(error.value)


def test_a_network_twice_is_refused():
    """As any key is."""
    with pytest.raises(GalafError, match="the key \"n\" stands twice"):
        conf.parse('{ "networks": { "n": { "interface": ["a"] }, "n": { "interface": ["b"] } } }', "f")


def test_a_rule_s_own_networks_take_the_place_of_its_entry_s_and_those_of_the_defaults():
    """on is a rule for each network; not_on is one, which wants to know that the machine is elsewhere."""
    away = "oifname @networks_known oifname != @network/home tcp dport 1"
    assert texts("tcp dport 1", on=["home", "tunnel"]) == ["oifname @network/home tcp dport 1",
                                                           "oifname @network/tunnel tcp dport 1"]
    assert texts("tcp dport 1", not_on=["home"]) == [away]
    assert texts("tcp dport 1", not_on=["tunnel"]) == ["oifname != @network/tunnel tcp dport 1"]
    assert texts(["", {"rule": "tcp dport 1", "not_on": ["home"]}], on=["tunnel"]) == ["oifname @network/tunnel", away]
    assert texts({"rule": "tcp dport 1", "not_on": []}, on=["tunnel"]) == ["tcp dport 1"]
    found = parsed(config={"defaults": {"on": ["home"]}}, groups={
        "a": {"rule": "tcp dport 1"}, "b": {"rule": "tcp dport 1", "not_on": ["home"]}, "c": {"domains": ["x.example"]},
        "d": {"rule": "tcp dport 1", "not_on": []},
        "e": {"rule": "tcp dport 1", "rule6": {"rule": "tcp dport 2"}}}).groups
    assert [[rule.text for rule in found[name].rules] for name in "abcde"] == [
        ["oifname @network/home tcp dport 1"], [away], ["oifname @network/home"], ["tcp dport 1"],
        ["oifname @network/home tcp dport 1", "oifname @network/home tcp dport 2"]]


def test_inbound_asks_by_which_interface_a_packet_comes():
    """And never by which one it would leave."""
    found = parsed(inbound={"root": ["tcp dport 1", {"rule": "tcp dport 22", "on": ["home"]}]}).inbound["root"]
    assert [(rule.text, rule.path) for rule in found] == [
        ("tcp dport 1", "$.inbound.root[0]"), ("iifname @network/home tcp dport 22", "$.inbound.root[1].rule")]


@pytest.mark.parametrize("name", ["ip", "ip6", "accept", "icmp", "limit", "drop"])
def test_a_network_s_name_is_no_word_of_a_rule(name):
    """A rule holds for both families, and has no verdict, whatever the network that it names is called."""
    found = conf.parse(json.dumps({"networks": {name: {"interface": ["wg0"]}}, "groups": {
        "x": {"rule": f"oifname @network/{name} tcp dport 1"}, "y": {"rule": "tcp dport 1", "on": [name]}}}), "f")
    assert {(rule.text, rule.families) for entry in found.entries() for rule in entry.rules} == {
        (f"oifname @network/{name} tcp dport 1", (4, 6))}


def test_names_are_bound_where_every_rule_is():
    """A rule that holds anywhere lets the entry resolve anywhere."""
    def bound(rule, **values):
        return rendered.is_bound(parsed(groups={"x": {"rule": rule, **values}}).groups["x"])
    assert bound("", on=["home"]) and bound([{"rule": "", "on": ["home"]}, {"rule": "", "not_on": ["tunnel"]}])
    assert not bound(["", {"rule": "", "on": ["home"]}]) and not bound('oifname "wg0"')
    assert not bound("", on=["home"], mode="audit") and not bound("", not_on=[])


def test_what_writes_the_file_keeps_a_rule_s_networks():
    """Whether it adds to the rules, renames a group, or counts what is there already."""
    guarded = {"rule": "tcp dport 22", "on": ["home"]}
    assert known.listed(guarded) == [guarded]
    assert known.matches([guarded, "udp dport 1"]) == ["tcp dport 22", "udp dport 1"]
    assert keep._joined(guarded, ["tcp dport 1", "tcp dport 1"]) == [guarded, "tcp dport 1"]
    assert setup.reach([guarded]) == "port 22"
    data = {"inbound": {"root": guarded}, "groups": {"home": {"rule": {"rule": "", "not_on": ["home"]}}}}
    assert [text for _, text in groupname._rules(data["inbound"], ("inbound",))] == ["tcp dport 22"]
    assert [text for _, text in groupname._rules(data["groups"], ("groups",))] == [""]


def test_a_changed_network_is_told_and_may_close_something():
    """So that galaf_config asks whether to keep it."""
    before, after = parsed(), conf.parse(json.dumps({"networks": {**HOME, "home": {"connection": ["Other"]}}}), "f")
    assert changes.describe(before, after) == ["network home: connections {'Home WLAN'} → {'Other'}"]
    assert changes.shrinks(before, after) and not changes.shrinks(before, before)
    more = conf.parse(json.dumps({"networks": {**HOME, "office": {"connection": ["Büro"]}}}), "f")
    assert changes.describe(before, more) == ["network office: new"] and not changes.shrinks(before, more)
