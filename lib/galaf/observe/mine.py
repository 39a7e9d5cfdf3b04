# SPDX-License-Identifier: GPL-3.0-or-later
"""What users without root are shown of what was refused to them: a file of root's that the user alone may read.

Who wants to know connects; the file is written, and the connection closed.  It is always the same file, so that
nobody fills /run by keeping old ones open; and it belongs to root, so that its reader can't let it grow.
"""
import json
import os
import pwd
import socket
import struct
import time
from pathlib import Path

from .. import limits
from ..errors import GalafError
from ..system import aside
from .denied import Refusal

FOLDER = Path("/run/galaf-denied")
SOCKET = FOLDER / "ask"
MOST = 1000             # rows, the newest
EVERY = 1.0             # seconds between two looks, and between two for the same user
IDLE = 20               # seconds after which whoever answers ends
PATIENCE = 20           # seconds of who asks
FIRST_FD = 3            # sd_listen_fds(3)
SHARED = (0, 1)         # uids that the mark does not tell apart
_PEER = struct.Struct("=iII")           # struct ucred, unix(7)
_ENTRY = struct.Struct("<HHI")          # of an access control list: linux/posix_acl_xattr.h
_TIME = struct.Struct("=ll" if struct.calcsize("l") == 4 else "=qq")    # struct timeval
_NOBODY = 0xffffffff


def given():
    """The socket that systemd hands over.  Raises GalafError where there is none."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        raise GalafError("this is called by galaf-denied.service and galaf-told.service alone: start their "
                         "sockets")
    return socket.socket(fileno=FIRST_FD)


def answer(listening, look, folder=FOLDER):
    """Answers who asks, until nobody has for IDLE seconds; look: returns every Refusal, or raises GalafError."""
    listening.settimeout(IDLE)
    written, seen, when = {}, {}, -EVERY
    while True:
        try:
            asking, _ = listening.accept()
        except TimeoutError:
            if aside.waiting():     # or each time that somebody asks, one more would be left behind
                continue
            return
        with asking:
            uid, now = peer(asking), time.monotonic()
            if not is_user(uid) or now - written.get(uid, -EVERY) < EVERY:
                continue
            if now - when >= EVERY:
                seen, when = _seen(look), time.monotonic()
            write(uid, seen, folder)
            written[uid] = time.monotonic()


def is_user(uid):
    """Whether a uid is one user's, whom the mark tells from all others."""
    try:
        return uid not in SHARED and uid <= limits.MAX_ID and bool(pwd.getpwuid(uid))
    except KeyError:
        return False


def _seen(look):
    """{uid: rows}, and under None what can't be told."""
    try:
        found = {}
        for one in look():
            if one.mark is not None:
                found.setdefault(one.mark & limits.MAX_ID, []).append(one)
        return found
    except GalafError as error:
        return {None: str(error)}


def write(uid, seen, folder):
    """Writes a user's file in its place; seen: as _seen() has it."""
    rows = [one._asdict() for one in seen.get(uid, ())[-MOST:]]
    text = json.dumps({"time": time.time(), "error": seen.get(None), "rows": rows}).encode()
    descriptor = os.open(folder / str(uid), os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.setxattr(descriptor, "system.posix_acl_access", access(uid))
        os.pwrite(descriptor, text, 0)
        os.ftruncate(descriptor, len(text))
    finally:
        os.close(descriptor)


def access(uid):
    """An access control list: root reads and writes, this user reads, nobody else does (acl(5))."""
    entries = (0x01, 6, _NOBODY), (0x02, 4, uid), (0x04, 0, _NOBODY), (0x10, 4, _NOBODY), (0x20, 0, _NOBODY)
    return struct.pack("<I", 2) + b"".join(_ENTRY.pack(*each) for each in entries)


def ask(folder=FOLDER):
    """(when, [Refusal]) of the caller's own, the newest last.  Raises GalafError."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            for limit in socket.SO_SNDTIMEO, socket.SO_RCVTIMEO:    # a timeout of Python's has a full queue refuse
                asking.setsockopt(socket.SOL_SOCKET, limit, _TIME.pack(PATIENCE, 0))
            asking.connect(str(folder / SOCKET.name))
            asking.recv(1)
        found = _read(folder / str(os.getuid()))
    except (OSError, ValueError) as error:
        raise GalafError(f"{folder / SOCKET.name}: nobody answers ({getattr(error, 'strerror', None) or error}): "
                         "systemctl status galaf-denied.socket says why, or sudo galaf_denied") from None
    if found["error"]:
        raise GalafError(found["error"])
    return found["time"], [refusal(row) for row in found["rows"]]


def _read(file):
    """The value of a file, which may be in writing for the same user's other program."""
    for _ in range(5):
        try:
            return json.loads(file.read_text(encoding="utf-8"))
        except ValueError:
            time.sleep(0.1)
    return json.loads(file.read_text(encoding="utf-8"))


def refusal(row):
    """The Refusal of a row that JSON has made lists of."""
    from .answers import Resolved
    row = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Refusal(**{**row, "answer": row["answer"] and Resolved(*row["answer"])})


def peer(asking):
    """The uid of who is at the other end of a socket."""
    return _PEER.unpack(asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))[1]
