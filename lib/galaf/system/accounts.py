# SPDX-License-Identifier: GPL-3.0-or-later
"""The users and groups of this machine that a configuration speaks of, and their numbers."""
import contextlib
import dataclasses
import grp
import pwd
from dataclasses import dataclass, field
from pathlib import Path

from .. import generation, limits
from .. import mark as marks
from ..render import local_names
from . import groups


@dataclass(frozen=True)
class Ids:
    """What rendering must know of this machine's accounts.

    users, groups: name to id, of the entries that exist; inbound: name to mark; launchers:
    a word of an entry's "users" to its token in the launch table ("1000", "%27");
    every_group: name to gid of all the machine's groups; every_uid: all uids that a mark holds, 0 to 65535;
    dnsmasq: the uid of who resolves for others, listed or not, or None; avahi: avahi-daemon's, likewise.
    """
    users: dict = field(default_factory=dict)
    groups: dict = field(default_factory=dict)
    inbound: dict = field(default_factory=dict)
    launchers: dict = field(default_factory=dict)
    every_group: dict = field(default_factory=dict)
    every_uid: tuple = ()
    dnsmasq: int = None
    avahi: int = None

    def of(self, entry):
        """The uid or gid of an entry, or None if the account is not there."""
        return getattr(self, entry.place[0]).get(entry.name)

    def mark(self, entry):
        """The part of the mark that an entry's name stands for: gid << 16, or the uid (root's as 1)."""
        return self.of(entry) << 16 if entry.place[0] == "groups" else marks.encode(0, self.of(entry))


def look_up(conf, faults):
    """The Ids of a configuration; notes in faults an id that can't be used and a launcher who isn't there.

    A user or a group that does not exist is left out: see missing().
    """
    passwd, group = _passwd(conf), _group(conf)
    ids = Ids(
        users={name: passwd[name] for name in conf.users if name in passwd},
        groups={name: group[name] for name in conf.groups if name in group},
        inbound=_inbound(conf, passwd, group, faults),
        launchers=_launchers(conf, passwd, group, faults),
        every_group=group,
        every_uid=tuple(sorted({uid for uid in passwd.values() if uid <= limits.MAX_ID})),
        dnsmasq=passwd.get("dnsmasq"), avahi=passwd.get(local_names.USER))
    _check(conf, ids, faults)
    return ids


def _passwd(conf):
    """{name: uid} of this machine's users, and of those that the configuration names.

    A directory such as LDAP, by way of SSSD, does not list its users: each has to be asked for.
    """
    found = {user.pw_name: user.pw_uid for user in pwd.getpwall()}
    words = {word for entry in conf.groups.values() for word in entry.users or ()}
    return _asked_for(found, conf.users.keys() | conf.inbound.keys() | words, lambda name: pwd.getpwnam(name).pw_uid)


def _group(conf):
    """{name: gid} of this machine's groups, and of those that the configuration names."""
    found = {entry.gr_name: entry.gr_gid for entry in grp.getgrall()}
    words = {word[1:] for entry in conf.groups.values() for word in entry.users or () if word.startswith("%")}
    return _asked_for(found, conf.groups.keys() | words, lambda name: grp.getgrnam(name).gr_gid)


def _asked_for(found, names, look_up_):
    """What was found, with the names that a look-up of their own finds."""
    for name in names - found.keys():
        with contextlib.suppress(KeyError, ValueError):     # nobody's name, and no name at all
            found[name] = look_up_(name)
    return found


def missing(conf, ids):
    """(users, groups) of the configuration that this machine does not have, as lists of entries."""
    return ([entry for name, entry in conf.users.items() if name not in ids.users],
            [entry for name, entry in conf.groups.items() if name not in ids.groups])


def present(conf):
    """The configuration without the entries of users that this machine does not have, which the rules leave out."""
    known = _passwd(conf)
    return dataclasses.replace(conf, users={name: entry for name, entry in conf.users.items() if name in known})


def deletable_groups(conf):
    """The groups that galaf may offer to delete, sorted: its own ones that the configuration does not name.

    Not one that somebody is in, or that a program runs in.
    """
    kept = groups.holders()
    return sorted(name for name, gid in groups.made().items() if name not in conf.groups and gid not in kept)


def allot(conf, entries):
    """A free gid for each entry, as a dict of names; those with "ping" get theirs in PING_GIDS.

    From the top of the range down, below LAST_GROUP's: groupadd(8) and useradd(8) take the
    number after the highest one up to GID_MAX (60000), and where that is taken the lowest free one, so
    with LAST_GROUP there they give none of the range.  Raises ValueError with the range's bounds where
    it is used up.  A gid that a kept generation has rules for is the last to be taken, as going back would give
    these to another group, and so is one that was deleted since boot, which a socket may still have; a group of
    the active rules that is gone gets its own again.
    """
    taken = {entry.gr_gid for entry in grp.getgrall()} | {user.pw_gid for user in pwd.getpwall()}
    hidden = _hidden_groups()
    low, high = conf.gid_range
    ping = limits.PING_GIDS
    kept = generation.kept_gids() | groups.freed()
    had = generation.ids(generation.good()).get("groups", {})
    common = (gid for gid in _last(kept, range(min(high, limits.GIDS[1] - 1), low - 1, -1))
              if gid not in taken and not ping[0] <= gid <= ping[1])
    special = (gid for gid in _last(kept, range(ping[1], ping[0] - 1, -1)) if gid not in taken)
    allotted = {}
    for entry in entries:
        gids = special if entry.ping else common
        gid = _again(had.get(entry.name), taken, ping if entry.ping else (low, high)) or next(
            (gid for gid in gids if gid not in allotted.values() and not (hidden and _is_group(gid))), None)
        if gid is None:
            raise ValueError("{} to {}".format(*(ping if entry.ping else conf.gid_range)))
        allotted[entry.name] = gid
    return allotted


def _again(gid, taken, span):
    """The gid that a group had in the active rules, which files may still have; None if it is not free."""
    return gid if gid and gid not in taken and span[0] <= gid <= span[1] and not _is_group(gid) else None


def _last(late, numbers):
    """The numbers, those that are in late after all others."""
    yield from (number for number in numbers if number not in late)
    yield from (number for number in numbers if number in late)


def others_ids(ids):
    """A sentence on each id of a generation's (generation.ids()) that is another account's by now."""
    holders = {"users": [(user.pw_uid, user.pw_name) for user in pwd.getpwall()],
               "groups": [(group.gr_gid, group.gr_name) for group in grp.getgrall()]}
    found = []
    for kind, noun in (("users", "uid"), ("groups", "gid")):
        names = {}
        for number, name in holders[kind]:
            names.setdefault(number, []).append(name)
        found += [f"its {name} had the {noun} {number}, which {names[number][0]} has by now"
                  for name, number in ids.get(kind, {}).items() if number in names and name not in names[number]]
    return found


def _hidden_groups():
    """Whether groups may be known that are not listed, by nsswitch.conf(5)."""
    try:
        lines = Path("/etc/nsswitch.conf").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    services = {word for line in lines if line.startswith("group:") for word in line.split("#")[0].split()[1:]}
    return any(word.isalpha() for word in services - {"files", "compat", "systemd"})


def _is_group(gid):
    try:
        return bool(grp.getgrgid(gid))
    except KeyError:
        return False


def _inbound(conf, passwd, group, faults):
    found = {}
    for name in conf.inbound:
        if name in conf.groups:
            found[name] = group.get(name, 0) << 16
        elif name in passwd:
            found[name] = marks.encode(0, passwd[name])
        else:
            faults.add(("inbound", name), "there is no user and no application group of this name")
    return found


def _launchers(conf, passwd, group, faults):
    found = {}
    for entry in conf.groups.values():
        for index, word in enumerate(entry.users or ()):
            number = group.get(word[1:]) if word.startswith("%") else passwd.get(word)
            if number is None:
                faults.add(entry.place + ("users", index), f"there is no {'group' if word[0] == '%' else 'user'} "
                                                           f"{word.lstrip('%')!r} on this machine")
            else:
                found[word] = f"%{number}" if word.startswith("%") else str(number)
    return found


def _check(conf, ids, faults):
    low, high = conf.gid_range
    for kind, noun in (("users", "uid"), ("groups", "gid")):
        first = {}
        for name, number in getattr(ids, kind).items():
            if first.setdefault(number, name) != name:
                faults.add((kind, name), f"has the {noun} {number}, as {first[number]} has: keep one of the two")
    for name, uid in ids.users.items():
        if uid > limits.MAX_ID:
            faults.add(("users", name), f"its uid {uid} is above {limits.MAX_ID}, which the mark can't hold")
    for name, gid in ids.groups.items():
        entry = conf.groups[name]
        if not low <= gid <= high:
            faults.add(entry.place, f"a group of this name has gid {gid}, outside {low} to {high}: choose another name")
        elif entry.ping and not limits.PING_GIDS[0] <= gid <= limits.PING_GIDS[1]:
            faults.add(entry.place + ("ping",), "needs a gid from {} to {}".format(*limits.PING_GIDS)
                       + f", and the group has {gid}: remove the group, galaf_config makes it anew")
