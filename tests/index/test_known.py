# SPDX-License-Identifier: GPL-3.0-or-later
"""The library of known entries against Debian 12's and 13's own index of packages and files, and packages of them.

Fetches both (tests/contents) and, for what a program gains when it is executed, the packages up to LARGEST bytes.
"""
import json
import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
KNOWN = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in (TOP / "share/galaf/known").glob("*.json")}
RELEASES = ("12", "13")
LARGEST = 400_000
READ = ("usr/bin/", "usr/sbin/", "usr/games/", "usr/lib", "usr/share/applications/", "usr/share/maven/bin/")
HELPERS = {     # set-uid or with capabilities, and what for: none is needed for reaching the network
    "ssh-keysign": "host keys, for HostbasedAuthentication", "ssh-agent": "set-gid so that nobody traces it",
    "mutt_dotlock": "mail spools", "chrome-sandbox": "kernels without user namespaces"}
OTHERS = {      # what needs a set-uid program, or no filter of system calls, of another package
    "bubblewrap": "epiphany-browser flatpak-app geary gnome-builder lutris opam shortwave steam",
    "uidmap": "buildah podman", "fuse3": "sshfs"}


def lines(file):
    """The lines of an index that apt fetched, however it is compressed."""
    with subprocess.Popen(["/usr/lib/apt/apt-helper", "cat-file", file], stdout=subprocess.PIPE, text=True) as reader:
        yield from reader.stdout
    assert reader.returncode == 0, file


def lists(release):
    """The folder of what apt fetched for a release."""
    subprocess.run([TOP / "tests/contents", release], check=True)
    return TOP / f"build/contents-{release}/lists"


@pytest.fixture(scope="session", name="files")
def _files():
    """{release: {path without the leading /: packages}}, with /bin, /sbin and /lib where they are since usr-merge."""
    wanted = {package for data in KNOWN.values() for package in data["packages"]}
    found = {release: {} for release in RELEASES}
    for release in RELEASES:
        for index in sorted(lists(release).glob("*Contents*")):
            for line in lines(index):
                path, where = line.rsplit(None, 1)
                path = re.sub(r"^(s?bin|lib)/", r"usr/\1/", path)
                packages = {name.rpartition("/")[2] for name in where.split(",")} & wanted
                if packages and path.startswith(READ):
                    found[release].setdefault(path, set()).update(packages)
    return found


@pytest.fixture(scope="session", name="sizes")
def _sizes():
    """{release: {package: bytes}} of all packages."""
    found = {release: {} for release in RELEASES}
    for release in RELEASES:
        for index in sorted(lists(release).glob("*Packages*")):
            for line in lines(index):
                if line.startswith("Package: "):
                    name = line.split()[1]
                elif line.startswith("Size: "):
                    found[release][name] = int(line.split()[1])
    return found


def program(data):
    """The path by which one sees whether it is installed, as the package has it."""
    return (data.get("program") or next(iter(data["groups"].values()))["execv"][0]).removeprefix("/")


def has(files, data, path):
    """Whether one of an entry's packages has a file, in one release's index."""
    return bool(files.get(path, set()) & set(data["packages"]))


def releases(files, data, path):
    """The releases in which one of an entry's packages has a file."""
    return [release for release in RELEASES if has(files[release], data, path)]


def test_every_package_is_there(sizes):
    """Each is a package of one of the releases at least."""
    unknown = [f"{name}: {package}" for name, data in KNOWN.items() for package in data["packages"]
               if not any(package in sizes[release] for release in RELEASES)]
    assert not unknown


def test_every_program_is_in_its_package(files):
    """And in all the releases that the entry says, and in no other."""
    wrong = [f"{name}: {program(data)}: {found}" for name, data in KNOWN.items()
             if f"paths: Debian {' and '.join(found := releases(files, data, program(data)))}" != data["rests_on"][0]]
    assert not wrong


def test_every_menu_entry_is_in_its_package(files):
    """In one of the releases, since some have other names there."""
    wrong = [f"{name}: {entry}" for name, data in KNOWN.items() for entry in data.get("menu", ())
             if not releases(files, data, f"usr/share/applications/{entry}")]
    assert not wrong


def test_every_service_is_in_its_package(files):
    """As a unit, in one of the releases."""
    wrong = [f"{name}: {unit}" for name, data in KNOWN.items() for unit in data.get("services", ())
             if not releases(files, data, f"usr/lib/systemd/system/{unit}")]
    assert not wrong


def fetched(release, packages):
    """{package: path} of packages, fetched and verified by apt, all of them at once."""
    folder = TOP / f"build/contents-{release}/debs"
    folder.mkdir(exist_ok=True)
    there = {file.name.partition("_")[0]: file for file in folder.glob("*.deb")}
    if lacking := sorted(packages - there.keys()):
        environment = {**os.environ, "APT_CONFIG": str(folder.parent / "apt.conf")}
        subprocess.run(["apt-get", "download", "-q", *lacking], cwd=folder, env=environment, check=True,
                       stdout=subprocess.DEVNULL)
    return {file.name.partition("_")[0]: file for file in folder.glob("*.deb")}


def gains(deb):
    """{program's name: what it gains} by a package: set-uid and set-gid files, and what its script gives."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as data:
        with tarfile.open(fileobj=data.stdout, mode="r|") as archive:
            found = {Path(member.name).name: f"mode {member.mode:o}" for member in archive
                     if member.isfile() and member.mode & 0o6000}
    script = subprocess.run(["dpkg-deb", "--ctrl-tarfile", deb], stdout=subprocess.PIPE, check=True).stdout
    for line in script.decode("utf-8", "replace").splitlines():
        given = re.search(r"^\s*(?:if\s+)?(?:!\s+)?setcap\s+(\S+)\s+(\S+)", line)
        if given:
            found[Path(given[2].strip('";')).name] = given[1]
    return found


def opened(data, sizes):
    """The packages of an entry to look into: where it says something of privilege all but huge ones, else small."""
    said = any("no_new_privs" in entry for entry in data.get("groups", {}).values())
    most = 20 * LARGEST if said else LARGEST
    return {each for each in data["packages"] if "groups" in data and sizes.get(each, most + 1) <= most}


def test_what_a_program_gains_is_said(sizes):
    """An entry says no_new_privs where its program, or a helper that it needs, is set-uid or gets capabilities."""
    wrong, count, reasons = [], 0, set(" ".join(OTHERS.values()).split())
    for release in RELEASES:
        packages = {name: opened(data, sizes[release]) for name, data in KNOWN.items()}
        debs = fetched(release, set().union(*packages.values()))
        for name, package in [(name, package) for name, each in packages.items() for package in each]:
            found = {key: value for key, value in gains(debs[package]).items() if key not in HELPERS}
            count += 1
            reasons |= {name} if found else set()
            if found and "no_new_privs" not in KNOWN[name]["groups"][name]:
                wrong.append(f"{name}: Debian {release}: {package}: {found}")
    assert count > 100 and not wrong
    assert {name for name, data in KNOWN.items() for entry in data.get("groups", {}).values()
            if entry.get("no_new_privs") is False} <= reasons
