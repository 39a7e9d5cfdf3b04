# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that starts programs."""
import contextlib
import os
import select
import signal
import subprocess
import threading

import sh

from ..errors import GalafError

LIMIT = 300     # seconds; nothing that is run waits for longer
SEARCH = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]


class CommandFailed(GalafError):
    """A program ended badly.

    status: its exit status (negative: the signal that ended it); said: its words or, where it had none, how it ended.
    """

    def __init__(self, program, status, stderr):
        ended = f"exit status {status}" if status >= 0 else f"ended by {signal.Signals(-status).name}"
        self.said = stderr.strip() or ended
        super().__init__(f"{program} failed: {self.said}")
        self.status = status


def run(program, *arguments, stdin=None, ok=(0,), seconds=LIMIT):
    """Runs a program found in the system's own directories, in the C locale, for so many seconds at most.

    program: a name such as "nft"; arguments: strings, handed over as they are, never to a
    shell; stdin: a string, or None for an empty standard input; ok: the exit statuses
    that are no failure.  Returns its standard output.  Raises CommandFailed, or GalafError if
    there is no such program.
    """
    try:
        command = sh.Command(program, search_paths=SEARCH)
    except sh.CommandNotFound:
        raise GalafError(f"the program {program} is missing: install the package that has it") from None
    # Not C.UTF-8: Debian 13's dnsmasq (2.91) refuses every mark in its options where setlocale(3) left an errno.
    environment = {"PATH": ":".join(SEARCH), "LC_ALL": "C",
                   "HOME": os.environ.get("HOME", "/root")}
    running = command(*arguments, _in=stdin or "", _env=environment, _tty_out=False, _ok_code=ok, _encoding="utf-8",
                      _decode_errors="replace", _truncate_exc=False, _bg=True, _bg_exc=False, _new_session=True)
    late = threading.Event()
    watch = threading.Timer(seconds, _kill, (running, late))
    watch.start()
    try:
        running.wait()
    except sh.ErrorReturnCode as error:
        said = f"no end within {seconds:g} seconds" if late.is_set() else error.stderr.decode(errors="replace")
        raise CommandFailed(program, error.exit_code, said) from None
    finally:
        watch.cancel()
    return running.stdout.decode(errors="replace")


def _kill(running, late):
    """Kills a program with all that it has started."""
    late.set()
    with contextlib.suppress(OSError):      # it has just ended by itself
        os.killpg(running.pid, signal.SIGKILL)


def attended(command):
    """Runs a person's own program, such as an editor, on the terminal, until it ends; returns its exit status."""
    try:
        return subprocess.run(command, check=False).returncode
    except OSError as error:
        raise GalafError(f"{command[0]}: {error.strerror}") from None


def records(program, *arguments):
    """Each record that ends with NUL of what a program prints, as soon as it comes; what it complains of is left out.

    They are decoded as os.fsdecode() has it, so that any file's name stays that file's.  Raises GalafError where
    nothing comes for LIMIT seconds: a file system of a user's own may never answer.
    """
    environment = {"PATH": ":".join(SEARCH), "LC_ALL": "C"}
    with subprocess.Popen([program, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, env=environment, bufsize=0) as process:
        rest = b""
        while chunk := _read(process, " ".join([program, *arguments[:1]])):
            *whole, rest = (rest + chunk).split(b"\0")
            yield from map(os.fsdecode, whole)


def _read(process, said):
    """What a program prints next, b"" at its end; it is killed where that is long in coming.  said: what it is."""
    if not select.select([process.stdout], [], [], LIMIT)[0]:
        process.kill()
        raise GalafError(f"{said}: no answer within {LIMIT:g} seconds")
    return process.stdout.read(65536)
