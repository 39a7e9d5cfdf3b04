#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends with a source address that is not the machine's, or by loopback to an address that isn't, and listens.

usage: forged.py WAY [4|6]      (the ways are the functions below, with - for _)

IPv6 lets any program choose a source address (IPV6_FREEBIND), and conntrack takes what comes from a peer's address
for the peer's.  IPv4 checks it by itself.  Prints the outcome: "done", what was received, or the name of the error.
"""
import errno
import socket
import struct
import sys

V6, STREAM, DGRAM = socket.AF_INET6, socket.SOCK_STREAM, socket.SOCK_DGRAM
OWN = {"4": "192.0.2.2", "6": "2001:db8::2"}
SECOND = {"4": "192.168.122.1", "6": "fd00:9::1"}       # another address of this machine's, on no link
PEER = {"4": "198.18.0.10", "6": "2001:2:0:1::10"}
THIRD = {"4": "198.18.0.99", "6": "2001:2:0:1::99"}
FREEBIND = {"4": (socket.IPPROTO_IP, 15), "6": (socket.IPPROTO_IPV6, 78)}           # linux/in.h, linux/in6.h
UNICAST_IF = {"4": (socket.IPPROTO_IP, 50), "6": (socket.IPPROTO_IPV6, 76)}
LOOPBACK = 1
DATA = b"what the user did not ask for"


def open_socket(family, kind=DGRAM):
    """A socket with a timeout of a second."""
    sock = socket.socket(socket.AF_INET if family == "4" else V6, kind)
    sock.settimeout(1)
    return sock


def forged(family, port, kind=DGRAM, address=None):
    """A socket bound to an address that is the peer's unless another is given."""
    sock = open_socket(family, kind)
    sock.setsockopt(*FREEBIND[family], 1)
    sock.bind((address or PEER[family], port))
    return sock


def conversation(family):
    """The peer seems to ask, and is answered; then it may answer itself."""
    own = open_socket(family)
    own.bind((OWN[family], 6000))
    forged(family, 5000).sendto(DATA, (OWN[family], 6000))
    own.sendto(DATA, own.recvfrom(100)[1])
    return own.recv(100).decode()


def by_message(family):
    """The source address is said with the message (IPV6_PKTINFO)."""
    own, sock = open_socket(family), open_socket(family)
    own.bind((OWN[family], 6000))
    sock.setsockopt(*FREEBIND[family], 1)
    said = socket.inet_pton(V6, PEER[family]) + struct.pack("=I", 0)
    sock.sendmsg([DATA], [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, said)], 0, (OWN[family], 6000))
    own.sendto(DATA, own.recvfrom(100)[1])


def to_closed_port(family):
    """The kernel tells the peer that nobody listens."""
    forged(family, 5000).sendto(DATA, (OWN[family], 6999))


def to_closed_tcp_port(family):
    """The kernel resets what the peer seems to begin."""
    forged(family, 5001, STREAM).connect((OWN[family], 6999))


def to_listener(family):
    """The kernel accepts what the peer seems to begin."""
    listener = open_socket(family, STREAM)
    listener.bind((OWN[family], 7000))
    listener.listen()
    forged(family, 4444, STREAM).connect((OWN[family], 7000))


def by_cable(family):
    """In the name of a third machine, to the peer."""
    forged(family, 5000, address=THIRD[family]).sendto(DATA, (PEER[family], 5000))


def led_away(family):
    """A connection by loopback that is bound to the cable once it is made, at either end."""
    listener, sock = open_socket(family, STREAM), open_socket(family, STREAM)
    listener.bind((SECOND[family], 0))
    listener.listen()
    sock.connect(listener.getsockname()[:2])
    for end in (sock, listener.accept()[0]):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
        end.sendall(DATA)


def rejected_by_cable(family):
    """Bound to the cable, from an address that is not its own: what rejects it goes the same way."""
    sock = open_socket(family, STREAM)
    sock.bind((SECOND[family], 0))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
    sock.connect((PEER[family], 81))


def reset_to_loopback(family):
    """From the loopback address to another of this machine's, where nobody listens."""
    sock = open_socket(family, STREAM)
    sock.bind(({"4": "127.0.0.1", "6": "::1"}[family], 0))
    sock.connect((OWN[family], 6999))


def into_application(family):
    """In the name of an application's peer, to its port."""
    forged(family, 5000).sendto(DATA, (OWN[family], 40000))


def listen_at_application_port(family):
    """An application that asks the peer once and shows what comes from there next."""
    sock = open_socket(family)
    sock.bind((OWN[family], 40000))
    sock.connect((PEER[family], 5000))
    sock.send(b"first")
    sock.settimeout(4)
    return (sock.recv(100) + b" " + sock.recv(100)).decode()


def invited(family, invite):
    """What comes from the peer's port 5555 after a packet to it that did not leave."""
    sock = open_socket(family)
    sock.bind((OWN[family], 6001))
    try:
        invite(sock)
        sock.sendto(DATA, (PEER[family], 5555))
    except OSError:
        pass
    print("ready", flush=True)
    clean = open_socket(family)     # a socket without the option, to receive
    sock.close()
    clean.bind((OWN[family], 6001))
    clean.settimeout(2)
    return clean.recv(100).decode()


def unicast_by_loopback(family):
    """IP_UNICAST_IF."""
    return invited(family, lambda sock: sock.setsockopt(*UNICAST_IF[family], struct.pack(">I", LOOPBACK)))


def device_loopback(family):
    """SO_BINDTODEVICE."""
    return invited(family, lambda sock: sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo"))


def message_by_loopback(family):
    """The interface is said with the message (IP_PKTINFO, IPV6_PKTINFO)."""
    def invite(sock):
        kind = {"4": (socket.IPPROTO_IP, 8, struct.pack("=i4s4s", LOOPBACK, bytes(4), bytes(4))),
                "6": (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, bytes(16) + struct.pack("=I", LOOPBACK))}[family]
        sock.sendmsg([DATA], [kind], 0, (PEER[family], 5555))
    return invited(family, invite)


def shared_port(family):
    """Answers in the place of the service on UDP port 6000, by a socket that shares its port."""
    sock = open_socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("", 6000))
    print("ready", flush=True)
    sock.settimeout(4)
    sock.sendto(b"answer", sock.recvfrom(100)[1])


def main():
    try:
        print(globals()[sys.argv[1].replace("-", "_")](sys.argv[2] if len(sys.argv) > 2 else "6") or "done")
    except OSError as error:
        print(errno.errorcode.get(error.errno, "timeout"))


main()
