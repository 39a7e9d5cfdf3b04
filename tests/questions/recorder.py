#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A name server that writes down each message that it is asked, and answers with an address.

usage: recorder.py FILE ADDRESS ...     (it serves port 53 of each over UDP and TCP, in the background, once this ends)

FILE gets a line for each: "udp" or "tcp", and the message in hexadecimal digits; FILE.pid has the server's process.
"""
import os
import socket
import socketserver
import struct
import sys
import threading

import messages

ADDRESS = bytes([198, 18, 0, 10])


def answer(message):
    """An answer with one address, to whatever it is."""
    try:
        _, end = messages.labels_of(message)
    except (ValueError, IndexError):
        return message[:2] + b"\x80\0" + bytes(8)
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x1e\0\4" + ADDRESS
    return message[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + message[12:end + 4] + record


def note(way, message):
    with open(sys.argv[1], "a", encoding="ascii") as file:
        file.write(f"{way} {message.hex()}\n")


class Datagrams(socketserver.BaseRequestHandler):
    def handle(self):
        message, sock = self.request
        note("udp", message)
        sock.sendto(answer(message), self.client_address)


class Stream(socketserver.StreamRequestHandler):
    def handle(self):
        while head := self.rfile.read(2):
            message = self.rfile.read(struct.unpack(">H", head)[0])
            note("tcp", message)
            said = answer(message)
            self.wfile.write(struct.pack(">H", len(said)) + said)


def servers(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for kind, handler in (socketserver.UDPServer, Datagrams), (socketserver.ThreadingTCPServer, Stream):
        server = type("Server", (kind,), {"address_family": family, "allow_reuse_address": True,
                                          "daemon_threads": True})
        yield server((address, 53), handler)


def main():
    every = [server for address in sys.argv[2:] for server in servers(address)]
    open(sys.argv[1], "w", encoding="ascii").close()
    if os.fork() == 0:
        os.setsid()
        with open(f"{sys.argv[1]}.pid", "w", encoding="ascii") as file:
            print(os.getpid(), file=file)
        for descriptor in 0, 1, 2:
            os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
        for server in every:
            threading.Thread(target=server.serve_forever).start()


main()
