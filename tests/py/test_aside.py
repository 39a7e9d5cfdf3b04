# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process aside looks at: who does not answer is left out, and nobody else is."""
import fcntl
import os
import time

import pytest

from galaf.observe import proposals
from galaf.observe.denied import Refusal
from galaf.system import aside


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    """Does not wait for long."""
    monkeypatch.setattr(aside, "SECONDS", 2)
    yield
    for process in aside._left.values():
        os.waitpid(process, 0)
    aside._left.clear()


def look(item):
    """What is said of an item; the ones of mallory never say anything."""
    if item.startswith("mallory"):
        time.sleep(600)
    if item.startswith("slow"):
        time.sleep(0.3)
    return item.upper()


def asked(items, late=lambda who: None):
    return [said for _, said in aside.each(items, look, lambda item: item[:-1], late)]


def test_all_that_answer():
    many = [f"alice{number % 10}" for number in range(5000)]
    assert asked(many) == [item.upper() for item in many]
    assert asked([]) == []


def test_one_that_does_not_answer():
    late = []
    assert asked(["alice1", "mallory1", "mallory2", "bob1", "mallory3"], late.append) == ["ALICE1", "BOB1"]
    assert late == ["mallory"]


def test_many_that_take_a_little_are_one_that_takes_long():
    late, began = [], time.monotonic()
    found = asked([*(f"slow{number}" for number in range(10)), "bob1"] * 5, late.append)
    assert time.monotonic() - began < aside.SECONDS + 1
    assert late == ["slow"] and found.count("BOB1") == 5 and 0 < len(found) - 5 <= aside.SECONDS / 0.3


def test_who_reads_the_answers_may_take_long():
    found = []
    for _, said in aside.each(["bob1", "bob2", "bob3", "bob4"], look, lambda item: "bob"):
        found.append(said)
        time.sleep(aside.SECONDS / 2)
    assert found == ["BOB1", "BOB2", "BOB3", "BOB4"]


def test_who_is_left_behind_keeps_nothing_and_is_alone(monkeypatch, tmp_path):
    late = []
    monkeypatch.setattr(os, "kill", lambda *_: None)        # as where the kernel lets nobody end it
    with open(tmp_path / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert asked(["mallory1"]) == [] and aside.waiting()
    with open(tmp_path / "lock", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)    # who is left behind holds none
    waiting = aside._left["mallory"]
    assert asked(["mallory1", "mallory2", "bob1"], late.append) == ["BOB1"]
    assert late == ["mallory"] and aside._left["mallory"] == waiting
    monkeypatch.undo()
    os.kill(waiting, 9)


def test_a_fault_of_the_look_is_raised():
    with pytest.raises(RuntimeError, match="KeyError"):
        list(aside.each(["x"], lambda item: {}[item], str))


def test_no_path_that_somebody_chose_keeps_a_suggestion_waiting(monkeypatch):
    def entry_for(path, *_):
        if path == "/alices":
            time.sleep(600)
        if path == "/sh":
            raise LookupError("runs whatever it is given")
        return path[1:], {"execv": [path]}

    def refused(uid, *paths):
        return Refusal("out", uid, (), None, "192.0.2.9", None, 6, 80, (), 1, None, None, None, paths)

    monkeypatch.setattr(proposals, "entry_for", entry_for)
    proposed = proposals.for_each([refused(1000, "/alices", "/alices-other"), refused(1001, "/bobs", "/sh")])
    assert proposed("/bobs", {}, (1, 2)) == ("bobs", {"execv": ["/bobs"]})
    for path in "/alices", "/alices-other":
        with pytest.raises(LookupError, match="does not answer"):
            proposed(path, {}, (1, 2))
    with pytest.raises(LookupError, match="whatever it is given"):
        proposed("/sh", {}, (1, 2))


def test_whose_a_process_is():
    own = next(each for each in aside.processes() if each.name == str(os.getpid()))
    assert aside.keeper(own) == os.getuid()
    assert aside.keeper(own.with_name("4194305")) is None
