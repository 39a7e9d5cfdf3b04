# SPDX-License-Identifier: GPL-3.0-or-later
"""A hotspot, or a connection that NetworkManager shares, has the rules that it needs.

Without them its clients get no address, resolve no name, or reach nothing through this machine.
"""
import contextlib
import ipaddress
import re
from collections import namedtuple
from pathlib import Path

from ..system import aside, outside
from ..system.labels import user_name
from .results import OK, Result, WARNING, few

RUNNING = Path("/run")          # NetworkManager writes nm-dnsmasq-INTERFACE.pid there
Shared = namedtuple("Shared", "interface address user")
_ADDRESS = re.compile(r"\bip ([sd])addr (\{[^}]*\}|[\d./-]+)")
_INTERFACE = re.compile(r"\biifname (\{[^}]*\}|\S+)")


def check(known):
    late = []
    connections = list(shared(late.append))
    for one in connections:
        lacking = list(lacks(known.conf, one))
        if lacking:
            yield Result(WARNING, f"{one.interface} is shared with others, who {few(lacking)}",
                         "sudo galaf_group add --inbound sharing; for DHCP the entry sharing-dhcp: see SHARING in "
                         "galaf_conf.json(5)")
        else:
            yield Result(OK, f"{one.interface} is shared with others, and has the rules for that")
    if late:
        yield Result(WARNING, "what NetworkManager runs for shared connections was not all looked at within "
                              f"{aside.SECONDS} seconds", "sudo galaf_doctor sharing")
    elif not connections:
        yield Result(OK, "no connection is shared with others")


def shared(late=lambda uid: None):
    """The Shared connections that are up, by the dnsmasq that NetworkManager runs for each; late: aside.each()'s."""
    noted = list(_noted())
    for (file, _), found in aside.each(noted, lambda one: _listens(*one), lambda one: aside.keeper(one[1]), late):
        if found:
            address, uid = found
            yield Shared(file.stem.removeprefix("nm-dnsmasq-"), address, user_name(uid))


def _noted():
    """(file, folder of /proc) of each dnsmasq that NetworkManager has noted, which may have ended since."""
    for file in sorted(RUNNING.glob("nm-dnsmasq-*.pid")):
        with contextlib.suppress(OSError, ValueError):
            yield file, Path("/proc") / str(int(file.read_text(encoding="ascii")))


def _listens(file, process):
    """(address, uid) of the dnsmasq that is noted in a file; None where the process has ended, or is another."""
    with contextlib.suppress(OSError):
        words, uid = outside.arguments(process), process.stat().st_uid
        found = [word.partition("=")[2] for word in words if word.startswith("--listen-address=")]
        if f"--pid-file={file}" in words and found:
            return found[0], uid
    return None


def lacks(conf, one):
    """What a Shared's clients can't do, as phrases, by the words of the rules that there are."""
    served = [rule for name in ("root", one.user) for rule in conf.inbound.get(name, ())]
    asking, root = conf.users.get(one.user), conf.users.get("root")
    if not (_any(served, "udp", 67, one) and root and any(_offers(rule.text) for rule in root.rules)):
        yield "get no address"
    if not (_any(served, "udp", 53, one) and asking and asking.rules):
        yield "resolve no name"
    if not _any(conf.forward, None, None, one):
        yield "reach nothing through this machine"


def _any(rules, protocol, port, one):
    """Whether a rule may be for a Shared's clients, and for a port."""
    return any(_fits(rule.text, one) and (port is None or named(rule.text, protocol, port)) for rule in rules)


def _fits(text, one):
    """Whether a rule's words are no others' than a Shared's: its interface, and its network's addresses."""
    interface = _INTERFACE.search(text)
    if interface and not any(_alike(name, one.interface) for name in re.findall(r"[^\s{},\"]+", interface[1])):
        return False
    return all(_within(one.address, value) for side, value in _ADDRESS.findall(text) if side == "s")


def _alike(pattern, name):
    """Whether an interface has that name, which may end with a star; "!=" is left to who wrote it."""
    return pattern in ("!=", name) or pattern.endswith("*") and name.startswith(pattern[:-1])


def _within(address, value):
    """Whether an address is in one of the networks that a rule names; a span of addresses is left to who wrote it."""
    networks = re.findall(r"[\d./]+(?![\d./-])", value)
    try:
        own = ipaddress.ip_address(address)
        return "-" in value or any(own in ipaddress.ip_network(each, False) for each in networks)
    except ValueError:
        return True


def named(text, protocol, port):
    """Whether a rule lets a protocol's port, by its words."""
    found = re.search(r"\bdport (\{[^}]*\}|\S+)", text)
    spans = [each.partition("-") for each in re.findall(r"\d+(?:-\d+)?", found[1])] if found else []
    return (protocol in text or not re.search(r"\b(tcp|udp)\b", text)) and (
        not found or any(int(low) <= port <= int(high or low) for low, _, high in spans))


def _offers(text):
    """Whether a rule lets a DHCP server's answers out, by its words."""
    return "sport 67" in text or "dport 68" in text or not re.search(r"\b[ds]port\b", text)
