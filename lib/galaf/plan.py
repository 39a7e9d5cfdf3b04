# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration with what this machine adds to it, and the texts rendered from both."""
import concurrent.futures
import contextlib
import dataclasses
import json
import os
import re
import tempfile
import time
from pathlib import Path

from . import VERSION, generation, paths
from .config import conf, sandboxes, sources
from .errors import GalafError
from .render import dnsmasq, families, launch, networks, ruleset, sysctl, untold
from .system import accounts, executables, journal, nft, resolver, seat

# A statement of nft(8) that makes a table, or adds to one.
_VERB = r"(?:add|insert|create|replace|delete|destroy|flush|reset)\s+"
_OBJECT = r"(?:rule|chain|set|map|element|flowtable|counter|quota|limit|secmark|synproxy|ct\s+\w+)"
_TABLE = re.compile(rf"(?:^|[;{{}}])\s*(?:(?:{_VERB})?table|{_VERB}{_OBJECT})\s+"
                    r"(?:(?:ip6?|inet|arp|bridge|netdev)\s+)?([\w./-]+)")


class Plan:
    """What applying a file would make active.  Making one changes nothing.

    ebpf: False to mark by nft alone; audit: True for audit mode whatever the file says; files: Sources to take in the
    place of what the file and its drop-ins hold now.
    Made of them: conf, ids: the configuration and this machine's ids, with those of groups
    still to be made; new_groups: their names to gids; texts: what a generation holds.  Raises GalafError for whatever
    is wrong.
    """

    def __init__(self, file, ebpf=True, audit=False, files=None):
        self.file = file
        self.ebpf = ebpf
        self._seen = _seen(file)
        self.sources = files or sources.read(file)
        self.conf = self.sources.parse()
        if audit:
            self.conf = dataclasses.replace(self.conf, mode="audit")
        self.new_groups = self._number()
        self._skeleton = _skeleton(self.conf.table)
        self._all = self._lines(self.conf)
        rules = ruleset.text(self._all)
        self.texts = {
            **self.sources.kept(),
            "ruleset.nft": rules,
            "group": ruleset.named_groups(self.conf, self.ids, self._skeleton),
            "dnsmasq.conf": dnsmasq.render(self.conf, self.ids),
            "launch": launch.render(executables.with_privilege(self.conf), self.ids),
            "sysctl.conf": sysctl.render(self.conf),
            "socket_families": families.render(self.conf),
            "networks": networks.definitions(self.conf),
            "untold": untold.render(self.conf, self.ids),
            "ids.json": json.dumps({"users": self.ids.users, "groups": self.ids.groups}) + "\n",
            "meta.json": json.dumps({**self._meta(), "sha256": generation.digest(rules.encode())}) + "\n",
            **({} if ebpf else {"no-ebpf": ""}),    # keeps galaf-mark.service from starting
        }
        told = {**json.loads(self.texts["meta.json"]), "before": generation.replaced(self.texts)}
        self.texts["meta.json"] = json.dumps(told) + "\n"

    def _meta(self):
        return {"table": self.conf.table, "mode": self.conf.mode, "network_changes": self.conf.network_changes,
                "ebpf": self.ebpf, "version": VERSION, "time": int(time.time()), "by": journal.caller()}

    def _lines(self, configuration):
        """The ruleset's lines, with their JSON paths, for the configuration or a part of it."""
        return ruleset.render(configuration, self.ids, self._skeleton, self.ebpf, resolver.address())

    def outdated(self):
        """Whether something that this was made of has changed since."""
        return self._seen != _seen(self.file)

    def _number(self):
        """Looks up every id; returns the gids of the groups that have to be made, counting them as made."""
        faults = self.sources.faults()
        self.ids = accounts.look_up(self.conf, faults)
        executables.check(self.conf, faults)
        self.absent_users, absent_groups = accounts.missing(self.conf, self.ids)
        faults.check()
        try:
            allotted = accounts.allot(self.conf, absent_groups)
        except ValueError as error:
            raise GalafError(f"{self.file}: $.groups: no gid from {error} is free any more") from None
        self.ids.groups.update(allotted)
        self.ids.every_group.update(allotted)
        self.ids.inbound.update({name: gid << 16 for name, gid in allotted.items() if name in self.conf.inbound})
        return allotted

    def check_apart(self):
        """check() in a folder that is then gone."""
        with tempfile.TemporaryDirectory() as folder:
            for name in ("group", "dnsmasq.conf"):
                Path(folder, name).write_text(self.texts[name], encoding="utf-8")
            self.check(Path(folder))

    def check(self, folder, before=None):
        """Has nft and dnsmasq check the texts written in a folder, side by side.

        before: the text of a ruleset that nft has taken: it checks what is new since then.  None: it checks all.
        """
        with concurrent.futures.ThreadPoolExecutor() as pool:
            names = pool.submit(resolver.check, folder / "dnsmasq.conf")
            self._check_rules(folder, before)
            names.result()

    def _check_rules(self, folder, before):
        """With 1,000 groups the check of all takes as long as the load.  It alone says what is wrong: a new rule may
        be refused only for want of another entry that it names."""
        part = ruleset.fresh(self.conf, self._all, before) if before else None
        if part:
            with contextlib.suppress(GalafError):
                nft.check(folder, self._lines(part), self.sources.names)
                return
        nft.check(folder, self._all, self.sources.names)

    def remarks(self):
        """What is not wrong and yet should be known, a sentence each."""
        for entry in self.absent_users:
            yield f"{entry.path}: there is no such user on this machine: left out"
        silenced = resolver.silenced(self.conf, self.ids)
        if silenced:
            yield f"$.users: {silenced}"
        for each, members in seat.obeyed():
            yield (f"the group {each.group} has {', '.join(members)}: their programs may {each.does}: "
                   "galaf_doctor network_changes says how to end that")
        yield from conf.differences(self.conf)
        yield from executables.remarks(self.conf)
        yield from sandboxes.remarks(self.conf)
        carried_out = executables.with_privilege(self.conf).groups
        for entry in self.conf.groups.values():
            lack = entry.execv and executables.lack(entry.execv[0])
            if lack:
                yield f"{entry.path}.execv[0]: {entry.execv[0]} {lack}"
            for name in entry.hop_from or ():
                if carried_out[name].no_new_privs:
                    yield (f"{entry.path}.from: {name!r} can start nothing unless $.groups.{name}.no_new_privs is "
                           "false: the kernel gives galaf(1) no capability there")
        for file in _left_behind():
            yield f"{file}: is not read any more: if it is for galaf's table, move it to {paths.SKELETON}"
        audited = [entry.path for entry in self.conf.entries() if entry.mode == "audit"]
        if self.conf.mode == "audit":
            yield "$.config.mode is audit: NOTHING is enforced, everything passes and is counted"
        elif audited:
            yield f"audit: nothing is refused to {', '.join(audited)}"


def _seen(file):
    """What changes with whatever a plan is made of: file, accounts, the static part, the good generation."""
    of = [file, sources.folder(file), *sources.drop_ins(file), paths.KNOWN, "/etc/passwd", "/etc/group", paths.SKELETON,
          *sorted(paths.SKELETON.glob("*.nft"))]
    found = [os.stat(each) for each in of if os.path.exists(each)]
    return [generation.good(), *((each.st_ino, each.st_size, each.st_mtime_ns) for each in found)]


def _skeleton(table):
    """The texts of the ruleset's static part, in the order of their names; they may speak of galaf's table alone."""
    files = sorted(paths.SKELETON.glob("*.nft"))
    if not files:
        raise GalafError(f"{paths.SKELETON}: the ruleset's static part is missing: reinstall galaf")
    texts = [conf.read(file) for file in files]
    faults = [f"{file}: line {line}: the table {name} is not galaf's, and each load would add to it: "
              "write it into /etc/nftables.conf, or into a file that this includes"
              for file, text in zip(files, texts) for line, name in other_tables(text, {"galaf", table})]
    if faults:
        raise GalafError("\n".join(faults))
    return texts


def other_tables(text, own):
    """(line, name) of each table that nft's text makes or adds to, but for those named in own."""
    for number, line in enumerate(text.splitlines(), 1):
        for match in _TABLE.finditer(re.sub(r"#.*", "", line)):
            if match[1] not in own:
                yield number, match[1]


def _left_behind():
    """The files for galaf's table in /etc/nftables.d, where they were read until 0.1.0."""
    for file in sorted(Path("/etc/nftables.d").glob("*.nft")):
        if re.search(r"\binet\s+galaf\b", file.read_text(encoding="utf-8", errors="replace")):
            yield file
