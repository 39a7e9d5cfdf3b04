# SPDX-License-Identifier: GPL-3.0-or-later
"""galaf.run: how a program that failed is told."""
import pytest

from galaf.errors import GalafError
from galaf.system import run as running
from galaf.system.run import CommandFailed, records, run


@pytest.mark.parametrize("script, status, said", [
    ("echo 'no such thing' >&2; exit 3", 3, "no such thing"),
    ("exit 3", 3, "exit status 3"),
    ("kill -KILL $$", -9, "ended by SIGKILL"),
])
def test_a_failure_says_what_the_program_said_or_how_it_ended(script, status, said):
    with pytest.raises(CommandFailed, match=f"^sh failed: {said}$") as caught:
        run("sh", "-c", script)
    assert (caught.value.status, caught.value.said) == (status, said)


def test_records_are_cut_at_nul_and_any_name_is_kept():
    assert list(records("printf", r"one\0t\nwo\0\377\0rest")) == ["one", "t\nwo", "\udcff"]


def test_what_prints_nothing_more_is_ended(monkeypatch):
    monkeypatch.setattr(running, "LIMIT", 0.2)
    found = records("sh", "-c", r"printf 'one\0'; sleep 60")
    assert next(found) == "one"
    with pytest.raises(GalafError, match="^sh -c: no answer within 0.2 seconds$"):
        next(found)
