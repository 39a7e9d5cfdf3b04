# SPDX-License-Identifier: GPL-3.0-or-later
"""What flatpak(1) runs: the program that counts is an application of its own, which is no file of this machine's."""
import contextlib
import os
import re

from . import files

INSTALLED = "/var/lib/flatpak/app"
FORWARDS = "--file-forwarding"      # with it @@ and @@u stand around what a desktop hands over; see flatpak-run(1)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)+")
_COMMAND = "--command="
_LARGEST = 1 << 16                  # bytes of an application's metadata


def installed():
    """The names of the applications that are installed for everyone, sorted."""
    with contextlib.suppress(OSError):
        return sorted(name for name in os.listdir(INSTALLED)
                      if _NAME.fullmatch(name) and os.path.exists(f"{INSTALLED}/{name}/current/active/metadata"))
    return []


def application(words):
    """(what counts as the program, how many words name it) of a line that begins with flatpak; None where it runs none.

    What counts is the application's name; with a command that is not the application's own, that too.
    """
    at = next((at for at, word in enumerate(words) if at and not word.startswith("-")), len(words))
    named = next((later for later in range(at + 1, len(words)) if not words[later].startswith("-")), None)
    if list(words[at:at + 1]) != ["run"] or named is None or not _NAME.fullmatch(words[named]):
        return None
    given = [word.removeprefix(_COMMAND) for word in words[at + 1:named] if word.startswith(_COMMAND)]
    other = given and given[-1] != (_own_command(words[named]) or given[-1])
    return words[named] + (f" {given[-1]}" if other else ""), named + 1


def _own_command(name):
    """The command that an application of that name runs by itself; None where it is not installed for everyone."""
    with contextlib.suppress(OSError):
        data = files.small(f"{INSTALLED}/{name}/current/active/metadata", _LARGEST)
        found = re.search(rb"^command=(.+)$", data, re.MULTILINE)
        return found and found[1].decode(errors="replace").strip()
    return None
