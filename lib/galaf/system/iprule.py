# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's routing rules that go by socket marks, as a VPN's may, beside the marks of galaf's entries."""
import json
import os
import pwd

from .. import mark
from .run import run

FIX = "sudo galaf_config --no-ebpf, or another gid for the group"


def taken(ids):
    """The names of the entries whose sockets a rule of ip-rule(8) routes otherwise, each with that rule's priority."""
    return list(dict.fromkeys(f"{name} (rule {priority})" for value, mask, priority in _rules()
                              for name, used in marks(ids).items() if any(one & mask == value & mask for one in used)))


def families():
    """The options of ip(8) for the families that this kernel routes: with ipv6.disable=1, "-4" alone."""
    return ("-4", "-6") if os.path.exists("/proc/net/if_inet6") else ("-4",)


def _rules():
    """Each (mark, mask, priority) of the rules of ip-rule(8)."""
    for family in families():
        for rule in json.loads(run("ip", family, "-j", "rule") or "[]"):
            if "fwmark" in rule:
                yield int(rule["fwmark"], 0), int(rule.get("fwmask", "0xffffffff"), 0), rule["priority"]


def marks(ids):
    """{name of an entry: the marks that its programs' sockets have}; a group's have any user."""
    users = pwd.getpwall()
    found = {name: [mark.encode(gid, user.pw_uid) for user in users] for name, gid in ids.groups.items()}
    found.update({user.pw_name: [mark.encode(user.pw_gid, user.pw_uid)] for user in users if user.pw_name in ids.users})
    return found
