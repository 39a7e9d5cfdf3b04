# SPDX-License-Identifier: GPL-3.0-or-later
"""Resolves entries' domains ahead of use, so that a program that cached an address is not refused.

Each entry's names are asked for by getent(1) under the entry's own gid or uid, as any program
of the application's would ask, and what they resolve to is put into its sets: dnsmasq does so
for what the network answers, but not for what /etc/hosts or dnsmasq's own options do.
"""
import concurrent.futures
import contextlib
import ipaddress
import sys
import time

from .. import generation, limits
from ..config import conf
from ..render import ruleset
from . import accounts, localnames
from .run import CommandFailed, run

SECONDS = 10        # most time for all of it
AT_ONCE = 16        # processes
NAMES = 20          # of one process
PATIENCE = 2        # seconds for a name server that was just started to learn whom to ask
PAUSE = 0.4         # seconds between two looks whether it has
# What a name server without servers to ask says (RFC 1035, 4.1.1), asked for a name's A record; ends with 0 where
# it says that, or nothing: as dnsmasq does that has just been started.
UNREADY = """
import socket, sys
labels = b"".join(bytes([len(label)]) + label for label in sys.argv[1].rstrip(".").encode().split(b"."))
socket.setdefaulttimeout(1)
try:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect(("127.0.0.1", 53))
        asking.send(b"gf\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + labels + b"\\0\\0\\1\\0\\1")
        sys.exit(asking.recv(512)[3] & 15 != 5)
except OSError:
    sys.exit(0)
"""


def fill():
    """Resolves the domains of the good generation, where one is kept: after its rules came into empty sets."""
    folder = generation.good()
    if folder:
        resolve(*kept(folder))


def kept(folder):
    """The entries of a generation, the ids of this machine, and the table."""
    text, name = generation.source(folder)
    configuration = conf.parse(text, name, checked=True)
    return configuration.entries(), accounts.look_up(configuration, conf.Faults(name, text)), configuration.table


def resolve(entries, ids, table):
    """Resolves the domains of entries, and this machine's own names below them, SECONDS at most.

    Returns how many names were asked for in time.  A name that does not resolve is nothing to
    fail for, and is asked for twice at most.  Shows progress on a terminal.
    """
    own = localnames.names()
    return _resolve([(entry, [*map(_final, set(entry.domains).difference(own)), *localnames.within(own, entry.domains)])
                     for entry in entries], ids, table)


def resolve_own(entries, ids, table):
    """Resolves only those names of the domains of entries that this machine answers itself."""
    own = localnames.names()
    return _resolve([(entry, localnames.within(own, entry.domains)) for entry in entries], ids, table)


def _resolve(wanted, ids, table):
    jobs = [(entry, names[start:start + NAMES]) for entry, names in wanted if ids.of(entry) is not None
            for start in range(0, len(names), NAMES)]
    deadline = time.monotonic() + SECONDS
    asked = 0
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = {pool.submit(_ask, _identity(entry, ids), names, deadline): entry for entry, names in jobs}
        for count, job in enumerate(concurrent.futures.as_completed(waiting), 1):
            number, addresses = job.result()
            asked += number
            _add(table, waiting[job], addresses)
            if sys.stderr.isatty():
                print(f"\rresolving names: {count} of {len(jobs)} ", end="", file=sys.stderr, flush=True)
    if jobs and sys.stderr.isatty():
        print(file=sys.stderr)
    return asked


def _final(domain):
    """A domain as resolv.conf's search list is not tried with it; multicast DNS knows no last dot."""
    return domain if domain.endswith(".local") else domain + "."


def _identity(entry, ids):
    """setpriv's options for an entry's own id; a user's has a gid that the user has not, so that nobody traces it."""
    if entry.place[0] == "groups":
        return ("--regid", str(ids.of(entry)), "--clear-groups")
    return ("--reuid", str(ids.of(entry)), "--regid", str(limits.STRANGER), "--clear-groups")


def _ask(identity, names, deadline):
    """Has a process resolve names, and once more if the name server was not ready; (how many, the addresses)."""
    try:
        found, all_there = _getent(identity, names, deadline)
        if not all_there and _waited(identity, names[0], min(deadline, time.monotonic() + PATIENCE)):
            found |= _getent(identity, names, deadline)[0]
    except CommandFailed:       # no time was left
        return 0, set()
    return len(names), found


def _getent(identity, names, deadline):
    """The addresses of names and whether each has one.

    Raises CommandFailed where that takes until after the deadline.
    """
    said = run(*_limited(deadline), "setpriv", *identity, "sh", "-c", 'getent ahosts "$@" || echo none', "sh", *names)
    words = {line.split()[0] for line in said.splitlines() if line.strip()}
    return words - {"none"}, "none" not in words


def _limited(deadline):
    """The words before a command that ends it at a deadline, even where whose id it has has stopped it."""
    return "timeout", "--signal=KILL", f"{max(deadline - time.monotonic(), 0.1):.1f}"


def _waited(identity, name, until):
    """Whether the name server was not ready, and was waited for."""
    waited = False
    while _unready(identity, name, until) and time.monotonic() < until:
        waited = True
        time.sleep(PAUSE)
    return waited


def _unready(identity, name, until):
    try:
        run(*_limited(until), "setpriv", *identity, "/usr/bin/python3", "-I", "-c", UNREADY, name)
    except CommandFailed:
        return False
    return True


def _add(table, entry, addresses):
    """Puts addresses into an entry's sets; those that are there stay as they are."""
    lines = ""
    for family in ruleset.domain_families(entry):
        own = [word for word in addresses if _version(word) == family]
        if own:
            lines += f"add element inet {table} {entry.name}_{family} {{ {', '.join(own)} }}\n"
    with contextlib.suppress(CommandFailed):        # the rules are not loaded
        run("nft", "-f", "-", stdin=lines)


def _version(word):
    """4 or 6 for an address; None for another word, and for one of a link, such as fe80::1%eth0."""
    try:
        return None if "%" in word else ipaddress.ip_address(word).version
    except ValueError:
        return None
