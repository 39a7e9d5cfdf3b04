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

HOST = "198.18.0.20"
SCTP, RXRPC, SMC = 132, 33, 43      # a protocol and two families that Python 3.11 has no name for
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
