# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a span of audit goes on, by the wall's clock."""
import pytest

from galaf import trial

BEGAN, SPAN = 1_700_000_000, 3600


@pytest.fixture(name="note")
def fixture_note(monkeypatch):
    """What begin_audit() notes."""
    written = []
    monkeypatch.setattr(trial, "_begin", written.append)
    monkeypatch.setattr(trial.time, "time", lambda: BEGAN + 0.5)
    trial.begin_audit(None, SPAN)
    return written[0]


@pytest.mark.parametrize("now, left", [
    (0, SPAN), (60, SPAN - 60), (SPAN, 0), (10 * SPAN, 0),
    (-2, 0), (-86400, 0), (-BEGAN, 0),      # set back, or lost with its battery: not on for a day, or for years
])
def test_a_span_of_audit_is_over_where_the_clock_was_set_back(monkeypatch, note, now, left):
    monkeypatch.setattr(trial.time, "time", lambda: BEGAN + now + 0.5)
    assert trial.left(note) == left


def test_one_that_an_older_version_noted_goes_on(monkeypatch, note):
    del note["since"]
    monkeypatch.setattr(trial.time, "time", lambda: BEGAN + 60.5)
    assert trial.left(note) == SPAN - 60
