# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbered lines that galaf_denied last showed to root, for galaf_allow --denied: what was read, not what is there
by then, since a program that is refused can move the lines.
"""
import json
from pathlib import Path

from .. import mark as marks
from .. import paths
from ..errors import GalafError
from ..system import files, labels

NOTE = paths.RUNTIME / "denied.json"
SESSION = Path("/proc/self/sessionid")      # the login's, also behind sudo(8); the same for all where no login sets it
_ELSEWHERE = "run galaf_denied, and take the number of its line"


def note(refusals):
    """Keeps refusals by their place, the first is line 1.  Raises GalafError."""
    rows = [{"way": one.way, "who": None if one.mark is None else labels.describe(one.mark), "mark": one.mark,
             "domain": one.domain, "destination": one.destination, "source": one.source, "protocol": one.protocol,
             "port": one.port} for one in refusals]
    files.folder(paths.RUNTIME, 0o700)
    try:
        files.replace(NOTE, json.dumps({"session": _session(), "rows": rows}) + "\n", 0o600)
    except OSError as error:
        raise GalafError(f"{NOTE}: {error.strerror}: galaf_allow --denied does not know these lines") from None


def line(number):
    """The row of a line, as note() made it, with who it is by now.  Raises GalafError."""
    try:
        found = json.loads(NOTE.read_text(encoding="utf-8"))
        session, rows = found["session"], found["rows"]
    except FileNotFoundError:
        raise GalafError(f"--denied {number}: no lines were shown since the machine started: {_ELSEWHERE}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GalafError(f"{NOTE}: damaged ({error!r}): {_ELSEWHERE}") from None
    if session != _session():
        raise GalafError(f"--denied {number}: another login was shown lines since: {_ELSEWHERE}")
    if not 1 <= number <= len(rows):
        raise GalafError(f"--denied {number}: the lines that were shown are 1 to {len(rows)}" if rows else
                         f"--denied {number}: no line was shown: {_ELSEWHERE}")
    row = rows[number - 1]
    if row["mark"] is not None and list(labels.describe(row["mark"])) != row["who"]:
        raise GalafError(f"--denied {number}: {'/'.join(row['who'])} is another by now: {_ELSEWHERE}")
    return row


def whom(row, gid_range):
    """("groups" or "users", name) of whom a permission for a row is for.  Raises GalafError."""
    gid, uid = marks.decode(row["mark"])
    user, group = row["who"]
    if gid_range[0] <= gid <= gid_range[1]:
        return "groups", group
    if row["mark"] == marks.UNMARKED or uid == marks.OTHERS:
        raise GalafError(f"{user}: nobody is known of that name, whom something could be allowed")
    return "users", user


def _session():
    try:
        return SESSION.read_text(encoding="ascii").strip()
    except OSError:
        return ""
