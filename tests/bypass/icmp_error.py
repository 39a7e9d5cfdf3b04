#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends this lab's machine an ICMP error that quotes a packet from its UDP port 6001 to its own port 6002.

usage: icmp_error.py 4|6        in the network of the internet, as root
"""
import socket
import struct
import sys


def checksum(data):
    """The Internet checksum (RFC 1071)."""
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


UDP = struct.pack(">4H", 6001, 6002, 16, 0) + b"from out"
if sys.argv[1] == "4":
    own = socket.inet_aton("192.0.2.2")
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(UDP), 1, 0, 64, 17, 0, own, own)
    head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
    error = struct.pack(">BBHL", 3, 3, 0, 0) + head + UDP
    error = error[:2] + struct.pack(">H", checksum(error)) + error[4:]
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).sendto(error, ("192.0.2.2", 0))
else:
    own = socket.inet_pton(socket.AF_INET6, "2001:db8::2")
    head = struct.pack(">LHBB16s16s", 6 << 28, len(UDP), 17, 64, own, own)
    raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)     # the kernel writes the checksum
    raw.sendto(struct.pack(">BBHL", 1, 4, 0, 0) + head + UDP, ("2001:db8::2", 0))
