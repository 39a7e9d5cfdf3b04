#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connects to where DISPLAY, or else PULSE_SERVER, says, as X11's and PulseAudio's libraries do over TCP.

Prints the name of the error, "done" if there is none, or "nowhere" where neither says an address.
"""
import errno
import os
import socket

display, sound = os.environ.get("DISPLAY"), os.environ.get("PULSE_SERVER")
if display:
    host, _, number = display.rpartition(":")
    place = host, (6000 + int(number)) % 65536
elif sound:
    _, host, port = sound.split(":")
    place = host, int(port)
else:
    place = None
try:
    print(socket.create_connection(place, timeout=5) and "done" if place else "nowhere")
except OSError as error:
    print(errno.errorcode.get(error.errno, error))
