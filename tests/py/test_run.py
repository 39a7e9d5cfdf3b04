# SPDX-License-Identifier: GPL-3.0-or-later
"""galaf.run: how a program that failed is told."""
import pytest

from galaf.system.run import CommandFailed, run


@pytest.mark.parametrize("script, status, said", [
    ("echo 'no such thing' >&2; exit 3", 3, "no such thing"),
    ("exit 3", 3, "exit status 3"),
    ("kill -KILL $$", -9, "ended by SIGKILL"),
])
def test_a_failure_says_what_the_program_said_or_how_it_ended(script, status, said):
    with pytest.raises(CommandFailed, match=f"^sh failed: {said}$") as caught:
        run("sh", "-c", script)
    assert (caught.value.status, caught.value.said) == (status, said)
