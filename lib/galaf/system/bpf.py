# SPDX-License-Identifier: GPL-3.0-or-later
"""eBPF programs in the kernel: loading, pinning, attaching and listing them, through bpftool."""
import contextlib
import json
import os
import re
import shutil
from pathlib import Path

from .. import paths
from ..errors import GalafError
from .run import CommandFailed, run

FILE_SYSTEM = paths.BPF_PINS.parent


def mounts():
    """(type, root, mount point, options) of each mount that a path reaches: none that another one covers."""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        before, _, after = line.partition(" - ")
        device, root, target = before.split()[2:5]
        target = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), target)
        with contextlib.suppress(OSError):
            number = os.stat(target).st_dev
            if device == f"{os.major(number)}:{os.minor(number)}":
                yield after.split()[0], root, target, after.split()[-1]


def cgroup2():
    """Where the top of cgroup2 is mounted; raises GalafError if it is nowhere."""
    for kind, root, target, _ in mounts():
        if (kind, root) == ("cgroup2", "/"):
            return target
    raise GalafError("no cgroup2 file system is mounted: boot with systemd.unified_cgroup_hierarchy=1")


def mount():
    """Mounts the file system of the pins unless it is there, as systemd has it."""
    if ("bpf", str(FILE_SYSTEM)) in ((kind, target) for kind, _, target, _ in mounts()):
        return
    if not FILE_SYSTEM.is_dir():
        raise GalafError(f"{FILE_SYSTEM} is missing: this kernel has no eBPF, or /sys is not mounted")
    run("mount", "-t", "bpf", "-o", "mode=700", "bpf", str(FILE_SYSTEM))


def remove(folder):
    """Removes a folder of pins, if it is there."""
    if folder.exists():
        shutil.rmtree(folder)


def load(file, folder):
    """Loads an object file's programs and pins them in a folder that is not there yet."""
    folder.mkdir(mode=0o700, parents=True)
    try:
        run("bpftool", "prog", "loadall", str(file), str(folder / "prog"), "pinmaps", str(folder / "map"))
    except CommandFailed as error:
        remove(folder)
        said = error.said.partition("\n")[0]
        raise GalafError(f"{file.name}: not loaded: {said}") from None


def pinned(folder):
    """What the kernel says of the programs that load() pinned in a folder: {name: its "id", "tag" and more}."""
    pins = sorted((folder / "prog").iterdir()) if (folder / "prog").is_dir() else []
    if not pins:
        return {}
    said = run("bpftool", "-j", "batch", "file", "-", stdin="".join(f"prog show pinned {pin}\n" for pin in pins))
    return {pin.name: answer["output"] for pin, answer in zip(pins, json.loads(said))}


def attached(top, hooks):
    """The programs that are attached at the top of cgroup2, as (name, id); hooks: {name: hook} of those that count."""
    listed = run("bpftool", "-j", "cgroup", "show", top).strip()    # empty where nothing is attached
    return [(item["name"], item["id"]) for item in json.loads(listed or "[]")
            if hooks.get(item["name"]) == item["attach_type"]]


def attach(top, hook, pin):
    """Attaches a pinned program beside whatever else is there."""
    try:
        run("bpftool", "cgroup", "attach", top, hook, "pinned", str(pin), "multi")
    except CommandFailed as error:
        raise GalafError(f"{top}: {pin.name} cannot be attached: {error.said}; see what else is: "
                         f"bpftool cgroup show {top}") from None


def detach(top, hook, number):
    """Detaches the program with an id."""
    run("bpftool", "cgroup", "detach", top, hook, "id", str(number))
