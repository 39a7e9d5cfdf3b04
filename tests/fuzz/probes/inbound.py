# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes in because "inbound" lets it, or is allowed for now."""
import errno
import socket
import struct

import lab
import wire

from .stage import DGRAM, OWN, PEER, STREAM, V4, answered, asked, made_up, opened, probe, sent


@probe
def inbound(peer):
    """An inbound service is reached, and answers: TCP, UDP, the kernel's answer to a ping, a closed port's error."""
    with opened("www-data", V4, STREAM, bound=(OWN[0], 8443)) as server, peer.open(V4, STREAM) as client:
        server.listen()
        client.connect((OWN[0], 8443))
        connection, _ = server.accept()
        connection.sendall(b"data")
        assert answered(client) == b"data", "TCP"
        connection.close()
    with opened("www-data", V4, bound=(OWN[0], 8443)) as server, peer.open(V4, DGRAM) as client:
        client.sendto(b"data", (OWN[0], 8443))
        server.sendto(*server.recvfrom(100))
        assert answered(client) == b"data", "UDP"
    with opened("alice", V4, group="any", bound=(OWN[0], 8445)) as server, peer.open(V4, DGRAM) as client:
        client.sendto(b"data", (OWN[0], 8445))
        server.sendto(*server.recvfrom(100))
        assert answered(client) == b"data", "UDP of a group"
    peer.wire.frames()
    peer.wire.send(wire.uninvited("udp", PEER[0], 4444, OWN[0], 8444))
    assert "ICMP type 3 code 3" in peer.names(), "an error that a packet from outside caused"
    head = struct.pack(">BBHHH", 8, 0, 0, 7, 1)
    head = head[:2] + struct.pack(">H", wire.checksum(head)) + head[4:]
    peer.wire.send(wire.ip_packet(PEER[0], OWN[0], 1, head))
    assert "ICMP type 0 code 0" in peer.names(), "an answer to a ping"


@probe
def expected(peer):
    """A connection that conntrack expects, as FTP's data, is its owner's: who may make it anyway, and nobody else."""
    lab.command("nft", "-f", "-", input="""table ip expecting {
        ct expectation data { protocol tcp; dport 7010; timeout 1m; size 9; l3proto ip; }
        chain in { type filter hook input priority 0; tcp dport 8443 ct expectation set "data"; }
    }""")
    try:
        for user, group, said in ("alice", None, errno.ECONNREFUSED), ("alice", "any", 0):
            peer.conntrack.flush()
            with opened("www-data", V4, STREAM, bound=(OWN[0], 8443)) as server, peer.open(V4, STREAM) as client, \
                    peer.open(V4, STREAM) as serving, opened(user, V4, STREAM, group=group) as sock:
                server.listen()
                serving.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                serving.bind((PEER[0], 7010))
                serving.listen()
                client.bind((PEER[0], 0))
                client.connect((OWN[0], 8443))
                peer.wire.frames()
                assert sock.connect_ex((PEER[0], 7010)) == said, f"{user}, {group}"
                assert bool(said) != bool(peer.got())
    finally:
        lab.command("nft", "delete", "table", "ip", "expecting")


@probe
def allowed_for_now(peer):
    """What galaf_allow allows passes, out, in and to another name server; and it holds a user's queries to the user."""
    rules = ("allowed_out meta skuid 1000 udp dport 7777 accept", "allowed_in tcp dport 8446 ct mark set 1000 accept",
             "allowed_elsewhere meta skuid 1000 accept", "allowed_queries meta skuid 1001 reject")
    for rule in rules:
        lab.command("nft", "add", "rule", "inet", "galaf", *rule.split())
    try:
        with opened("alice", V4) as sock:
            sent(sock, b"data", (PEER[0], 7777))
        assert "UDP" in peer.names(), "out"
        with opened("alice", V4, STREAM, bound=(OWN[0], 8446)) as server, peer.open(V4, STREAM) as client:
            server.listen()
            client.connect((OWN[0], 8446))
        assert asked(peer, "alice", made_up(), "127.0.2.1")[0] == 0, "another name server"
        assert not asked(peer, "bob", made_up())[1], "a query that the chain rejects"
    finally:
        for chain in "allowed_out", "allowed_in", "allowed_elsewhere", "allowed_queries":
            lab.command("nft", "flush", "chain", "inet", "galaf", chain)


@probe
def shared_port(peer):
    """Another user who shares an inbound port with its service cannot answer."""
    with opened("www-data", V4, bound=(OWN[0], 8443)), opened("alice", V4, bound=(OWN[0], 8443)) as thief:
        peer.wire.send(wire.uninvited("udp", PEER[0], 4444, OWN[0], 8443))
        thief.recv(100)
        sent(thief, b"data", (PEER[0], 4444))
    assert not peer.got()
