# SPDX-License-Identifier: GPL-3.0-or-later
"""The other end of the cable: it records every packet that the machine sends, and sends what nobody asked for."""
import ctypes
import fcntl
import functools
import ipaddress
import os
import socket
import struct

INTERNET = "/run/netns/internet"
OWN = {"192.0.2.2", "2001:db8::2"}
ROUTER = {"192.0.2.1", "2001:db8::1"}
KNOCK = b"galaf: an uninvited packet"
KNOCK_SEQUENCE = 0x67616C61
CLONE_NEWNET = 0x40000000
SIOCGIFHWADDR = 0x8927
SOL_PACKET, PACKET_STATISTICS, PACKET_IGNORE_OUTGOING = 263, 6, 23      # linux/if_packet.h
RECEIVE_BUFFER = 256 << 20      # bytes
ICMP, IGMP, TCP, UDP, ICMP6 = 1, 2, 6, 17, 58
PROTOCOLS = {ICMP: "ICMP", IGMP: "IGMP", TCP: "TCP", UDP: "UDP", ICMP6: "ICMPv6", 132: "SCTP", 136: "UDP-Lite"}
FLAGS = "FSRPAU"
LIBC = ctypes.CDLL(None, use_errno=True)


def in_namespace(path, function):
    """What the function returns, called in another network namespace; its sockets stay there."""
    own, other = os.open("/proc/self/ns/net", os.O_RDONLY), os.open(path, os.O_RDONLY)
    try:
        if LIBC.setns(other, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {path}")
        return function()
    finally:
        LIBC.setns(own, CLONE_NEWNET)
        os.close(own)
        os.close(other)


def packet_socket():
    """A socket for the frames of eth0, and its MAC address."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.bind(("eth0", 3))
    sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    sock.setsockopt(socket.SOL_SOCKET, 33, RECEIVE_BUFFER)      # SO_RCVBUFFORCE
    sock.setblocking(False)
    request = fcntl.ioctl(sock, SIOCGIFHWADDR, struct.pack("16s16x", b"eth0"))
    return sock, request[18:24]


class Wire:
    """A recorder and a sender at the other end of eth0."""

    def __init__(self):
        self.sock, self.mac = in_namespace(INTERNET, packet_socket)
        here, self.machine = packet_socket()
        here.close()

    def frames(self):
        """What has arrived since the last call; raises RuntimeError if any was lost."""
        found = []
        while True:
            try:
                found.append(self.sock.recv(65536))
            except BlockingIOError:
                break
        if struct.unpack("II", self.sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]:
            raise RuntimeError("the recorder has lost packets")
        return found

    def send(self, packet):
        """Sends an IP packet to the machine."""
        kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
        self.sock.send(self.machine + self.mac + kind + packet)


def checksum(data):
    """The Internet checksum (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def ip_packet(source, destination, protocol, data):
    """An IPv4 or IPv6 packet; source and destination: texts."""
    ends = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    if len(ends) == 32:
        return struct.pack(">LHBB", 6 << 28, len(data), protocol, 64) + ends + data
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(data), 0, 0, 64, protocol, 0) + ends
    return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + data


@functools.cache
def uninvited(kind, source, sport, destination, dport):
    """A packet of the peer's that nobody asked for: data over UDP, an answer to a ping, the first of a TCP
    connection, an ICMP error about a datagram that the machine may have sent: "udp", "echo", "tcp", "error"."""
    pseudo = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    icmp = ICMP6 if ":" in source else ICMP
    number, at, head, data = {
        "udp": (UDP, 6, struct.pack(">HHHH", sport, dport, 8 + len(KNOCK), 0), KNOCK),
        "tcp": (TCP, 16, struct.pack(">HHLLBBHHH", sport, dport, KNOCK_SEQUENCE, 0, 0x50, 2, 65000, 0, 0), b""),
        "echo": (icmp, 2, struct.pack(">BBHHH", 129 if icmp == ICMP6 else 0, 0, 0, dport, 1), KNOCK),
        "error": (icmp, 2, *_error(source, sport, destination, dport)),
    }[kind]
    length = len(head) + len(data)
    over = b"" if number == ICMP else pseudo + struct.pack(">LL", length, number)
    head = head[:at] + struct.pack(">H", checksum(over + head + data)) + head[at + 2:]
    return ip_packet(source, destination, number, head + data)


def _error(source, sport, destination, dport):
    inner = ip_packet(destination, source, UDP, struct.pack(">HHHH", dport, sport, 8 + len(KNOCK), 0) + KNOCK)
    return struct.pack(">BBHL", *((1, 4) if ":" in source else (3, 3)), 0, 0), inner


class Packet:
    """What the recorder reads of a frame: protocol, ends, ports, flags, ICMP type and code."""

    def __init__(self, frame):
        self.frame = frame
        self.kind = int.from_bytes(frame[12:14], "big")
        self.protocol, self.source, self.destination, self.data = None, "", "", frame[14:]
        self.fragment = False
        if self.kind == 0x0800:
            self._read4(frame[14:])
        elif self.kind == 0x86DD:
            self._read6(frame[14:])

    def _read4(self, packet):
        self.protocol, self.hops = packet[9], packet[8]
        self.source, self.destination = (socket.inet_ntop(socket.AF_INET, packet[at:at + 4]) for at in (12, 16))
        self.fragment = struct.unpack(">H", packet[6:8])[0] & 0x1FFF != 0
        self.data = packet[4 * (packet[0] & 15):struct.unpack(">H", packet[2:4])[0]]

    def _read6(self, packet):
        self.protocol, self.hops = packet[6], packet[7]
        self.source, self.destination = (socket.inet_ntop(socket.AF_INET6, packet[at:at + 16]) for at in (8, 24))
        self.data = packet[40:40 + struct.unpack(">H", packet[4:6])[0]]
        while self.protocol in (0, 43, 44, 60) and len(self.data) >= 8:
            self.fragment |= self.protocol == 44 and struct.unpack(">H", self.data[2:4])[0] & 0xFFF8 != 0
            length = 8 if self.protocol == 44 else 8 + 8 * self.data[1]
            self.protocol, self.data = self.data[0], self.data[length:]

    def name(self):
        """Its protocol, with flags or type, which finds of one kind share."""
        if self.protocol is None:
            return f"Ethernet {self.kind:#06x}"
        name = PROTOCOLS.get(self.protocol, f"protocol {self.protocol}")
        if self.fragment:
            return f"{name} fragment"
        if self.protocol == TCP:
            return f"{name} " + "".join(flag for bit, flag in enumerate(FLAGS) if self.data[13] >> bit & 1)
        if self.protocol in (ICMP, ICMP6):
            return f"{name} type {self.data[0]} code {self.data[1]}"
        return name

    def sort(self):
        """What alike finds share: the name, whose address it is from, and the port where it is a name server's."""
        name_server = self.protocol in (UDP, TCP) and self.data[2:4] == b"\0\x35"
        address = "its own address" if self.source in OWN else "another address"
        return f"{self.name()} from {address}" + " to port 53" * name_server

    def text(self):
        """One line for people."""
        ends = self.source, self.destination
        if self.protocol in (TCP, UDP, 136) and not self.fragment:
            sport, dport = struct.unpack(">HH", self.data[:4])
            ends = f"{self.source} port {sport}", f"{self.destination} port {dport}"
        return f"{self.name()} from {ends[0]} to {ends[1]}, {len(self.frame)} bytes: {self.data[:64].hex()}"


def listed(packet):
    """Whether SECURITY.md says that such a packet passes: ARP, neighbour discovery and multicast reports of the
    machine's own, and its refusal of what this peer sent uninvited."""
    if packet.kind == 0x0806:
        target = socket.inet_ntoa(packet.frame[38:42])
        return target in ROUTER or target in OWN
    if packet.protocol == ICMP6 and not packet.fragment and len(packet.data) >= 4:
        return _discovers(packet) or _refuses(packet)
    return packet.protocol in (ICMP, TCP) and not packet.fragment and _refuses(packet)


def _discovers(packet):
    if packet.data[0] == 143:
        return packet.destination == "ff02::16"
    own = packet.source in OWN or packet.source == "::" or packet.source.startswith("fe80:")
    if packet.hops != 255 or not own:
        return False
    target = socket.inet_ntop(socket.AF_INET6, packet.data[8:24]) if len(packet.data) >= 24 else ""
    near = target in OWN | ROUTER or target.startswith("fe80:")
    return packet.data[0] == 133 or (packet.data[0] in (135, 136) and near and len(packet.data) <= 32)


def _refuses(packet):
    """A reset, or an ICMP error with code "administratively prohibited", that answers an uninvited packet."""
    if packet.source not in OWN:
        return False
    if packet.protocol == TCP:
        return packet.data[13] & 0x3F == 0x14 and packet.data[8:12] == struct.pack(">L", KNOCK_SEQUENCE + 1)
    if packet.data[:2] != (b"\x03\x0d" if packet.protocol == ICMP else b"\x01\x01"):
        return False
    inner = packet.data[8:]
    quoted, ports = (inner[12:16], inner[20:22]) if packet.protocol == ICMP else (inner[8:24], inner[40:42])
    if packet.destination in ROUTER and ports == b"\0\x35":      # an answer to DNS that comes too late
        return True
    return (KNOCK in inner or struct.pack(">L", KNOCK_SEQUENCE) in inner) and \
        quoted == ipaddress.ip_address(packet.destination).packed
