#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends by a socket of one of the kernel's modules, which it loads at an ordinary user's demand.

usage: module_sockets.py WAY      (the ways are the functions below, with - for _)

Prints the outcome: "done" when the kernel took the data, else the name of the error.  The peer is 198.18.0.20.
"""
import ctypes
import errno
import socket
import struct
import sys
import time
from pathlib import Path

HOST = "198.18.0.20"
L2TP, SCTP, RXRPC, PPPOX, SMC = 115, 132, 33, 24, 43    # protocols and families that Python 3.11 has no name for
PPPOE = 0                           # linux/if_pppox.h
SOL_RXRPC, USER_CALL_ID = 272, 1    # linux/rxrpc.h
LIBC = ctypes.CDLL(None, use_errno=True)


class Vector(ctypes.Structure):
    """struct iovec"""
    _fields_ = [("base", ctypes.c_char_p), ("length", ctypes.c_size_t)]


class Message(ctypes.Structure):
    """struct msghdr"""
    _fields_ = [("name", ctypes.c_char_p), ("name_length", ctypes.c_uint), ("vector", ctypes.POINTER(Vector)),
                ("vectors", ctypes.c_size_t), ("control", ctypes.c_char_p), ("control_length", ctypes.c_size_t),
                ("flags", ctypes.c_int)]


def check(result):
    """Raises OSError for a C function that says -1."""
    if result == -1:
        raise OSError(ctypes.get_errno(), "")
    return result


def internet_address(host, port):
    """struct sockaddr_in"""
    return struct.pack("=H", socket.AF_INET) + struct.pack(">H4s8x", port, socket.inet_aton(host))


def sctp():
    sock = socket.socket(socket.AF_INET, socket.SOCK_SEQPACKET, SCTP)
    sock.settimeout(2)
    sock.sendto(b"data", (HOST, 80))


def l2tp():
    """Its packets of data, over IP without UDP (RFC 3931, 4.1.1)."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, L2TP)
    sock.bind(("", 0))      # the next field of its address, a tunnel's number, is 0 too
    sock.sendto(b"data", (HOST, 0))


def pppoe():
    """Frames of PPPoE's to the gateway, whose address any user can read."""
    gateway = Path("/proc/net/arp").read_text(encoding="ascii").splitlines()[1].split()
    sock = check(LIBC.socket(PPPOX, socket.SOCK_STREAM, PPPOE))
    there = struct.pack("=HI", PPPOX, PPPOE) + struct.pack("!H", 7) + bytes.fromhex(gateway[3].replace(":", ""))
    there += gateway[5].encode().ljust(16, b"\0")
    check(LIBC.connect(sock, there, len(there)))
    check(LIBC.send(sock, b"data", 4, 0))


def smc():
    """Asks for shared memory by an option of TCP's."""
    sock = socket.socket(SMC, socket.SOCK_STREAM)
    address = internet_address(HOST, 80)
    check(LIBC.connect(sock.fileno(), address, len(address)))


def rxrpc():
    """The kernel sends by a UDP socket of its own."""
    def address(host, port, service):
        inner = internet_address(host, port)
        return struct.pack("=HHHH", RXRPC, service, socket.SOCK_DGRAM, len(inner)) + inner.ljust(28, b"\0")
    sock = check(LIBC.socket(RXRPC, socket.SOCK_DGRAM, socket.AF_INET))
    here, there = address("0.0.0.0", 0, 0), address(HOST, 7003, 52)
    check(LIBC.bind(sock, here, len(here)))
    control = struct.pack("@NiiN", 24, SOL_RXRPC, USER_CALL_ID, 1)
    message = Message(there, len(there), ctypes.pointer(Vector(b"data", 4)), 1, control, len(control), 0)
    check(LIBC.sendmsg(sock, ctypes.byref(message), 0))


def main():
    try:
        globals()[sys.argv[1].replace("-", "_")]()
        print("done")
    except OSError as error:
        print(errno.errorcode.get(error.errno, "timeout"))
    time.sleep(1)       # while the socket is open, a thread of the kernel's may still send


main()
