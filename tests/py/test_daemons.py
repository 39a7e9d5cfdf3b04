# SPDX-License-Identifier: GPL-3.0-or-later
"""Which processes are a daemon, whatever others are called."""
import contextlib
import os
import shutil
import subprocess

import pytest

from galaf.system import daemons


@contextlib.contextmanager
def started(program, **options):
    """Runs a copy of sleep(1) until the end of the block."""
    process = subprocess.Popen([program, "60"], **options)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def daemon(tmp_path):
    """A program that no other test runs."""
    os.chmod(tmp_path, 0o755)
    return shutil.copy(shutil.which("sleep"), tmp_path / "NetworkManager")


def test_a_daemon_is_the_file_and_whose_it_is(daemon, tmp_path):
    own = os.getuid()
    assert daemons.running(daemon, own) is None
    (tmp_path / "link").symlink_to(daemon)
    with started(daemon) as process:
        assert daemons.running(tmp_path / "link", own) == process
        assert daemons.running(daemon, own + 1) is None
        os.unlink(daemon)       # an upgrade
        assert daemons.running(daemon, own) == process
    assert daemons.running(daemon, own) is None


def test_another_program_of_that_name_is_none(daemon, tmp_path):
    os.mkdir(tmp_path / "others")
    with started(shutil.copy(daemon, tmp_path / "others/NetworkManager")):
        assert daemons.running(daemon, os.getuid()) is None


def test_what_a_daemon_has_noted(daemon, tmp_path):
    note = tmp_path / "pid"
    assert daemons.noted(note, daemon) is None
    with started(daemon) as process:
        for text, found in (f"{process}\n", process), (f"{os.getpid()}\n", None), ("x\n", None), ("99999999\n", None):
            note.write_text(text, encoding="ascii")
            assert daemons.noted(note, daemon) == found
