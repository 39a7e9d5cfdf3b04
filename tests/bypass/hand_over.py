#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands a UDP socket from one process to another.

usage: hand_over.py offer PATH          makes the socket, waits at PATH for one who asks, gives it
       hand_over.py use PATH            asks for it, sends, prints "done" or the name of the error
       hand_over.py keep COMMAND ...    makes it, and runs the command with it as standard input
       hand_over.py use-kept            sends over standard input, and prints as "use" does
       hand_over.py port                sends from UDP port 40000, waits for the answer, prints as "use" does
"""
import errno
import os
import socket
import sys

PEER = ("198.18.0.10", 5000)


def made():
    """A new UDP socket."""
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def offer(path):
    door = socket.socket(socket.AF_UNIX)
    os.umask(0)
    door.bind(path)
    door.listen()
    sock = made()
    socket.send_fds(door.accept()[0], [b"."], [sock.fileno()])


def use(path):
    asking = socket.socket(socket.AF_UNIX)
    asking.connect(path)
    _, (fd,), _, _ = socket.recv_fds(asking, 1, 1)
    send(fd)


def send(fd):
    socket.socket(fileno=fd).sendto(b"data", PEER)


def keep(*command):
    sock = made()
    os.dup2(sock.fileno(), 0)
    os.execv(command[0], command)


def use_kept():
    send(0)


def port():
    sock = made()
    sock.settimeout(2)
    sock.bind(("0.0.0.0", 40000))
    sock.sendto(b"data", PEER)
    sock.recv(10)


def main():
    try:
        globals()[sys.argv[1].replace("-", "_")](*sys.argv[2:])
        print("done")
    except OSError as error:
        print(errno.errorcode.get(error.errno, "timeout"))


main()
