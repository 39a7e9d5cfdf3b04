# SPDX-License-Identifier: GPL-3.0-or-later
"""Sandboxes that are led by files of whoever starts them: what runs in the application's group is theirs to say.  Pure.

firejail(1) reads profiles of the user's before its own, and has them set variables such as LD_PRELOAD and name the
folder that is the application's home.  flatpak-run(1) takes an application, its runtime and what is overridden of it
(flatpak-override(1)) from the user's installation before the system's.
"""
import os


def led(conf):
    """Each (entry, what leads it, how to end that), two phrases, whose sandbox does what the caller's files say."""
    for entry in conf.groups.values():
        for at, word in enumerate(entry.execv or ()):
            find = _BY.get(os.path.basename(word)) if not at or word.startswith("/") else None
            found = find and find(entry, tuple(entry.execv[at + 1:]))
            if found:
                yield entry, *found
                break


def remarks(conf):
    """What is to be known of those that don't say that it is meant, a sentence each."""
    for entry, what, fix in led(conf):
        if not entry.trusted:
            yield f'{entry.path}.execv: {what}, and so take the permission of this group: {fix}, or "trusted": true'


def _firejail(_entry, words):
    options = [word for word in words[:_first(words)] if word.startswith("--")]
    if "--noprofile" not in options:
        return ("by a profile in ~/.config/firejail any program can have firejail run what it likes",
                'write "--noprofile" and what is to be shut by options, as galaf_conf.json(5) has it')
    return None


def _flatpak(entry, words):
    if words[_first(words):_first(words) + 1] == ("run",) and "FLATPAK_USER_DIR" not in entry.env_set:
        return ("by ~/.local/share/flatpak any program can have flatpak run what it likes",
                'write "env": { "set": { "FLATPAK_USER_DIR": "/nonexistent" } }')
    return None


def _first(words):
    """Where the first word is that is no option."""
    return next((at for at, word in enumerate(words) if not word.startswith("-")), len(words))


_BY = {"firejail": _firejail, "flatpak": _flatpak}
