# SPDX-License-Identifier: GPL-3.0-or-later
"""galaf.history: samples, their ageing and bounds."""
import datetime
import threading
import time

import pytest
from conftest import load

from galaf.errors import GalafError
from galaf.observe import history
from galaf.observe.counters import Count

NOW = 1_800_000_000     # 2027-01-15 08:00 UTC
MINUTES = 300


@pytest.fixture(name="file")
def fixture_file(tmp_path):
    return tmp_path / "history.sqlite"


def sample(file, when, packets, key=7, name="post-filter-out"):
    with history.opened(file) as connection:
        history.add(connection, {name: [Count(key, packets, packets * 100)]}, when)


def since(file, start):
    with history.opened(file) as connection:
        return history.since(connection, start)


def times(file):
    with history.opened(file) as connection:
        return [row[0] for row in history.samples(connection, 0)]


def test_samples_hold_the_growth(file):
    for index, packets in enumerate((10, 10, 25)):
        sample(file, NOW + index * MINUTES, packets)
    assert since(file, 0) == [("post-filter-out", 7, 25, 2500)]
    assert since(file, NOW + 1) == [("post-filter-out", 7, 15, 1500)]
    assert times(file) == [NOW, NOW + 2 * MINUTES]


def test_a_counter_that_begins_anew(file):
    sample(file, NOW, 10)
    sample(file, NOW + MINUTES, 4)
    assert since(file, 0) == [("post-filter-out", 7, 14, 1400)]


def test_a_mark_that_went_and_came_back(file):
    sample(file, NOW, 10)
    sample(file, NOW + MINUTES, 3, key=8)
    sample(file, NOW + 2 * MINUTES, 12)
    assert sorted(since(file, 0)) == [("post-filter-out", 7, 22, 2200), ("post-filter-out", 8, 3, 300)]


def test_samples_that_overlap_count_each_packet_once(file, tmp_path, monkeypatch):
    """Without turns the sample that reads the counters first is noted last."""
    stats, reading = load("galaf_stats"), threading.Event()

    def read(_, names):
        if threading.current_thread() is slow:
            reading.set()
            time.sleep(0.5)     # not a wait with a limit, which a clock that is set on by faketime never reaches
            return {names[0]: [Count(7, 1_000_000, 0)]}, []
        return {names[0]: [Count(7, 1_000_002, 0)]}, []
    monkeypatch.setattr(stats.counters, "set_names", lambda _: ["post-filter-out"])
    monkeypatch.setattr(stats.counters, "read", read)
    monkeypatch.setattr(stats.counters, "write", lambda _: None)
    monkeypatch.setattr(stats.history, "opened", lambda same=file, opened=history.opened: opened(same))
    slow = threading.Thread(target=stats.take_sample, args=("galaf",))
    slow.start()
    reading.wait()
    stats.take_sample("galaf")
    slow.join()
    assert since(file, 0)[0][2] == 1_000_002


def test_zeroed_counters_begin_at_zero(file):
    sample(file, NOW, 10)
    with history.opened(file) as connection:
        history.zeroed(connection, ["post-filter-out"])
    sample(file, NOW + MINUTES, 12)
    assert since(file, 0) == [("post-filter-out", 7, 22, 2200)]


def test_ageing_adds_up_and_loses_nothing(file):
    count = 0
    for when in range(NOW - 3 * history.DAY, NOW, MINUTES):
        count += 1
        sample(file, when, count)
    assert since(file, 0) == [("post-filter-out", 7, count, count * 100)]
    old = [when for when in times(file) if when < NOW - history.FINE - history.HOUR]
    assert old and all(when % history.HOUR == 0 for when in old)
    assert len(times(file)) < 48 * 12 + 26 + 12
    with history.opened(file) as connection:
        history.thin(connection, NOW + history.HOURLY + history.DAY)
        history.thin(connection, NOW + history.HOURLY + history.DAY)
    assert since(file, 0) == [("post-filter-out", 7, count, count * 100)]
    assert len(times(file)) in (3, 4)
    assert all(datetime.datetime.fromtimestamp(when).hour == 0 for when in times(file))


def test_what_is_too_old_goes(file):
    sample(file, NOW, 10)
    sample(file, NOW + history.DAILY + history.DAY, 11)
    assert since(file, 0) == [("post-filter-out", 7, 1, 100)]


def test_the_number_of_rows_is_bounded(file, monkeypatch):
    monkeypatch.setattr(history, "MOST_ROWS", 50)
    for index in range(80):
        sample(file, NOW + index, index + 1)
    assert len(times(file)) == 50
    assert times(file)[-1] == NOW + 79


def test_who_has_most_loses_the_oldest_and_that_is_noted(file, monkeypatch):
    """Alice, by a hundred applications, and one of bob's two: his other one, and carol, lose nothing."""
    monkeypatch.setattr(history, "MOST_ROWS", 300)
    alice, bob, carol = 1000, 1001, 1002
    flood = [group << 16 | alice for group in range(30000, 30100)]
    for index in range(60):
        when = NOW + index * MINUTES
        with history.opened(file) as connection:
            counts = [Count(key, index + 1, 0) for key in (*flood, 30001 << 16 | bob)]
            if index % 20 == 0:
                counts += [Count(30002 << 16 | bob, index + 1, 0), Count(carol, index + 1, 0)]
            history.add(connection, {"post-filter-out": counts}, when)
    kept = {key: packets for _, key, packets, _ in since(file, 0)}
    assert kept[carol] == kept[30002 << 16 | bob] == 1 + 21 + 41
    assert kept[30001 << 16 | bob] == 60
    with history.opened(file) as connection:
        rows = connection.execute("SELECT count(*) FROM sample").fetchone()[0]
        gone = dict(history.dropped(connection, 0))
    assert 0 < rows <= 300 and set(gone) == set(flood)
    assert all(sum(times_of(file, key)) and min(times_of(file, key)) > when for key, when in gone.items())


def times_of(file, mark):
    with history.opened(file) as connection:
        return [row[0] for row in history.samples(connection, 0) if row[2] == mark]


@pytest.mark.parametrize("wanted, total, most", [
    ({}, 9, 9), ({"a": 3}, 9, 9), ({"a": 30}, 9, 9), ({"a": 30, "b": 1}, 9, 8), ({"a": 30, "b": 1, "c": 30}, 9, 4),
    ({"a": 5, "b": 5}, 10, 10), ({"a": 5, "b": 5}, 9, 4)])
def test_who_wants_less_than_the_others_has_it_all(wanted, total, most):
    assert history.fair(wanted, total) == most


def test_a_damaged_file_is_named(file):
    file.write_text("nonsense")
    with pytest.raises(GalafError, match="history.sqlite: file is not a database"):
        since(file, 0)


def test_a_failure_leaves_the_history_as_it_was(file):
    sample(file, NOW, 10)
    with pytest.raises(RuntimeError), history.opened(file) as connection:
        history.zeroed(connection, ["post-filter-out"])
        raise RuntimeError
    sample(file, NOW + MINUTES, 12)
    assert since(file, 0) == [("post-filter-out", 7, 12, 1200)]


def test_private(file):
    sample(file, NOW, 1)
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text, start", [
    ("boot", NOW - 5000), ("90m", NOW - 5400), ("1h", NOW - 3600), ("7d", NOW - 604800), ("2w", NOW - 1209600),
    ("2027-01-01", datetime.datetime(2027, 1, 1).timestamp()),
    ("2027-01-01 18:30", datetime.datetime(2027, 1, 1, 18, 30).timestamp())])
def test_since_forms(text, start):
    assert history.parse_since(text, NOW, NOW - 5000) == start


@pytest.mark.parametrize("text", ["", "yesterday", "1y", "-1h", "2027-13-01", "1h30m", "9999999h"])
def test_other_forms_are_refused(text):
    with pytest.raises(GalafError, match="not a time"):
        history.parse_since(text, NOW, NOW)
