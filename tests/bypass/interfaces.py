# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections of rules about the interface tun0, while it goes up, down and up again: interfaces.py ADDRESS4 ADDRESS6

Prints a line for each: PROTOCOL FAMILY WAY OWNER, whether it is answered while tun0 is up, down and up again, and how
many packets of it came by the cable.  The addresses stay with the machine; both ends reach each other by tun0 while
it is up, else by the cable.  Runs as root in the lab, with the configuration of tests/bats/interfaces.bats.
"""
import contextlib
import itertools
import os
import socket
import subprocess
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../fuzz"))
import lab          # noqa: E402
import wire         # noqa: E402
from probes import stage    # noqa: E402

V4, V6, DGRAM, STREAM = socket.AF_INET, socket.AF_INET6, socket.SOCK_DGRAM, socket.SOCK_STREAM
PORTS = itertools.count(7010)


def far(*arguments):
    """Runs a command at the other end of the cable."""
    return lab.command("nsenter", f"--net={wire.INTERNET}", *arguments)


def tunnel(state):
    """Puts both ends of tun0 up or down, with the routes that lead over it."""
    subprocess.run(["ip", "link", "set", "tun0", state], check=True)
    far("ip", "link", "set", "tun0", state)
    if state == "up":
        for net, way in ("198.18.0.0/15", "10.7.0.1"), ("2001:2:0:1::/64", "fd00:7::1"):
            lab.command("ip", "route", "replace", net, "via", way, "dev", "tun0", "metric", "1")
        for address, way in zip(sys.argv[1:3], ("10.7.0.2", "fd00:7::2")):
            far("ip", "route", "replace", address, "via", way, "dev", "tun0", "metric", "1")


class Talk:
    """A connection whose near end belongs to an owner; it was begun from there ("out") or from outside ("in")."""

    def __init__(self, kind, family, way, owner):
        self.name = f"{'tcp' if kind == STREAM else 'udp'} {4 if family == V4 else 6} {way} {owner}"
        self.kind, self.way = kind, way
        self.stack = contextlib.ExitStack()
        user, group = ("alice", owner) if way == "out" else (owner, None)
        near = stage.opened(user, family, kind, group=group)
        outer = wire.in_namespace(wire.INTERNET, lambda: socket.socket(family, kind))
        outer.settimeout(stage.WAIT)
        outer.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        here = (sys.argv[1 if family == V4 else 2], 0 if way == "out" else 8443 if owner == "www-data" else 8444)
        there = (stage.PEER[0 if family == V4 else 1], next(PORTS))
        near.bind(here)
        if way == "out":
            outer.bind(there)
            self.far, self.near = self.begin(outer, near, there)
        else:
            outer.bind((there[0], 0))
            with stage.being(user):        # a connection is whose program accepts it
                self.near, self.far = self.begin(near, outer, here)
        self.port = (self.near if way == "out" else self.far).getsockname()[1]

    def begin(self, server, client, address):
        """(the server's end, the client) of a connection to the address."""
        if self.kind == STREAM:
            server.listen()
            client.connect(address)
            end = server.accept()[0]
            server.close()
            end.settimeout(stage.WAIT)
            return end, client
        client.connect(address)
        client.send(b"first")
        server.connect(server.recvfrom(100)[1])
        return server, client

    def answered(self):
        """Whether what either end says comes to the other."""
        return all(stage.tells(*pair) for pair in ((self.near, self.far), (self.far, self.near)))

    def close(self):
        """Closes the near end with data that the peer lacks: what follows has no owner."""
        with contextlib.suppress(OSError):
            self.near.send(b"last")
        self.near.close()


def main():
    """Tries every kind at once."""
    tunnel("up")
    recorder = wire.Wire()
    talks = [Talk(kind, family, way, owner) for kind in (STREAM, DGRAM) for family in (V4, V6)
             for way, owners in (("out", ("tunnel", "free")), ("in", ("www-data", "bob"))) for owner in owners]
    closing = [talk for talk in talks if talk.kind == STREAM and talk.way == "in"]
    up = [talk.answered() for talk in talks]
    recorder.frames()
    tunnel("down")
    for talk in closing:
        talk.close()
    down = [talk not in closing and talk.answered() for talk in talks]
    time.sleep(1)
    seen = [wire.Packet(frame) for frame in recorder.frames()]
    tunnel("up")
    again = [talk not in closing and (talk.answered() or talk.answered()) for talk in talks]    # an error is told once
    for talk, *said in zip(talks, up, down, again):
        words = ["closed" if talk in closing and not each else "yes" if each else "no" for each in said]
        count = sum(talk.port.to_bytes(2, "big") in (packet.data[:2], packet.data[2:4]) for packet in seen)
        print(talk.name, *words, "some" if count else "none")


main()
