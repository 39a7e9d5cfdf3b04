# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders what starts an application by galaf(1): menu entries, D-Bus services, units of users, commands.

Pure: the text of what a package brings goes in, and (the entry's name, what is laid in front of it) comes out, or None
where it starts no entry's program.  The files are GLib's key files, which GLib itself reads and writes: comments,
translations and what is unknown here stay as they are.
"""
import re
import shlex
from dataclasses import dataclass

from ..errors import GalafError

LAUNCHER = "/usr/bin/galaf"
MENU, ACTION, SERVICE, UNIT = "Desktop Entry", "Desktop Action ", "D-BUS Service", "Service"
# A word of a command line, with its quotes: the Desktop Entry Specification, "The Exec key", and systemd.service(5).
_WORD = re.compile(r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+""", re.DOTALL)
# What is left where a line's program is another: the places of what a desktop hands over, and GApplication's option.
_PLACE = re.compile(r"%[fFuU]|--gapplication-service")
_MARKS = ("@@", "@@u")      # flatpak-run(1) --file-forwarding: around files and links
_SCHEME = "x-scheme-handler/"
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_BEFORE = re.compile(r"(?:\s*(?:exec|[A-Za-z_][A-Za-z0-9_]*=\S*)\s)*\s*")     # of a script's command line
_LINES = 100        # of a script that are looked at: one that only starts another program is short
_PREFIX = re.compile(r"([-:+!]*)(.*)", re.DOTALL)      # of ExecStart=


@dataclass(frozen=True)
class Start:
    """An entry as a command line starts it.

    name: the entry's; fixed: the arguments of its own that come before the caller's; open: whether it takes the
    caller's at all; forwards: whether it takes the marks that flatpak(1) has around files (--file-forwarding).
    """
    name: str
    fixed: tuple = ()
    open: bool = True
    forwards: bool = False


def command(start):
    """What lib/galaf/command reads for a name that starts an entry: the entry's."""
    return f"{start.name}\n"


def browser(path):
    """What lib/galaf/command reads for sensible-browser(1): its path."""
    return f"{path}\n"


def programs(lines):
    """What galaf(1) takes for an entry's program: a line for each file, or interpreter, tab and script."""
    return "".join("\t".join(words) + "\n" for words in lines if not set("\t\n") & set("".join(words)))


def links(text, name):
    """How a menu entry as laid (text) opens a link in the entry of that name: for each scheme that it says to handle, a
    line with the scheme and the arguments, a tab before each; %u stands for the link.  [] where it opens none.
    """
    file = _read(text.encode())
    words = [_unquoted(word) for word in _WORD.findall(_value(file, MENU, "Exec") or "")]
    at = words.index(LAUNCHER) + 1 if LAUNCHER in words else len(words)
    rest = ["%u" if word == "%U" else word for word in words[at + 1:]]
    types = (_value(file, MENU, "MimeType") or "").split(";")
    schemes = [kind.removeprefix(_SCHEME) for kind in types if kind.startswith(_SCHEME)]
    if words[at:at + 1] != [name] or rest.count("%u") != 1 or any("%" in word for word in rest if word != "%u"):
        return []
    return ["\t".join([scheme, *rest]) + "\n" for scheme in schemes if not set("\t\n") & set("".join([scheme, *rest]))]


def line(text, whose, owner=None):
    """(the entry's name, a command line that starts by galaf what the given one starts); None where it is no entry's.

    whose: takes words and returns (Start, how many words name its program), or None; owner: the Start of who is said
    to own this line whatever it runs, or None.
    """
    raw = _WORD.findall(text)
    words = [_unquoted(word) for word in raw]
    first = _environment(words)
    if not words[first:] or words[first] in (LAUNCHER, "galaf"):
        return None
    found = whose(words[first:])
    if found:
        start, length = owner or found[0], found[1]
        rest = _arguments(start, raw[first + length:], words[first + length:])
    elif owner:
        start, first, rest = owner, 0, [word for word in raw if owner.open and _PLACE.fullmatch(word)]
    else:
        return None
    return start.name, " ".join([*raw[:first], LAUNCHER, start.name, *rest])


def _unquoted(word):
    if not set(word) & set("\"'\\"):     # nearly all, and shlex is slow
        return word
    try:
        return "".join(shlex.split(word))
    except ValueError:
        return word


def _environment(words):
    """How many words at the beginning are env(1) and what it sets."""
    if not words or words[0] not in ("env", "/usr/bin/env", "/bin/env"):
        return 0
    return next((at for at, word in enumerate(words) if at and not _ASSIGNMENT.match(word)), len(words))


def _arguments(start, raw, words):
    """What is left of the words after the program: the entry brings its own, and may take no others."""
    if not start.open:
        return []
    fixed = list(start.fixed)
    rest = raw[len(fixed):] if fixed and words[:len(fixed)] == fixed else raw
    return [word for word in rest if start.forwards or word not in _MARKS]


def menu(data, whose, owner=None):
    """A menu or autostart entry (bytes) with each Exec= that starts an entry, its actions' too, by galaf; or None.

    Of several entries the first one is named.  Its program is then started as any other, not by D-Bus, which would
    start it once for all.
    """
    file = _read(data)
    changed = {group: name for group in file.get_groups()[0] if group == MENU or group.startswith(ACTION)
               if (name := _exec(file, group, whose, owner))}
    if MENU in changed and _value(file, MENU, "DBusActivatable"):
        file.set_boolean(MENU, "DBusActivatable", False)
    return (next(iter(changed.values())), file.to_data()[0]) if changed else None


def service(data, whose, owner=None):
    """A D-Bus service's file (bytes) whose program the bus itself starts by galaf; or None."""
    file = _read(data)
    name = _exec(file, SERVICE, whose, owner)
    if not name:
        return None
    if _value(file, SERVICE, "SystemdService"):
        file.remove_key(SERVICE, "SystemdService")
    return name, file.to_data()[0]


def unit(data, whose, owner=None):
    """The drop-in that has a user's service start by galaf; None where it can't, or starts no entry.

    One that is ready when it says so isn't heard, as galaf(1) passes no NOTIFY_SOCKET on: it is ready once started.
    What locks it down or limits it is not for its program ("+"): in a user's systemd all of it is no_new_privs, too,
    which keeps galaf(1) from its capability.
    """
    file = _read(data.replace(b"\\\n", b" "))
    text = _value(file, UNIT, "ExecStart")
    before, rest = _PREFIX.fullmatch(text or "").groups()
    found = line(rest, whose, owner) if rest and not rest.startswith("@") else None
    if not found:
        return None
    ready = ["Type=exec"] if (_value(file, UNIT, "Type") or "").startswith("notify") else []
    lines = ["# made by galaf_desktop", "[Service]", *ready, "ExecStart=", f"ExecStart=+{before.strip('+!')}{found[1]}"]
    return found[0], "\n".join(lines) + "\n"


def script(data, whose, _owner=None):
    """(the entry's name, the line by galaf) of a shell script (bytes) with a line of its own that starts one; or None.

    Of its first lines, whatever the script is called; what stands behind other commands of a line, or in a condition,
    is not looked at.
    """
    lines = data.decode("utf-8", "replace").splitlines()[:_LINES] if data.startswith(b"#!") else []
    return next((found for text in lines if (found := line(text[_BEFORE.match(text).end():], whose))), None)


def _exec(file, group, whose, owner):
    """Has Exec= of a group start by galaf; the entry's name, None where it is no entry's."""
    text = _value(file, group, "Exec")
    found = line(text, whose, owner) if text else None
    if found:
        file.set_string(group, "Exec", found[1])
    return found and found[0]


def _read(data):
    from gi.repository import GLib      # slow, and not every command renders these
    file = GLib.KeyFile()
    all_of_it = GLib.KeyFileFlags.KEEP_COMMENTS | GLib.KeyFileFlags.KEEP_TRANSLATIONS
    try:
        data.decode("utf-8")
        file.load_from_bytes(GLib.Bytes.new(data), all_of_it)
    except (GLib.Error, UnicodeDecodeError) as error:
        raise GalafError(f"can't be read: {getattr(error, 'message', error)}") from None
    return file


def _value(file, group, key):
    """The string of a key; None where it isn't there, or is none."""
    from gi.repository import GLib
    try:
        return file.get_string(group, key)
    except GLib.Error:
        return None
