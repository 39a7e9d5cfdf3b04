# SPDX-License-Identifier: GPL-3.0-or-later
"""galaf's eBPF programs: they label sockets with group and user, watch who asks for what, guard the user namespaces of
applications, and refuse sockets that the rules see nothing of.
"""
import hashlib
import os
import socket
from pathlib import Path
from typing import NamedTuple

from .. import generation, mark, paths
from ..errors import GalafError
from . import bpf, families, listed_names, lock
from .run import run

# Each object file's programs and their hooks.  All names begin with galaf_: what is attached
# under them is ours, also where the pins were lost.
OBJECTS = {
    "socket_mark_giduid": {"galaf_socket": "cgroup_inet_sock_create"},
    "socket_watch": {"galaf_connect4": "cgroup_inet4_connect", "galaf_connect6": "cgroup_inet6_connect",
                     "galaf_sendmsg4": "cgroup_udp4_sendmsg", "galaf_sendmsg6": "cgroup_udp6_sendmsg",
                     "galaf_answers": "cgroup_inet_ingress"},
    "user_namespaces": {"galaf_capable": "lsm_cgroup", "galaf_set_gid": "lsm_cgroup"},
    "socket_families": {"galaf_families": "lsm_cgroup"},
}
# The objects that a kernel may be without: what is not guarded then, and what else helps.
GUARDS = {
    "user_namespaces": ("the user namespaces of applications",
                        'take "user_namespaces" out of galaf_conf.json'),
    "socket_families": ("sockets that the rules do not see",
                        "deny their modules, see galaf_mark(8)"),
}
HOOKS = {program: hook for programs in OBJECTS.values() for program, hook in programs.items()}
SECURITY_MODULES = Path("/sys/kernel/security/lsm")
SO_NETNS_COOKIE = 71        # asm-generic/socket.h, since Linux 5.14


class Status(NamedTuple):
    """What is attached.

    top: where the top of cgroup2 is mounted; marked: whether a socket made now has its mark; guarded: which of GUARDS
    hold, {name: True or False}; programs: {name: id, None if it isn't attached} of all.
    """
    top: str
    marked: bool
    guarded: dict
    programs: dict

    def lacking(self):
        """The names of the programs that are not attached and that every kernel takes."""
        return [program for name, programs in OBJECTS.items() if name not in GUARDS
                for program in programs if not self.programs[program]]

    def works(self):
        """Whether sockets are marked and watched."""
        return self.marked and not self.lacking()


def start():
    """Attaches every program, once, and makes sure that sockets are marked; a newer version replaces an older one.

    Returns a sentence for each of GUARDS that this kernel can't have.
    """
    top = bpf.cgroup2()
    with lock.held("mark"):
        bpf.mount()
        live = bpf.attached(top, HOOKS)     # takes as long as four other calls of bpftool
        for name in OBJECTS:
            if name not in GUARDS:
                _start(name, top, live)
        _remove_others()
        if not _marked():
            _stop(top)
            raise GalafError(f"{top}: the programs do not mark sockets and are detached: {why_unmarked(top)}")
        return [said for name in GUARDS for said in _start_guard(name, top, live)]


def stop():
    """Detaches our programs and removes their pins, and nothing else: connections go on, new sockets have no mark."""
    top = bpf.cgroup2()
    with lock.held("mark"):
        _stop(top)


def status():
    """What is attached, as Status."""
    top = bpf.cgroup2()
    live = dict(bpf.attached(top, HOOKS))
    return Status(top, _marked(), {name: _guarded(name, live) for name in GUARDS},
                  {program: live.get(program) for program in HOOKS})


def _start(name, top, live):
    """Attaches one object's programs; those of another version go only once the new ones are in place.

    live: what is attached, as bpf.attached() has it.
    """
    folder, programs = paths.BPF_PINS / name, OBJECTS[name]
    fresh, found = _loaded(name)
    _set_home(fresh / "map")
    families.settle(generation.text(generation.good(), "socket_families"), fresh / "map" / "galaf_open")
    if fresh != folder:     # what is in use already has what dnsmasq has read: resolver.restart()
        listed_names.fill(fresh / "map")
    wanted = {(program, found[program]["id"]) for program in programs}
    before = {item for item in live if item[0] in programs}
    for program, _ in sorted(wanted - before):
        bpf.attach(top, HOOKS[program], fresh / "prog" / program)
    _detach(top, before - wanted)
    if fresh != folder:
        bpf.remove(folder)
        fresh.rename(folder)
        listed_names.fill(folder / "map")       # what dnsmasq has read meanwhile went into the old one
    _origin(name).mkdir(exist_ok=True)


def _loaded(name):
    """The folder of an object file's pins and what it holds: the one in use, or a fresh one where its programs differ.

    The kernel makes a program's tag from its instructions.
    """
    folder, fresh = paths.BPF_PINS / name, paths.BPF_PINS / f"{name}_new"      # no dot: bpffs refuses it
    bpf.remove(fresh)       # an interrupted start's
    found = bpf.pinned(folder)
    if _origin(name).is_dir() and found.keys() >= OBJECTS[name].keys():
        return folder, found        # spares the kernel its check of the programs, which takes longer than all the rest
    bpf.load(_object(name), fresh)
    loaded = bpf.pinned(fresh)
    if any(found.get(program, {}).get("tag") != loaded[program]["tag"] for program in OBJECTS[name]):
        return fresh, loaded
    bpf.remove(fresh)
    return folder, found


def _object(name):
    """The file of an object."""
    return paths.LIB / f"{name}.bpf.o"


def _origin(name):
    """The empty folder that says, by its name, from which object file the pins beside it come."""
    return paths.BPF_PINS / name / hashlib.sha256(_object(name).read_bytes()).hexdigest()


def _set_home(maps):
    """Tells programs that watch one network namespace alone that it is this process's; maps: their folder."""
    home = maps / "galaf_home"
    if home.exists():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            cookie = probe.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8)
        run("bpftool", "map", "update", "pinned", str(home), "key", "hex", *["00"] * 4, "value", "hex",
            *(f"{byte:02x}" for byte in cookie))


def _remove_others():
    """Removes the pins of objects that an earlier version had; their programs are replaced by now."""
    for folder in paths.BPF_PINS.iterdir():
        if folder.name.removesuffix("_new") not in OBJECTS:
            bpf.remove(folder)


def _stop(top):
    _detach(top, bpf.attached(top, HOOKS))
    bpf.remove(paths.BPF_PINS)


def _detach(top, found):
    """Detaches programs; found: (name, id) of each."""
    for program, number in found:
        bpf.detach(top, HOOKS[program], number)


def _marked():
    """Whether a socket made now has the mark of this process."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        return probe.getsockopt(socket.SOL_SOCKET, socket.SO_MARK) == mark.encode(os.getgid(), os.getuid())


def why_unmarked(top):
    """A sentence on why an attached program marks no socket, and the fix.

    Before Linux 5.15 a socket had room for its cgroup2 or for the class of cgroup v1's net_cls
    and net_prio, and once these were used it counted as of the real top (commit 8520e224f547):
    a program attached at the top that a container sees did not run for it.
    """
    version1 = {name for kind, _, _, options in bpf.mounts() if kind == "cgroup"
                for name in options.split(",") if name in ("net_cls", "net_prio")}
    if version1:
        return (f"cgroup v1's {' and '.join(sorted(version1))} may take sockets out of cgroup2: "
                "boot with systemd.unified_cgroup_hierarchy=1")
    return f"this process is not below {top}: run it on the machine itself, not in part of a container"


def _start_guard(name, top, live):
    """Attaches one of GUARDS; returns a list, of a sentence where this kernel can't have it.  live: as for _start()."""
    why, there = "the kernel's list of security modules lacks bpf", OBJECTS[name]
    try:
        _start(name, top, live)
    except GalafError as error:
        why, there = str(error), dict(live)
    if _guarded(name, there):
        return []
    return [f"{GUARDS[name][0]} are not guarded: {why}: {_how_to_guard(name)}"]


def _guarded(name, live):
    """Whether one of GUARDS works; live: the names of the attached programs.

    Without "bpf" among the security modules the kernel attaches such a program and never runs it.
    """
    modules = _security_modules()
    return set(OBJECTS[name]) <= set(live) and (not modules or "bpf" in modules.split(","))


def _how_to_guard(name):
    """What to do where one of GUARDS can't be had."""
    modules = _security_modules()
    if modules and "bpf" not in modules.split(","):
        return f"boot with lsm={modules},bpf on the kernel's command line"
    return f"run a kernel of Debian's, or {GUARDS[name][1]}"


def _security_modules():
    """The kernel's list of the active ones, as text; "" where it can't be read."""
    try:
        return SECURITY_MODULES.read_text(encoding="ascii").strip()
    except OSError:
        return ""
