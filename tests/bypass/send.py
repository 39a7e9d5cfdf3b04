#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries to get a packet out in one way.

usage: send.py WAY      (the ways are the functions below, with - for _)

Prints the outcome: "done" when the kernel took the data, else the name of the error.  The
peer is 198.18.0.10 and 2001:2:0:1::10, which tests/internet answers for.
"""
import errno
import os
import socket
import struct
import sys
import time

HOST4, HOST6, MAPPED = "198.18.0.10", "2001:2:0:1::10", "::ffff:198.18.0.10"
STREAM, DGRAM, RAW = socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW
MPTCP, UDPLITE, SCTP, DCCP = 262, 136, 132, 33      # protocols of linux/in.h that Python 3.11 has no name for
PEER = {socket.AF_INET: HOST4, socket.AF_INET6: HOST6}
ECHO = {socket.AF_INET: struct.pack(">BBHHH", 8, 0, 0xF7FF, 0, 0),
        socket.AF_INET6: struct.pack(">BBHHH", 128, 0, 0, 0, 0)}
DATA = b"what the user did not ask for"


def open_socket(family, kind=DGRAM, protocol=0, **options):
    """A socket with a timeout of 2 seconds; options: name of a SOL_SOCKET option to its value."""
    sock = socket.socket(family, kind, protocol)
    sock.settimeout(2)
    for name, value in options.items():
        sock.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
    return sock


def connect(family, protocol=0, host=None):
    """Connects to the web server and asks for a page."""
    sock = open_socket(family, STREAM, protocol)
    sock.connect((host or PEER[family], 80))
    sock.sendall(b"GET / HTTP/1.0\r\n\r\n")


def send(family, size=len(DATA), port=5000, host=None, protocol=0, **options):
    """Sends one datagram."""
    open_socket(family, protocol=protocol, **options).sendto(DATA.ljust(size), (host or PEER[family], port))


def tcp4():
    connect(socket.AF_INET)


def tcp6():
    connect(socket.AF_INET6)


def tcp_mapped():
    connect(socket.AF_INET6, host=MAPPED)


def tcp_fast_open():
    sock = open_socket(socket.AF_INET, STREAM)
    sock.setblocking(True)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 2000)
    sock.sendto(DATA, socket.MSG_FASTOPEN, (HOST4, 80))


def mptcp4():
    connect(socket.AF_INET, MPTCP)


def mptcp6():
    connect(socket.AF_INET6, MPTCP)


def udp4():
    send(socket.AF_INET)


def udp6():
    send(socket.AF_INET6)


def udp_mapped():
    send(socket.AF_INET6, host=MAPPED)


def udp_connected():
    sock = open_socket(socket.AF_INET)
    sock.connect((HOST4, 5000))
    sock.send(DATA)


def udp_fragments4():
    send(socket.AF_INET, size=5000)


def udp_fragments6():
    send(socket.AF_INET6, size=5000)


def udp_cork():
    """Data gathered in the socket and pushed out by turning the option off."""
    sock = open_socket(socket.AF_INET)
    sock.connect((HOST4, 5000))
    sock.setsockopt(socket.IPPROTO_UDP, 1, 1)      # UDP_CORK
    sock.send(DATA)
    sock.setsockopt(socket.IPPROTO_UDP, 1, 0)


def udp_segments():
    """A buffer that the kernel, or the network card, cuts into datagrams."""
    sock = open_socket(socket.AF_INET)
    sock.setsockopt(socket.IPPROTO_UDP, 103, 500)       # UDP_SEGMENT
    sock.sendto(DATA.ljust(1500), (HOST4, 5000))


def udplite():
    send(socket.AF_INET, protocol=UDPLITE)


def broadcast():
    send(socket.AF_INET, host="255.255.255.255", SO_BROADCAST=1)


def multicast4():
    sock = open_socket(socket.AF_INET)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("192.0.2.2"))
    sock.sendto(DATA, ("224.0.0.251", 5353))


def multicast6():
    open_socket(socket.AF_INET6).sendto(DATA, ("ff02::fb", 5353, 0, socket.if_nametoindex("eth0")))


def name_server4():
    send(socket.AF_INET, host="192.0.2.1", port=53)


def name_server6():
    send(socket.AF_INET6, host="2001:db8::1", port=53)


def dhcp_server():
    """From a port that needs no privilege: those below 1024 do."""
    send(socket.AF_INET, host="192.0.2.1", port=67)


def ip_options():
    """A loose source route over the router, which the peer is behind."""
    sock = open_socket(socket.AF_INET)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, struct.pack(">BBBB4s", 1, 131, 7, 4, socket.inet_aton(HOST4)))
    sock.sendto(DATA, ("192.0.2.1", 5000))


def bound_to_cable():
    send(socket.AF_INET, SO_BINDTODEVICE=b"eth0")


def bound_to_loopback():
    """Loopback is open: a packet for elsewhere might go by it."""
    send(socket.AF_INET, SO_BINDTODEVICE=b"lo")


def join_multicast4():
    """The kernel reports it to the link (IGMP), some time within a second."""
    sock = open_socket(socket.AF_INET)
    group = socket.inet_aton("239.1.2.3") + socket.inet_aton("192.0.2.2")
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
    time.sleep(0.2)


def join_multicast6():
    """The kernel reports it to the link (MLD); the group's address can carry data."""
    group = socket.inet_pton(socket.AF_INET6, "ff02::6461:7461")
    sock = open_socket(socket.AF_INET6)
    cable = struct.pack("@I", socket.if_nametoindex("eth0"))
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group + cable)
    time.sleep(1.2)


def ping4():
    open_socket(socket.AF_INET, protocol=socket.IPPROTO_ICMP).sendto(ECHO[socket.AF_INET], (HOST4, 0))


def ping6():
    open_socket(socket.AF_INET6, protocol=socket.IPPROTO_ICMPV6).sendto(ECHO[socket.AF_INET6], (HOST6, 0))


def raw4():
    open_socket(socket.AF_INET, RAW, socket.IPPROTO_ICMP).sendto(ECHO[socket.AF_INET], (HOST4, 0))


def raw6():
    open_socket(socket.AF_INET6, RAW, socket.IPPROTO_ICMPV6).sendto(ECHO[socket.AF_INET6], (HOST6, 0))


def raw_sctp():
    """An SCTP INIT chunk, made by hand: the kernel's own SCTP is a module that may be missing."""
    open_socket(socket.AF_INET, RAW, SCTP).sendto(struct.pack(">HHLLBBHLLHHL", 9, 9, 0, 0, 1, 0, 20, 1, 9999, 1, 1, 1),
                                                  (HOST4, 0))


def raw_dccp():
    open_socket(socket.AF_INET, RAW, DCCP).sendto(struct.pack(">HHBBHLQL", 9, 9, 7, 0, 0, 1, 1, 0), (HOST4, 0))


def raw_protocol():
    """A protocol that nobody uses: 253 is for experiments (RFC 3692)."""
    open_socket(socket.AF_INET, RAW, 253).sendto(DATA, (HOST4, 0))


def own_header():
    """A whole IP packet, header and all, that says it is a fragment further back."""
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 0, 7, 100, 64, socket.IPPROTO_UDP, 0, bytes(4),
                         socket.inet_aton(HOST4))
    open_socket(socket.AF_INET, RAW, socket.IPPROTO_RAW).sendto(header + DATA, (HOST4, 0))


def extension_headers():
    """UDP behind a hop-by-hop and a destination options header."""
    sock = open_socket(socket.AF_INET6)
    options = [(socket.IPPROTO_IPV6, kind, bytes((0, 0, 1, 4, 0, 0, 0, 0)))     # padding alone
               for kind in (socket.IPV6_HOPOPTS, socket.IPV6_DSTOPTS)]
    sock.sendmsg([DATA], options, 0, (HOST6, 5000))


def checksum(header):
    """The Internet checksum (RFC 1071) of an even number of bytes."""
    total = sum(struct.unpack(f">{len(header) // 2}H", header))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def packet_socket():
    """A frame with an IP packet for everyone on the link, made by hand."""
    sock = socket.socket(socket.AF_PACKET, RAW)
    sock.bind(("eth0", 0))
    ends = socket.inet_aton("192.0.2.2") + socket.inet_aton(HOST4)
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(DATA), 7, 0, 64, 253, 0)
    header = struct.pack(">10sH", header[:10], checksum(header + ends))
    sock.send(bytes([255] * 6 + [2, 0, 0, 0, 0, 9, 8, 0]) + header + ends + DATA)


def socket_mark():
    """The mark of the group anywhere and of the calling user, gid 30002."""
    send(socket.AF_INET, SO_MARK=30002 << 16 | os.getuid())


def main():
    try:
        globals()[sys.argv[1].replace("-", "_")]()
        print("done")
    except OSError as error:
        print(errno.errorcode.get(error.errno, "timeout"))


main()
