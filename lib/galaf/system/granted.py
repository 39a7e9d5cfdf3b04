# SPDX-License-Identifier: GPL-3.0-or-later
"""What is allowed for now: noted beside the kernel's sets, which alone decide when it ends.

The note, in /run/galaf, says whom and what; a grant whose set has no element any more is over, whatever is noted.
"""
import dataclasses
import json
import pwd
import re
import time
from pathlib import Path

from .. import generation, paths
from ..config import conf
from ..errors import GalafError
from ..render import dnsmasq, grants, local_names
from . import accounts, files, resolver
from .run import CommandFailed, run

NOTE = paths.RUNTIME / "allowed.json"
MOST = 64               # grants at a time
UNIT = "galaf-allow.service"    # galaf_allow --wait


def clock():
    """Seconds since boot, suspended ones counted."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def noted():
    """(the last number that was given, [Grant]); (0, []) where nothing is noted."""
    try:
        note = json.loads(NOTE.read_text(encoding="utf-8"))
        return int(note["last"]), [grants.Grant.of(each) for each in note["grants"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return 0, []


def alive(table):
    """[(Grant, the seconds that the kernel leaves it yet, None until reboot)] of what has not ended."""
    now = clock()
    left = [(grant, _left(table, grant)) for grant in noted()[1] if grant.until is None or grant.until > now]
    return [(grant, seconds) for grant, (there, seconds) in left if there]


def holds(grant, ids):
    """Whether whom a grant is for is who it was: a group of the rules, a user of this machine, by the same number.

    ids: of the generation (generation.ids()).
    """
    if grant.kind == "groups":
        return ids.get("groups", {}).get(grant.name) == grant.ids[0]
    if grant.kind == "users":
        try:
            return pwd.getpwnam(grant.name).pw_uid == grant.ids[0]
        except KeyError:
            return False
    return True


def last_number(table):
    """The number that was given last, also where the note is lost."""
    return max([noted()[0], *(int(number) for name in _sets(table) for number in re.findall(r"\d+", name)[:1])])


def _left(table, grant):
    """(whether the kernel still has an element of a grant, the seconds that it leaves it or None)."""
    try:
        listing = json.loads(run("nft", "-j", "list", "set", "inet", table, grants.own(grant)))
    except CommandFailed:
        return False, None
    found = [each["elem"] if isinstance(each, dict) and "elem" in each else {}
             for item in listing["nftables"] for each in item.get("set", {}).get("elem", ())]
    return bool(found), min((each["expires"] for each in found if "expires" in each), default=None)


def lines(table, kept, begin=()):
    """nft's lines that have these grants in a table; begin: those among them whose elements are put in, too."""
    found = [*grants.declarations(kept, table), *grants.rules(kept, table)]
    for grant in begin:
        seconds = None if grant.until is None else grant.until - clock()
        found += grants.elements(grant, table, seconds) if seconds is None or seconds > 0.001 else []
    return found


def change(table, kept, new=None):
    """Has just these grants in the kernel, and a new one; the caller holds the rules' lock.  Raises GalafError."""
    last, before = noted()
    every = [*kept, *([new] if new else [])]
    _note(max(last, new.number if new else 0), every)
    names = {name for grant in every for name in grants.sets(grant)}
    closing = [any(grant.way == "block" for grant in each) for each in (before, every)]
    gone = [f"{verb} chain inet {table} {chain}" for verb in ("flush", "delete") for chain in grants.CLOSING
            if closing == [True, False] and _closing(table)]
    gone += [f"delete set inet {table} {name}" for name in _sets(table) if name not in names]
    try:
        run("nft", "-f", "-", stdin="".join(
            f"{line}\n" for line in [*lines(table, every, [new] if new else []), *gone]))
    except BaseException:
        _note(last, before)
        raise


def options(folder, every):
    """What dnsmasq's options are with these grants, for a generation; None where they are the generation's own.

    Raises GalafError where they do not fit.
    """
    asking = [grant for grant in every if grant.domain or grant.resolves_any]
    if not asking:
        return None
    configuration, ids = _of(folder)
    if configuration is None:
        return None
    if any(grant.way == "pause" for grant in asking):
        configuration, asking = dataclasses.replace(configuration, mode="audit"), [
            grant for grant in asking if grant.way != "pause"]
    return dnsmasq.render(configuration, ids, asking)


def stopped_options(folder):
    """What dnsmasq's options are for a generation whose rules are not loaded: avahi-daemon may ask then, as anybody."""
    configuration, ids = _of(folder)
    if configuration is None or not local_names.unasked(configuration, ids):
        return None
    return dnsmasq.render(dataclasses.replace(configuration, mode="audit"), ids)


def _of(folder):
    """(a generation's configuration, in the mode that it was applied in, and its ids); Nones where it has none."""
    text, name = generation.source(folder)
    if not text:
        return None, None
    configuration = conf.parse(text, name, checked=True)
    configuration = dataclasses.replace(configuration, mode=generation.meta(folder).get("mode", configuration.mode))
    return configuration, accounts.look_up(configuration, conf.Faults(name, text))


def point_names(folder, every=None):
    """Has dnsmasq's options be those of a generation and of these grants, or of what the kernel has.

    True where dnsmasq has to be started anew.
    """
    if every is None:
        every = [grant for grant, _ in alive(generation.table(folder))]
    return resolver.point(options(folder, every))


def settle_names(folder, every=None):
    """point_names(), and starts dnsmasq anew where that makes a difference to it."""
    if point_names(folder, every) or resolver.outdated():
        resolver.restart(resolver.service())


def stop_names(folder):
    """Ends what grants and the rules had of dnsmasq, which is started anew where that makes a difference to it."""
    if resolver.point(stopped_options(folder)) or resolver.outdated():
        resolver.restart(resolver.service())


def forget():
    """Forgets what is noted, once the table with the sets is gone."""
    NOTE.unlink(missing_ok=True)


def forget_group(gid):
    """Ends what is allowed to a group that is about to be deleted, since a later one may get its gid."""
    with generation.lock():
        folder = generation.good()
        on = [grant for grant, _ in alive(generation.table(folder))] if folder else []
        kept = [grant for grant in on if grant.kind != "groups" or gid not in grant.ids]
        if kept != on:
            change(generation.table(folder), kept)


def wait_for_ends():
    """Has a process wait for what ends, to take away what the kernel does not: see galaf_allow(8), --wait."""
    if Path("/run/systemd/system").is_dir():
        run("systemctl", "restart", UNIT)
    else:
        run("setsid", "--fork", "sh", "-c", "exec galaf_allow --wait >/dev/null 2>&1 </dev/null")


def _closing(table):
    """Whether the kernel has the chains that close everything; of one chain alone nft 1.0.6 reads every set too."""
    listed = json.loads(run("nft", "-j", "list", "chains", "inet"))["nftables"]
    return any(item.get("chain", {}).get("name") == grants.CLOSING[0] and item["chain"]["table"] == table
               for item in listed)


def _sets(table):
    """The sets of grants that the kernel has."""
    listing = json.loads(run("nft", "-j", "-t", "list", "sets", "inet"))
    found = [item["set"] for item in listing["nftables"] if "set" in item]
    return [each["name"] for each in found
            if each["table"] == table and each["name"].startswith((grants.PREFIX, grants.RESOLVED))]


def _note(last, every):
    files.folder(paths.RUNTIME, 0o700)
    try:
        files.replace(NOTE, json.dumps({"last": last, "grants": [grant.asdict() for grant in every]}) + "\n", 0o600)
    except OSError as error:
        raise GalafError(f"{NOTE}: {error.strerror}: nothing was changed") from None
