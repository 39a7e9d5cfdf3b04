# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenSnitch's rules as entries: what each becomes, and what is left with its reason."""
import json

import pytest

from galaf.config import conf, opensnitch

NAMES = {0: "root", 1000: "alice", 33: "www-data"}


def simple(operand, data, kind="simple"):
    """One comparison, as OpenSnitch writes it."""
    return {"type": kind, "operand": operand, "sensitive": False, "data": data, "list": None}


def rule(*operators, **more):
    """A rule's text: one comparison, or a list of them."""
    operator = operators[0] if len(operators) == 1 else {
        "type": "list", "operand": "list", "data": "", "sensitive": False, "list": list(operators)}
    return json.dumps({"created": "2026-01-01T00:00:00Z", "name": "x", "enabled": True, "precedence": False,
                       "action": "allow", "duration": "always", "operator": operator, **more})


def imported(*rules, text="{}", **more):
    """(the configuration's value, what is left) of rules, in files 0.json and so on."""
    found, left = opensnitch.imported(text, conf.parse(text, "conf"), {
        f"{number}.json": each for number, each in enumerate(rules)}, NAMES, **more)
    conf.parse(found, "conf")
    return json.loads(found), left


CURL = simple("process.path", "/usr/bin/curl")
HOST, PORT, TCP = simple("dest.host", "Example.org"), simple("dest.port", "443"), simple("protocol", "tcp")


@pytest.mark.parametrize("operators, wanted", [
    ([CURL], {"rule": ""}),
    ([CURL, simple("true", "")], {"rule": ""}),
    ([CURL, HOST], {"domains": ["example.org"]}),
    ([CURL, HOST, PORT, TCP], {"domains": ["example.org"], "rule": "tcp dport 443"}),
    ([CURL, PORT], {"rule": ["tcp dport 443", "udp dport 443"]}),
    ([CURL, simple("protocol", "UDP")], {"rule": "meta l4proto udp"}),
    ([CURL, simple("dest.ip", "192.0.2.1"), PORT, TCP], {"domains": [], "rule": "ip daddr 192.0.2.1 tcp dport 443"}),
    ([CURL, simple("dest.ip", "2001:DB8::1")], {"domains": [], "rule": "ip6 daddr 2001:db8::1"}),
    ([CURL, simple("dest.network", "192.168.1.7/24", "network")], {"domains": [], "rule": "ip daddr 192.168.1.0/24"}),
    ([CURL, PORT, TCP, simple("user.id", "1000")], {"users": ["alice"], "rule": "tcp dport 443"})])
def test_a_rule_becomes_an_entry(operators, wanted):
    """What OpenSnitch compares plainly, galaf matches."""
    assert imported(rule(*operators)) == ({"groups": {"curl": {"execv": ["/usr/bin/curl", "…"], **wanted}}}, [])


def test_a_users_rule_and_a_list_as_text():
    """A rule of a user's programs is that user's entry; older versions keep a list's comparisons as text."""
    alone = rule(simple("user.id", "33"), PORT, TCP)
    assert imported(alone) == ({"users": {"www-data": {"rule": "tcp dport 443"}}}, [])
    text = rule({"type": "list", "operand": "list", "data": json.dumps([CURL, PORT, TCP]), "list": []})
    assert imported(text)[0]["groups"]["curl"]["rule"] == "tcp dport 443"


def test_rules_of_one_program():
    """They share an entry where it grants no more than they do; what does not fit is left, in the files' order."""
    other = simple("dest.host", "example.net")
    assert imported(rule(CURL, HOST, PORT, TCP), rule(CURL, other, PORT, TCP), rule(CURL, HOST),
                    rule(CURL, simple("dest.port", "22"), TCP)) == (
        {"groups": {"curl": {"execv": ["/usr/bin/curl", "…"], "domains": ["example.org", "example.net"],
                             "rule": "tcp dport 443"}}},
        [(f"{number}.json", "the entry curl, of 0.json, can't hold it too: its rules hold for each of its domains")
         for number in (2, 3)])
    found, left = imported(rule(CURL, PORT, TCP), rule(CURL, simple("dest.ip", "192.0.2.1")), rule(CURL, PORT))
    assert found["groups"]["curl"] == {"execv": ["/usr/bin/curl", "…"], "rule": [
        "tcp dport 443", "ip daddr 192.0.2.1", "udp dport 443"]} and not left
    assert imported(rule(CURL, PORT), rule(CURL))[0]["groups"]["curl"]["rule"] == ""


@pytest.mark.parametrize("text, why", [
    (rule(CURL, action="deny"), "refuses"),
    (rule(CURL, action="reject"), "refuses"),
    (rule(simple("dest.host", ".*", "regexp"), action="deny"), "refuses"),
    (rule(CURL, enabled=False), "is switched off"),
    (rule(CURL, enabled="true"), "is switched off"),
    (rule(CURL, duration="until restart"), "is for a time alone"),
    (rule(simple("process.path", "^/usr/bin/.*$", "regexp")), "compares process.path by 'regexp'"),
    (rule(CURL, simple("lists.domains", "/etc/lists", "lists")), "asks for 'lists.domains'"),
    (rule(CURL, simple("process.command", "curl x")), "asks for 'process.command'"),
    (rule(CURL, simple("process.env.HOME", "x")), "asks for 'process.env.HOME'"),
    (rule(CURL, simple("dest.network", "LAN", "network")), "'LAN', which is none in numbers"),
    (rule(CURL, simple("dest.ip", "10.0.0.0; accept")), "which is none in numbers"),
    (rule(CURL, simple("dest.host", "localhost")), "is not a domain"),
    (rule(CURL, HOST, simple("dest.ip", "192.0.2.1")), "a host and for an address"),
    (rule(CURL, simple("dest.ip", "1.2.3.4"), simple("dest.network", "1.0.0.0/8", "network")), "address and for a net"),
    (rule(CURL, simple("dest.port", "0")), "has a port '0'"),
    (rule(CURL, simple("dest.port", "80 accept")), "has a port"),
    (rule(CURL, simple("protocol", "tcp6")), "protocol 'tcp6'"),
    (rule(CURL, simple("user.id", "4242")), "the user '4242', who is not on this machine"),
    (rule(CURL, CURL), "asks for one thing twice"),
    (rule(PORT), "is for every program"),
    (rule(simple("true", "")), "is for every program"),
    (rule(simple("process.path", "curl")), "that is no path"),
    (rule(simple("process.path", "/usr/bin/a\nb")), "that is no path"),
    (rule(simple("process.path", "/usr/bin/c++")), "can be no group's name"),
    (rule(simple("process.path", "/")), "can be no group's name"),
    (rule({"type": "list", "operand": "list", "data": "[]", "list": None}), "has an empty list"),
    (rule({"type": "list", "operand": "list", "data": "[" * 100000, "list": None}), "is no rule of OpenSnitch's"),
    (rule({"type": "list", "operand": "list", "data": "", "list": [7]}), "is no rule of OpenSnitch's"),
    (rule(7), "is no rule of OpenSnitch's"), ("{}", "is no rule of OpenSnitch's"), ("[]", "is no rule of OpenSnitch's"),
    ("{", "line 1, column 2: ")])
def test_what_does_not_map_is_left_with_its_reason(text, why):
    """Nothing is guessed."""
    found, left = imported(text)
    assert found == {} and [file for file, _ in left] == ["0.json"] and why in left[0][1]


def test_what_is_in_the_file_wins():
    """An entry of the name or of the program is left alone, with its layout; so is what this machine is against."""
    text = '{ "groups":   { "mine": { "execv": ["/usr/bin/curl"] }, "wget": null }, "users": { "www-data": null } }'
    rules = rule(CURL), rule(simple("process.path", "/usr/bin/wget")), rule(simple("user.id", "33")), rule(
        simple("process.path", "/usr/bin/git")), rule(simple("process.path", "/opt/git"))
    found, left = imported(*rules[:3], text=text)
    assert found == json.loads(text) and [why for _, why in left] == [
        "/usr/bin/curl has the entry mine already", "there is an entry wget already",
        "there is an entry www-data already"]
    found, left = imported(*rules[3:], obstacle=lambda program, name: "no" if program.startswith("/opt") else None)
    assert list(found["groups"]) == ["git"]
    assert left == [("1.json", "0.json has made the entry git for another program or user")]
    assert imported(rules[4], obstacle=lambda program, name: "no")[1] == [("0.json", "no")]
