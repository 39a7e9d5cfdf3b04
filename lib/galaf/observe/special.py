# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals that no entry is for: what would work, or why nothing can.  Pure."""
import ipaddress

EPHEMERAL = 32768           # the first port that Linux takes by itself: net.ipv4.ip_local_port_range
UDP, TCP = 17, 6
MDNS, SSDP = 5353, 1900     # RFC 6762; UPnP Device Architecture 2.0, 1.1
THROUGH = ("others wanted to send this through this machine, as from a hotspot or a shared connection: \"forward\" in "
           "$.config lets it, see SHARING in galaf_conf.json(5)")
PROXIES = {1080: "SOCKS", 3128: "a web proxy", 8118: "Privoxy", 9050: "Tor"}


def remarks(rows):
    """Sentences on refusals that want something else than an entry, each once."""
    found = []
    for row in rows:
        found += filter(None, [_answer(row), _proxy(row), _multicast(row), row.way == "through" and THROUGH])
    return list(dict.fromkeys(found))


def local(name):
    """A sentence on a name that no name server has, or None."""
    if name == "local":
        return "local stays refused, and nothing is lost by that: libnss-mdns asks so whether names below it are DNS's"
    if name.endswith(".local"):
        return (f"{name} stays refused: names below local are asked of the link by multicast (RFC 6762), which "
                "avahi-daemon and libnss-mdns do for every program: galaf_group add --inbound avahi lets it")
    return None


def searched(name, search):
    """A sentence on a name that a search domain was put behind, or None; search: the domains of resolv.conf(5)."""
    for domain in search:
        stem = name.removesuffix(f".{domain}")
        if stem != name and "." in stem:
            return (f"{name} stays refused: it is {stem} with the search domain {domain} of /etc/resolv.conf put "
                    f"behind it, as is tried where {stem} has no address, and nothing is lost by that")
    return None


def _answer(row):
    """UDP from outside at a port that some program asked from: conntrack knows no question to a group of hosts."""
    if row.way != "in" or row.protocol != UDP or row.port < EPHEMERAL:
        return None
    family = "ip" if ipaddress.ip_address(row.source).version == 4 else "ip6"
    return (f"{row.source} udp {row.port}, from outside, may be the answer to a question by multicast (mDNS, SSDP), "
            "which comes from another address than was asked: \"discovery\": true in the entry of who asks lets "
            "answers in from the local network; "
            f'this under "inbound" would let in what that host sends to any such port: "{family} saddr {row.source} '
            f'udp dport {EPHEMERAL}-60999"')


def _proxy(row):
    """A proxy's port."""
    if row.way != "out" or row.protocol != TCP or row.port not in PROXIES:
        return None
    return (f"{row.destination} tcp {row.port} is {PROXIES[row.port]}'s port, if the program was told to use a proxy: "
            "through it, it reaches whatever the proxy does, and no domain narrows that; unset http_proxy and "
            "https_proxy, or the program's own setting, to have it go by itself")


def _multicast(row):
    """A question to the link."""
    if row.way != "out" or row.protocol != UDP or not ipaddress.ip_address(row.destination).is_multicast:
        return None
    what = {MDNS: "mDNS: avahi-daemon asks for every program, see galaf_group add --inbound avahi",
            SSDP: "SSDP: its answers come from other addresses, and need \"discovery\": true in the entry"}
    return row.port in what and f"{row.destination} udp {row.port} is {what[row.port]}" or None
