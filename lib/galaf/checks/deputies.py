# SPDX-License-Identifier: GPL-3.0-or-later
"""No service that sends to where any program asks it to has an entry that lets it do so.

Those that listen to no network, such as CUPS, which prints by a socket of its own, or that send in another user's
name than they listen in.  Told is an entry with a rule for any address, or by which any name is resolved.
"""
import os
import re
from collections import namedtuple

from .results import OK, Result, WARNING, few

Deputy = namedtuple("Deputy", "program users protocol does")
Deputy.__doc__ = """A service that others lead.

program: its path; users: whose permission it has, besides that of the group whose command it is; protocol: by which it
sends to any address; does: what any program can have it do, a phrase.
"""
DEPUTIES = (
    Deputy("/usr/sbin/cupsd", ("root",), "tcp", "CUPS look for a printer at any address"),
    Deputy("/usr/sbin/cupsd", ("lp",), "tcp", "CUPS print at any address, if its user is in the group lpadmin"),
    Deputy("/usr/sbin/avahi-daemon", ("avahi",), None, "Avahi look any name up"),
    Deputy("/usr/libexec/realmd", ("root",), "tcp", "realmd look for a domain at any address"),
    # set-uid root: its option "socket" connects before anything else, and asks for no privilege
    Deputy("/usr/sbin/pppd", ("root",), "tcp", "pppd connect to any address, if its user is in the group dip"),
    # set-uid root: Debian builds it with "fqdn" on, which looks the host up before anybody is asked for a password
    Deputy("/usr/bin/sudo", ("root",), None, "sudo look any name up, by sudo -l -h NAME"),
    # request_key(2): root looks up what the key is called, where NFS, CIFS, Ceph or AFS has brought the kind of key
    Deputy("/usr/sbin/key.dns_resolver", ("root",), None, "keyutils look any name up for the kernel"),
    # set-uid root: with -bt anybody has it say where an address leads, and where it mails itself that is a name's MX
    Deputy("/usr/sbin/exim4", ("root",), None, "Exim look any name up, by exim4 -bt"),
    Deputy("/usr/sbin/exim4", ("Debian-exim",), "tcp", "Exim mail to any address"),
    Deputy("/usr/libexec/gvfsd", (), "tcp", "gvfs mount a file server at any address"),
    # the gateway is one of a connection's secrets; with gateway-flags=1 a program of that person's answers for them
    Deputy("/usr/lib/NetworkManager/VPN/nm-openconnect-service.name", ("nm-openconnect",), "tcp",
           "NetworkManager's openconnect log in at any address, if its connection leaves its secrets to its user"),
    Deputy("/usr/lib/postfix/sbin/master", ("postfix",), "tcp", "Postfix mail to any address"),
    Deputy("/usr/sbin/nullmailer-send", ("mail",), "tcp", "Nullmailer mail to any address"),
    # wbinfo(1) asks by a socket that everyone may open: --dsgetdcname looks a name up, -I sends to an address
    Deputy("/usr/sbin/winbindd", ("root",), "udp", "winbind look any name up, and send to any address"),
    # mpc(1) and its like: localhost's port 6600, without a password
    Deputy("/usr/bin/mpd", ("mpd",), "tcp", "MPD play from any address"),
    # anybody may name the user whose permission it takes; which names: Mail::SpamAssassin::Plugin::URIDNSBL(3pm)
    Deputy("/usr/sbin/spamd", ("debian-spamd",), None, "SpamAssassin look up the names in a mail"),
    # by the password of Debian's package, transmission
    Deputy("/usr/bin/transmission-daemon", ("debian-transmission",), "tcp", "Transmission fetch from any address"),
    Deputy("/usr/bin/mopidy", ("mopidy",), "tcp", "Mopidy play from any address"),
)
PROTOCOLS = {"tcp", "udp", "udplite", "sctp", "dccp", "icmp", "icmpv6"}


def check(known):
    there = [deputy for deputy in DEPUTIES if os.path.exists(deputy.program)]
    programs = sorted({deputy.program for deputy in there})
    told = {}
    for deputy in there:
        for entry in entries(known.conf, deputy):
            if known.ids.of(entry) is not None and lets(entry, deputy.protocol):
                told.setdefault(entry.path, []).append(deputy.does)
    for path, does in told.items():
        yield Result(WARNING, f"by {path} any program can have {few(does)}",
                     f'{path} should have "domains", or "domains": [] and an address in each rule, such as '
                     "ip daddr 192.168.1.0/24: see galaf_doctor(8)")
    if not told:
        yield Result(OK, "no service that obeys any program is let out to any address: "
                         f"{few(programs) or 'there is none'}")


def entries(conf, deputy):
    """The entries whose permission a service has."""
    yield from filter(None, map(conf.users.get, deputy.users))
    yield from (entry for entry in conf.groups.values()
                if entry.execv and os.path.realpath(entry.execv[0]) == os.path.realpath(deputy.program))


def lets(entry, protocol):
    """Whether an entry resolves any name, or has a rule for any address by that protocol (None: that is no matter)."""
    if entry.resolves_any or entry.mode == "audit":
        return True
    return not entry.domains and protocol is not None and any(carries(rule.text, protocol) for rule in entry.rules)


def carries(text, protocol):
    """Whether a rule lets packets of a protocol to any address, by its words: "" lets everything."""
    words = set(re.findall(r"\w+", text))
    return not re.search(r"\bdaddr\s+(?!\s|!=)", text) and (protocol in words or not words & PROTOCOLS)
