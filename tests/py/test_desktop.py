# SPDX-License-Identifier: GPL-3.0-or-later
"""What is laid in front of menu entries, services and units, against golden files; GOLDEN_UPDATE=1 writes them anew."""
import json
import os

import pytest
from conftest import TOP

from galaf.config import conf
from galaf.errors import GalafError
from galaf.render import desktop as render
from galaf.system import desktop, flatpak, runners

FOLDER = TOP / "tests/py/desktop"
BROWSER = render.Start("browser", ("--class",))
CHAT = render.Start("chat")
ONCE = render.Start("once", (), open=False)
OWNERS = {"org.example.Weather.desktop": render.Start("weather")}


def whose(words):
    """The entries of these tests, by the words that start them."""
    if words[:2] == ["/usr/bin/python3", "/usr/bin/chat"]:
        return CHAT, 2
    return {"browser": (BROWSER, 1), "/usr/bin/browser": (BROWSER, 1), "once": (ONCE, 1)}.get(words[0])


def rendered(name):
    """(the entry's name, what is laid in front of a file) of these tests."""
    data = (FOLDER / "in" / name).read_bytes()
    renderer = (render.menu if name.endswith(".desktop") else render.service if b"D-BUS" in data else render.unit)
    return renderer(data, whose, OWNERS.get(name))


def lines(text):
    """The lines of a text, or None; less the blank ones, since GLib 2.74 writes one more than 2.84."""
    return text and [line for line in text.splitlines() if line]


@pytest.mark.parametrize("name", sorted(path.name for path in (FOLDER / "in").iterdir()))
def test_golden(name):
    """Translations, comments, icons, types, actions and quotes stay; the program alone is another."""
    golden = FOLDER / "out" / name
    _, text = rendered(name) or (None, None)
    if os.environ.get("GOLDEN_UPDATE") and text is not None:
        golden.write_text(text, encoding="utf-8")
    assert lines(text) == lines(golden.read_text(encoding="utf-8") if golden.exists() else None)
    assert golden.exists() == (name != "unlisted.desktop")


@pytest.mark.parametrize("text, wanted", [
    ("browser %u", "/usr/bin/galaf browser %u"),
    ("browser --class x", "/usr/bin/galaf browser x"),          # the entry brings --class itself
    ("env A=1 B=2 browser", "env A=1 B=2 /usr/bin/galaf browser"),
    ("once", "/usr/bin/galaf once"), ("once --all %F", "/usr/bin/galaf once"),
    ("other browser", None), ("galaf browser %u", None), ("/usr/bin/galaf browser", None), ("env A=1", None),
    ("", None),
    ('browser "unfinished', "/usr/bin/galaf browser unfinished"),
])
def test_command_lines(text, wanted):
    """A line keeps its arguments as they are quoted, and is left alone unless it starts an entry."""
    found = render.line(text, whose)
    assert (found and found[1]) == wanted
    assert not found or found[1].split("/usr/bin/galaf ")[1].split()[0] == found[0]


@pytest.mark.parametrize("text, starts", [
    ("#!/bin/sh\nexec browser\n", True), ("#!/bin/sh\n\tA=1 B= exec env C=2 browser \"$@\" &\n", True),
    ("#!/bin/sh\ncd\nbrowser\n", True), ("exec browser\n", False),
    ("#!/bin/sh\n# browser\necho browser\nif browser\n", False),
    ("#!/bin/sh\n/usr/bin/galaf browser\n", False), ("#!/bin/sh\n\xff" + "\n" * 100 + "browser\n", False),
])
def test_a_script_starts_what_a_line_of_its_own_starts(text, starts):
    for owner in None, CHAT:        # also where it is called as an entry's "desktop" says
        found = render.script(text.encode("latin-1"), whose, owner)
        assert (found and found[0]) == ("browser" if starts else None)


def test_the_entry_is_the_one_that_is_started():
    """Whatever else the file says, that looks like it."""
    text = "[Desktop Entry]\n# /usr/bin/galaf forged\nName=/usr/bin/galaf forged\nExec=browser\n"
    assert render.menu(text.encode(), whose)[0] == "browser"


def test_what_is_no_key_file_is_a_plain_fault():
    for data in b"no key file\n", b"[Desktop Entry]\nName=\xff\n":
        with pytest.raises(GalafError, match="can't be read"):
            render.menu(data, whose)


@pytest.fixture(name="programs")
def _programs(tmp_path, monkeypatch):
    """A folder in PATH with programs; a function that makes Programs of groups."""
    for name in "browser", "other", "python3.11", "run", "env":
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "tool.py").write_text("")
    links = {"alias": "browser", "x-www-browser": "alias", "python3": "python3.11", "multi": "other"}
    for link, target in links.items():
        (tmp_path / link).symlink_to(target)
    monkeypatch.setattr(desktop, "SEARCH", (str(tmp_path),))
    desktop.which.cache_clear()
    desktop._real.cache_clear()

    def make(groups):
        text = json.dumps({"groups": groups}).replace("BIN", str(tmp_path))
        return desktop.Programs(conf.parse(text, "f"))
    yield make
    desktop.which.cache_clear()


def entry_of(programs, *words):
    """The name of the entry that these words start, or None."""
    found = programs.whose(list(words))
    return found and found[0].name


def test_the_program_tells_the_entry(programs):
    """By the file that a path leads to, called by a name of its own or of its role, and by no other name."""
    made = programs({"web": {"execv": ["BIN/browser", "…"]}, "x": {"execv": ["BIN/other", "…"]}})
    assert entry_of(made, "browser", "%U") == entry_of(made, "x-www-browser") == "web"
    assert entry_of(made, "alias") is None          # a program of many names does what it is called
    assert entry_of(made, "multi") is None and entry_of(made, "other") == "x" and entry_of(made, "absent") is None
    assert made.commands().keys() == {"browser", "other", "x-www-browser"}


def test_an_interpreter_is_not_the_program(programs):
    made = programs({"tool": {"execv": ["BIN/python3", "BIN/tool.py", "…"]}, "py": {"execv": ["BIN/python3", "…"]}})
    tool = made.whose(["python3", "-I", str(desktop.SEARCH[0]) + "/tool.py"])
    assert (tool[0].name, tool[1]) == ("tool", 3)
    assert entry_of(made, "python3", "other.py") is None and entry_of(made, "python3") is None


FLATPAK = "BIN/flatpak run --branch=1 --arch=x86_64 --command={} --file-forwarding org.x.App --new @@u %u @@"


@pytest.mark.parametrize("execv, text, wanted", [
    ("run org.x.App …", FLATPAK.format("app"), "web --new %u"),
    ("run --file-forwarding org.x.App …", FLATPAK.format("app"), "web --new @@u %u @@"),
    ("run --command=tool org.x.App …", FLATPAK.format("tool"), "web --new %u"),
    ("run org.x.App", FLATPAK.format("app"), "web"),
    ("run org.x.App …", FLATPAK.format("tool"), None),              # another program of the same application
    ("run --command=tool org.x.App …", FLATPAK.format("app"), None),
    ("run org.x.App …", "BIN/flatpak run org.x.App", "web"),
    ("run org.x.App …", "BIN/flatpak run org.x.Other", None),
    ("run org.x.App …", "BIN/flatpak update org.x.App", None),
    ("run …", "BIN/flatpak run org.x.App", None), ("…", "BIN/flatpak run org.x.App", None),
])
def test_a_flatpak_is_told_by_its_name(programs, tmp_path, monkeypatch, execv, text, wanted):
    """What flatpak exports starts the entry that runs the same application, by the same command of it."""
    (tmp_path / "flatpak").write_text("")
    (tmp_path / "flatpak").chmod(0o755)
    active = tmp_path / "app/org.x.App/current/active"
    active.mkdir(parents=True)
    (active / "metadata").write_text("[Application]\nname=org.x.App\ncommand=app\n")
    monkeypatch.setattr(flatpak, "INSTALLED", str(tmp_path / "app"))
    made = programs({"web": {"execv": ["BIN/flatpak", *execv.split()]}})
    line = text.replace("BIN", str(tmp_path))
    found = render.line(line, made.whose)
    assert (found and found[1]) == (wanted and f"/usr/bin/galaf {wanted}")
    assert not found or made.whose_by_path(line.split())        # no command lies in front of it


@pytest.mark.parametrize("kind, names", [
    (runners.INTERPRETERS, "python3.11 pypy3 perl5.36.0 bash zsh5 ksh93 gawk guile-3.0 mono-sgen R wine-stable"),
    (runners.RUNNERS, "env bwrap systemd-run xargs busybox"),
    (runners.runs_others, "ld-linux-x86-64.so.2 ld.so qemu-x86_64-static gdb strace memcheck-amd64-linux pdsh")])
def test_what_runs_any_program_is_known_by_its_name(kind, names):
    for name in names.split():
        assert getattr(kind, "fullmatch", kind)(name), name
        assert runners.runs_others(name)


def test_what_is_only_called_so_runs_itself():
    for name in "pythonia c89 tc z3 2048 ssh push qemacs stracent environ node-red perl-tk".split():
        assert not runners.runs_others(name), name


def test_a_command_line_may_be_as_long_as_its_owner_likes(programs):
    """Runners in runners are followed as far as a person would write them."""
    made = programs({"web": {"execv": ["BIN/browser", "…"]}})
    env, browser = str(desktop.SEARCH[0]) + "/env", str(desktop.SEARCH[0]) + "/browser"
    assert made.whose([env] * 5 + [browser, "x"])[1] == 6
    assert made.whose([env] * 100_000 + [browser]) is None


def test_one_use_of_a_program_is_not_the_program(programs):
    """An entry with arguments of its own, and none of the caller's, is meant by just these."""
    made = programs({"report": {"execv": ["BIN/browser", "--report"]}})
    assert entry_of(made, "browser", "--report", "%U") == "report"
    assert entry_of(made, "browser") is None and entry_of(made, "browser", "--other") is None


def test_which_of_two_entries(programs):
    """The one called like the program, else the first; "desktop": false leaves one out."""
    both = {"first": {"execv": ["BIN/browser", "…"]}, "browser": {"execv": ["BIN/browser", "…"]}}
    assert entry_of(programs(both), "browser") == "browser"
    assert entry_of(programs({**both, "browser": {**both["browser"], "desktop": False}}), "browser") == "first"
    named = programs({"first": {**both["first"], "desktop": ["org.x.desktop", "cmd"]}})
    assert {name: start.name for name, start in named.named.items()} == {"org.x.desktop": "first", "cmd": "first"}


@pytest.mark.parametrize("names", [["../x.desktop"], ["a/b"], [".x"], [""], ["a\n"], ["-x"], "x.desktop", 1])
def test_names_are_names_of_files(names):
    with pytest.raises(GalafError, match=r"\$\.groups\.a\.desktop"):
        conf.parse(json.dumps({"groups": {"a": {"execv": ["/bin/true"], "desktop": names}}}), "f")
