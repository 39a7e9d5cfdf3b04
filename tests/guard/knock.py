#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connects again and again, as a program that no rule allows would, until its standard input ends.

usage: knock.py ADDRESS PORT

Prints a word as it begins, and as it ends a line: connections tried, connections made, and the
milliseconds of the longest row of made ones, from the refused one before it to the one after.
"""
import select
import socket
import sys
import time

tried, made, longest, in_a_row = 0, 0, 0, False
print("knocking", flush=True)
refused = time.monotonic()
while not select.select([sys.stdin], [], [], 0)[0]:
    tried += 1
    try:
        socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=0.2).close()
        made += 1
        in_a_row = True
    except OSError:     # a refusal, or the answer to a packet that got out before the rules came back is refused
        now = time.monotonic()
        if in_a_row:
            longest = max(longest, now - refused)
        refused, in_a_row = now, False
if in_a_row:
    longest = max(longest, time.monotonic() - refused)
print(tried, made, round(longest * 1000))
