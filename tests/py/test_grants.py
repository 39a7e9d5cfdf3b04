# SPDX-License-Identifier: GPL-3.0-or-later
"""What is allowed for now, as nft is told."""
import dataclasses
import json

import pytest
from conftest import TOP, load_sbin

from galaf.config import conf
from galaf.errors import GalafError
from galaf.render import dnsmasq, grants
from galaf.system import accounts

PLAIN = grants.Grant(1, "out", "groups", "git", (30004, 161076), 30004 << 16, None, None, (), 600, 0, 600.0, "alice")
PORTS = grants.Grant(2, "out", "users", "alice", (1000,), 1000, "2001:db8::/32", None,
                     (("tcp", 80, 80), ("tcp", 443, 444), ("udp", 443, 443)), None, 0, None, "root")
INWARDS = grants.Grant(3, "in", "users", "alice", (1000,), 1000, "192.0.2.7", None, (("tcp", 8000, 8000),),
                       60, 0, 60.0, "bob")
DOMAIN = grants.Grant(4, "out", "users", "alice", (1000,), 1000, None, "web.example", (("tcp", 443, 443),),
                      600, 0, 600.0, "bob")
allow = load_sbin("galaf_allow")


def test_everything_of_a_group():
    """One set with the exact ids, and one rule that looks into it."""
    assert grants.declarations([PLAIN], "galaf")[1:-1] == ["    set allowed/1 { type gid; flags timeout; }"]
    assert grants.rules([PLAIN], "galaf")[-2:] == [
        "add rule inet galaf allowed_out meta skgid @allowed/1 goto accepted_out",
        "add rule inet galaf allowed_elsewhere meta skgid @allowed/1 accept"]
    assert grants.elements(PLAIN, "galaf", 599.25) == [
        "add element inet galaf allowed/1 { 30004 timeout 599s250ms, 161076 timeout 599s250ms }"]


def test_ports_of_a_network():
    """A rule for each protocol; until reboot the elements have no timeout."""
    assert grants.rules([PORTS], "wall")[-2:] == [
        "add rule inet wall allowed_out meta skuid @allowed/2 ip6 daddr 2001:db8::/32 tcp dport { 80, 443-444 } "
        "goto accepted_out",
        "add rule inet wall allowed_out meta skuid @allowed/2 ip6 daddr 2001:db8::/32 udp dport { 443 } "
        "goto accepted_out"]
    assert grants.elements(PORTS, "wall", None) == ["add element inet wall allowed/2 { 1000 }"]


def test_a_domain_of_a_user():
    """dnsmasq fills sets of its own, whose elements last as long at most; a query of another's has not the mark."""
    assert grants.declarations([DOMAIN], "galaf")[1:-1] == [
        "    set allowed/4 { type uid; flags timeout; }",
        "    set .allowed-4_4 { type ipv4_addr; flags timeout; timeout 600s; }",
        "    set .allowed-4_6 { type ipv6_addr; flags timeout; timeout 600s; }"]
    assert grants.rules([DOMAIN], "galaf")[-3:] == [
        "add rule inet galaf allowed_out meta skuid @allowed/4 ip daddr @.allowed-4_4 tcp dport { 443 } "
        "goto accepted_out",
        "add rule inet galaf allowed_out meta skuid @allowed/4 ip6 daddr @.allowed-4_6 tcp dport { 443 } "
        "goto accepted_out",
        "add rule inet galaf allowed_queries ct mark & 0xffff == 1000 meta skuid != { 0, 1000 } reject"]
    assert grants.elements(DOMAIN, "galaf", 9) == ["add element inet galaf allowed/4 { 1000 timeout 9s0ms }"]


def options(granted, data):
    """dnsmasq's options, line by line, on a machine with alice and the group git."""
    configuration = conf.parse(json.dumps(data), "f")
    ids = accounts.Ids(groups={name: 30004 for name in configuration.groups},
                       every_group={"git": 30004}, every_uid=(0, 1000))
    return dnsmasq.render(configuration, ids, granted).splitlines()


def test_what_dnsmasq_answers_meanwhile():
    """The sets of entries and of grants share a line, and a mark has one."""
    data = {"groups": {"git": {"domains": ["example.org"]}}}
    lines = options([DOMAIN, dataclasses.replace(PLAIN, domain="deep.example.org", ids=(30004,))], data)
    assert "nftset=/example.org/4#inet#galaf#git_4,6#inet#galaf#git_6" in lines
    assert ("nftset=/deep.example.org/4#inet#galaf#.allowed-1_4,6#inet#galaf#.allowed-1_6,4#inet#galaf#git_4,"
            "6#inet#galaf#git_6") in lines
    assert "nftset=/web.example/4#inet#galaf#.allowed-4_4,6#inet#galaf#.allowed-4_6" in lines
    marks = [line.split("=")[1].split(",")[0] for line in lines if line.startswith("connmark-allowlist=")]
    assert len(marks) == len(set(marks)) == 2 and "1000/65535" in marks
    assert any("/deep.example.org/" in line for line in lines if line.startswith("connmark-allowlist=1966342144"))


def test_who_may_go_anywhere_resolves_anything():
    """And who may go to an address resolves nothing for that."""
    assert options([PLAIN], {"groups": {"git": None}})[-1] == "connmark-allowlist=1966342144/4294901760,*"
    assert options([PORTS], {"groups": {"git": None}})[-1] == "connmark-allowlist-enable"


def test_inwards():
    """The ports have the time, and so has who may answer over UDP."""
    assert grants.rules([INWARDS], "galaf")[-2:] == [
        "add rule inet galaf allowed_in ip saddr 192.0.2.7 meta l4proto . th dport @allowed/3 ct mark set 1000 accept",
        "add rule inet galaf allowed_out ct direction reply meta skuid @allowed/3_answers ct mark 1000 "
        "goto accepted_out"]
    assert grants.elements(INWARDS, "galaf", 60) == [
        "add element inet galaf allowed/3 { tcp . 8000-8000 timeout 60s0ms }",
        "add element inet galaf allowed/3_answers { 1000 timeout 60s0ms }"]


def test_nothing_is_empty_chains():
    """Where nothing is allowed nothing is looked up."""
    assert grants.rules([], "galaf") == [f"flush chain inet galaf {chain}" for chain in grants.CHAINS]


def test_the_note_gives_the_same_grant():
    """By way of JSON, tuples and all."""
    for grant in PLAIN, PORTS, INWARDS, DOMAIN:
        assert grants.Grant.of(json.loads(json.dumps(grant.asdict()))) == grant


@pytest.mark.parametrize("text, span", [
    ("443", ("tcp", 443, 443)), ("udp/5000-5010", ("udp", 5000, 5010)), ("tcp/1-65535", ("tcp", 1, 65535))])
def test_ports(text, span):
    """TCP unless it says otherwise."""
    assert allow.port(text) == span


@pytest.mark.parametrize("text", ["", "0", "65536", "5-4", "-5", "5-", "tcp/", "icmp/8", "443 accept",
                                  "443/tcp", "\u0664", "1-2-3"])
def test_no_ports(text):
    """One plain line."""
    with pytest.raises(GalafError, match="nothing was changed"):
        allow.port(text)


def test_overlapping_ports_are_one_span():
    """The kernel refuses elements that overlap."""
    assert allow.ports(["80", "tcp/81-90", "85-100", "udp/85", "200"]) == (
        ("tcp", 80, 100), ("tcp", 200, 200), ("udp", 85, 85))


def test_a_pause_and_its_contrary():
    """The pause is asked where something would be refused; what closes everything has base chains of its own."""
    pause = dataclasses.replace(PLAIN, way="pause", kind="machine", ids=("ipv4", "ipv6"))
    assert grants.elements(pause, "galaf", 60) == [
        "add element inet galaf allowed/1 { ipv4 timeout 60s0ms, ipv6 timeout 60s0ms }"]
    assert "add rule inet galaf allowed_out meta nfproto @allowed/1 goto accepted_out" in grants.rules([pause], "galaf")
    block = dataclasses.replace(pause, way="block")
    assert ("    chain closing_out { type filter hook output priority filter - 5; policy accept; }"
            in grants.declarations([block], "galaf"))
    lines = grants.rules([block], "galaf")
    assert lines.index("flush chain inet galaf closing_out") < lines.index(
        "add rule inet galaf closing_out meta nfproto != @allowed/1 accept")


def test_what_passes_while_all_is_closed_is_what_the_skeleton_lets_pass():
    """The link's own packets, which are counted there alone."""
    skeleton = (TOP / "etc/galaf/nftables.d/galaf.nft").read_text(encoding="utf-8")
    chain = skeleton.partition("chain neighbours_out {\n")[2].partition("    }\n")[0]
    block = dataclasses.replace(PLAIN, way="block", kind="machine", ids=("ipv4", "ipv6"))
    assert [line.strip().replace("goto accepted_out", "accept") for line in chain.splitlines()] == [
        line.partition("closing_link ")[2] for line in grants.rules([block], "galaf")
        if line.startswith("add rule inet galaf closing_link ")]
