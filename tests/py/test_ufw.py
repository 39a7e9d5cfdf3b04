# SPDX-License-Identifier: GPL-3.0-or-later
"""ufw's rules as "inbound": what maps, and why the rest does not."""
import json

import pytest
from conftest import load_sbin

from galaf.config import conf, sources, ufw

SERVING = {("tcp", 22): {"root"}, ("udp", 5353): {"avahi"}, ("tcp", 6881): {"alice"}, ("tcp", 6889): {"bob"}}


def imported(four, six="", text="{}"):
    """("inbound", why not) of rules as ufw writes them."""
    texts = {version: "".join(f"*filter\n### tuple ### {rule}\n-A x\n" for rule in rules.splitlines())
             for version, rules in ((4, four), (6, six))}
    made, left = ufw.imported(text, texts, SERVING)
    return json.loads(made).get("inbound"), left


@pytest.mark.parametrize("four, six, wanted", [
    ("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 OpenSSH - in", "allow tcp 22 ::/0 any ::/0 OpenSSH - in",
     {"root": "tcp dport 22"}),
    ("allow any 22 0.0.0.0/0 any 192.0.2.0/24 in comment=6d79", "", {"root": "ip saddr 192.0.2.0/24 tcp dport 22"}),
    ("allow_log tcp 22 0.0.0.0/0 any 0.0.0.0/0 in_eth0", "",
     {"root": 'meta nfproto ipv4 iifname "eth0" tcp dport 22'}),
    ("", "allow udp 53,5353 ::/0 any 2001:db8::/32 in", {"avahi": "ip6 saddr 2001:db8::/32 udp dport 5353"}),
    ("allow tcp 6881:6889 0.0.0.0/0 any 192.0.2.1 in", "",
     {"alice": "ip saddr 192.0.2.1 tcp dport 6881-6889", "bob": "ip saddr 192.0.2.1 tcp dport 6881-6889"})])
def test_what_is_let_in_is_for_who_serves_it_now(four, six, wanted):
    assert imported(four, six) == (wanted, [])


def test_rules_that_are_there_stay_and_are_not_doubled():
    rule = "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in"
    assert imported(rule, text='{ "inbound": { "root": "tcp dport 22" } }')[0] == {"root": "tcp dport 22"}
    assert imported(rule, text='{ "inbound": { "root": ["tcp dport 1"] } }')[0] == {
        "root": ["tcp dport 1", "meta nfproto ipv4 tcp dport 22"]}


@pytest.mark.parametrize("rule, why", [
    ("deny tcp 22 0.0.0.0/0 any 0.0.0.0/0 in", "no plain allow but 'deny'"),
    ("limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 in", "no plain allow but 'limit'"),
    ("route:allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in_eth0!out_eth1", "what passes through"),
    ("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 out", "what goes out"),
    ("allow any any 0.0.0.0/0 any 192.0.2.1 in", "names no port"),
    ("allow esp any 0.0.0.0/0 any 0.0.0.0/0 in", "names no port"),
    ("allow tcp 22;x 0.0.0.0/0 any 0.0.0.0/0 in", "names no port"),
    ("allow tcp 22 192.0.2.2 any 0.0.0.0/0 in", "an address of this machine"),
    ("allow tcp 22 0.0.0.0/0 any here;x in", "'here;x', which is no address"),
    ("allow udp 22 0.0.0.0/0 any 0.0.0.0/0 in", "nobody serves it now"),
    ("allow tcp", "no rule of ufw's that is known")])
def test_the_rest_is_named(rule, why):
    inbound, ((said, reason),) = imported(rule)
    assert not inbound and said == rule and why in reason


def test_whose_sockets_were_not_looked_at_is_said(tmp_path, monkeypatch, capsys):
    command = load_sbin("galaf_setup")
    (tmp_path / "user.rules").write_text("*filter\n### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n-A x\n")

    def found(late):
        late(4000000000)
        return []
    monkeypatch.setattr(command.listeners, "found", found)
    command.imported_ufw(sources.Sources("x", {"x": "{}"}), conf.parse("{}", "x"), tmp_path)
    assert capsys.readouterr().err.splitlines()[1:] == [
        "4000000000 has so much open that not all was looked at: what listens there counts as nobody's"]
