# SPDX-License-Identifier: GPL-3.0-or-later
"""The built package, read with python-debian: fields, files, modes, maintainer scripts."""
import ast
import re
import subprocess
import sys
from pathlib import PurePosixPath

import pytest
from debian.changelog import Changelog
from debian.deb822 import PkgRelation
from debian.debfile import DebFile

import galaf
from conftest import TOP

# What the tree's folders become; launcher/galaf and the eBPF objects are built.
FOLDERS = {
    "bin": "usr/bin", "sbin": "usr/sbin", "systemd": "{units}", "etc/galaf": "etc/galaf",
    "etc/galaf/nftables.d": "etc/galaf/nftables.d", "etc/apt/apt.conf.d": "etc/apt/apt.conf.d",
    "etc/NetworkManager/conf.d": "usr/share/galaf/NetworkManager/conf.d",
    "etc/NetworkManager/dnsmasq.d": "usr/share/galaf/NetworkManager/dnsmasq.d",
    "etc/modprobe.d": "usr/share/galaf/modprobe.d", "share/galaf/known": "usr/share/galaf/known",
    "etc/polkit-1": "usr/share/galaf/polkit-1", "etc/dbus-1": "usr/share/galaf/dbus-1",
    "etc/NetworkManager/dispatcher.d": "usr/lib/NetworkManager/dispatcher.d",
    "etc/xdg/autostart": "etc/xdg/autostart", "systemd/user": "usr/lib/systemd/user",
    "share/polkit-1/actions": "usr/share/polkit-1/actions",
    "etc/profile.d": "etc/profile.d", "etc/X11/Xsession.d": "etc/X11/Xsession.d",
    "systemd/user-generators": "usr/lib/systemd/user-generators",
    "systemd/user-environment-generators": "usr/lib/systemd/user-environment-generators",
    "completions": "usr/share/bash-completion/completions", "share/doc": "usr/share/doc/galaf/examples",
}
DEBHELPERS = {
    "usr/bin/galaf", "usr/lib/galaf/close", "usr/lib/galaf/command", "usr/lib/galaf/networks",
    "usr/lib/galaf/galaf_guard",
    "usr/lib/galaf/environment", "usr/lib/NetworkManager/dispatcher.d/pre-up.d/40-galaf-networks",
    "usr/lib/NetworkManager/dispatcher.d/pre-down.d/40-galaf-networks",
    "usr/share/doc/galaf/changelog.gz",
    "usr/share/doc/galaf/README.md.gz", "usr/share/doc/galaf/SECURITY.md.gz",
    "usr/share/doc/galaf/copyright", "usr/share/lintian/overrides/galaf", "usr/share/python3/runtime.d/galaf.rtupdate",
    "usr/lib/tmpfiles.d/galaf.conf",
}
PROVIDED_BY = {"debian": "python3-debian", "gi": "python3-gi", "sh": "python3-sh", "tabulate": "python3-tabulate",
               "jsonschema": "python3-jsonschema", "idna": "python3-idna", "jsonpath_ng": "python3-jsonpath-ng",
               "jsonpath_rw": "python3-jsonpath-rw"}
# Debian Policy 6.5: how dpkg may call each script.
ACTIONS = {
    "postinst": ["configure", "abort-upgrade", "abort-remove", "abort-deconfigure", "triggered"],
    "prerm": ["remove", "upgrade", "deconfigure", "failed-upgrade"],
    "postrm": ["remove", "purge", "upgrade", "failed-upgrade", "abort-install", "abort-upgrade", "disappear"],
}


@pytest.fixture(scope="session", name="deb")
def _deb():
    """The package, built first if its sources are newer."""
    made = subprocess.run(["make", "--silent", "deb"], cwd=TOP, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    file, = (TOP / "dist").glob("galaf_*.deb")
    return DebFile(filename=str(file))


@pytest.fixture(name="members")
def _members(deb):
    """Path without the leading ./ to what the archive says of it."""
    return {member.name.removeprefix("./"): member for member in deb.data.tgz().getmembers()}


def commands(members):
    """The names of the package's commands."""
    return sorted(PurePosixPath(name).name for name in members if re.fullmatch(r"usr/s?bin/[^/]+", name))


def test_fields(deb):
    """The fields that apt and a reader go by."""
    control = deb.debcontrol()
    version = str(Changelog((TOP / "debian/changelog").read_text(encoding="utf-8")).version)
    assert control["Package"] == "galaf"
    assert control["Version"] == version == galaf.VERSION
    assert control["Architecture"] == subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()
    assert control["Section"] == "net" and control["Priority"] == "optional"
    assert all(len(line) <= 80 for line in control["Description"].splitlines())
    assert "Essential" not in control and control["Recommends"] == "network-manager | dnsmasq"


def test_depends_on_what_is_imported(deb):
    """Each module from elsewhere comes from a package in Depends."""
    wanted = PkgRelation.parse_relations(deb.debcontrol()["Depends"])
    packages = {choice["name"] for relation in wanted for choice in relation}
    sources = [*TOP.glob("lib/galaf/**/*.py"), *TOP.glob("bin/*"), *TOP.glob("sbin/*")]
    imported = {name for source in sources for name in imports(source)}
    foreign = imported - set(sys.stdlib_module_names) - {"galaf"}
    assert "sh" in foreign
    assert {PROVIDED_BY[name] for name in foreign} <= packages


def imports(source):
    """The top-level names that a Python file imports, its own package's left out."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]


def test_files(members):
    """Everything from the tree, nothing else."""
    units = next(str(PurePosixPath(name).parent) for name in members if name.endswith("galaf-firewall.service"))
    assert units in ("lib/systemd/system", "usr/lib/systemd/system")
    wanted = DEBHELPERS | {f"usr/lib/{file.relative_to(TOP / 'lib')}" for pattern in ("**/*.py", "*.json", "*.nft")
                           for file in TOP.glob(f"lib/galaf/{pattern}")}
    wanted |= {f"usr/lib/galaf/{file.stem}.o" for file in TOP.glob("bpf/*.bpf.c")}
    for folder, place in FOLDERS.items():
        wanted |= {f"{place.format(units=units)}/{file.name}" for file in TOP.glob(f"{folder}/*") if file.is_file()}
    wanted |= {f"{units}/{file.parent.name}/{file.name}" for file in TOP.glob("systemd/*.d/*")}
    wanted |= {f"usr/share/man/man{file.suffix[1:]}/{file.name}.gz" for file in TOP.glob("man/*.[1-8]")}
    found = {name for name, member in members.items() if not member.isdir()}
    assert found - wanted == set()
    assert wanted - found == set()


def test_conffiles(deb, members):
    """What an administrator edits is a conffile; NetworkManager's and dnsmasq's folders are left alone."""
    conffiles = set(deb.control.get_content("conffiles", encoding="utf-8").split())
    assert conffiles == {f"/{name}" for name, member in members.items()
                         if name.startswith("etc/") and not member.isdir()}
    assert {"/etc/galaf/galaf_conf.json", "/etc/galaf/nftables.d/galaf.nft",
            "/etc/apt/apt.conf.d/60galaf"} <= conffiles
    assert not [name for name in conffiles if name.startswith(("/etc/NetworkManager", "/etc/dnsmasq.d"))]


def test_owners_and_modes(members):
    """Root's alone, and writable by nobody else; the capability is for postinst to give."""
    for name, member in members.items():
        programs = (r"usr/s?bin/|usr/.*(runtime|dispatcher)\.d/|usr/lib/systemd/user-[a-z-]*generators/|"
                    r".*/galaf/(close|command|networks|galaf_guard)$")
        executable = member.isdir() or re.match(programs, name)
        assert (member.uname, member.gname) == ("root", "root"), name
        assert member.mode == (0o755 if executable else 0o644), name
        assert member.isdir() or member.isfile(), name


def test_interpreters(deb, members):
    """Commands are Python scripts of Debian's Python, apart from the launcher."""
    for name in members:
        if re.fullmatch(r"usr/s?bin/galaf_\w+", name):
            # Debian 13's dh_python3 puts a blank in.
            assert re.match(rb"#! ?/usr/bin/python3\n", deb.data.get_content(name)), name
    assert deb.data.get_content("usr/bin/galaf").startswith(b"\x7fELF")


def test_each_command_has_a_page_and_a_completion(members):
    """man COMMAND answers, and the tab key; so does man galaf_conf.json."""
    pages = {PurePosixPath(name).name.rsplit(".", 2)[0] for name in members if name.startswith("usr/share/man/")}
    completions = {PurePosixPath(name).name for name in members if "/bash-completion/completions/" in name}
    assert sorted({*commands(members), "galaf_conf.json"} - pages) == []
    assert sorted(set(commands(members)) - completions) == []


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_maintainer_script(deb, name):
    """POSIX shell that stops at an error, knows each action, and leaves systemctl to debhelper."""
    source = (TOP / f"debian/galaf.{name}").read_text(encoding="utf-8")
    assert source.startswith("#!/bin/sh\n") and "\nset -e\n" in source and "\n#DEBHELPER#\n" in source
    assert "systemctl" not in source
    labels = re.findall(r"^([a-z| -]+)\)", source, re.MULTILINE)
    assert sorted(" | ".join(labels).split(" | ")) == sorted(ACTIONS[name])
    built = deb.control.scripts()[name].decode()
    assert "#DEBHELPER#" not in built
    subprocess.run(["sh", "-n"], input=built, text=True, check=True)


def test_an_upgrade_keeps_the_rules(deb):
    """Units are started and stopped, the guard alone is restarted; stopped at removal alone."""
    scripts = {name: text.decode() for name, text in deb.control.scripts().items()}
    assert "deb-systemd-invoke start" in scripts["postinst"]
    restarted = re.findall(r"deb-systemd-invoke (?:restart|\$_dh_action) (.*) >", scripts["postinst"])
    assert restarted == ["'galaf-guard.service'"]
    stop = next(line for line in scripts["prerm"].splitlines() if line.startswith("if") and "DPKG_ROOT" in line)
    assert '"$1" = remove' in stop


def test_md5sums(deb, members):
    """Each file that is no conffile has its sum, for dpkg --verify."""
    wanted = {name for name, member in members.items() if member.isfile() and not name.startswith("etc/")}
    assert set(deb.md5sums(encoding="utf-8")) == wanted


def test_commands_are_shown_as_a_person_types_them():
    """README's and the manuals' command lines of /usr/sbin begin with sudo: a person's PATH has it not."""
    ours = "|".join(sorted(path.name for path in (TOP / "sbin").iterdir()))
    readme = (TOP / "README.md").read_text(encoding="utf-8")
    lines = re.findall(rf"(?:`|^ {{4,}})((?:sudo )?(?:{ours}) [^`\n]*)", readme, re.MULTILINE)
    for page in (TOP / "man").iterdir():
        lines += re.findall(rf"^\$ ((?:sudo )?(?:{ours})\b.*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) > 20
    assert [line for line in lines if not line.startswith("sudo ")] == []
