# SPDX-License-Identifier: GPL-3.0-or-later
"""The ruleset in the kernel: checking, loading and removing it, through nft."""
import contextlib
import json
import os
import re
from pathlib import Path
from typing import NamedTuple

from .. import generation, paths
from ..errors import GalafError
from ..observe import counters
from ..render import grants
from . import files, granted, resolver
from .run import CommandFailed, run

_DECLARED = re.compile(r"^\s*(set|map|chain) (\S+) \{(?:.*?timeout (\d+)s;)?", re.MULTILINE)
IN_FORCE = paths.RUNTIME / "in-force.nft"   # what galaf_guard loads if the table goes; there while rules are wanted
KNOWN_BY = "refused_out"    # a chain that each table of ours has, and no other program's of the same name
CLOSED = "galaf_closed"     # the table of closed.nft
_PLACE = re.compile(r":(\d+):\d+-\d+: (Error: .*)")
# What goes round a rule.
_RENDERED = re.compile(r"^ip6? daddr @\S+ |( ip6? daddr @\S+)?( update @\S+ \{ ip6? daddr \})?"
                       r"( ct (label|mark) set [\d |]+)*( accept| goto [a-z_]+)$")
SKELETON = " (see /etc/galaf/nftables.d; after an upgrade galaf.nft.dpkg-dist there is what an edited galaf.nft lacks)"
_FIXES = {
    "is not bitmask": "several ports go in braces, tcp dport { 80, 443 }, several matches in an array",
    "conflicting ": "a match is of one protocol: write several in an array",
    "syntax error": "write a match as nft(8) has it, such as tcp dport 443",
    "Could not resolve hostname": 'a name goes in "domains", a rule takes addresses',
    "Could not resolve service": "write the port's number",
    "Service out of range": "ports are 0 to 65535",
}


def check(folder, lines, names):
    """Has nft check a rendered ruleset where boot would load it: with no interface up and no network.

    folder: of its generation; lines: its lines with their JSON paths; names: (file, path) of such a path.  Raises
    GalafError with nft's own words at the JSON path that each bad line came from.
    """
    try:
        _nft(folder, "-c", "-f", "-", stdin="".join(f"{line}\n" for line, _ in lines), apart=True)
    except CommandFailed as error:
        if error.status == 127:
            raise GalafError("the program nft is missing: apt install nftables") from None
        raise GalafError(_explain(error.said, lines, names)) from None


def _nft(folder, *arguments, stdin=None, apart=False):
    """Runs nft for a generation's rules; apart: with no interface and no network, which needs no root.

    It sees the groups that these rules name (ruleset.named_groups()) in the place of /etc/group, or all of them
    where that can't be.  nft looks each gid of a map up as a name first, through the whole file: with 1,000 groups a
    check of all takes 0.22 s less of a processor's time so (of 0.9 s), and so does a load.  And a skeleton may name a
    group that the same apply makes, or that was deleted since.
    """
    user = ["--user", "--map-root-user"] if os.geteuid() != 0 else []
    try:
        run("unshare", *user, *(["--net"] if apart else []), "--mount", "sh", "-c",
            'mount --bind "$0" /etc/group 2>/dev/null; exec nft "$@"', str(folder / "group"), *arguments, stdin=stdin)
    except CommandFailed as error:
        if apart or not error.said.startswith("unshare: "):
            raise
        run("nft", *arguments, stdin=stdin)     # galaf_guard and what it starts may have no mounts of their own


def _explain(said, lines, names):
    """nft's complaints, each at its JSON path."""
    found = []
    for match in _PLACE.finditer(said):
        number, words = int(match[1]), match[2]
        text, path = lines[number - 1] if number <= len(lines) else ("", None)
        if text.startswith("table inet ") and not path:     # whatever comes after it is of no worth
            return ": ".join([*names("$.config.table"), "is a word of nft's own language: choose another"])
        if path and text.startswith("define "):
            words = "is a word of nft's own language, or not a name that nft takes: choose another"
        else:
            fix = "".join(f": {fix}" for known, fix in _FIXES.items() if known in words)
            words += f"; in: {_RENDERED.sub('', text.strip()) + fix if path else text.strip() + SKELETON}"
        found.append(": ".join([*(names(path) if path else names("$")[:1]), words]))
    return "\n".join(dict.fromkeys(found)) or f"{names('$')[0]}: nft refuses its rules: {said}"


def _tables():
    """The kernel's inet tables: {name: the names of its chains}.

    For `list tables` and for one chain nft 1.0.6 reads each address of each set: with 1,000 groups 0.4 s each time.
    """
    found = {}
    for line in run("nft", "list", "chains", "inet").splitlines():
        match line.split():
            case ["table", _, name, *_]:
                chains = found.setdefault(name, set())
            case ["chain", name, *_]:
                chains.add(name)
    return found


def loaded(table):
    """Whether a table of this name is in the kernel, and ours."""
    return KNOWN_BY in _tables().get(table, ())


def ours():
    """The names of galaf's tables that are in the kernel, whatever is kept; the built-in one is none of them."""
    return sorted(name for name, chains in _tables().items() if KNOWN_BY in chains and name != CLOSED)


def of_another_program(table):
    """Whether another program has a table of this name in the kernel."""
    chains = _tables().get(table)
    return chains is not None and KNOWN_BY not in chains


def check_table(table):
    """Raises GalafError where another program has a table of this name, or will have it at the next boot."""
    enabled = any(Path(folder, "sysinit.target.wants/nftables.service").is_symlink()
                  for folder in ("/etc/systemd/system", "/run/systemd/system"))
    try:
        at_boot = enabled and Path("/etc/nftables.conf").read_text(encoding="utf-8", errors="replace")
    except OSError:
        at_boot = ""
    named = at_boot and re.search(rf"^\s*(add\s+)?table\s+inet\s+{re.escape(table)}\b", at_boot, re.MULTILINE)
    of = ("is another program's" if of_another_program(table) else
          "is also in /etc/nftables.conf, which nftables.service loads at boot" if named else None)
    if of:
        raise GalafError(f'$.config.table: the table inet {table} {of}: choose another name, such as "galaf"')


class Loaded(NamedTuple):
    """What loading did.

    empty: whether the sets of addresses are, since the table is new; remark: a sentence for the user, or None.
    """
    empty: bool
    remark: str


def load(folder):
    """Loads a generation's ruleset over what is loaded, in one transaction; says what that did, as Loaded.

    Established connections, counters and the addresses in sets that stay are kept.  Where
    the kernel can't change a chain or a set in place (a new version, an edited skeleton),
    the table is made anew in the same transaction.
    """
    table = generation.table(folder)
    ruleset = generation.rules(folder)
    tables = _tables()
    if KNOWN_BY not in tables.get(table, [KNOWN_BY]):
        raise GalafError(f"the table inet {table} is another program's by now, and was left as it is")
    include = f'include "{folder}/ruleset.nft"\n'
    live = _live(table)
    if not live:
        include += _counted(folder, ruleset)
    kept, fresh = _granted(table, live, ruleset, generation.ids(folder))
    farewell = _obsolete(table, live, ruleset + "\n".join(kept))
    if {f"delete set inet {table} {name}" for name in (counters.PRE, counters.REFUSED)} & {*farewell}:
        # From an older galaf's rules to these or back, as --rollback goes: each has what the other counted.
        include += _counted(folder, ruleset, save=True)
    others = [f"delete table inet {name}" for name, chains in tables.items() if name != table and KNOWN_BY in chains]
    guarded = _guarded()
    if others or guarded and not guarded.startswith(f"create table inet {table}\n"):
        IN_FORCE.unlink(missing_ok=True)
    try:
        try:
            _transact(folder, others + farewell, include + "".join(f"{line}\n" for line in kept))
            anew = False
        except CommandFailed:
            if not live:
                raise
            include += _counted(folder, ruleset, save=True) + "".join(f"{line}\n" for line in fresh)
            _transact(folder, others + [f"table inet {table}", f"delete table inet {table}"], include)
            anew = True
    except CommandFailed:
        if guarded:
            files.replace(IN_FORCE, guarded, mode=0o600)
        raise
    _guard(table, ruleset)
    if anew or not live or any(line.startswith("delete set") for line in farewell):
        resolver.forget()
    return Loaded(anew or not live, "the table was made anew: the addresses it had learned are gone" if anew else None)


def _granted(table, live, ruleset, ids):
    """nft's lines that keep what is allowed for now: in the table as it is, and in one made anew.

    ids: the generation's.  It is over where the table is gone, who it is for has gone, or the ruleset is of a galaf
    that knew no such thing.
    """
    if not grants.known(ruleset):
        return [], []
    kept = [grant for grant, _ in granted.alive(([table] if live else _renamed(table) or [table])[0])
            if granted.holds(grant, ids)]
    return (granted.lines(table, kept, [grant for grant in kept if ("set", grants.own(grant)) not in live]),
            granted.lines(table, kept, kept))


def _counted(folder, ruleset, save=False):
    """The nft lines that put saved counters back; save: take them from the table that is loaded.  "" if that fails."""
    try:
        if save:
            counters.save()
        text = counters.restore_text(counters.SAVED, ruleset, generation.table(folder))
        _nft(folder, "-c", "-f", "-", stdin=ruleset + text, apart=True)
        return text
    except GalafError:
        return ""


def _transact(folder, before, include):
    """Loads a generation's ruleset and the lines that go before it as one transaction."""
    _nft(folder, "-f", "-", stdin="".join(f"{line}\n" for line in before) + include)


def _guard(table, ruleset):
    """Has galaf_guard load the ruleset again if the table goes: "create" fails while the table is there."""
    files.folder(paths.RUNTIME, 0o700)
    files.replace(IN_FORCE, f"create table inet {table}\n{ruleset}", mode=0o600)


def as_kept(folder):
    """Whether what was loaded last is this generation's ruleset; so too where that is not known."""
    try:
        return IN_FORCE.read_text(encoding="utf-8").partition("\n")[2] == generation.rules(folder)
    except (OSError, GalafError):
        return True


def _guarded():
    """What galaf_guard has to load if its table goes; None where it has none to look after."""
    try:
        return IN_FORCE.read_text(encoding="utf-8")
    except OSError:
        return None


def load_closed(table):
    """Loads, in a table's place, the built-in one, which refuses all but loopback, neighbour discovery and DHCP."""
    text = (paths.LIB / "closed.nft").read_text(encoding="ascii")
    run("nft", "-f", "-", stdin=text)
    _guard(CLOSED, text)
    if loaded(table):
        run("nft", "delete", "table", "inet", table)


def unload(table):
    """Removes every table of galaf's, and what stands in its place; galaf_guard leaves it so.  True if one was there.

    table: the one whose counters are kept.
    """
    IN_FORCE.unlink(missing_ok=True)
    there = [*ours(), *([CLOSED] if loaded(CLOSED) else [])]
    if table in there:
        with contextlib.suppress(GalafError):       # the disk may be full
            counters.save()
    run("nft", "-f", "-", stdin="".join(     # it may be gone by now
        f"table inet {name}\ndelete table inet {name}\n" for name in there))
    granted.forget()
    return bool(there)


def _live(table):
    """The kernel's (kind, name) to timeout in seconds (None without) for each set, map and chain of the table."""
    found = {}
    for listing in ("sets", "maps", "chains"):
        for item in json.loads(run("nft", "-j", "-t", "list", listing, "inet"))["nftables"]:
            for kind, value in item.items():
                if kind in ("set", "map", "chain") and value["table"] == table:
                    found[kind, value["name"]] = value.get("timeout")
    return found


def maps(table):
    """The names of the maps that a table of the kernel's has, sorted."""
    listed = json.loads(run("nft", "-j", "-t", "list", "maps", "inet"))["nftables"]
    return sorted(item["map"]["name"] for item in listed if item.get("map", {}).get("table") == table)


def declared(ruleset, wanted):
    """The names that a ruleset declares of a kind, "set", "map" or "chain", sorted."""
    return sorted({name for kind, name, _ in _DECLARED.findall(ruleset) if kind == wanted})


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
    """Galaf's tables of other names."""
    return [name for name in ours() if name != table]
