#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listens on 127.0.0.1, port 8118, and carries what each program asks to 198.18.0.10, port 80."""
import socket

listening = socket.create_server(("127.0.0.1", 8118))
while True:
    program, _ = listening.accept()
    with program, socket.create_connection(("198.18.0.10", 80), 5) as server:
        request = program.recv(65536)
        if request:
            server.sendall(request)
            program.sendall(server.recv(65536))
