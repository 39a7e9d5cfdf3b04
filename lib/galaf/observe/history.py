# SPDX-License-Identifier: GPL-3.0-or-later
"""A small history of the statistics counters, in one SQLite file.

A sample holds what each counter has grown by since the sample before it.  As samples age
they are added up to hours, then to days, and at last dropped, so the file stays small.  Where it
would not, whoever has the most of it loses the oldest, and that is noted.
"""
import contextlib
import datetime
import os
import re
import sqlite3

from .. import mark as marks
from .. import paths
from ..errors import GalafError

FILE = paths.STATE / "history.sqlite"
HOUR, DAY = 3600, 86400         # seconds
FINE = 2 * DAY                  # samples stay as they are
HOURLY = 60 * DAY               # then they are kept by the hour
DAILY = 730 * DAY               # and then by the day
PATIENCE = 60                   # seconds; a reset may take 20
MOST_ROWS = 300_000             # about 25 MB
_UNITS = {"s": 1, "m": 60, "h": HOUR, "d": DAY, "w": 7 * DAY}
_SCHEMA = """
CREATE TABLE IF NOT EXISTS sample (time INTEGER, name TEXT, mark INTEGER, packets INTEGER, bytes INTEGER,
    PRIMARY KEY (time, name, mark)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS last (name TEXT, mark INTEGER, packets INTEGER, bytes INTEGER,
    PRIMARY KEY (name, mark)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dropped (mark INTEGER PRIMARY KEY, time INTEGER);
"""
_ADD = """
INSERT INTO sample {} ON CONFLICT DO UPDATE
    SET packets = packets + excluded.packets, bytes = bytes + excluded.bytes
"""


@contextlib.contextmanager
def opened(file=FILE):
    """The history as a connection, in one transaction that nobody else has meanwhile; made if missing, root's alone.

    Waits for PATIENCE seconds where another has it.  Raises GalafError if it is damaged or can't be written.
    """
    connection = None
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(file, timeout=PATIENCE)
        with connection:
            connection.executescript(_SCHEMA)
            connection.execute("BEGIN IMMEDIATE")
            yield connection
    except sqlite3.Error as error:
        advice = ("another program has held it for too long" if "locked" in str(error) else
                  "if it is damaged, remove it; a new one is made")
        raise GalafError(f"{file}: {error}: {advice}") from None
    except OSError as error:
        raise GalafError(f"{file}: {error.strerror}") from None
    finally:
        if connection:
            connection.close()


def add(connection, counts, now):
    """Adds a sample.  counts: {set: [counters.Count]} of the statistics; now: seconds since 1970.

    A counter that is lower than in the sample before has begun anew; all of it is new.
    """
    last = {row[:2]: row[2:] for row in connection.execute("SELECT name, mark, packets, bytes FROM last")}
    grown = []
    for name, each in ((name, each) for name, elements in counts.items() for each in elements):
        packets, bytes_ = last.get((name, each.key), (0, 0))
        if each.packets < packets or each.bytes < bytes_:
            packets = bytes_ = 0
        if each.packets > packets:
            grown.append((int(now), name, each.key, each.packets - packets, each.bytes - bytes_))
    connection.executemany(_ADD.format("VALUES (?, ?, ?, ?, ?)"), grown)
    _remember(connection, counts)
    thin(connection, now)


def _remember(connection, counts):
    for name, elements in counts.items():
        connection.execute("DELETE FROM last WHERE name = ?", (name,))
        connection.executemany("INSERT INTO last VALUES (?, ?, ?, ?)",
                               ((name, each.key, each.packets, each.bytes) for each in elements))


def zeroed(connection, names):
    """Notes that counters of these sets begin at zero again."""
    _remember(connection, {name: [] for name in names})


def thin(connection, now):
    """Adds up what is older than FINE by the hour, than HOURLY by the local day; drops what is beyond bounds."""
    day = "CAST(strftime('%s', date(time, 'unixepoch', 'localtime'), 'utc') AS INTEGER)"
    for age, start in ((FINE, f"time - time % {HOUR}"), (HOURLY, day)):
        old = f"time < {int(now) - age} AND time != {start}"
        connection.execute(_ADD.format(
            f"SELECT {start}, name, mark, sum(packets), sum(bytes) FROM sample WHERE {old} GROUP BY 1, 2, 3"))
        connection.execute(f"DELETE FROM sample WHERE {old}")
    connection.execute("DELETE FROM sample WHERE time < ?", (int(now) - DAILY,))
    _bound(connection)


def _bound(connection):
    """Drops what is beyond MOST_ROWS: each user keeps a fair share of them, and each application one of the user's."""
    if connection.execute("SELECT count(*) FROM sample").fetchone()[0] <= MOST_ROWS:
        return
    users = {}
    for mark, number in connection.execute("SELECT mark, count(*) FROM sample GROUP BY mark"):
        users.setdefault(marks.decode(mark)[1], {})[mark] = number
    most = fair({user: sum(own.values()) for user, own in users.items()}, MOST_ROWS)
    for own in users.values():
        share = fair(own, most)
        for mark in (mark for mark, number in own.items() if number > share):
            _drop(connection, mark, share)


def fair(wanted, total):
    """The most that each may have of a total; wanted: {who: number}.  Who wants less than others has it all."""
    left, rest = total, sorted(wanted.values())
    while rest and rest[0] * len(rest) <= left:
        left -= rest.pop(0)
    return left // len(rest) if rest else total


def _drop(connection, mark, share):
    """Drops a mark's oldest rows but a share of them, and notes up to when."""
    until = connection.execute("SELECT time FROM sample WHERE mark = ? ORDER BY time DESC LIMIT 1 OFFSET ?",
                               (mark, share)).fetchone()[0]
    connection.execute("DELETE FROM sample WHERE mark = ? AND time <= ?", (mark, until))
    connection.execute("INSERT INTO dropped VALUES (?, ?) ON CONFLICT DO UPDATE SET time = excluded.time",
                       (mark, until))


def dropped(connection, start):
    """[(mark, time)] of whom something was dropped that was noted from start on: what is up to that time."""
    return connection.execute("SELECT mark, time FROM dropped WHERE time >= ? ORDER BY time", (int(start),)).fetchall()


def since(connection, start):
    """(set, mark, packets, bytes) added up from start on, in seconds since 1970."""
    return connection.execute("SELECT name, mark, sum(packets), sum(bytes) FROM sample WHERE time >= ? "
                              "GROUP BY name, mark", (int(start),)).fetchall()


def samples(connection, start):
    """(time, set, mark, packets, bytes) of each sample from start on, oldest first."""
    return connection.execute("SELECT * FROM sample WHERE time >= ? ORDER BY time", (int(start),)).fetchall()


def beginning(connection):
    """The time of the oldest sample, or None."""
    return connection.execute("SELECT min(time) FROM sample").fetchone()[0]


def parse_since(text, now, boot):
    """The time that "boot", a span such as 20s, 90m, 1h, 7d or 2w, or a local date means, in seconds since 1970.

    now, boot: seconds since 1970.  Raises GalafError for anything else.
    """
    span = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    if text == "boot":
        return boot
    if span:
        return now - int(span[1]) * _UNITS[span[2]]
    try:
        return datetime.datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        raise GalafError(f"{text}: not a time: write boot, a span such as 20s, 90m, 1h, 7d or 2w, "
                         "or a date such as 2026-01-31 or '2026-01-31 18:00'") from None
