#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connects again and again, as a program that no rule allows would, until its standard input ends.

usage: knock.py ADDRESS PORT

Prints, as one line: connections tried, connections made, and the milliseconds from the first to the last made.
"""
import select
import socket
import sys
import time

tried, made = 0, []
while not select.select([sys.stdin], [], [], 0)[0]:
    tried += 1
    try:
        socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1).close()
        made.append(time.monotonic())
    except OSError:
        pass
print(tried, len(made), round((made[-1] - made[0]) * 1000) if made else 0)
