# SPDX-License-Identifier: GPL-3.0-or-later
"""What galaf_setup offers, how it says so, and how it takes an answer."""
import json

import pytest
from conftest import TOP

from galaf.config import conf, known, setup

SHIPPED = (TOP / "etc/galaf/galaf_conf.json").read_text(encoding="utf-8")
LIBRARY = [known.read(name) for name in ("avahi", "curl", "cups", "firefox-esr", "kdeconnect", "nc", "network-manager",
                                         "ping", "sshd", "syncthing")]
LISTING = """\
Downloads:
   1 * curl  Fetches URLs: ports 80 and 443"""


def settings(text=SHIPPED):
    """The configuration of a text."""
    return conf.parse(text, "galaf_conf.json")


def keys(offers):
    """What was offered; with a * what is taken."""
    return [offer.key + "*" * offer.taken for offer in offers]


def test_what_the_file_lacks_is_offered_services_first():
    """What the file has is not, nor root's; what may reach any port is not taken by itself; what was asked is over."""
    assert keys(setup.entries(LIBRARY, settings())) == ["avahi*", "cups*", "kdeconnect*", "syncthing*", "nc", "curl*"]
    assert keys(setup.entries(LIBRARY, settings(), {"avahi", "nc", "syncthing"})) == ["cups*", "kdeconnect*", "curl*"]
    other = '{ "groups": { "mine": { "execv": ["/usr/bin/curl"] }, "nc": null }, "users": { "lp": null } }'
    assert keys(setup.entries(LIBRARY, settings(other))) == [
        "avahi*", "kdeconnect*", "syncthing*", "ping*", "firefox-esr*"]
    assert keys(setup.entries([known.read("sharing")], settings())) == ["sharing"]     # not by itself


def test_a_flatpak_is_offered_as_its_application_is():
    """By a name of its own, started by flatpak, unless an entry starts it; beside Debian's package of the same."""
    name = "org.mozilla.firefox"
    offers = setup.entries([known.of_flatpaks()[name].as_flatpak(name)], settings())
    assert keys(offers) == [f"{name}*"]
    for follow in (False, True):        # there is no file of that name to follow
        text = setup.written(SHIPPED, offers, follow)
        entry = settings(text).groups[name]
        assert entry.execv == ("/usr/bin/flatpak", "run", "--file-forwarding", name, "…")
        assert entry.env_set == {"FLATPAK_USER_DIR": "/nonexistent"}
        assert not entry.no_new_privs and not entry.user_namespaces
        assert [rule.text for rule in entry.rules] == ["tcp dport { 80, 443 }", "udp dport 443"]
    for mine, wanted in (("org.mozilla.firefox", []), ("org.gnome.Maps", [f"{name}*"])):
        other = '{ "groups": { "mine": { "execv": ["/usr/bin/flatpak", "run", "%s"] } } }' % mine
        assert keys(setup.entries([offers[0].known], settings(other))) == wanted
    assert {"org.gnome.Maps", "org.kde.digikam"} <= known.of_flatpaks().keys()     # by their menu entries


def test_who_is_listed_already_is_named():
    settings = conf.parse('{ "groups": { "a": { "execv": ["/a"], "rule": "tcp dport 1" }, "b": { "execv": ["/b"] }, '
                          '"c": {} }, "users": { "_apt": {} } }', "x")
    assert setup.listed_already(settings, "F", "/a".__eq__) == (
        "Listed already in F, with what they may reach: a, c, _apt")
    assert setup.listed_already(conf.parse("{}", "x"), "F", "/a".__eq__) == "Nothing is listed in F yet"


def test_roots_is_named_until_the_file_has_it():
    """One entry holds all of root's rules, and so none is made."""
    assert setup.roots(LIBRARY, settings()) == ["network-manager"]
    assert setup.roots(LIBRARY, settings(), {"network-manager"}) == []
    assert setup.roots(LIBRARY, settings('{ "users": { "root": { "rule": ["tcp dport 80"] } } }')) == []


@pytest.mark.parametrize("rules, ssh, wanted", [
    ("{}", None, ["inbound avahi", "inbound cups", "inbound sshd"]),
    ("{}", ("192.0.2.1", 2222), ["inbound avahi", "inbound cups", "inbound sshd*"]),
    ('{ "root": "ip saddr 10.0.22.0/24 tcp dport { 2222, 631 }" }', None, ["inbound avahi", "inbound sshd"]),
    ('{ "root": "ip saddr 10.0.22.0/24 tcp dport { 2222, 631 }" }', ("192.0.2.1", 2222), ["inbound avahi"]),
    ('{ "avahi": "udp dport 5353", "root": ["tcp dport 631", "tcp dport 22"] }', None, [])])
def test_what_others_may_reach(rules, ssh, wanted):
    """None is taken but ssh for who is logged in by it, and none is offered that the file allows whomever."""
    offers = setup.inbound(LIBRARY, settings(f'{{ "inbound": {rules} }}'), ssh)
    assert keys(offers) == wanted
    again = setup.inbound(LIBRARY, settings(f'{{ "inbound": {rules} }}'), ssh, {key.rstrip("*") for key in wanted})
    assert keys(again) == [key for key in wanted if key.endswith("*")]


def test_an_applications_inbound_part_follows_its_entry():
    """It is offered where the file has the application."""
    text = setup.written("{}", setup.entries([known.read("syncthing")], settings("{}")))
    assert keys(setup.inbound(LIBRARY, settings(text)))[-1:] == ["inbound syncthing"]


@pytest.mark.parametrize("value, words", [
    ({"rule": "tcp dport 22"}, "port 22"),
    ({"rule": ["tcp dport { 80, 443 }", "udp dport 443"]}, "ports 80 and 443"),
    ({"rule": "tcp dport { 443, 8000-8999, 80 }", "domains": ["a.org"]}, "a.org, ports 80, 443 and 8000-8999"),
    ({"domains": ["a.org", "b.org", "c.org"]}, "a.org, b.org and 1 more, any port"),
    ({"rule": "meta l4proto { tcp, udp }"}, "any port"),
    ({"rule": ["tcp dport 22", ""]}, "any port"),
    ({"rule": "icmp type echo-request", "rule6": "icmpv6 type echo-request"}, "pings"),
    ({"rule": ["udp dport 33434-33534", "icmp type echo-request"]}, "ports 33434-33534, pings"),
    ({"domains": [], "rule": "ip daddr { 10.0.0.0/8 } tcp dport 631"}, "private addresses, port 631"),
    ("udp sport 68 udp dport 67", "port 67"),
    ("udp sport 3702", "answers from port 3702")])
def test_words(value, words):
    """An entry, or rules, in a person's words."""
    assert setup.reach(value) == words


def test_every_known_entry_can_be_said():
    """Each is offered with words of its own, and "any port" is said where a rule names none."""
    for each in known.every():
        for offer in [setup.Offer(each)] * bool(each.section) + [setup.Offer(each, True)] * bool(each.inbound):
            said, what = offer.described(), offer.inbound and each.serves or each.summary
            assert said.startswith(what + ": ") and not said.endswith(": ")
            assert "any port" in said or any(character.isdigit() for character in said) or "pings" in said


def test_listing():
    """Numbered from 1, a * for what is taken, wrapped where the terminal is narrow."""
    (_, developing), (topic, offers) = setup.topics(setup.entries(LIBRARY, settings(), {
        "avahi", "cups", "kdeconnect", "syncthing"}))
    assert setup.listing(topic, offers) == LISTING
    assert setup.listing("developing", developing).splitlines()[1] == "   1   nc  netcat: any connection: any port"
    assert max(map(len, setup.listing("desktop", setup.entries(LIBRARY, settings()), 70).splitlines())) <= 70


@pytest.mark.parametrize("answer, wanted", [
    ("", "avahi cups kdeconnect syncthing curl"), ("Y", "avahi cups kdeconnect syncthing curl"), ("n", ""),
    ("all", "avahi cups kdeconnect syncthing nc curl"), ("1", "cups kdeconnect syncthing curl"),
    ("5", "avahi cups kdeconnect syncthing nc curl"), ("1-3, 5 6", "syncthing nc"),
    ("2 2", "avahi kdeconnect syncthing curl")])
def test_answers(answer, wanted):
    """Yes and no, and numbers for the other way around."""
    assert " ".join(offer.key for offer in setup.chosen(setup.entries(LIBRARY, settings()), answer)) == wanted


@pytest.mark.parametrize("answer", ["7", "0", "2-1", "x", "1 x", "-1", "1-", "99999", "1.5", "²"])
def test_answers_that_are_none(answer):
    """They are told, and nothing is taken."""
    with pytest.raises(ValueError, match="is none of 1 to 6"):
        setup.chosen(setup.entries(LIBRARY, settings()), answer)


def test_written():
    """The file's text with what was chosen: its own lines stay; as a reference with follow; ssh on the login's port."""
    text = setup.written(SHIPPED, setup.entries(LIBRARY, settings()))
    kept = [line.rstrip(",") for line in text.splitlines()]
    assert [line for line in SHIPPED.splitlines() if line.rstrip(",") not in kept] == []
    assert settings(text).groups.keys() - settings().groups.keys() == {"curl", "kdeconnect", "nc", "syncthing"}
    assert json.loads(text)["users"]["lp"] == known.read("cups").entry
    assert settings(text).inbound == {}
    assert json.loads(setup.written("{}", setup.entries(LIBRARY[1:2], settings()), follow=True)) == {
        "groups": {"curl": "known"}}
    ssh = setup.inbound(LIBRARY, settings(), ("2001:db8::1", 2222))
    assert json.loads(setup.written("{}", [offer for offer in ssh if offer.taken])) == {
        "inbound": {"root": "tcp dport 2222"}}


def test_the_mail_providers_domain():
    """The shipped placeholder is told from what a person wrote; without a provider the known entry takes its place."""
    assert setup.has_placeholder(SHIPPED)
    mine = setup.with_provider(SHIPPED, ["example.net", "example.com"])
    assert settings(mine).groups["thunderbird"].domains == ("example.net", "example.com")
    anyone = setup.with_provider(SHIPPED, [])
    assert json.loads(anyone)["groups"]["thunderbird"] == known.read("thunderbird").entry
    others = [json.dumps({"groups": {"thunderbird": entry}}) for entry in (None, "known")]
    for text in (mine, anyone, "{}", *others):
        assert not setup.has_placeholder(text)
