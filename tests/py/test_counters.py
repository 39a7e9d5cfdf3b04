# SPDX-License-Identifier: GPL-3.0-or-later
"""galaf.counters: what the kernel's sets hold, the text that puts counters back; and how galaf_stats draws them."""
import json
import sys

import pytest
from conftest import load

from galaf.errors import GalafError
from galaf.observe import collect, counters, denied
from galaf.observe.counters import Count
from galaf.system.elements import Element


stats = load("galaf_stats")


MARK = (0x753403e8).to_bytes(4, sys.byteorder)
ENDS = bytes((192, 0, 2, 1, 192, 0, 2, 2, 6, 0, 0, 0, 0, 9, 0, 0))


def held(monkeypatch, kernel, sizes=None):
    """Has the kernel hold these sets: {name: [Element]}."""
    listing = {"nftables": [{"set": {"name": name, "table": "galaf", **(sizes or {})}} for name in kernel]}
    monkeypatch.setattr(counters, "run", lambda *_: json.dumps(listing))
    monkeypatch.setattr(counters.elements, "dumped", lambda _, name: kernel[name])


def test_what_the_sets_hold(monkeypatch):
    kernel = {"post-filter-out": [Element("galaf", "post-filter-out", MARK, 12, 719)], "post-filter-in": [],
              "record/web/out4": [Element("galaf", "record/web/out4", ENDS[:4], 25, 1490, None, 86399)],
              "denied_in4": [Element("galaf", "denied_in4", ENDS, 1, 60)]}
    held(monkeypatch, kernel, {"size": 65536})
    assert counters.read("galaf", [*kernel, "denied4"]) == ({
        "post-filter-out": [Count(0x753403e8, 12, 719)], "post-filter-in": [],
        "record/web/out4": [Count("192.0.2.1", 25, 1490, None, 86399)],
        "denied_in4": [Count(("192.0.2.1", "192.0.2.2", 6, 9), 1, 60)]}, [])


def test_a_full_set_is_told(monkeypatch):
    held(monkeypatch, {"record/web/out4": [Element("galaf", "record/web/out4", ENDS[:4], 1, 60)] * 2}, {"size": 2})
    counts, complaints = counters.read("galaf", ["record/web/out4"])
    assert len(counts["record/web/out4"]) == 2
    assert complaints == ["set record/web/out4: full with 2 elements: what is not in it is not listed"]


@pytest.mark.parametrize("name, key, packets, said", [
    ("record/web/out6", bytes(15) + b"\1", None, "::1"), ("record/web/out6", b"\1\2", 1, "0102"),
    ("denied4", MARK, 1, "e8033475" if sys.byteorder == "little" else "753403e8")])
def test_foreign_elements_are_named_and_passed_over(monkeypatch, name, key, packets, said):
    held(monkeypatch, {name: [Element("galaf", name, key, packets, packets)]})
    assert counters.read("galaf", [name]) == (
        {name: []}, [f"set {name}: 1 element(s) of an unknown form passed over, such as {said}"])


def test_what_users_see_of_theirs_is_read_of_their_sets_alone(monkeypatch):
    """Others fill those of what came in and of what is forwarded."""
    asked = []
    monkeypatch.setattr(counters, "run", lambda *_: json.dumps(
        {"nftables": [{"set": {"name": name}} for name in denied.SETS]}))
    monkeypatch.setattr(counters.elements, "dumped", lambda _, name: asked.append(name) or [])
    collect.refusals("galaf", sets=denied.OF_USERS)
    assert sorted(asked) == ["denied4", "denied6", "denied_more"]


def test_deleted_elements_of_the_wanted_sets():
    found, complaints = counters.deleted([
        Element("galaf", "post-filter-out", MARK, 12, 719), Element("other", "post-filter-out", MARK, 1, 1),
        Element("galaf", "web_4", ENDS[:4], None, None, None, 60),
        Element("galaf", "denied_in4", ENDS, 1, 60, None, 604799),
        Element("galaf", "denied4", MARK + ENDS[4:], 2, 80, None, 604799),
        Element("galaf", "denied_in_more", b"\x11", 7, 9, None, 1),
        Element("galaf", "record/web/out6", bytes(15) + b"\1", None, None, None, 60)],
        "galaf", ["post-filter-out", "denied_in4", "denied4", "denied_in_more", "record/web/out6"])
    assert found == {
        "post-filter-out": [Count(0x753403e8, 12, 719)], "denied_in_more": [Count(17, 7, 9, expires=1)],
        "denied_in4": [Count(("192.0.2.1", "192.0.2.2", 6, 9), 1, 60, expires=604799)],
        "denied4": [Count((0x753403e8, "192.0.2.2", 6, 9), 2, 80, expires=604799)], "record/web/out6": []}
    assert complaints == ["set record/web/out6: 1 element(s) of an unknown form passed over, such as ::1"]


RULES = """table inet galaf {
    set post-filter-out { type mark; size 65536; flags dynamic; counter; }
    set record/web/out6 { type ipv6_addr; size 4096; flags dynamic,timeout; timeout 2592000s; counter; }
}
"""


def test_counters_are_put_back_into_declared_sets_alone(tmp_path):
    file = tmp_path / "counters.json"
    counters.write({"post-filter-out": [Count(1, 12, 719), Count(0x753403e8, 3, 180)],
                    "post-filter-in": [Count(1, 1, 60)],
                    "record/web/out6": [Count("2001:db8::1", 3, 5, 259200, 17999)]}, file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert counters.restore_text(file, RULES) == (
        "add element inet galaf post-filter-out { 0x1 counter packets 12 bytes 719, "
        "0x753403e8 counter packets 3 bytes 180 }\n"
        "add element inet galaf record/web/out6 { 2001:db8::1 counter packets 3 bytes 5 timeout 259200s "
        "expires 17999s }\n")


def test_what_was_tried_is_what_was_let_out_and_what_was_refused(monkeypatch):
    """By mark; a table of an older galaf's has it as a set of its own."""
    kernel = {"post-filter-out": [Count(1, 12, 719), Count(2, 1, 60)],
              "refused-out": [Count(2, 3, 180), Count(5, 1, 60)], "pre-filter-out": [Count(7, 1, 60)]}
    monkeypatch.setattr(counters, "present", lambda _, names: {name: None for name in names if name in kernel})
    monkeypatch.setattr(counters.elements, "dumped", lambda _, name: [
        Element("galaf", name, one.key.to_bytes(4, sys.byteorder), one.packets, one.bytes) for one in kernel[name]])
    tried = {"pre-filter-out": [Count(1, 12, 719), Count(2, 4, 240), Count(5, 1, 60)]}
    assert counters.read("galaf", ["pre-filter-out"]) == (tried, [])
    assert counters.read("galaf", ["pre-filter-out", "post-filter-out"]) == (
        {**tried, "post-filter-out": kernel["post-filter-out"]}, [])
    assert counters.read("galaf", ["post-filter-out"]) == ({"post-filter-out": kernel["post-filter-out"]}, [])
    del kernel["refused-out"]
    assert counters.read("galaf", ["pre-filter-out"]) == ({"pre-filter-out": [Count(7, 1, 60)]}, [])


def test_what_was_refused_is_put_back(tmp_path):
    """As what was saved of what was tried, less what of that was let out."""
    file = tmp_path / "counters.json"
    counters.write({"pre-filter-out": [Count(1, 12, 719), Count(2, 4, 240), Count(5, 1, 60)],
                    "post-filter-out": [Count(1, 12, 719), Count(2, 1, 60), Count(3, 1, 60)]}, file)
    rules = RULES.replace("set post-filter-out", "set refused-out")
    assert counters.restore_text(file, rules) == (
        "add element inet galaf refused-out { 0x2 counter packets 3 bytes 180, 0x5 counter packets 1 bytes 60 }\n")


def test_nothing_saved_is_nothing_to_put_back(tmp_path):
    assert counters.restore_text(tmp_path / "absent", RULES) == ""


@pytest.mark.parametrize("text", [
    "", "[1]", "{", '{"post-filter-out": [1]}', '{"post-filter-out": [["; flush ruleset", 1, 2, null, null]]}',
    '{"post-filter-out": [[1, "1 }; x", 2, null, null]]}', '{"post-filter-out": 5}'])
def test_a_file_of_another_form_is_refused(tmp_path, text):
    (tmp_path / "file").write_text(text)
    with pytest.raises(GalafError, match="not a file of saved counters"):
        counters.restore_text(tmp_path / "file", RULES)


@pytest.mark.parametrize("value, text", [
    (0, "0  "), (999, "999  "), (1000, "1.0 k"), (999_949, "999.9 k"), (999_951, "1.0 M"), (1.5e21, "1500000.0 P")])
def test_packets(value, text):
    assert stats.packets_text(value) == text


@pytest.mark.parametrize("value, text", [
    (0, "0 B  "), (1023, "1023 B  "), (1024, "1.0 KiB"), (337 * 1024, "337.0 KiB"), (2 ** 20 - 1, "1.0 MiB"),
    (5 * 2 ** 40, "5.0 TiB")])
def test_bytes(value, text):
    assert stats.bytes_text(value) == text


def test_table(monkeypatch):
    monkeypatch.setattr(stats.labels, "describe", lambda key: ("alice", "web") if key else ("unmarked", ""))
    rows = [stats.mark_row(0x753403e8, 1600, 5000), stats.mark_row(0, 7, 700)]
    assert stats.drawn("post-filter-in", rows) == """\
╭──────┤ Set: post-filter-in ├───────╮
| user/group   |   packets |   bytes |
|:-------------|----------:|--------:|
| alice/web    |     1.6 k | 4.9 KiB |
| unmarked     |       7   | 700 B   |
| total        |     1.6 k | 5.6 KiB |
"""


def test_a_long_table_of_addresses_is_cut():
    rows = [stats.address_row("record/web/in4", Count(f"192.0.2.{n}", 1, 60), {}) for n in range(25)]
    text = stats.drawn("record/web/in4", rows, 20)
    assert "192.0.2.19" in text and "192.0.2.20" not in text
    assert "(5 more: --set record/web/in4)" in text and "25   | 1.5 KiB" in text


def test_rates():
    rows = [{"mark": 1, "packets": 30, "bytes": 3000}, {"mark": 2, "packets": 4, "bytes": 40}]
    stats.rates(rows, {1: {"packets": 10, "bytes": 1000}, 2: {"packets": 9, "bytes": 90}}, 2)
    assert [(row["packets_rate"], row["bytes_rate"]) for row in rows] == [(10, 1000), (2, 20)]


def test_bars():
    lines = list(stats.bars([(0, 0, 0), (3600, 1024, 3072), (7200, 1024, 0)], "%M", 90))
    assert lines[0].endswith("in") and lines[1].endswith("in  " + "█" * 40)
    assert lines[2].endswith("in  " + "█" * 10)


def test_watched_without_rows():
    assert any("(none)" in line for line in stats.watched({"post-filter-in": []}, 5))
