# SPDX-License-Identifier: GPL-3.0-or-later
"""A group's name is found and changed wherever a file means it, and nowhere else."""
import json

import pytest

from galaf.config import groupname

MEANT = {
    "groups.web": {"execv": ["/usr/bin/web"], "rule": "ip daddr @web_4 tcp dport 80"},
    "groups.mail.domains": "web", "groups.mail.from": ["x", "web"], "groups.mail.users": ["%web", "web"],
    "users.bob.rule6": "meta mark $web", "config.defaults": {"from": ["web"]},
    "config.forward": ["ip daddr @old/web_6"], "inbound.web": "tcp dport 80", "kernel": ["ip daddr @record/web/out4"]}


def placed(*names):
    """galaf_conf.json with some of MEANT."""
    data = {}
    for name in names:
        *way, last = name.split(".")
        at = data
        for key in way:
            at = at.setdefault(key, {})
        at[last] = MEANT[name]
    return json.dumps(data, indent=4)


def test_renamed_everywhere():
    found = groupname.renamed(placed(*MEANT), "web", "net")
    assert json.loads(found) == json.loads(placed(*MEANT).replace("web", "net").replace("/bin/net", "/bin/web")
                                           .replace('"%net",\n                "net"', '"%net",\n                "web"'))
    assert groupname.renamed(found, "net", "web") == placed(*MEANT)


@pytest.mark.parametrize("name", MEANT)
def test_each_use_is_told(name):
    """But the group's own entry, which goes with it."""
    assert bool(list(groupname.uses(placed(name), "web"))) == (name != "groups.web")


def test_what_only_looks_like_it_stays():
    text = json.dumps({"users": {"web": {"rule": "tcp dport 1"}}, "groups": {
        "webmail": {"rule": "ip daddr @webmail_4", "comment": "web"}, "#web": {"from": ["web"]}}})
    assert groupname.renamed(text, "web", "net") == text and not list(groupname.uses(text, "web"))


def test_a_reference_to_the_known_entry_stays_one():
    assert json.loads(groupname.renamed('{"groups": {"git": "known"}}', "git", "vcs")) == {
        "groups": {"vcs": {"known": "git"}}}
