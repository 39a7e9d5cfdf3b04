# SPDX-License-Identifier: GPL-3.0-or-later
"""Real tries to reach what is closed, by a program outside of every group, of a user that no one is."""
import contextlib
import errno
import socket
from collections import namedtuple

from .. import limits, mark
from ..observe import counters
from ..system.run import run

STRANGER = limits.STRANGER      # nobody is some services'
BY_EBPF = mark.encode(STRANGER, STRANGER)   # nft alone marks no id that the machine does not have
ADDRESSES = {4: "203.0.113.113", 6: "2001:db8:ffff::113"}   # for documentation, nobody's: RFC 5737, RFC 3849
PORT = 9            # discard
TCP = 6
SECONDS = 2
HURRIED = 2         # seconds of queries
WAITING = 4096      # more than wait at a socket at a time (net.core.rmem_default, somaxconn)
OTHER = "127.0.2.53"    # an address of lo that no one uses
NAME = "galaf-doctor.invalid"   # what ASK asks for

Outcome = namedtuple("Outcome", "address error seconds counted")
Outcome.__doc__ = """What became of one connection.

error: the name of its errno, "timeout", or "connected"; seconds: how long it took, 0 to SECONDS;
counted: whether the rules counted it as refused.
"""

CONNECT = """
import errno, socket, sys, time
began = time.monotonic()
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3]))
    said = "connected"
except TimeoutError:
    said = "timeout"
except OSError as error:
    said = errno.errorcode.get(error.errno, str(error))
print(said, time.monotonic() - began)
"""
# A query for the A record of galaf-doctor.invalid (RFC 1035, 4.1; RFC 6761), with some bytes behind it.
ASK = """
import socket, sys
socket.setdefaulttimeout(float(sys.argv[2]))
with socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM) as asking:
    try:
        asking.connect((sys.argv[1], 53))
        asking.send(bytes.fromhex("676101000001000000000000") + b"\\x0cgalaf-doctor\\x07invalid\\0\\0\\1\\0\\1"
                    + bytes.fromhex(sys.argv[3]))
        print(asking.recv(512)[3] & 15)
    except OSError:
        print("silent")
"""
# Queries for what dnsmasq answers by itself, as fast as they go: TXT version.bind of class CHAOS.  How many were sent,
# and how many of the answers were not REFUSED.
HURRY = """
import socket, sys, time
passed = sent = 0
query = bytes.fromhex("676101000001000000000000") + b"\\x07version\\x04bind\\0\\0\\x10\\0\\3"
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
    asking.connect((sys.argv[1], 53))
    asking.setblocking(False)
    end = time.monotonic() + float(sys.argv[2])
    while time.monotonic() < end + 0.2:
        try:
            if time.monotonic() < end:
                sent += bool(asking.send(query))
            passed += asking.recv(512)[3] & 15 != 5
        except OSError:
            pass
print(passed, sent)
"""
# An empty datagram to an own address, from one that is not this machine's (IPV6_FREEBIND, IP_FREEBIND).  Prints from
# where it goes.
FORGE = """
import socket, sys
six = ":" in sys.argv[1]
with socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM) as forging:
    forging.setsockopt(socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP, 78 if six else 15, 1)
    try:
        forging.bind((sys.argv[1], 0))
        print(*forging.getsockname()[:2])
        forging.sendto(b"", (sys.argv[2], int(sys.argv[3])))
    except OSError:
        pass
"""
# An empty datagram to an address that is nobody's, by way of lo (IPV6_UNICAST_IF, IP_UNICAST_IF).
DIVERT = """
import socket, struct, sys
six = ":" in sys.argv[1]
try:
    with socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM) as diverting:
        diverting.setsockopt(socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP, 76 if six else 50,
                             struct.pack("!I", socket.if_nametoindex("lo")))
        diverting.sendto(b"", (sys.argv[1], 9))
    print("sent")
except OSError:
    print("refused")
"""
# A datagram of DNS's port, and a connection, to an address of this machine's.  Prints from where.
CALL = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
    with socket.socket(family, kind) as calling:
        calling.settimeout(float(sys.argv[2]))
        try:
            calling.connect((sys.argv[1], 53))
            calling.send(b"")
        except OSError:
            pass
        print(*calling.getsockname()[:2])
"""
# A process of an application group's makes a user namespace; another one of the same user enters it.
ENTER = """
setpriv --reuid="$1" --regid="$2" --clear-groups unshare --user sh -c 'echo $$; exec sleep 60' 2>&1 | {
    read -r process
    case $process in
    '' | *[!0-9]*) echo "none" ;;
    *)
        setpriv --reuid="$1" --regid="$1" --clear-groups nsenter --user --preserve-credentials --target "$process" \\
            true 2>/dev/null && echo "entered" || echo "refused"
        kill "$process"
        ;;
    esac
}
"""
# What becomes of a socket of each (family, type, protocol): "made", or the name of its error.
SOCKETS = """
import ctypes, errno, sys
library = ctypes.CDLL(None, use_errno=True)
for word in sys.argv[1:]:
    made = library.socket(*map(int, word.split(",")))
    print("made" if made >= 0 else errno.errorcode[ctypes.get_errno()])
"""
GUARDED_FAMILY = "11,1,0"   # AF_DECnet, which Linux had until 6.0, as linux/socket.h has it: no module comes for it
PPPOE = "24,1,0"            # AF_PPPOX, PX_PROTO_OE: linux/if_pppox.h
CODES = {"0": "NOERROR", "2": "SERVFAIL", "3": "NXDOMAIN", "5": "REFUSED", "silent": "silent"}


def try_out(table):
    """{4: Outcome, 6: Outcome} of connecting to an address that is nobody's; table: the rules', of family inet."""
    found = {}
    for family, address in ADDRESSES.items():
        before = refused(table, family)
        error, seconds = as_stranger(CONNECT, address, str(PORT), str(SECONDS)).split()
        found[family] = Outcome(address, error, float(seconds), refused(table, family) > before)
    return found


def refused(table, family):
    """How many packets of the probe's kind the rules have refused since they were loaded."""
    name = f"denied{family}"
    counts, _ = counters.read(table, [name])
    return sum(count.packets for count in counts.get(name, ())
               if count.key in [(one, ADDRESSES[family], TCP, PORT) for one in (BY_EBPF, mark.UNMARKED)])


def ask_name(server, more=b"", seconds=SECONDS):
    """What a name server says to a name that does not exist: the name of its RCODE (RFC 1035), or "silent".

    more: bytes behind the question; seconds: how long it has time.
    """
    said = as_stranger(ASK, server, str(seconds), more.hex()).strip()
    return CODES.get(said, said)


def hurry(server):
    """(how many, of how many) queries a name server answers to a program that may ask nothing and asks for HURRIED."""
    passed, sent = as_stranger(HURRY, server, str(HURRIED)).split()
    return int(passed), int(sent)


def forge(ours):
    """Whether a program can send from an address that is nobody's to one of this machine's; ours: that one."""
    family, theirs = (socket.AF_INET6, ADDRESSES[6]) if ":" in ours else (socket.AF_INET, ADDRESSES[4])
    with socket.socket(family, socket.SOCK_DGRAM) as listening:
        listening.bind((ours, 0))
        said = as_stranger(FORGE, theirs, ours, str(listening.getsockname()[1]))
        return _arrived(listening, said)


def divert():
    """The addresses, nobody's, to which a program can send by way of lo."""
    return [address for address in ADDRESSES.values() if as_stranger(DIVERT, address).strip() == "sent"]


def call_resolver(address):
    """What becomes of a query, of UDP and of TCP, at a resolver on an address of this machine's.

    One of our own listens there for that: "reached" or "closed".  Where another one has the port, what
    that one says, as ask_name() has it.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.ExitStack() as sockets:
        listening = [sockets.enter_context(socket.socket(family, kind))
                     for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
        try:
            for one in listening:
                one.bind((address, 53))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return ask_name(address)
        listening[1].listen()
        said = as_stranger(CALL, address, str(SECONDS))
        return "reached" if any(_arrived(one, said) for one in listening) else "closed"


def _arrived(listening, said):
    """Whether a datagram or a connection of a program's waits at a socket, among those of others, who may send, too.

    said: a line "ADDRESS PORT" for each socket of the program's.
    """
    listening.setblocking(False)
    senders = {_sender(listening) for _ in range(WAITING)}
    return any(tuple(line.split()) in senders for line in said.splitlines())


def _sender(listening):
    """The (address, port), as texts, of what waits first at a socket; None where nothing does."""
    try:
        if listening.type == socket.SOCK_STREAM:
            connection, sender = listening.accept()
            connection.close()
        else:
            sender = listening.recvfrom(1)[1]
    except BlockingIOError:
        return None
    return sender[0], str(sender[1])


def enter_namespace():
    """What becomes of nobody's try to enter the user namespace of an application that nobody runs.

    "entered", "refused", or "none" where the kernel makes no user namespaces.
    """
    return run("sh", "-c", ENTER, "sh", str(STRANGER), str(limits.GIDS[1])).strip()


def other_sockets():
    """What becomes of a socket of a family that the rules do not see.

    "refused" by galaf_mark's guard; else PPPoE's is tried, as any program may: "made" or "none".
    """
    if as_stranger(SOCKETS, GUARDED_FAMILY).strip() == "EPERM":
        return "refused"
    return "made" if as_stranger(SOCKETS, PPPOE).strip() == "made" else "none"


def as_stranger(program, *arguments):
    """Runs a Python program without any permission; returns what it prints."""
    return run("setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups", "--inh-caps=-all",
               "--bounding-set=-all", "--no-new-privs", "/usr/bin/python3", "-I", "-c", program, *arguments)
