# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions that were told of galaf's folder, judged by processes of which one may never answer."""
import os
import time

import pytest

from galaf.system import aside, sessions

HERE = sessions.Session(os.getuid(), "session 1", 0, True, "session-1.scope")
ITS = str(os.getppid())     # the one program of it


@pytest.fixture(autouse=True)
def one_program(monkeypatch):
    monkeypatch.setattr(sessions, "_is_of", lambda process, session: process.name == ITS)
    yield
    for process in aside._left.values():
        os.waitpid(process, 0)
    aside._left.clear()


@pytest.mark.parametrize("told", (True, False))
def test_told_by_any_of_its_programs(monkeypatch, told):
    monkeypatch.setattr(sessions, "_is_told", lambda process: told)
    assert sessions._untold(HERE) is not told


def test_a_program_that_does_not_answer_keeps_nothing_waiting(monkeypatch):
    monkeypatch.setattr(aside, "SECONDS", 1)
    monkeypatch.setattr(sessions, "_is_told", lambda process: time.sleep(60))
    began = time.monotonic()
    assert not sessions._untold(HERE)
    assert aside._left and time.monotonic() - began < 30
