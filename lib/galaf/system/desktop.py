# SPDX-License-Identifier: GPL-3.0-or-later
"""Lays in a folder of galaf's what starts applications by galaf(1), in front of what packages bring.

Nothing of a package, of /usr/local or of a home is changed: the folder comes first in XDG_DATA_DIRS, XDG_CONFIG_DIRS
and PATH (lib/galaf/environment), and a generator of systemd's hands its drop-ins to each user's systemd.
"""
import contextlib
import functools
import os
import pwd
import re
import shutil
import time
from collections import namedtuple
from pathlib import Path

from .. import paths
from ..config import conf as configuration
from ..config import known
from ..errors import GalafError
from ..render import desktop as render
from . import aside, files, flatpak, lock
from .run import CommandFailed, run
from .runners import INTERPRETERS, RUNNERS

TOP = paths.STATE / "desktop"
COMMAND = Path("/usr/lib/galaf/command")        # what each command leads to: below /var may be mounted noexec
MADE = paths.RUNTIME / "desktop"        # when TOP was made in this boot
SEARCH = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/games", "/usr/games")
DATA = ("/usr/local/share", "/usr/share", "/var/lib/flatpak/exports/share", "/var/lib/snapd/desktop")
# Of each kind: where it is found, the first of a name first; where it is laid; how its files' names end; the renderer.
KINDS = {
    "menu": ([f"{place}/applications" for place in DATA], "share/applications", ".desktop", render.menu),
    "D-Bus": ([f"{place}/dbus-1/services" for place in DATA], "share/dbus-1/services", ".service", render.service),
    "autostart": (["/etc/xdg/autostart"], "xdg/autostart", ".desktop", render.menu),
    "unit": (["/etc/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user"], "systemd/user", ".service",
             render.unit),
}
Own = namedtuple("Own", "what folders below endings renderer")
Own.__doc__ = """Files of a person's own that may start a program.

what: they are, a phrase; folders: in a home, or a path; below: which folders in these are looked into, too, by the end
of their names (None: none); endings: of the files' names; renderer: as in KINDS.
"""
# They win, but for flatpaks that are installed for one person, and copies in panels of Xfce, MATE, Plasma and Cinnamon;
# commands where ~/.profile has put their folder in front, as Debian's does.
OWN = (
    Own("menu entry",
        (".local/share/applications", ".config/autostart", ".local/share/flatpak/exports/share/applications",
         ".config/xfce4/panel", ".config/mate/panel2.d", ".local/share/plasma_icons", ".cinnamon/panel-launchers"),
        "", (".desktop",), render.menu),
    Own("D-Bus service", (".local/share/dbus-1/services", ".local/share/flatpak/exports/share/dbus-1/services"),
        None, (".service",), render.service),
    Own("unit", (".config/systemd/user", ".local/share/systemd/user"),
        ".service.d", (".service", ".conf"), render.unit),
    Own("command", ("bin", ".local/bin"), None, ("",), render.script),
)
# Where a session's own folders have names in the person's language: see user-dirs.dirs(5).
USER_DIRS = ".config/user-dirs.dirs"
_DESKTOP = re.compile(rb'^\s*XDG_DESKTOP_DIR="(\$HOME)?(/[^"\\\n\0]*)"', re.MULTILINE)
# What a person may put there, or into a command line, keeps no command of root's busy.
LARGEST = 1 << 18       # bytes of a file
MOST = 1000             # files and folders of a person's
WORDS = 64              # of a command line
# Names of a role that Debian's alternatives give to a program: they mean whatever has the role.
ROLES = frozenset({"gnome-www-browser", "www-browser", "x-terminal-emulator", "x-www-browser"})

Found = namedtuple("Found", "entry kind name source path text")
Found.__doc__ = """One thing that starts an entry's program, and what is laid in front of it.

entry: the entry's name; kind: "menu", "D-Bus", "autostart", "unit" or "command"; name: its file's name; source: the
file's path; path: where galaf's own lies, below TOP; text: what it holds (None: it is a link to the source).  A command
is a link to COMMAND, which reads the text in a file beside.
"""


class Programs:
    """The programs of a configuration's entries: which entry a command line starts."""

    def __init__(self, conf):
        self.named, self._by_file = {}, {}
        for entry in conf.groups.values() if conf else ():
            if not entry.execv or not entry.desktop:
                continue
            program = identity(entry.execv)
            start = _start(entry, program[1] if program else 1)
            for name in [*entry.desktop_names, *_library(entry)]:
                self.named.setdefault(name, start)
            if program:
                names = frozenset(_chain(entry.execv[program[1] - 1]))
                self._by_file.setdefault(program[0], []).append((start, names, entry.name))

    def __bool__(self):
        return bool(self.named or self._by_file)

    def whose(self, words):
        """(Start, how many words name the program) of the entry that a command line's words start; or None.

        Of several entries with one program the one that is called like it, else the first.
        """
        program = identity(words)
        if not program or program[0] not in self._by_file:
            return None
        called = os.path.basename(words[program[1] - 1])
        arguments = [word for word in words[program[1]:] if not word.startswith("%")]
        fitting = [(start, name) for start, names, name in self._by_file[program[0]]
                   if (called in names or called in ROLES) and _fits(start, arguments)]
        best = next((start for start, name in fitting if name == os.path.basename(program[0]) or name == called), None)
        return (best or fitting[0][0], program[1]) if fitting else None

    def whose_by_path(self, words):
        """As whose(), but None where the program is named without a path: that finds galaf's command in PATH first."""
        found = self.whose(words)
        word = found and words[found[1] - 1]
        return found if found and (word.startswith("/") or not which(word)) else None

    def commands(self):
        """{name: path} of the commands in PATH that start an entry's program or are named by an entry."""
        names = {name for each in self._by_file.values() for _, names, _ in each for name in names} | ROLES
        names |= {name for name in self.named if not name.endswith((".desktop", ".service"))}
        return {name: path for name in sorted(names) for path in [which(name)] if path}


def _start(entry, length):
    """The Start of an entry whose program takes so many words of its execv."""
    words = entry.execv[length:]
    takes = configuration.CALLER_ARGUMENTS in words
    fixed = words[:words.index(configuration.CALLER_ARGUMENTS)] if takes else words
    return render.Start(entry.name, fixed, takes, flatpak.FORWARDS in entry.execv[:length])


def _fits(start, arguments):
    """Whether an entry is meant by these arguments: one that has its own, and takes none of the caller's, by these."""
    return start.open or not start.fixed or list(start.fixed) == arguments


def _library(entry):
    """The menu entries that the library of known entries has for an entry, where it runs the same command."""
    found = known.read(entry.name)
    return found.menu if found and tuple(found.entry.get("execv", ())) == entry.execv else ()


@functools.lru_cache(maxsize=None)
def which(word):
    """The path of a program as a session finds it without galaf's folder; None where there is none."""
    paths_ = [word] if word.startswith("/") else [] if "/" in word else [f"{place}/{word}" for place in SEARCH]
    return next((path for path in paths_ if os.path.isfile(path) and os.access(path, os.X_OK)), None)


@functools.lru_cache(maxsize=None)
def _real(path):
    return os.path.realpath(path)


def identity(words):
    """(what counts as the program, how many words name it) of a command line; None where none can be told.

    It is a file, but for flatpak, which names an application.
    """
    words, at = words[:WORDS], 0
    while at is not None and (path := which(words[at])):
        real = _real(path)
        if os.path.basename(real) == "flatpak":
            found = flatpak.application(words[at:])
            return found and (found[0], at + found[1])
        paths_ = [later for later in range(at + 1, len(words)) if words[later].startswith("/")]
        if INTERPRETERS.fullmatch(os.path.basename(real)):
            script = next((later for later in paths_ if os.path.isfile(words[later])), None)
            return script and (_real(words[script]), script + 1)
        if not RUNNERS.fullmatch(os.path.basename(real)):
            return real, at + 1
        at = next((later for later in paths_ if which(words[later])), None)     # which may be a runner again
    return None


def _chain(path):
    """The names that lead to a program: its own, and those of each link on the way."""
    while True:
        yield os.path.basename(path)
        if not path.startswith("/") or not os.path.islink(path):
            break
        path = os.path.join(os.path.dirname(path), os.readlink(path))


def find(conf, complain=lambda text: None):
    """Every Found of a configuration (None: there is none), of each kind; complain: takes what can't be read."""
    programs = Programs(conf)
    if not programs:
        return []
    found = []
    for kind, (folders, place, ending, renderer) in KINDS.items():
        for name, path in _files(folders, ending):
            if kind == "unit" and path.with_suffix(".socket").exists():
                continue        # galaf(1) closes the socket that it is handed
            rendered = _rendered(renderer, path, programs, complain)
            if rendered:
                entry, text = rendered
                laid = f"{place}/{name}.d/galaf.conf" if kind == "unit" else f"{place}/{name}"
                found.append(Found(entry, kind, name, path, laid, text))
    return found + list(_commands(programs))


def _commands(programs):
    for name, path in programs.commands().items():
        owner = programs.named.get(name)
        started = None if owner else programs.whose([path])
        start = owner or started and started[0]
        if start:
            yield Found(start.name, "command", name, path, f"bin/{name}", render.command(start))
        browser = which("sensible-browser") if start and name in ("x-www-browser", "www-browser") else None
        if browser:
            yield Found(start.name, "command", "sensible-browser", browser, "bin/sensible-browser",
                        render.browser(browser))


def _files(folders, ending):
    """(name below its folder, path) of each file of a kind; of one name the first folder's."""
    seen = set()
    for folder in folders:
        for path in sorted(Path(folder).rglob(f"*{ending}")):
            name = str(path.relative_to(folder))
            if name not in seen and path.is_file():
                seen.add(name)
                yield name, path


def _rendered(renderer, path, programs, complain, whose=None):
    """(entry's name, what is laid in front of a file); None where it starts no entry, or can't be read.

    whose: tells which entry a command line starts; Programs.whose, if not given.
    """
    try:
        return renderer(files.small(path, LARGEST), whose or programs.whose, programs.named.get(path.name))
    except OSError as error:
        complain(f"{path}: {error.strerror}")
    except GalafError as error:
        complain(f"{path}: {error}")
    return None


def update(conf, complain=lambda text: None):
    """Makes the folder hold what a configuration wants; returns every Found, and whether the folder is new.

    Only what differs is written.  Where nothing is wanted there is no folder.  Raises GalafError or OSError.
    """
    which.cache_clear()
    _real.cache_clear()
    with lock.held("desktop"):
        found = find(conf, complain)
        new = bool(found) and not TOP.exists()
        if not found:
            _remove()
            return found, False
        wanted = {item.path: item for item in [*found, *_links(found), *_programs(conf, found), *_own(conf, found),
                                               *_named(found)]}
        if new:
            _note_time()
        files.folder(TOP)
        menus = _lay(wanted) | _clear({Path(path) for path in wanted})
        if menus:
            _index()
    return found, new


def _links(found):
    """A Found for each entry whose menu entries open links: how galaf(1) knows one that an application opens."""
    lines = {}
    for item in found:
        if item.kind == "menu":
            lines.setdefault(item.entry, set()).update(render.links(item.text, item.entry))
    for name, each in sorted(lines.items()):
        if each:
            yield Found(name, "links", name, None, f"links/{name}", "".join(sorted(each)))


def _named(found):
    """A Found for each command: the file in which COMMAND reads what its name starts."""
    for item in found:
        if item.kind == "command":
            yield item._replace(kind="named", path=f"commands/{item.name}")


def _own(conf, found):
    """A Found for what one application alone is to find first, by galaf(1): commands that are part of it, and its menu
    entries as their package has them.

    Some look for their own program in these, and write another where they don't find it: Firefox, as default browser.
    """
    for item in found:
        if item.kind == "menu":
            yield item._replace(kind="own", path=f"own/{item.entry}/share/applications/{item.name}", text=None)
    for entry in conf.groups.values():
        for name, path in zip(entry.runs, map(which, entry.runs)):
            if path:
                yield Found(entry.name, "own", name, Path(path), f"own/{entry.name}/bin/{name}", None)


def _programs(conf, found):
    """A Found for each entry that has a menu entry: what galaf(1) takes for its program when it runs already."""
    entries = [conf.groups[name] for name in sorted({item.entry for item in found if item.kind in ("menu", "D-Bus")})]
    packaged = {}
    for path, name in packages_programs(entries).items():
        packaged.setdefault(name, []).append((path,))
    for entry in entries:
        program = identity(entry.execv)
        if program and program[0].startswith("/"):
            path = entry.execv[program[1] - 1]
            lines = _interpreted(path) + packaged.get(entry.name, []) if is_script(path) else [(program[0],)]
            yield Found(entry.name, "program", entry.name, path, f"programs/{entry.name}", render.programs(lines))


def _interpreted(path):
    """(interpreter, script) for each name that a script may be started by, as the kernel has them in its process."""
    with open(path, "rb") as stream:
        words = os.fsdecode(stream.readline(LARGEST)[2:]).split()
    shell = next((found for word in words if os.path.basename(word) != "env" and (found := which(word))), None)
    named = {path, _real(path), *filter(None, map(which, _chain(path)))}
    return [(_real(shell), name) for name in sorted(named)] if shell else []


def packages_programs(entries):
    """{file: entry's name} of the programs in the package of an entry whose own is a script: the script runs one."""
    found = {}
    for entry in entries:
        if entry.execv and entry.desktop and is_script(entry.execv[0]):
            with contextlib.suppress(CommandFailed):        # no package's
                package = run("dpkg-query", "-S", _real(entry.execv[0])).split(":", 1)[0]
                for path in run("dpkg-query", "-L", package).splitlines():
                    if os.path.isfile(path) and not os.path.islink(path) and os.access(path, os.X_OK):
                        found.setdefault(path, entry.name)
    return found


def is_script(path):
    """Whether a file begins with its interpreter."""
    try:
        with open(path, "rb") as stream:
            return stream.read(2) == b"#!"
    except OSError:
        return False


def _note_time():
    """Notes that the folder is made now: a session that is older knows nothing of it."""
    files.folder(paths.RUNTIME, 0o700)
    files.replace(MADE, f"{time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}\n", 0o600, durable=False)


def made():
    """When the folder was made, in microseconds of CLOCK_MONOTONIC; 0 where that was in an earlier boot."""
    try:
        return int(MADE.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def remove():
    """Takes the folder away; returns whether there was one."""
    with lock.held("desktop"):
        return _remove()


def _remove():
    there = os.path.lexists(TOP)
    if TOP.is_dir() and not TOP.is_symlink():
        shutil.rmtree(TOP)
    elif there:
        TOP.unlink()
    return there


def _lay(wanted):
    """Writes what differs; returns whether a menu entry was among it."""
    menus = False
    for path, item in wanted.items():
        file = TOP / path
        for parent in reversed(Path(path).parents[:-1]):
            files.folder(TOP / parent)
        if item.kind == "command":
            _link(file, COMMAND)
        elif item.text is None:
            _link(file, item.source)
        elif not (file.is_file() and file.read_text(encoding="utf-8", errors="replace") == item.text):
            files.replace(file, item.text, 0o644, durable=False)
            menus |= item.kind == "menu"
    return menus


def _link(file, source):
    """Has a file of galaf's lead to a package's."""
    if not (file.is_symlink() and file.readlink() == source):
        file.unlink(missing_ok=True)
        file.symlink_to(source)


def _clear(wanted):
    """Removes what is not wanted, and folders that are empty then; returns whether a menu entry was among it."""
    menus = False
    for folder, _, names in os.walk(TOP, topdown=False):
        below = Path(folder).relative_to(TOP)
        for name in names:
            if below / name not in wanted and name != "mimeinfo.cache":
                os.unlink(os.path.join(folder, name))
                menus |= below.parts[:2] == ("share", "applications")
        if below.parts and not any(below in path.parents for path in wanted):
            shutil.rmtree(folder)
    return menus


def _index():
    """Has the menu entries' types be found: a folder without this index has no handler."""
    folder = TOP / "share/applications"
    if folder.is_dir():
        run("update-desktop-database", str(folder))
        os.chmod(folder / "mimeinfo.cache", 0o644)


def own_entries(conf, complain=lambda text: None):
    """(user, what it is, path, entry's name) of each file of a person's own that starts a program without galaf.

    Of every person's home as root, else of one's own; read with that person's permission, whatever links are there.
    complain: takes whose were too many to look at, or did not answer.
    """
    programs = Programs(conf)
    people = [person for person in pwd.getpwall()
              if person.pw_uid == os.geteuid() or (os.geteuid() == 0 and person.pw_uid >= 1000)]

    def late(uid):
        name = next(person.pw_name for person in people if person.pw_uid == uid)
        complain(f"{name}'s home did not answer within {aside.SECONDS} seconds: it was not looked at")

    for person, (large, own) in aside.each(people, lambda person: _own_entries(person, programs),
                                           lambda person: person.pw_uid, late):
        for place in large:
            complain(f"{person.pw_name} has more than {MOST} files in {place}: not all were looked at")
        for what, path, entry in own:
            yield person.pw_name, what, path, entry


def _own_entries(person, programs):
    """([folder of which not all was looked at], [(what it is, path, entry's name)]) of what is a person's own."""
    large, found = [], set()
    with files.permission_of(person):
        on_desktop = OWN[0]._replace(folders=(_desktop_folder(person.pw_dir),), below=None)
        for own, folder in [(own, folder) for own in (*OWN, on_desktop) for folder in own.folders]:
            for path in _own_files(os.path.join(person.pw_dir, folder), own):
                if path is None:
                    large.append(folder)
                elif entry := _own_entry(path, own.renderer, programs):
                    found.add((own.what, str(path), entry))
    return large, sorted(found)


def _own_entry(path, renderer, programs):
    """The name of the entry whose program a file of a person's own starts without galaf; None where it starts none."""
    whose = programs.whose_by_path
    if renderer is render.unit:
        if (TOP / KINDS["unit"][1] / f"{path.name}.d").is_dir():
            return None             # galaf's drop-in is for this one as well
        whose = programs.whose      # systemd looks for a plain name in folders of its own
    if renderer is render.script:
        if not os.access(path, os.X_OK, effective_ids=True):
            return None
        target = _real(str(path))
        if target != str(path) and (found := programs.whose([target])):
            return found[0].name    # it leads there
    rendered = _rendered(renderer, path, programs, lambda text: None, whose)
    return rendered and rendered[0]


def _desktop_folder(home):
    """The folder whose files a desktop shows, as user-dirs.dirs(5) of a home says it, else as it is without a word."""
    with contextlib.suppress(OSError, GalafError):
        found = _DESKTOP.findall(files.small(f"{home}/{USER_DIRS}", LARGEST))
        if found:
            in_home, path = found[-1]
            return (home if in_home else "") + os.fsdecode(path)
    return f"{home}/Desktop"


def _own_files(top, own):
    """The path of each file in a folder, and those below it, that Own is about; None for what is beyond MOST."""
    folders, seen = [top], 0
    while folders:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                seen += 1
                if seen > MOST:
                    yield None
                    return
                if entry.is_dir(follow_symlinks=False):
                    folders += [entry.path] if own.below is not None and entry.name.endswith(own.below) else []
                elif entry.name.endswith(own.endings):
                    yield Path(entry.path)
