# SPDX-License-Identifier: GPL-3.0-or-later
"""The ruleset in the kernel: checking, loading and removing it, through nft."""
import json
import os
import re

from . import counters, generation, paths, resolver
from .errors import GalafError
from .run import CommandFailed, run

_DECLARED = re.compile(r"^\s*(set|map|chain) (\S+) \{(?:.*?timeout (\d+)s;)?", re.MULTILINE)
STOPPED = paths.RUNTIME / "stopped"     # there once the rules were removed on purpose: galaf_guard leaves them so
_PLACE = re.compile(r":(\d+):\d+-\d+: (Error: .*)")


def check(file, lines, name):
    """Has nft check a rendered ruleset where boot would load it: with no interface up and no network.

    lines: its lines with their JSON paths; name: the configuration's file.  Raises
    GalafError with nft's own words at the JSON path that each bad line came from.
    """
    isolated = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]
    try:
        run(*isolated, "nft", "-c", "-f", str(file))
    except CommandFailed as error:
        if error.status == 127:
            raise GalafError("the program nft is missing: apt install nftables") from None
        raise GalafError(_explain(error.stderr, file, lines, name)) from None


def _explain(said, file, lines, name):
    """nft's complaints, each at its JSON path."""
    found = []
    for match in _PLACE.finditer(said):
        number, words = int(match[1]), match[2]
        text, path = lines[number - 1] if number <= len(lines) else ("", None)
        if path and text.startswith("define "):
            words = "is a word of nft's own language, or not a name that nft takes: choose another"
        else:
            words += f"; in: {text.strip()}{'' if path else ' (see /etc/nftables.d)'}"
        found.append(f"{name}: {path + ': ' if path else ''}{words}")
    return "\n".join(dict.fromkeys(found)) or f"{file}: nft refuses it: {said.strip()}"


def loaded(table):
    """Whether the table is in the kernel."""
    return any(item.get("table", {}).get("name") == table
               for item in json.loads(run("nft", "-j", "list", "tables", "inet"))["nftables"])


def load(folder):
    """Loads a generation's ruleset over what is loaded, in one transaction.

    Established connections, counters and the addresses in sets that stay are kept.  Where
    the kernel can't change a chain or a set in place (a new version, an edited skeleton),
    the table is made anew in the same transaction; returns a sentence that says so, or None.
    """
    table = generation.meta(folder)["table"]
    ruleset = generation.text(folder, "ruleset.nft")
    include = f'include "{folder}/ruleset.nft"\n'
    live = _live(table)
    if not live:
        include += _counted(table, ruleset)
    farewell = _obsolete(table, live, ruleset)
    others = [f"delete table inet {name}" for name in _renamed(table)]
    try:
        _transact(others + farewell, include)
        if not live or any(line.startswith("delete set") for line in farewell):
            resolver.forget()
        return None
    except CommandFailed:
        if not live:
            raise
        include += _counted(table, ruleset, save=True)
        _transact(others + [f"table inet {table}", f"delete table inet {table}"], include)
        resolver.forget()
        return "the table was made anew: the addresses it had learned are gone"


def _counted(table, ruleset, save=False):
    """The nft lines that put saved counters back; save: take them from the table that is loaded.  "" if that fails."""
    try:
        if save:
            counters.save()
        text = counters.restore_text(counters.SAVED, ruleset, table)
        run("unshare", "--net", "nft", "-c", "-f", "-", stdin=ruleset + text)
        return text
    except GalafError:
        return ""


def _transact(before, include):
    """Loads a ruleset and the lines that go before it as one transaction."""
    STOPPED.unlink(missing_ok=True)
    run("nft", "-f", "-", stdin="".join(f"{line}\n" for line in before) + include)


def load_closed(table):
    """Loads the built-in ruleset that refuses everything but loopback, neighbour discovery and DHCP."""
    text = (paths.LIB / "closed.nft").read_text(encoding="ascii")
    STOPPED.unlink(missing_ok=True)
    run("nft", "-f", "-", stdin=text.replace("inet galaf", f"inet {table}"))


def unload(table):
    """Removes the table, and nothing else.  True if it was there."""
    if not loaded(table):
        return False
    try:
        counters.save()
    except GalafError:
        pass        # the built-in ruleset has none
    STOPPED.touch()
    run("nft", "delete", "table", "inet", table)
    return True


def _live(table):
    """The kernel's (kind, name) to timeout in seconds (None without) for each set, map and chain of the table."""
    found = {}
    for listing in ("sets", "maps", "chains"):
        for item in json.loads(run("nft", "-j", "-t", "list", listing, "inet"))["nftables"]:
            for kind, value in item.items():
                if kind in ("set", "map", "chain") and value["table"] == table:
                    found[kind, value["name"]] = value.get("timeout")
    return found


def _obsolete(table, live, ruleset):
    """The nft lines that remove what the kernel has and the ruleset does not declare, or declares otherwise."""
    wanted = {}
    for kind, name, timeout in _DECLARED.findall(ruleset):
        wanted.setdefault((kind, name), int(timeout) if timeout else None)
    gone = [(kind, name) for (kind, name), timeout in live.items()
            if (kind, name) not in wanted or wanted[kind, name] not in (None, timeout)]
    if not live:
        return []
    return ([f"flush table inet {table}"]
            + [f"flush map inet {table} {name}" for kind, name in live if kind == "map"]
            + [f"delete {kind} inet {table} {name}" for kind, name in sorted(gone)])


def _renamed(table):
    """The table of the generation in force, if it has another name and is still loaded."""
    folder = generation.good()
    before = generation.meta(folder)["table"] if folder else table
    return [before] if before != table and loaded(before) else []
