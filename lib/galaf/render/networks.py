# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the sets of networks by name, and by which interface a query leaves in an application's name.  Pure."""
from .. import mark as marks
from ..config import networks
from .lines import block, chain, plain


def sets(conf):
    """The sets of interfaces; a reload keeps what system/networks.py has put into them."""
    for network in conf.networks.values():
        yield f"set {networks.set_of(network.name)} {{ type ifname; }}", network.path
    if conf.networks:
        yield f"set {networks.KNOWN} {{ type ifname; }}", None


def elements(conf):
    """The interfaces that the file names itself; a set that has those alone is filled anew."""
    for network in conf.networks.values():
        named = f"inet {conf.table} {networks.set_of(network.name)}"
        if not network.connections:
            yield f"flush set {named}", None
        if network.interfaces:
            yield from block(f"add element {named}", [(f'"{each}",', network.path) for each in network.interfaces])


def definitions(conf):
    """What lib/galaf/networks reads: a line for each thing that the file says of a network; "" where it names none."""
    if not conf.networks:
        return ""
    lines = [("table", conf.table)]
    for network in conf.networks.values():
        lines += [(network.name, "connection", each) for each in network.connections]
        lines += [(network.name, "interface", each) for each in network.interfaces]
    return "".join("\t".join(line) + "\n" for line in lines)


def names_out(conf, entries, ids):
    """The chains by which a query that dnsmasq asks in an application's name goes by that one's networks alone.

    Only where all of its rules are for networks, and DNS is strict: else it may resolve wherever the machine is.  A
    user's entry holds for programs in an application group too; their names are by the group's.
    """
    bound = list(filter(is_bound, entries))
    yield from chain("names_out", [(_in_name_of(entry, conf, ids), entry.path) for entry in bound])
    for entry in bound:
        ways = dict.fromkeys(rule.networks for rule in entry.rules)
        yield from chain(chain_of(entry), [
            *((f"{way} return", entry.path) for way in ways), *plain("jump refused_out")])


def is_bound(entry):
    """Whether an entry holds on networks alone: each of its rules says so."""
    return entry.mode != "audit" and bool(entry.rules) and all(rule.networks for rule in entry.rules)


def _in_name_of(entry, conf, ids):
    """The rule that leads an entry's queries to its chain."""
    of_group = entry.place[0] == "groups"
    whose = (f"meta mark & {marks.GROUP_MASK:#010x} == {ids.mark(entry)}" if of_group else
             f"meta mark & {marks.USER_MASK:#010x} == {ids.mark(entry)} meta mark < {conf.gid_range[0] << 16}")
    return f"meta l4proto {{ tcp, udp }} th dport 53 {whose} jump {chain_of(entry)}"


def chain_of(entry):
    """The name of the chain that an entry's queries go through."""
    return ("names_of_user_" if entry.place[0] == "users" else "names_of_group_") + entry.name
