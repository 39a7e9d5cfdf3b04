#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""slow_names.py PORT SECONDS: passes DNS queries on UDP PORT to 192.0.2.1, and their answers back so much later.

Prints "ready" when it hears.
"""
import socket
import sys
import threading
import time


def ask(query, client, listener, seconds):
    """One query: asks, waits, answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(5)
        asking.bind(("127.0.0.1", 0))
        asking.connect(("192.0.2.1", 53))
        asking.send(query)
        answer = asking.recv(65535)
    time.sleep(seconds)
    listener.sendto(answer, client)


def main():
    """Serves for ever."""
    port, seconds = int(sys.argv[1]), float(sys.argv[2])
    listener = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    listener.bind(("::", port))
    print("ready", flush=True)
    while True:
        threading.Thread(target=ask, args=(*listener.recvfrom(65535), listener, seconds), daemon=True).start()


if __name__ == "__main__":
    main()
