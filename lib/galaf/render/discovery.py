# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders what lets the answers to an entry's questions to its whole link in.  Pure.

Conntrack knows no answer to a question to a group of hosts: it comes from another address than was asked.  So the
question's port is kept in a set for some seconds, with the interface that it left by and its owner's mark; what comes
to that port by that interface is let in for a socket with that mark alone.

nft can't ask what a link's own addresses are.  So IPv6's answers are of link-local addresses, which no router passes
on; IPv4's of private ones (RFC 1918, RFC 3927) with the first half of the address that asked.
"""
from .lines import ACCEPTED, chain, plain

SECONDS = 5             # that answers are let in after the last question: UPnP Device Architecture 2.0, 1.3.2, MX
SHARE = (20, 200)       # questions from other ports that a mark's programs may ask: in a second, at once
ELEMENTS = 65536
NEAR = "{ 10.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16 }"
HALF = "255.255.0.0"
ANSWER = "ffff:1"       # the priority of packets that galaf_answers lets to sockets of their mark: bpf/answers.h


def used(conf):
    """Whether an entry has it."""
    return any(entry.discovery for entry in conf.entries())


def verdict(entry):
    """What becomes of a packet that a rule of the entry's accepts."""
    return "goto discovering" if entry.discovery else ACCEPTED


def sets(conf):
    """Who has asked, by which interface and from which port."""
    if used(conf):
        kept = f"size {ELEMENTS}; flags dynamic,timeout; timeout {SECONDS}s;"
        yield f"set discovery4 {{ typeof oif . udp sport . ct mark . ip saddr; {kept} }}", None
        yield f"set discovery6 {{ typeof oif . udp sport . ct mark; {kept} }}", None
        yield f"set share_discovery {{ type mark; size {ELEMENTS}; flags dynamic,timeout; timeout 60s; }}", None


def declared(conf):
    """The chains that other rules jump to."""
    return ("discovering", "discovered") if used(conf) else ()


def asked(conf):
    """The last rule of "inbound"."""
    return plain("meta l4proto udp jump discovered") if used(conf) else []


def chains(conf):
    """What keeps a question's port, and what lets its answers in: for the socket whose owner asked, and as its own."""
    if not used(conf):
        return
    rate, burst = SHARE
    asking = "meta l4proto udp fib daddr type { broadcast, multicast }"
    answer = f"ct mark set socket mark meta mark set socket mark meta priority set {ANSWER} accept"
    yield from chain("discovery_noted", plain(
        f"update @share_discovery {{ ct mark limit rate over {rate}/second burst {burst} packets }} return",
        f"update @discovery4 {{ oif . udp sport . ct mark . ip saddr & {HALF} }}",
        "meta nfproto ipv6 update @discovery6 { oif . udp sport . ct mark }"))
    yield from chain("discovering", plain(f"{asking} jump discovery_noted", ACCEPTED))
    yield from chain("discovered", plain(
        f"ip saddr {NEAR} iif . udp dport . socket mark . ip saddr & {HALF} @discovery4 {answer}",
        f"ip6 saddr fe80::/10 iif . udp dport . socket mark @discovery6 {answer}"))
