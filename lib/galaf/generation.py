# SPDX-License-Identifier: GPL-3.0-or-later
"""Generations: the rendered texts of one configuration, kept together under /var/lib/galaf.

One is written as a whole beside the others, then becomes the good one by one rename(2) of
the link "good"; a crash leaves the old one or the new one, never a mixture.
"""
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from . import paths
from .errors import GalafError

KEPT = 5                # generations that stay for looking back
LOCK_WAIT = 30          # seconds


@contextlib.contextmanager
def lock():
    """Holds the lock that every change of rules takes; waits LOCK_WAIT seconds at most, then raises GalafError."""
    paths.RUNTIME.mkdir(mode=0o755, exist_ok=True)
    with open(paths.RUNTIME / "lock", "w", encoding="ascii") as stream:
        deadline = time.monotonic() + LOCK_WAIT
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise GalafError("another galaf_config or galaf_firewall is at work: try again "
                                     "when it has ended") from None
                time.sleep(0.1)
        yield


def good():
    """The folder of the generation in force, or None where there is none.  It may be damaged, or not be there."""
    return paths.GOOD.resolve() if paths.GOOD.is_symlink() else None


def meta(folder):
    """What a generation says of itself: "table", "ebpf", "time" (seconds since 1970), "by", "version"."""
    try:
        found = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        if not {"table", "ebpf", "time"} <= found.keys():
            raise ValueError("it lacks keys")
        return found
    except (OSError, ValueError, AttributeError) as error:
        raise GalafError(f"{folder}/meta.json: can't be read ({error}): run galaf_config") from None


def table(folder):
    """The name of a generation's table; where that can't be read, the one that a file has that names none."""
    try:
        return meta(folder)["table"]
    except GalafError:
        return "galaf"


def rules(folder):
    """The ruleset of a generation.  Raises GalafError unless it is what was written: nft loads a part of one too."""
    try:
        data = (folder / "ruleset.nft").read_bytes()
    except OSError as error:
        raise GalafError(f"{error.filename}: {error.strerror}: run galaf_config") from None
    if digest(data) != meta(folder).get("sha256", digest(data)):
        raise GalafError(f"{folder}/ruleset.nft: damaged, it is not what was written: run galaf_config")
    return data.decode()


def digest(data):
    """What tells whether a ruleset, as bytes, is whole."""
    return hashlib.sha256(data).hexdigest()


def text(folder, name):
    """One text of a generation; "" where there is none (folder None), it has no such text, or it can't be read."""
    try:
        return (folder / name).read_text(encoding="utf-8") if folder else ""
    except (OSError, ValueError):
        return ""


def write(texts):
    """Writes a new generation that is not in force yet; texts: file name to text.  Returns its folder."""
    top = paths.STATE / "generations"
    try:
        top.mkdir(mode=0o755, parents=True, exist_ok=True)
        for left_over in top.glob("next-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix="next-", dir=top))
        folder.chmod(0o755)
        for name, text_ in texts.items():
            write_through(folder / name, text_)
    except OSError as error:
        raise GalafError(f"{error.filename or top}: {error.strerror}: nothing was changed") from None
    return folder


def keep(folder):
    """Gives a written generation its number; returns its final folder.  It is not the good one yet.

    The number is new even where the good generation's folder is gone, and only the link still names it.
    """
    top = folder.parent
    named = [int(good().name)] if good() else []
    final = top / str(max([*numbers(), *named], default=0) + 1)
    folder.rename(final)
    _sync(top)
    return final


def numbers():
    """The numbers of the generations that are kept, in order."""
    top = paths.STATE / "generations"
    return sorted(int(path.name) for path in top.iterdir() if path.name.isdigit()) if top.is_dir() else []


def make_good(folder, spare=None):
    """Makes a numbered generation the good one; the oldest beyond KEPT go, but for it and the one named spare."""
    link = paths.STATE / "good.next"
    try:
        link.unlink(missing_ok=True)
        link.symlink_to(folder.relative_to(paths.STATE))
        link.rename(paths.GOOD)
        _sync(paths.STATE)
    except OSError as error:
        raise GalafError(f"{error.filename}: {error.strerror}: the new rules are loaded but not kept; "
                         "mend this and run galaf_config again") from None
    for number in numbers()[:-KEPT]:
        if str(number) not in (folder.name, spare):
            shutil.rmtree(folder.parent / str(number), ignore_errors=True)


def drop(folder):
    """Removes a generation that is not the good one."""
    shutil.rmtree(folder, ignore_errors=True)


def before(folder):
    """The generation before one, or None."""
    older = [number for number in numbers() if number < int(folder.name)]
    return folder.parent / str(older[-1]) if older else None


def write_through(file, text_):
    """Writes a file, mode 0644, that has reached the disk when this returns."""
    with open(file, "w", encoding="utf-8") as stream:
        stream.write(text_)
        stream.flush()
        os.fchmod(stream.fileno(), 0o644)
        os.fsync(stream.fileno())
    _sync(file.parent)


def _sync(folder):
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
