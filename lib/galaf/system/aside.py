# SPDX-License-Identifier: GPL-3.0-or-later
"""Has a process aside look at what some user can keep from ever answering, as a file system of the user's own (FUSE).

Whoever asks such a one waits in the kernel, where not even SIGKILL may end it.  The process aside is left behind then.
"""
import collections
import contextlib
import fcntl
import json
import os
import re
import select
import signal
import sys
import time
from pathlib import Path

SECONDS = 5             # that all looks at what is one's may take
_OWNER, _PARENT = 0xb704, 0xb702        # NS_GET_OWNER_UID, NS_GET_PARENT: ioctl_ns(2)
_left = {}              # {who kept the last look from ending: the process that still waits}


def each(items, look, whose, late=lambda who: None):
    """Yields (item, look(item)) of each item that is answered for, in their order.

    look: a function, called in another process, whose value JSON can hold, where a tuple becomes a list.
    whose: gives who can keep an item's look from ending.  Where the looks at what is one's take longer than SECONDS,
    be it by many that take a little, nothing more is asked of it, and late is told who it is.
    """
    _reap()
    asked = [(item, whose(item)) for item in items]
    rest = {who: SECONDS for _, who in asked}
    for who in set(rest) & set(_left):      # a look at what is theirs waits since before
        late(who)
    asked = [(item, who) for item, who in asked if who not in _left]
    while asked:
        process, answers = _start([item for item, _ in asked], look)
        answered = 0
        with open(answers, "rb", buffering=0) as stream:
            lines = _Lines(stream)
            for item, who in asked:
                said = lines.next(rest[who])
                if said is None:
                    break
                value, seconds = _value(said)
                rest[who] -= seconds
                answered += 1
                yield item, value
        if answered == len(asked):
            os.waitpid(process, 0)      # it has said all, and ends
            return
        who = asked[answered][1]
        _leave(process, who)
        late(who)
        asked = [(item, other) for item, other in asked[answered:] if other != who]


def _start(items, look):
    """(process, descriptor of its answers) of a process that looks at the items, a line of JSON for each."""
    answers, end = os.pipe()
    process = os.fork()
    if process:
        os.close(end)
        return process, answers
    try:
        end = _alone(end)
        with open(end, "w", encoding="ascii") as stream:
            for item in items:
                began = time.monotonic()
                stream.write(json.dumps([*_result(look, item), time.monotonic() - began]) + "\n")
                stream.flush()
    except OSError:         # nobody reads any more
        pass
    finally:
        os._exit(0)


def _alone(end):
    """Lets go of all that this process has open, but of the pipe for its answers, whose number it returns.

    Whoever is left behind would else keep locks held, and have those who read what the command prints wait.
    """
    end = fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 3)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    os.closerange(3, end)
    os.closerange(end + 1, os.sysconf("SC_OPEN_MAX"))
    return end


def _result(look, item):
    try:
        return [True, look(item)]
    except Exception as error:          # a fault of galaf's own: it is raised where somebody hears of it
        return [False, repr(error)]


def _value(text):
    """What a look gave, and how many seconds it took."""
    done, value, seconds = json.loads(text)
    if not done:
        raise RuntimeError(value)
    return value, seconds


class _Lines:
    """What a process writes, line by line."""

    def __init__(self, stream):
        self._stream, self._whole, self._rest = stream, collections.deque(), b""

    def next(self, seconds):
        """The next line; None where none comes within so many seconds, or no more will."""
        deadline = time.monotonic() + seconds
        while not self._whole:
            if not select.select([self._stream], [], [], max(0, deadline - time.monotonic()))[0]:
                return None
            chunk = self._stream.read(65536)
            if not chunk:
                return None
            *whole, self._rest = (self._rest + chunk).split(b"\n")
            self._whole += whole
        return self._whole.popleft()


def _leave(process, who):
    """Kills a process, and waits for nothing."""
    with contextlib.suppress(OSError):
        os.kill(process, signal.SIGKILL)
    _left[who] = process


def _reap():
    """Forgets what has ended by now."""
    for who, process in list(_left.items()):
        if os.waitpid(process, os.WNOHANG)[0]:
            del _left[who]


def waiting():
    """Whether a process that was left behind still waits."""
    _reap()
    return bool(_left)


def keeper(process):
    """The uid of who can keep the files of a process from answering; process: its folder in /proc.

    In a user namespace, where anybody may mount a file system of their own, that is whose outermost one it is, else
    who started the process.  None where it has ended.
    """
    try:
        found = re.search(r"^Uid:\s+(\d+)", (process / "status").read_text(encoding="utf-8", errors="replace"),
                          re.MULTILINE)
        return _namespace_owner(process) if _elsewhere(process) else int(found[1])
    except OSError:
        return None


def _elsewhere(process):
    """Whether a process is in another user namespace than this one."""
    return os.readlink(process / "ns/user") != os.readlink("/proc/self/ns/user")


def _namespace_owner(process):
    """The uid that the outermost user namespace around a process, below this one's, belongs to."""
    own = os.stat("/proc/self/ns/user").st_ino
    with contextlib.ExitStack() as opened:
        def file(descriptor):
            opened.callback(os.close, descriptor)
            return descriptor
        at = file(os.open(process / "ns/user", os.O_RDONLY | os.O_CLOEXEC))
        while os.fstat(above := file(fcntl.ioctl(at, _PARENT))).st_ino != own:
            at = above
        return int.from_bytes(fcntl.ioctl(at, _OWNER, bytes(4)), sys.byteorder)


def processes():
    """The folder in /proc of each process."""
    return list(Path("/proc").glob("[0-9]*"))
