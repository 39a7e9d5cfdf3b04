# SPDX-License-Identifier: GPL-3.0-or-later
"""Generations: the rendered texts of one configuration, kept together under /var/lib/galaf.

One is written as a whole beside the others, then becomes the good one by one rename(2) of
the link "good"; a crash leaves the old one or the new one, never a mixture.
"""
import dataclasses
import hashlib
import json
import shutil
import tempfile
from pathlib import Path

from . import paths
from .config import conf
from .errors import GalafError
from .system import lock as locks
from .system import files

_NEXT = paths.STATE / "good.next"
KEPT = 5                # generations that stay for looking back


def lock():
    """Holds the lock that every change of rules, and of galaf_conf.json, takes; raises GalafError after lock.WAIT."""
    return locks.held("rules")


def good():
    """The folder of the active generation, or None where there is none.  It may be damaged, or not be there."""
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


def holds_networks(folder):
    """Whether only an administrator may change networks while a generation is loaded; so too where it doesn't say."""
    try:
        said = meta(folder)
    except GalafError:
        return True
    return said.get("network_changes", "admin") == "admin" and said.get("mode") != "audit"


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


def source(folder):
    """(text, path) of the configuration that a generation was made of, as one file; "" as text() says.

    That is resolved.json where drop-ins or known entries were part of it.
    """
    name = "resolved.json" if folder and (folder / "resolved.json").exists() else "galaf_conf.json"
    return text(folder, name), f"{folder}/{name}"


def written(folder):
    """{name: text} of what a generation (None: there is none) keeps of its configuration's files."""
    if folder is None:
        return {}
    names = ["galaf_conf.json", "resolved.json",
             *(f"galaf_conf.d/{file.name}" for file in folder.glob("galaf_conf.d/*"))]
    return {name: text(folder, name) for name in names if (folder / name).exists()}


def configuration(folder):
    """The Conf of a generation, in the mode that it was applied in; None where there is none, or it is damaged."""
    kept, name = source(folder)
    if not kept:
        return None
    try:
        parsed = conf.parse(kept, name, checked=True)
        return dataclasses.replace(parsed, mode=meta(folder).get("mode", "enforce"))
    except GalafError:
        return None


def write(texts):
    """Writes a new generation that is not active yet; texts: file name to text.  Returns its folder."""
    top = paths.STATE / "generations"
    try:
        files.folder(paths.STATE)
        files.folder(top)
        for left_over in top.glob("next-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix="next-", dir=top))
        folder.chmod(0o755)
        for name, text_ in texts.items():
            if "/" in name:
                files.folder((folder / name).parent)
            files.replace(folder / name, text_)
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
    files.sync(top)
    return final


def numbers():
    """The numbers of the generations that are kept, in order."""
    top = paths.STATE / "generations"
    return sorted(int(path.name) for path in top.iterdir() if path.name.isdigit()) if top.is_dir() else []


def numbered(number):
    """The folder of a kept generation; number: "before" for the one that the good one took the place of."""
    if number == "before":
        older = before(good()) if good() else None
        if older is None:
            raise GalafError("there is no generation to go back to")
        return older
    if number not in map(str, numbers()):
        raise GalafError(f"{number}: there is no such generation: galaf_config --generations lists those that are kept")
    return paths.STATE / "generations" / number


def ids(folder):
    """{"users": {name: uid}, "groups": {name: gid}} that a generation was made for; {} where it does not say."""
    try:
        return json.loads(text(folder, "ids.json") or "{}")
    except ValueError:
        return {}


def kept_gids():
    """The gids of groups that a kept generation has rules for."""
    return {gid for number in numbers()
            for gid in ids(paths.STATE / "generations" / str(number)).get("groups", {}).values()}


def stage(folder):
    """Makes the link that make_good() renames, so that nothing is loaded where the disk is full."""
    try:
        _NEXT.unlink(missing_ok=True)
        _NEXT.symlink_to(folder.relative_to(paths.STATE))
    except OSError as error:
        raise GalafError(f"{_NEXT}: {error.strerror}: nothing was changed") from None


def make_good(folder, spare=None):
    """Makes a numbered generation, which was staged, the good one; the oldest beyond KEPT go.

    It stays, and so do the one named spare and the one that --rollback would go to.
    """
    try:
        _NEXT.rename(paths.GOOD)
        files.sync(paths.STATE)
    except OSError as error:
        raise GalafError(f"{error.filename}: {error.strerror}: the new rules are loaded but not kept; "
                         "fix this and run galaf_config again") from None
    older = before(folder)
    for number in numbers()[:-KEPT]:
        if str(number) not in (folder.name, spare, older and older.name):
            shutil.rmtree(folder.parent / str(number), ignore_errors=True)


def drop(folder):
    """Removes a generation that is not the good one."""
    shutil.rmtree(folder, ignore_errors=True)


def before(folder):
    """The folder of the generation that a numbered one took the place of, or None.

    Where that isn't kept, or what the generation says of itself is damaged: the one with the next lower number.
    """
    kept = numbers()
    try:
        said = meta(folder).get("before")
    except GalafError:
        said = None
    older = [int(said)] if said in map(str, kept) else [number for number in kept if number < int(folder.name)]
    return folder.parent / str(older[-1]) if older else None


def same(folder, texts):
    """Whether a generation (None: there is none) holds just these texts, but for when, by whom and after what."""
    return folder is not None and _alike(folder, texts, lambda name: True, ("time", "by", "before"))


def replaced(texts):
    """The name of the generation that one of these texts is a change of, or None.

    The good one; where only the words differ that they come from, such as a comment, what that is a change of.
    """
    folder = good()
    if folder and _alike(folder, texts, lambda name: name not in ("galaf_conf.json", "resolved.json") and
                         not name.startswith("galaf_conf.d/"), ("time", "by", "before", "version")):
        return meta(folder).get("before")
    return folder and folder.name


def _alike(folder, texts, counts, unlike):
    """Whether a generation holds these texts; counts: which files, by name; unlike: keys of meta.json that do not."""
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    if set(filter(counts, there)) != set(filter(counts, texts)):
        return False
    if any(text(folder, name) != texts[name] for name in filter(counts, texts) if name != "meta.json"):
        return False
    try:
        told = [{key: value for key, value in each.items() if key not in unlike}
                for each in (meta(folder), json.loads(texts["meta.json"]))]
    except GalafError:
        return False
    return told[0] == told[1]
