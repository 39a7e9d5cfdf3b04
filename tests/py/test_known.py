# SPDX-License-Identifier: GPL-3.0-or-later
"""The library of known entries, each as such: what is in a file, and what galaf_conf.json makes of it."""
import json
import re

import pytest
from conftest import TOP

from galaf import paths
from galaf.checks import deputies
from galaf.config import conf, known
from galaf.errors import GalafError
from galaf.system import listeners

SHIPPED = json.loads((TOP / "etc/galaf/galaf_conf.json").read_text(encoding="utf-8"))
ANY_PORT = re.compile(r"meta l4proto (tcp|udp|\{ tcp, udp \})")
# Who needs any port, since its peers or whom it is asked to reach are anywhere.
EVERYWHERE = set("""amule deluge deluged eiskaltdcpp fragments i2pd jami ktorrent nc ncat nicotine nmap onionshare
qbittorrent qbittorrent-nox qtox rtorrent socat tor torbrowser-launcher toxic transmission-cli transmission-daemon
transmission-gtk transmission-qt zenmap""".split())


def file(name):
    """What a file of the library says."""
    return json.loads((paths.KNOWN / f"{name}.json").read_text(encoding="utf-8"))


def sections(data):
    """The part of a file that galaf_conf.json would take."""
    forward = {"config": {"forward": data["forward"]}} if "forward" in data else {}
    return {**forward, **{key: data[key] for key in ("groups", "users", "inbound") if key in data}}


def test_there_are_many():
    """Browsers, mail, chat and all the rest."""
    assert len(known.names()) >= 250
    assert {each.topic for each in known.every()} == {
        "chat", "desktop", "developing", "diagnostics", "downloads", "games", "mail and news", "music and video",
        "services", "web"}


@pytest.mark.parametrize("name", known.names())
def test_form(name):
    """Each has the keys that are known, with values of their kinds, and one entry, or "inbound" alone."""
    data, read = file(name), known.read(name)
    assert all(isinstance(data[key], known.KEYS[key]) for key in data), name
    assert data["summary"] and len(data["summary"]) <= 80 and not data["summary"].endswith(".")
    assert data["packages"] and data["rests_on"][0].startswith("paths: Debian 1") and len(data["rests_on"]) > 1
    assert ("domains" in (read.entry or {}) and bool(read.entry["domains"])) == any(
        basis.startswith("domains: ") for basis in data["rests_on"])
    entries = [*data.get("groups", {}), *data.get("users", {})]
    assert len(entries) == 1 or not entries and data["inbound"]
    if read.section == "groups":
        assert read.account == name and read.entry["execv"][-1] == "…" and read.program.startswith("/")
    assert read.section == "groups" or "execv" not in read.entry


@pytest.mark.parametrize("name", known.names())
def test_taken(name):
    """galaf_conf.json takes each, and each grants what it says: something, and not everything."""
    data = sections(file(name))
    parsed = conf.parse(json.dumps(data), name)
    for entry in parsed.entries():
        assert entry.rules and all(rule.text for rule in entry.rules), "it grants everything, or nothing"
        assert not any(ANY_PORT.fullmatch(rule.text) for rule in entry.rules) or name in EVERYWHERE
        assert not entry.trusted and entry.mode == "enforce"
    assert all(re.search(r"\b[ds]port\b", rule.text) for rules in parsed.inbound.values() for rule in rules)


def test_what_they_run_is_known_too():
    """Each command that is said to be part of another is one's that has an entry, or "runs" has no effect."""
    commands = {each.program.rsplit("/", 1)[-1] for each in known.every() if each.program}
    runs = {each.account: set(each.entry["runs"]) for each in known.every() if "runs" in (each.entry or {})}
    assert len(runs) > 40 and {name: names - commands for name, names in runs.items() if names - commands} == {}


def test_every_shipped_entry_is_known():
    """The file that galaf brings says what the library says, but for words, and for Thunderbird's placeholder."""
    for section in ("users", "groups"):
        for name, entry in SHIPPED[section].items():
            if name.startswith("#"):
                continue
            wanted = {key: value for key, value in entry.items() if key != "comment" and not key.startswith("#")}
            if name == "thunderbird":
                assert wanted.pop("domains") == ["example.org"]
            found = [{key: value for key, value in each.entry.items() if key != "comment"}
                     for each in known.of(section, name)]
            assert wanted in found, name


def test_what_others_send_through_is_taken_where_asked_for():
    """Beside what the file forwards already, once; without being asked for, nothing of it."""
    sharing = known.read("sharing")
    text = known.added('{ "config": { "forward": [ "iifname \\"virbr0\\"" ] } }', sharing, inbound=True)
    assert json.loads(text) == {**sharing.grants(inbound=True),
                                "config": {"forward": ['iifname "virbr0"', *sharing.forward]}}
    assert json.loads(known.added(text, sharing, inbound=True)) == json.loads(text)
    assert json.loads(known.added("{}", sharing)) == {"users": {"nobody": sharing.entry}}


def test_damage_is_told(tmp_path, monkeypatch):
    """A file that is not as it was shipped is named; a name that leads elsewhere is none."""
    monkeypatch.setattr(paths, "KNOWN", tmp_path)
    for number, text in enumerate(['{}', '[]', '{ "summary": 1', '{"groups": {"a": {}, "b": {}}}', '{"groups": null}']):
        (tmp_path / f"x{number}.json").write_text(text, encoding="utf-8")
        with pytest.raises(GalafError, match=f"x{number}.json: "):
            known.read(f"x{number}")
    assert known.read("../known/x0") is None and known.read("nothing") is None


# Services of which no program but root's decides whom they reach: their servers are in their configuration, their peers
# are who finds them, or who leads them has a password of theirs.
LED_BY_NOBODY = set("""approx apt apt-listbugs boinc chrony clamav-freshclam cups-browsed davfs2 ddclient deluged dhcp
dockerd fetchmail fwupd geoclue geoipupdate gerbera inadyn minidlna mosquitto network-manager network-manager-openvpn
nmbd ntpsec
nut-client openconnect openntpd openvpn popularity-contest quasselcore rsyslog shairport-sync sharing sharing-dhcp
snapclient snapd strongswan systemd-timesyncd tinc vpnc yggdrasil znc""".split())


@pytest.mark.parametrize("name", [each.name for each in known.every() if each.section == "users"])
def test_who_leads_a_service(name):
    """galaf_doctor tells each that any program leads, by its deputies or by what listens; a new one is judged here."""
    read = known.read(name)
    led = (read.program.rpartition("/")[2] in listeners.PROGRAMS or any(
        read.account in each.users and (read.account != "root" or read.program == each.program)
        for each in deputies.DEPUTIES))
    assert led != (name in LED_BY_NOBODY), read.program
