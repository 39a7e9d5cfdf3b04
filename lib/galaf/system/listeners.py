# SPDX-License-Identifier: GPL-3.0-or-later
"""What listens on this machine, and who runs it: a resolver or a proxy works for whoever asks it."""
import contextlib
import ipaddress
import os
import re
import sys
from collections import namedtuple
from pathlib import Path

from . import aside

EPHEMERAL = 32768   # a UDP socket from here on may be a client's: net.ipv4.ip_local_port_range
LISTENING = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}   # TCP_LISTEN, TCP_CLOSE: net/tcp_states.h
ESTABLISHED = "01"
# DNS, over QUIC, TLS and multicast, LLMNR; SOCKS, squid, HTTP proxies, privoxy, Tor's
RESOLVER_PORTS = {53, 784, 853, 5353, 5355, 8853}
PROXY_PORTS = {1080, 3128, 8080, 8118, 8123, 8888, 9040, 9050, 9053, 9150}
PROGRAMS = {
    "avahi-daemon", "dnscrypt-proxy", "dnsdist", "dnsmasq", "kresd", "named", "pdnsd", "pdns_recursor", "stubby",
    "systemd-resolved", "unbound",
    "3proxy", "apt-cacher-ng", "danted", "haproxy", "i2pd", "microsocks", "mitmproxy", "obfs4proxy", "polipo",
    "privoxy", "redsocks", "socat", "sslocal", "ss-local", "squid", "ssh", "tinyproxy", "tor", "xray"}

UNKNOWN = "a program that was not looked at"

Listener = namedtuple("Listener", "protocol address port uid gid program")
Listener.__doc__ = """A socket that listens, and a process that holds it.

protocol: "tcp" or "udp"; address: text; uid, gid: the process's effective ones, None where no process
holds it (the kernel); program: the file name of what it runs, "the kernel", "a process that has ended" or, of a user's
that is not told in time, UNKNOWN, with the socket's uid and no gid.
"""


def found(late=lambda uid: None):
    """Every Listener of this network namespace, once for each process that holds it, sorted by port.

    late: takes the uid of each user who has so many files open that not all were looked at within aside.SECONDS.
    """
    left = []
    holders = _holders(left.append)
    for uid in left:
        if uid is not None:     # its process has ended
            late(uid)
    listed = [Listener(protocol, address, port, *process)
              for protocol, address, port, inode, uid in _sockets()
              for process in holders.get(inode, [(uid, None, UNKNOWN) if left else (None, None, "the kernel")])]
    return sorted(set(listed), key=lambda one: (one.port, one.protocol, one.address, one.program))


def works_for_others(listener):
    """Whether a listener is, by its port or its program, a resolver or a proxy."""
    if listener.protocol == "udp":
        return listener.port in RESOLVER_PORTS or (listener.program in PROGRAMS and listener.port < EPHEMERAL)
    return listener.port in RESOLVER_PORTS | PROXY_PORTS or listener.program in PROGRAMS


def place(listener):
    """Where it listens, for people: "127.0.0.1:53 udp"."""
    address = f"[{listener.address}]" if ":" in listener.address else listener.address
    return f"{address}:{listener.port} {listener.protocol}"


def is_served(address, port):
    """Whether a service of root's on a TCP port of this machine has a connection from an address, a text.

    The sockets are root's: no other program listens on a port beside root, or accepts what root's socket is asked.
    """
    rows = [fields for table in ("tcp", "tcp6") for fields in _rows(table) if fields[7] == "0"]
    return (any(fields[3] == LISTENING["tcp"] and _place(fields[1])[1] == port for fields in rows)
            and any(fields[3] == ESTABLISHED and _place(fields[1])[1] == port and _place(fields[2])[0] == address
                    for fields in rows))


def _sockets():
    """(protocol, address, port, inode, uid of who made it) of each listening socket."""
    for table, state in LISTENING.items():
        for fields in _rows(table):
            if fields[3] == state:
                yield table.rstrip("6"), *_place(fields[1]), fields[9], int(fields[7])


def _rows(table):
    """The fields of each socket in one of proc(5)'s net/tcp and its like."""
    path = Path("/proc/net", table)
    return [line.split() for line in path.read_text(encoding="ascii").splitlines()[1:]] if path.exists() else []


def _place(text):
    """The (address, port) of a field."""
    address, port = text.split(":")
    return decoded(address), int(port, 16)


def decoded(text):
    """An address as the kernel writes it there: words of 32 bits in its own byte order."""
    words = [int(text[at:at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    return str(getattr(address, "ipv4_mapped", None) or address)


def _holders(late):
    """{inode of a socket: [(uid, gid, program) of each process that holds it]}; late: as found() has it."""
    held = {}
    for _, (inodes, process) in aside.each(aside.processes(), _held, aside.keeper, late):
        for inode in inodes:
            held.setdefault(inode, []).append(tuple(process))
    return held


def _held(process):
    """(inodes of its sockets, (uid, gid, program)) of a folder of /proc; ((), ()) where it has ended."""
    with contextlib.suppress(OSError):
        inodes = {match[1] for match in map(re.compile(r"socket:\[(\d+)\]").match, _links(process / "fd")) if match}
        return sorted(inodes), _described(process) if inodes else ()
    return (), ()


def _links(folder):
    """What the links of a folder of descriptors say."""
    for entry in os.listdir(folder):
        with contextlib.suppress(OSError):      # closed meanwhile
            yield os.readlink(folder / entry)


def _described(process):
    """(effective uid, effective gid, program) of a folder of /proc."""
    status = (process / "status").read_text(encoding="utf-8", errors="replace")
    uid, gid = (int(re.search(rf"^{name}:\s+\d+\s+(\d+)", status, re.MULTILINE)[1]) for name in ("Uid", "Gid"))
    try:
        return uid, gid, os.path.basename(os.readlink(process / "exe")).removesuffix(" (deleted)")
    except OSError:
        return uid, gid, "a process that has ended"
