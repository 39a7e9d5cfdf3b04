# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of a whole machine: is what galaf promises true here?

Each check takes the Facts and returns a Result, or several.  "broken": a program may reach
what it should not, or nothing may be reached at all; "warning": something that only its
owner can judge.  None of them changes anything.
"""
import contextlib
import functools
import grp
import json
import os
import pwd
import re
from collections import namedtuple
from pathlib import Path

from debian import deb822
from debian.debian_support import Version

from .. import generation, paths
from ..config import conf
from ..errors import GalafError
from ..plan import Plan
from ..system import accounts, executables, groups, iprule, listeners, nft, other_firewalls, resolver
from ..system.labels import user_name
from ..system.run import run
from . import probe

OK, WARNING, BROKEN = "ok", "warning", "broken"
LAUNCHER = "/usr/bin/galaf"
CAP_SETGID = 1 << 6
UNITS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
DENIED_MODULES = "/usr/share/galaf/modprobe.d/galaf-sockets.conf"
NEW_SKELETON = "take the package's /etc/nftables.d/galaf.nft, and run galaf_config"
SERVER = "127.0.0.1"
SHOWN = 5

Result = namedtuple("Result", "state what mend", defaults=("",))
Facts = namedtuple("Facts", "folder meta conf ids damage", defaults=("",))
Facts.__doc__ = """What the checks stand on.

folder: the active generation, or None; meta: what it says of itself; conf, ids: its
configuration and the ids of its names, empty ones where there is none; damage: why it
can't be read, "" if it can.
"""


def facts():
    """The Facts of this machine."""
    folder = generation.good()
    if folder is None:
        return Facts(None, {}, conf.Conf(), accounts.Ids())
    try:
        return kept(folder)
    except Exception as error:      # whatever a damaged file leads to, the other checks go on
        return Facts(folder, {"table": generation.table(folder)}, conf.Conf(), accounts.Ids(), str(error))


def kept(folder):
    """The Facts of a generation that is whole."""
    text = generation.text(folder, "galaf_conf.json")
    name = f"{folder}/galaf_conf.json"
    configuration = conf.parse(text, name)
    return Facts(folder, generation.meta(folder), configuration,
                 accounts.look_up(configuration, conf.Faults(name, text)))


def examine(check, known):
    """The list of Results of one check; what can't be looked at is a warning, a check that crashes is broken."""
    try:
        found = check(known)
        return [found] if isinstance(found, Result) else list(found)
    except (GalafError, OSError) as error:
        return [Result(WARNING, f"could not be looked at: {few([' '.join(str(error).split())])}",
                       "mend that, and try again")]
    except Exception as error:      # the other checks go on
        return [Result(BROKEN, f"this check itself failed: {type(error).__name__}: {few([error])}",
                       "see whether the files that it looks at are damaged: galaf_doctor(8)")]


def few(items):
    """Some of the items as a phrase; what a terminal would obey in a file's name is escaped."""
    items = ["".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(item))
             for item in items]
    return ", ".join(items[:SHOWN]) + (f" and {len(items) - SHOWN} more" if len(items) > SHOWN else "")


def rules(known):
    """The ruleset in the kernel is the one that was kept, and enforces."""
    if known.folder is None:
        return Result(BROKEN, "no rules are kept: nothing is enforced", "edit galaf_conf.json and run galaf_config")
    damage = known.damage or damaged(known.folder)
    if damage:
        return Result(BROKEN, "the kept generation is damaged, and the next boot may not load it: "
                              f"{few(damage.splitlines()[:1])}", "galaf_config")
    table = known.meta["table"]
    if not nft.loaded(table):
        return Result(BROKEN, f"the table inet {table} is not loaded: nothing is enforced", "galaf_firewall start")
    other = sorted(differences(kept_in_kernel(known.folder, table), run("nft", "-j", "list", "table", "inet", table)))
    if other:
        return Result(BROKEN, f"the kernel's table inet {table} is not the kept one: {few(other)}",
                      "galaf_firewall start")
    if known.conf.mode == "audit":
        return Result(BROKEN, "audit mode: nothing is refused, only counted", 'take "mode" out of $.config')
    audited = [entry.path for entry in known.conf.entries() if entry.mode == "audit"]
    if audited:
        return Result(WARNING, f"audit mode: nothing is refused to {few(audited)}", 'take "mode" out there')
    return Result(OK, f"table inet {table}, generation {known.folder.name}, is in force as it was kept")


def damaged(folder):
    """Why the ruleset of a generation can't be loaded again; "" if it can."""
    try:
        generation.rules(folder)
    except GalafError as error:
        return str(error)
    return ""


def kept_in_kernel(folder, table):
    """nft's JSON listing of a kept ruleset, loaded for the purpose where nothing is: in a network of its own."""
    return run("unshare", "--net", "sh", "-c", 'nft -f "$1" && nft -j list table inet "$2"', "sh",
               str(folder / "ruleset.nft"), table)


def differences(kept, live):
    """What differs between two JSON listings of a table, as phrases such as "chain output".

    Elements of sets, counters and handles come and go by themselves; elements of maps are rules.
    """
    kept, live = comparable(kept), comparable(live)
    return [" ".join(name) for name in {**kept, **live} if kept.get(name) != live.get(name)]


def comparable(listing):
    """{(kind, name): what it is} of a table's sets, maps and chains."""
    found = {}
    for item in json.loads(listing)["nftables"]:
        (kind, value), = item.items()
        value.pop("handle", None)
        if kind == "rule":
            found["chain", value["chain"]].append(value["expr"])
        elif kind == "chain":
            found["chain", value["name"]] = [value]
        elif kind == "map":
            found[kind, value["name"]] = sorted(map(json.dumps, value.pop("elem", ()))), value
        elif kind == "set":
            value.pop("elem", None)
            found[kind, value["name"]] = value
    return found


def file(known):
    """What galaf_conf.json says is what is in force."""
    try:
        plan = Plan(paths.CONF, known.meta.get("ebpf", True))
    except GalafError as error:
        return Result(WARNING, f"galaf_conf.json has faults, and is not what is in force: {str(error).splitlines()[0]}",
                      "mend it and run galaf_config")
    changed = [name for name in ("ruleset.nft", "dnsmasq.conf", "launch", "sysctl.conf")
               if plan.texts[name] != generation.text(known.folder, name)]
    if changed or plan.new_groups:
        return Result(WARNING, f"galaf_conf.json, /etc/galaf/nftables.d or this machine's accounts have changed since: "
                               f"another {few(changed) or 'group'} would be made", "galaf_config --diff, galaf_config")
    return Result(OK, "galaf_conf.json is in force")


def probe_out(known):
    """A real program outside every group is refused, by these rules, when it tries to reach the network."""
    return untried(known) or [probed(family, outcome)
                              for family, outcome in probe.try_out(known.meta["table"]).items()]


def untried(known):
    """The Result where a program that should be refused can't be tried; None if it can."""
    if known.folder is None or not nft.loaded(known.meta["table"]):
        return Result(BROKEN, "not tried, since no rules are loaded", "galaf_config, or galaf_firewall start")
    if known.meta.get("mode") == "audit":
        return Result(WARNING, "not tried, since the mode is audit and nothing is refused",
                      'galaf_config with "mode": "enforce"')
    if probe.STRANGER in known.ids.users.values():
        return Result(WARNING, f"not tried, since the user with the uid {probe.STRANGER} has an entry",
                      "give that user another uid")
    return None


def loopback(known):
    """Loopback carries only what goes from an address of this machine's to another, for any program.

    A packet from a stranger's address would let answers out to the stranger, and one to it would let the stranger in.
    """
    obstacle = untried(known)
    if obstacle:
        return obstacle
    found = [f"sends from {theirs}, which is not this machine's, to {ours}"
             for ours, theirs in zip(own_addresses(), probe.ADDRESSES.values()) if probe.forge(ours)]
    found += [f"sends to {address} by way of lo" for address in probe.divert()]
    if found:
        return Result(BROKEN, f"a program outside every group {few(found)}: conntrack takes that for a connection with "
                              "the stranger, and lets its packets pass", NEW_SKELETON)
    return Result(OK, "a program outside every group sent nothing over lo from or to a stranger's address")


def own_addresses():
    """An IPv4 and, where there is IPv6, an IPv6 address of this machine's: of a network it is on, or else of lo."""
    found = {"inet": "127.0.0.1", **({"inet6": "::1"} if has_ipv6() else {})}
    for link in json.loads(run("ip", "-j", "address", "show", "scope", "global", "up")):
        found.update({item["family"]: item["local"] for item in link.get("addr_info", ())
                      if item and not item.get("tentative") and not item.get("dadfailed")})
    return list(found.values())


def probed(family, outcome):
    """The Result of one try of the probe."""
    who = "a program outside every group"
    if family == 6 and not has_ipv6():
        return Result(OK, "IPv6 is switched off on this machine")
    if outcome.error == "ENETUNREACH":
        return Result(WARNING, f"{who} was not tried over IPv{family}: there is no route", "try again with a network")
    if not outcome.counted:
        return Result(BROKEN, f"{who} tried {outcome.address}: {outcome.error}, and these rules did not refuse it",
                      "galaf_firewall start; see what else is in: nft list ruleset")
    if outcome.error != "ECONNREFUSED":
        return Result(BROKEN, f"{who} tried {outcome.address}: {outcome.error}, though it should be refused at once",
                      "see: nft list ruleset")
    return Result(OK, f"{who} was refused {outcome.address} after {outcome.seconds * 1000:.0f} ms")


def has_ipv6():
    """Whether any interface, lo among them, has an IPv6 address: none has with disable_ipv6=1 or ipv6.disable=1."""
    addresses = Path("/proc/net/if_inet6")
    return addresses.exists() and bool(addresses.read_text(encoding="ascii"))


def marks(known):
    """Sockets are marked by the eBPF programs, or by nft where that was chosen."""
    if not known.meta.get("ebpf", True):
        return Result(OK, "connections are marked by nft alone, as chosen by --no-ebpf")
    said = json.loads(run("galaf_mark", "status", "--json", ok=(0, 3)))
    lacking = [name for name, number in said["programs"].items()
               if not number and name not in ("galaf_capable", "galaf_families")]
    if not said["marked"]:
        return Result(BROKEN, "sockets are not marked: accounting is partial",
                      "galaf_mark start")
    if lacking:
        return Result(WARNING, f"not attached at {said['cgroup2']}: {few(lacking)}", "galaf_mark start")
    return Result(OK, f"the eBPF programs are attached at {said['cgroup2']}, and sockets are marked")


def cgroup1(_known):
    """cgroup v1's net_cls and net_prio take no socket out of cgroup2."""
    found = version1(Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace"))
    if found:
        return Result(WARNING, f"cgroup v1's {' and '.join(found)} mounted: on Linux before 5.15 that takes sockets "
                               "out of cgroup2", "boot with systemd.unified_cgroup_hierarchy=1")
    return Result(OK, "cgroup v1's net_cls and net_prio are not used")


def version1(mountinfo):
    """Which of net_cls and net_prio are mounted, by the text of proc_pid_mountinfo(5)."""
    used = {name for line in mountinfo.splitlines() if " - cgroup " in line for name in line.split()[-1].split(",")}
    return sorted(used & {"net_cls", "net_prio"})


def launcher(_known):
    """The gatekeeper is root's, has its capability, and nothing else has it."""
    try:
        status = os.stat(LAUNCHER)
    except OSError:
        return Result(BROKEN, f"{LAUNCHER} is missing", "apt install --reinstall galaf")
    changeable = executables.changeable(LAUNCHER)
    if changeable:
        return Result(BROKEN, changeable, f"chown root:root {LAUNCHER}; chmod 755 {LAUNCHER}; dpkg-reconfigure galaf")
    if status.st_nlink > 1:
        return Result(BROKEN, f"{LAUNCHER} has another name: a hard link", "find it with find / -samefile, remove it")
    if not executables.capabilities(LAUNCHER) & CAP_SETGID:
        return Result(BROKEN, f"{LAUNCHER} has not cap_setgid: it starts nothing", "dpkg-reconfigure galaf")
    return Result(OK, f"{LAUNCHER} is root's and has cap_setgid")


@functools.lru_cache(maxsize=None)
def every_executable():
    """(mode, gid, path) of every executable file of the local file systems."""
    return [(int(mode, 8), int(gid), path) for mode, gid, path in
            (line.split(" ", 2) for line in groups.executables())]


def set_group(known):
    """No file gives whoever runs it an application group."""
    low, high = known.conf.gid_range
    found = [path for mode, gid, path in every_executable() if mode & 0o2000 and low <= gid <= high]
    if found:
        return Result(BROKEN, f"set-gid files with an application group: {few(found)}", "chmod g-s, or remove them")
    return Result(OK, f"no set-gid file has a gid from {low} to {high}")


def setgid_capability(_known):
    """No other program may become any group."""
    found = [path for _, _, path in every_executable() if executables.capabilities(path) & CAP_SETGID
             and path not in (LAUNCHER, "/usr/bin/newgidmap")]
    if found:
        return Result(BROKEN, f"cap_setgid, and with it every application group, is given to {few(found)}",
                      "setcap -r, unless the program is meant to have it")
    return Result(OK, "no other file has cap_setgid")


def members(known):
    """Application groups have neither members, nor a password, nor someone who may add members."""
    low, high = known.conf.gid_range
    made = {entry.gr_name: entry for entry in grp.getgrall() if low <= entry.gr_gid <= high}
    login = {user.pw_gid: user.pw_name for user in pwd.getpwall()}
    found = [f"{name} has the member {member}" for name, entry in made.items() for member in entry.gr_mem]
    found += [f"{name} is the login group of {login[entry.gr_gid]}" for name, entry in made.items()
              if entry.gr_gid in login]
    for line in Path("/etc/gshadow").read_text(encoding="utf-8").splitlines():
        name, password, administrators, _ = line.split(":")
        if name in made and password.strip("!*"):
            found.append(f"{name} has a password")
        if name in made and administrators:
            found.append(f"{name} has the administrator {administrators}")
    if found:
        return Result(BROKEN, few(found),
                      "gpasswd --delete USER GROUP; gpasswd --remove-password GROUP; gpasswd --administrators '' GROUP;"
                      " usermod --gid OTHER USER; and where it is no application's: groupmod --gid OTHER GROUP")
    return Result(OK, f"none of {len(made)} application groups has members or a password")


def written_commands(known):
    """Root alone decides what the commands of the groups are."""
    found = [(entry, executables.changeable(entry.execv[0])) for entry in known.conf.groups.values() if entry.execv]
    wrong = [f"{entry.path}.execv[0]: {what}" for entry, what in found if what and not entry.trusted]
    trusted = [f"{entry.path}.execv[0]: {what}" for entry, what in found if what and entry.trusted]
    if wrong:
        return Result(BROKEN, few(wrong), "chown them to root, chmod go-w")
    if trusted:
        return Result(WARNING, f"trusted: {few(trusted)}", 'chown to root and chmod go-w, then take "trusted" out')
    return Result(OK, f"{len(found)} commands can be changed by root alone")


def privileges(known):
    """Each entry whose command gains privilege says whether it may."""
    found = [f"{entry.path}: {entry.execv[0]} {gain}" for entry, gain in executables.privileged(known.conf)]
    if found:
        return Result(WARNING, f"no_new_privs is off, though no entry says so: {few(found)}",
                      'write "no_new_privs": true if it works without, else false, for galaf_config')
    return Result(OK, "each entry whose command gains privilege says whether it may")


def namespaces(known):
    """No user may map an id of the range into a user namespace."""
    low, high = known.conf.gid_range
    found = []
    for line in Path("/etc/subgid").read_text(encoding="utf-8").splitlines() if Path("/etc/subgid").exists() else ():
        name, first, count = (line.split(":") + ["", ""])[:3]
        if first.isdigit() and count.isdigit() and int(first) <= high and low < int(first) + int(count):
            found.append(name)
    found += [f"process {process}" for process, first, count in gid_maps()
              if 1 < count < 0xFFFFFFFF and first <= high and low < first + count]
    if found:
        return Result(BROKEN, f"a user namespace has, or /etc/subgid gives, gids from {low} to {high}: {few(found)}",
                      "give other numbers: usermod --del-subgids FIRST-LAST --add-subgids FIRST-LAST NAME")
    return Result(OK, f"no one may map a gid from {low} to {high} into a user namespace")


def guarded(known):
    """No other program of a user's enters the user namespace that an application makes."""
    found = [entry.path for entry in executables.with_privilege(known.conf).groups.values() if entry.execv
             and (entry.user_namespaces or not entry.no_new_privs)]
    if not found:
        return Result(OK, "no entry may make user namespaces")
    outcome = probe.enter_namespace()
    if outcome == "entered":
        return Result(WARNING, f"any program of the user's can enter the user namespaces that {few(found)} may make, "
                               "and take the group", "galaf_mark start, which says why if the kernel can't guard them"
                      if known.meta.get("ebpf", True) else "galaf_config without --no-ebpf")
    return Result(OK, "no user namespaces are made on this machine" if outcome == "none"
                  else "a program was refused to enter the user namespace of an application")


def families(known):
    """No program but root's has a socket that sends frames which the rules do not see."""
    outcome = probe.other_sockets()
    if outcome == "refused":
        return Result(OK, "a program outside every group has no socket that the rules do not see")
    if outcome == "none":
        return Result(OK, "no program is given PPPoE's sockets, by /etc/modprobe.d or by this kernel")
    start = ("galaf_mark start, which says why if the kernel can't guard them" if known.meta.get("ebpf", True)
             else "galaf_config without --no-ebpf")
    return Result(BROKEN, "any program may send Ethernet frames, by PPPoE's sockets, which the rules do not see",
                  f"{start}; or ln -s {DENIED_MODULES} /etc/modprobe.d/; modprobe -r pppoe")


def packages(_known):
    """nftables and dnsmasq are new enough."""
    found = installed()
    old = [f"{name} {found.get(name, 'is missing')}" for name, least in
           (("nftables", Version("1.0.6")), ("dnsmasq-base", resolver.OLDEST)) if found.get(name, Version("0")) < least]
    if old:
        return Result(BROKEN, f"too old: {few(old)}", "apt upgrade")
    return Result(OK, f"nftables {found['nftables']}, dnsmasq-base {found['dnsmasq-base']}")


def gid_maps():
    """Each (pid, first gid outside, how many) of the running processes' user namespaces."""
    for entry in Path("/proc").glob("[0-9]*/gid_map"):
        with contextlib.suppress(OSError):      # it ended meanwhile
            for line in entry.read_text(encoding="ascii").splitlines():
                _, first, count = map(int, line.split())
                yield entry.parent.name, first, count


@functools.lru_cache(maxsize=None)
def installed():
    """{package: Version} of this machine."""
    with open("/var/lib/dpkg/status", encoding="utf-8") as stream:
        return {item["Package"]: Version(item["Version"])
                for item in deb822.Packages.iter_paragraphs(stream, use_apt_pkg=False)
                if item["Status"].endswith(" installed")}


def names(known):
    """The name server that programs ask is galaf's dnsmasq."""
    if not any(entry.domains for entry in known.conf.entries()):
        return Result(OK, "no entry has domains")
    obstacle = resolver.obstacle()
    if obstacle:
        why, _, mend = obstacle.partition(": ")
        return Result(BROKEN, why, mend)
    missing = [link for link in resolver.LINKS[resolver.service()] if not link.exists()]
    if missing:
        return Result(BROKEN, f"{resolver.service()}'s dnsmasq does not read galaf's options: it lacks "
                              f"{few(missing)}", "galaf_dns connect")
    servers = re.findall(r"^nameserver\s+(\S+)", Path("/etc/resolv.conf").read_text(encoding="utf-8"), re.MULTILINE)
    if servers != ["127.0.0.1"]:
        return Result(BROKEN, f"/etc/resolv.conf leads to {few(servers) or 'no server'}, not to 127.0.0.1 alone",
                      "let it say only: nameserver 127.0.0.1")
    silenced = resolver.silenced(known.conf, known.ids)
    if silenced:
        why, _, mend = silenced.partition(": ")
        return Result(WARNING, why, mend)
    limit = resolver.search_limit(known.conf)
    if limit:
        why, _, mend = limit.rpartition(": write")
        return Result(WARNING, why, "write" + mend)
    refused = resolver.rebinds() if known.conf.stop_dns_rebind else ()
    if refused:
        return Result(WARNING, f"stop_dns_rebind refused a private address of {few(refused)}",
                      'name the domain in an entry, or take "stop_dns_rebind" out of $.config')
    return Result(OK, f"/etc/resolv.conf leads to {resolver.service()}'s dnsmasq")


def strict_dns(known):
    """A program outside every group resolves nothing."""
    if known.conf.dns == "open" or known.conf.mode == "audit":
        opened = '"dns"' if known.conf.dns == "open" else '"mode"'
        return Result(WARNING, 'DNS is open: any program can send data out in the names that it asks for',
                      f"take {opened} out of $.config")
    if not any(entry.domains for entry in known.conf.entries()) and resolver.service() is None:
        return Result(OK, "no entry has domains, and nothing here resolves names")
    return asked(probe.ask_name(SERVER)) or untried(known) or [*hurried(), *elsewhere()]


def asked(said):
    """The Result of a query that should have been refused, but was not; None if it was."""
    if said == "REFUSED":
        return None
    if said == "silent":
        return Result(BROKEN, f"nothing answers at {SERVER}, so nobody resolves names",
                      f"service {resolver.service() or 'dnsmasq'} restart")
    return Result(BROKEN, f"a name asked for by a program outside every group is answered: {said}",
                  "galaf_dns connect; galaf_config")


def hurried():
    """The Result of queries in a row, each of which should be refused."""
    passed, sent = probe.hurry(SERVER)
    if passed:
        yield Result(BROKEN, f"{passed} of {sent} queries by a program outside every group were answered: they pass "
                             "dnsmasq's allow-list", f"galaf_dns connect; {NEW_SKELETON}")
    else:
        yield Result(OK, f"a name asked for by a program outside every group is refused, and {sent} more in a row")


def elsewhere():
    """The Result of a query at each other address of this machine's where a resolver is, or could be."""
    where = {one.address for one in listeners.found() if one.port == 53} - {"0.0.0.0", "::"}
    said = {address: probe.call_resolver(address)
            for address in sorted({*where, probe.OTHER, *own_addresses()} - {SERVER})}
    reached = [address for address, word in said.items() if word not in ("closed", "REFUSED", "silent")]
    if reached:
        yield Result(BROKEN, "a program outside every group reaches whatever resolver is at "
                             f"{few(reached)}, which holds it to no names", NEW_SKELETON)
    else:
        yield Result(OK, "a program outside every group reaches no resolver at another address of this machine")


def other_resolvers(_known):
    """Nothing else resolves names on behalf of any program."""
    found = []
    hosts = re.search(r"^hosts:(.*)", Path("/etc/nsswitch.conf").read_text(encoding="utf-8"), re.MULTILINE)
    if hosts and "resolve" in hosts[1].split():
        found.append("systemd-resolved, by the word resolve in /etc/nsswitch.conf")
    found += ["nscd"] if os.path.exists("/run/nscd/socket") else []
    found += ["systemd-resolved"] if os.path.exists("/run/systemd/resolve/io.systemd.Resolve") else []
    if found:
        return Result(WARNING, f"names are resolved by a service for any program: {few(found)}: it is refused, or "
                               "if it has an entry, is a way out", "apt remove it")
    return Result(OK, "no service resolves names on behalf of others")


def services(known):
    """Resolvers and proxies on this machine, which work for whoever asks, have no entry that lets them out.

    Nor do applications listen, as a proxy would.  What lets each out, and who runs it, is told.
    """
    found = {}
    for one in others_listeners():
        entry = entry_of(known, one)
        application = entry and entry.place[0] == "groups" and one.protocol == "tcp"
        if listeners.works_for_others(one) or application:
            found.setdefault((described(one), entry.path if entry else ""), []).append(listeners.place(one))
    for (who, path), places in found.items():
        if path:
            yield Result(WARNING, f"{who} listens at {few(places)}, and {path} lets it out, and whoever asks it",
                         f"{path} should have domains, or go; or stop the program: see galaf_doctor(8)")
        else:
            yield Result(OK, f"{who} listens at {few(places)}; no entry lets it out")
    if not found:
        yield Result(OK, "no resolver or proxy listens on this machine, but for galaf's dnsmasq")


def others_listeners():
    """The Listeners of this machine, less those of the dnsmasq that programs ask."""
    every = listeners.found()
    own = {(one.program, one.uid) for one in every
           if one.program == "dnsmasq" and one.port == 53 and one.address in (SERVER, "0.0.0.0")}
    return [one for one in every if (one.program, one.uid) not in own]


def entry_of(known, listener):
    """The entry whose rules let a listener's process out, or None."""
    for entry in known.conf.entries():
        number = known.ids.of(entry)
        if entry.rules and number is not None and number == (
                listener.gid if entry.place[0] == "groups" else listener.uid):
            return entry
    return None


def described(listener):
    """A listener's program and who runs it, as a phrase."""
    if listener.uid is None:
        return listener.program
    return f"{few([listener.program])}, run by {user_name(listener.uid) if listener.uid != 1 else 'daemon'},"


def routing(known):
    """No routing rule takes an entry's mark for its own."""
    if not known.meta.get("ebpf", True):
        return Result(OK, "sockets have no mark")
    found = iprule.taken(known.ids)
    if found:
        return Result(BROKEN, f"ip rule routes by the marks of {few(found)}", iprule.MEND)
    return Result(OK, "no ip rule matches the mark of an entry")


def other_tables(known):
    """No other table changes marks, or where packets go, behind these rules' back."""
    found = other_firewalls.acting(known.meta.get("table", "galaf"))
    if found:
        return Result(WARNING, f"rules of others: {few(found)}",
                      "see nft list ruleset, iptables-legacy-save and ip6tables-legacy-save; what is redirected to a "
                      "local proxy is out of galaf's sight")
    return Result(OK, "no other table redirects, or sets marks")


def others(known):
    """Docker, libvirt and VPNs have the rules that they need."""
    links = {link["ifname"] for link in json.loads(run("ip", "-j", "link"))}
    bridges = sorted(name for name in links if re.match(r"(docker|virbr|br-|lxcbr|podman)", name))
    tunnels = sorted(name for name in links if re.match(r"(wg|tun|tailscale)", name))
    if bridges and not known.conf.forward:
        yield Result(WARNING, f"{few(bridges)}: containers and virtual machines reach nothing, since nothing is "
                              "forwarded", 'if they shall: "forward" in $.config, see galaf_conf.json(5)')
    if tunnels:
        yield Result(WARNING, f"{few(tunnels)}: a tunnel; what carries it needs a rule, and what goes through it is "
                              "held to the same rules", "see EXAMPLES in galaf_conf.json(5)")
    if not tunnels and (known.conf.forward or not bridges):
        yield Result(OK, "no bridge or tunnel needs rules that are lacking")


def ping(known):
    """Groups with "ping" may open echo sockets."""
    wanted = [entry.path for entry in known.conf.groups.values() if entry.ping]
    low, high = map(int, Path("/proc/sys/net/ipv4/ping_group_range").read_text(encoding="ascii").split())
    if wanted and not low <= conf.PING_RANGE[0] <= conf.PING_RANGE[1] <= high:
        return Result(BROKEN, f"net.ipv4.ping_group_range is {low} {high}, so {few(wanted)} can't ping",
                      "galaf_firewall start; if it comes again, see what sets it in sysctl.d(5)")
    return Result(OK, f"net.ipv4.ping_group_range is {low} {high}")


def units(_known):
    """Boot loads marks and rules before any network."""
    found = [f"{name} is not enabled" for name in ("galaf-mark.service", "galaf-firewall.service")
             if not Path(UNITS[0], "sysinit.target.wants", name).is_symlink()]
    for name in ("galaf-mark.service", "galaf-firewall.service"):
        unit = next((Path(folder, name) for folder in UNITS if Path(folder, name).exists()), None)
        text = unit.read_text(encoding="utf-8") if unit else ""
        if not re.search(r"^Before=.*\bnetwork-pre\.target\b", text, re.MULTILINE):
            found.append(f"{unit or name} does not come before network-pre.target")
    if found:
        return Result(BROKEN, few(found), "systemctl enable galaf-mark galaf-firewall, systemctl revert galaf-mark "
                                          "galaf-firewall")
    return Result(OK, "galaf-mark and galaf-firewall come before any network at boot")


def guard(_known):
    """Rules that another program flushes come back."""
    enabled = Path(UNITS[0], "sysinit.target.wants", "galaf-guard.service").is_symlink()
    booted = Path("/run/systemd/system").is_dir()       # else no unit runs at all, as in a container
    if enabled and (not booted or run("systemctl", "is-active", "galaf-guard", ok=(0, 3)).strip() == "active"):
        return Result(OK, "galaf-guard loads the rules again where another program flushes them")
    return Result(WARNING, f"galaf-guard {'does not run' if enabled else 'is not enabled'}: after nft flush ruleset, "
                           "as restarting Debian's nftables does, nothing is enforced",
                  "systemctl enable --now galaf-guard")


def apt(_known):
    """apt asks for no SRV records, whose answers enter no set."""
    if 'Acquire::EnableSrvRecords "false";' in run("apt-config", "dump", "Acquire::EnableSrvRecords"):
        return Result(OK, "apt asks for no SRV records")
    return Result(WARNING, "apt asks for SRV records, and the hosts that they name are refused to _apt",
                  'Acquire::EnableSrvRecords "false"; as /etc/apt/apt.conf.d/60galaf had it')


CHECKS = (rules, file, probe_out, loopback, guard, units, marks, cgroup1, routing, launcher, members, set_group,
          setgid_capability, written_commands, privileges, namespaces, guarded, families, packages, names, strict_dns,
          other_resolvers, services, other_tables, others, ping, apt)
