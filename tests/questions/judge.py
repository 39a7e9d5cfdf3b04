#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says of what recorder.py wrote down how much is plain questions for names below web.example: "N plain, N not".

usage: judge.py FILE

What is not comes after that, a line for each of the first ten.
"""
import sys

import messages


def allowed(message):
    labels = messages.labels_of(message)[0] if messages.is_plain(message) else []
    return [label.lower() for label in labels[-2:]] == [b"web", b"example"]


with open(sys.argv[1], encoding="ascii") as file:
    lines = file.read().splitlines()
other = [line for line in lines if not allowed(bytes.fromhex(line.split(" ")[1]))]
for way in "udp", "tcp":
    print(f"{way}: {sum(line.startswith(way) for line in lines) - sum(line.startswith(way) for line in other)} plain,"
          f" {sum(line.startswith(way) for line in other)} not")
print(*other[:10], sep="\n")
