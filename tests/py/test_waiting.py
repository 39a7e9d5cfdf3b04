# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of processes, one of which may never answer: what listens, what is shared, who is logged in."""
import os
import socket
import time

import pytest

from galaf.checks import sharing
from galaf.system import aside, listeners, offerable, outside


@pytest.fixture(autouse=True)
def nobody_left():
    yield
    for process in aside._left.values():
        os.waitpid(process, 0)
    aside._left.clear()


def never(*_):
    """Does not answer."""
    time.sleep(600)


def test_who_has_too_much_open_is_told_and_keeps_nobody_waiting(monkeypatch):
    late, own = [], os.getuid()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        named = [one for one in listeners.found(late.append) if one.port == port]
        assert late == [] and [one.uid for one in named] == [own] and named[0].program.startswith("python3")
        monkeypatch.setattr(aside, "SECONDS", 0.5)
        monkeypatch.setattr(listeners, "_links", never)
        assert [one for one in listeners.found(late.append) if one.port == port] == [
            listeners.Listener("tcp", "127.0.0.1", port, own, None, listeners.UNKNOWN)]
        assert own in late


def test_a_noted_process_that_does_not_answer_keeps_nobody_waiting(monkeypatch, tmp_path):
    (tmp_path / "nm-dnsmasq-share0.pid").write_text(f"{os.getpid()}\n")
    monkeypatch.setattr(sharing, "RUNNING", tmp_path)
    words = [f"--pid-file={tmp_path}/nm-dnsmasq-share0.pid", "--listen-address=10.42.0.1"]
    monkeypatch.setattr(outside, "arguments", lambda process: words)
    assert [(one.interface, one.address) for one in sharing.shared()] == [("share0", "10.42.0.1")]
    late = []
    monkeypatch.setattr(aside, "SECONDS", 0.5)
    monkeypatch.setattr(outside, "arguments", never)
    assert not list(sharing.shared(late.append)) and late == [os.getuid()]


def test_an_ancestor_that_does_not_answer_keeps_nobody_waiting(monkeypatch):
    monkeypatch.setattr(listeners, "is_served", lambda address, port: True)
    monkeypatch.setattr(offerable, "_connections", lambda process: [("192.0.2.1", 22)])
    assert offerable.ssh_login() == ("192.0.2.1", 22)
    monkeypatch.setattr(aside, "SECONDS", 0.5)
    monkeypatch.setattr(offerable, "_connections", never)
    assert offerable.ssh_login() is None
