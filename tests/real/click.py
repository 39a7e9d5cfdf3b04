#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""tests/real/click.py ENTRY.desktop ROUNDS: milliseconds from gtk-launch to a window, with galaf and without: medians.

In a session with a display and a window manager; each round starts it once with what galaf lays in front, once without.
"""
import os
import re
import signal
import statistics
import subprocess
import sys
import time

WITHOUT = {"PATH": "/usr/bin:/bin", "XDG_DATA_DIRS": "/usr/local/share:/usr/share"}


def windows(spy):
    """The ids of the windows that the window manager has, once they have changed."""
    return set(re.findall("0x[0-9a-f]+", spy.stdout.readline()))


def click(entry, environment, spy, before):
    """Milliseconds until there is a window more; it is closed then."""
    begun = time.monotonic()
    started = subprocess.Popen(["gtk-launch", entry], env=environment, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    while not (new := windows(spy) - before):
        pass
    took = (time.monotonic() - begun) * 1000
    started.wait()
    subprocess.run(["xdotool", "windowkill", new.pop()], check=True)
    while windows(spy) - before:
        pass
    return took


def main():
    """Interleaves the rounds and prints both medians, whole."""
    signal.alarm(120)
    entry, rounds = sys.argv[1], int(sys.argv[2])
    took = {"with": [], "without": []}
    with subprocess.Popen(["xprop", "-root", "-spy", "_NET_CLIENT_LIST"], stdout=subprocess.PIPE, text=True) as spy:
        before = windows(spy)
        for _ in range(rounds + 1):
            took["with"].append(click(entry, dict(os.environ), spy, before))
            took["without"].append(click(entry, {**os.environ, **WITHOUT}, spy, before))
        spy.kill()
    for each in took.values():      # the first fills caches
        print(round(statistics.median(each[1:])), end=" ")
    print()


if __name__ == "__main__":
    main()
