# SPDX-License-Identifier: GPL-3.0-or-later
"""What an entry lacks of a known one, and both side by side in one entry."""
import json

import pytest
from conftest import TOP

from galaf.config import beside, conf, known, sources
from galaf.errors import GalafError

SHIPPED = (TOP / "etc/galaf/galaf_conf.json").read_text(encoding="utf-8")
DHCP = "udp sport 68 udp dport 67"
PRINTERS = known.read("cups-browsed").entry


def root(text):
    """Root's entry in a file's text, or the one that is the text."""
    text = text if text.lstrip().startswith('{\n    "#"') else json.dumps({"users": {"root": json.loads(text)}})
    return text, sources.of(text, "F").parse().users["root"]


@pytest.mark.parametrize("entry, name, wanted", [
    ('{ "families": [4], "domains": [], "rule": "udp sport 68 udp dport 67" }', "dhcp", []),
    ('{ "families": [4], "domains": [], "rule": "udp sport 68 udp dport 67" }', "network-manager",
     ['the rule "tcp dport 80"', "the domain network-test.debian.org"]),
    ('{ "domains": [ "network-test.debian.org" ], "rule": [ "udp sport 68 udp dport 67", "tcp dport 80" ] }',
     "network-manager", []),
    ('{ "domains": [ "debian.org" ], "rule": [ "tcp dport 80" ] }', "network-manager", []),
    ('{ "domains": [ "debian.org" ] }', "network-manager", []),
    ('{ "rule": "tcp dport 80" }', "network-manager", []),
    ('{ "domains": [], "rule": "tcp dport 80" }', "network-manager", ["the domain network-test.debian.org"]),
    # Each rule is for the domains alone.
    ('{ "domains": [ "network-test.debian.org" ], "rule": [ "udp sport 68 udp dport 67" ] }', "dhcp",
     [f'the rule "{DHCP}"']),
    ('{ "domains": [], "rule": [ "udp dport 1194", "tcp dport { 443, 1194 }" ] }', "openvpn",
     ['names, of which its "domains" lets it resolve none']),
    ('{ "domains": [ "a.example" ], "rule": [ "udp dport 1194", "tcp dport { 443, 1194 }" ] }', "openvpn",
     ['the rule "udp dport 1194"', 'the rule "tcp dport { 443, 1194 }"',
      'names, of which its "domains" lets it resolve these alone']),
    ('{ "known": "openvpn" }', "openvpn", []),
    ('{ "rule": { "rule": "tcp dport 80", "on": [ "home" ] } }', "network-manager", []),
    ("null", "dhcp", [f'the rule "{DHCP}"'])])
def test_what_an_entry_lacks(entry, name, wanted):
    data = {"networks": {"home": {"interface": ["eth0"]}}, "users": {"root": json.loads(entry)}}
    assert beside.lacks(known.read(name), conf.parse(json.dumps(data), "F").users["root"]) == wanted


def test_the_shipped_file_lacks_nothing_of_what_it_brings():
    settings = conf.parse(SHIPPED, "F")
    for section, name in (("users", "_apt"), ("users", "systemd-timesync"), ("groups", "ping")):
        entry, = known.of(section, name)
        assert beside.lacks(entry, getattr(settings, section)[name]) == []


def test_printers_stand_beside_the_shipped_dhcp():
    """Over IPv4 alone, as that entry's families say; comments and all other words stay."""
    text, entry = root(SHIPPED)
    after = beside.joined(sources.of(text, "F"), "F", known.read("cups-browsed"), entry)
    assert json.loads(after)["users"]["root"] == {**json.loads(text)["users"]["root"], "rule": [DHCP, PRINTERS["rule"]]}
    assert beside.lacks(known.read("cups-browsed"), root(after)[1]) == []
    assert beside.joined(sources.of(after, "F"), "F", known.read("cups-browsed"), root(after)[1]) == after
    again = beside.joined(sources.of(after, "F"), "F", known.read("openvpn"), root(after)[1])
    assert beside.lacks(known.read("openvpn"), root(again)[1]) == ['names, of which its "domains" lets it resolve none']


@pytest.mark.parametrize("entry, wanted", [
    ({"domains": [], "rule": "tcp dport 9"}, {"rule": ["tcp dport 9", PRINTERS["rule"], PRINTERS["rule6"]]}),
    ({"domains": [], "rule": "tcp dport 9", "rule6": "tcp dport 8"},
     {"rule": ["tcp dport 9", PRINTERS["rule"]], "rule6": ["tcp dport 8", PRINTERS["rule6"]]}),
    ({"domains": [], "rule": ["tcp dport 9", PRINTERS["rule"]], "on": ["home"]},
     {"rule": ["tcp dport 9", PRINTERS["rule"], PRINTERS["rule6"]]})])
def test_both_families(entry, wanted):
    text = json.dumps({"networks": {"home": {"interface": ["eth0"]}}, "users": {"root": entry}})
    settings = sources.of(text, "F").parse()
    after = beside.joined(sources.of(text, "F"), "F", known.read("cups-browsed"), settings.users["root"])
    assert json.loads(after)["users"]["root"] == {**entry, **wanted}


@pytest.mark.parametrize("entry, name", [
    ('{ "domains": [], "rule": "udp sport 68 udp dport 67" }', "network-manager"),
    ('{ "domains": [ "a.example" ], "rule": "tcp dport 80" }', "cups-browsed"),
    ('{ "domains": [ "a.example" ], "rule": "tcp dport 80" }', "network-manager"),
    ('{ "known": "openvpn" }', "tinc"),
    ('{ "rule": "tcp dport 80" }', "dhcp"),         # which is for IPv4 alone
    ("null", "dhcp")])
def test_what_would_be_more_or_less_than_both_is_left(entry, name):
    text, parsed = root(entry)
    with pytest.raises(GalafError, match=r'^F: \$.users.root: is there already, and was left as it is.*it lacks the '):
        beside.joined(sources.of(text, "F"), "F", known.read(name), parsed)
