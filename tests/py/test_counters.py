# SPDX-License-Identifier: GPL-3.0-or-later
"""galaf.counters: nft's forms, the text that puts counters back; and how galaf_stats draws them."""
import json
import sys

import pytest
from conftest import load

from galaf.errors import GalafError
from galaf.observe import counters
from galaf.observe.counters import Count
from galaf.observe.elements import Element


stats = load("galaf_stats")


def listing(version, name, *elements, **more):
    """nft's JSON of one set."""
    return json.dumps({"nftables": [
        {"metainfo": {"version": version, "release_name": "-", "json_schema_version": 1}},
        {"set": {"family": "inet", "name": name, "table": "galaf", "type": "mark", "handle": 5, "size": 65536,
                 "elem": list(elements), "stmt": [{"counter": None}], **more}}]})


def element(value, packets, bytes_, **more):
    return {"elem": {"val": value, "counter": {"packets": packets, "bytes": bytes_}, **more}}


@pytest.mark.parametrize("version, more", [("1.0.6", {}), ("1.1.3", {"flags": ["dynamic"]})])
def test_parse_marks(version, more):
    text = listing(version, "post-filter-out", element(1, 12, 719), element("0x753403e8", 1, 60), **more)
    assert counters.parse(text, "post-filter-out") == ([Count(1, 12, 719), Count(0x753403e8, 1, 60)], [])


def test_parse_addresses():
    text = listing("1.0.6", "record/web/out4", element("198.18.0.10", 25, 1490, expires=86399))
    assert counters.parse(text, "record/web/out4")[0] == [Count("198.18.0.10", 25, 1490, None, 86399)]
    key = {"concat": ["192.0.2.1", "192.0.2.2", 6, 9]}
    text = listing("1.1.3", "denied_in4", element(key, 1, 60), type={"typeof": {"concat": []}})
    assert counters.parse(text, "denied_in4")[0] == [Count(("192.0.2.1", "192.0.2.2", 6, 9), 1, 60)]


def test_a_full_set_is_told():
    text = listing("1.0.6", "record/web/out4", element("198.18.0.10", 1, 60), element("198.18.0.11", 1, 60), size=2)
    counts, complaints = counters.parse(text.replace('"size": 65536, ', ""), "record/web/out4")
    assert len(counts) == 2
    assert complaints == ["set record/web/out4: full with 2 elements: what is not in it is not listed"]


def test_parse_empty_set():
    text = '{"nftables": [{"metainfo": {}}, {"set": {"family": "inet", "name": "post-filter-in", "table": "galaf"}}]}'
    assert counters.parse(text, "post-filter-in") == ([], [])


@pytest.mark.parametrize("strange", [
    "198.18.0.10", 7, {"elem": {"val": 7}}, {"elem": {"val": {"range": [1, 5]}, "counter": {"packets": 1, "bytes": 2}}},
    element("firefox", 1, 2), element(-1, 1, 2), element(2 ** 32, 1, 2), element(7, None, 2), {"prefix": {}}, [7]])
def test_foreign_elements_are_named_and_passed_over(strange):
    found, complaints = counters.parse(listing("1.0.6", "pre-filter-out", strange, element(7, 1, 60)), "pre-filter-out")
    assert found == [Count(7, 1, 60)]
    assert len(complaints) == 1 and complaints[0].startswith("set pre-filter-out: 1 element(s) of an unknown form")


def test_deleted_elements_of_the_wanted_sets():
    ends = bytes((192, 0, 2, 1, 192, 0, 2, 2, 6, 0, 0, 0, 0, 9, 0, 0))
    mark = (0x753403e8).to_bytes(4, sys.byteorder)
    found, complaints = counters.deleted([
        Element("galaf", "post-filter-out", mark, 12, 719, None), Element("other", "post-filter-out", mark, 1, 1, None),
        Element("galaf", "web_4", ends[:4], None, None, 60), Element("galaf", "denied_in4", ends, 1, 60, 604799),
        Element("galaf", "denied4", mark + ends[4:], 2, 80, 604799),
        Element("galaf", "denied_in_more", b"\x11", 7, 9, 1),
        Element("galaf", "record/web/out6", bytes(15) + b"\1", None, None, 60)],
        "galaf", ["post-filter-out", "denied_in4", "denied4", "denied_in_more", "record/web/out6"])
    assert found == {
        "post-filter-out": [Count(0x753403e8, 12, 719)], "denied_in_more": [Count(17, 7, 9, expires=1)],
        "denied_in4": [Count(("192.0.2.1", "192.0.2.2", 6, 9), 1, 60, expires=604799)],
        "denied4": [Count((0x753403e8, "192.0.2.2", 6, 9), 2, 80, expires=604799)], "record/web/out6": []}
    assert complaints == ["set record/web/out6: an element without a counter passed over: ('::1',)"]


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
    monkeypatch.setattr(counters, "present", lambda _, names: [name for name in names if name in kernel])
    monkeypatch.setattr(counters, "run", lambda *words, **_: words[-1])
    monkeypatch.setattr(counters, "parse", lambda _, name: (kernel[name], []))
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
