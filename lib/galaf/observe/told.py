# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells users' programs when something was refused, so that they look: the kernel says so to whoever listens.

Who connects gets a byte each time, whosesoever packet it was: what was refused is asked of mine.py.  While nothing is
refused nothing runs.
"""
import contextlib
import errno
import selectors
import socket
import struct

from ..errors import GalafError
from ..limits import TOLD_GROUP
from . import mine

SOCKET = mine.FOLDER / "watch"
MOST, MOST_OF_ONE = 64, 4       # who is told at a time, and of one user
# linux/netfilter/nfnetlink_log.h, linux/netlink.h
_NETFILTER = 12                # NETLINK_NETFILTER
_CONFIG = 4 << 8 | 1            # NFNL_SUBSYS_ULOG, NFULNL_MSG_CONFIG
_REQUEST, _ACK, _ERROR = 1, 4, 2
_COMMAND, _MODE = 1, 2          # NFULA_CFG_CMD, NFULA_CFG_MODE
_BIND, _NONE = 1, 0             # NFULNL_CFG_CMD_BIND, NFULNL_COPY_NONE: no word of the packet itself


def events(group=TOLD_GROUP):
    """A socket that can be read when something was refused, each second at most.  Raises GalafError."""
    log = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER)
    try:
        log.bind((0, 0))
        _configure(log, group, _COMMAND, struct.pack("=B", _BIND))
        _configure(log, group, _MODE, struct.pack(">IBx", 0, _NONE))
    except OSError as error:
        log.close()
        why = ("another program has it" if error.errno in (errno.EBUSY, errno.EPERM) else error.strerror)
        raise GalafError(f"group {group} of the kernel's packet log (nfnetlink_log): {why}: nobody is told what is "
                         "refused") from None
    return log


def _configure(log, group, kind, value):
    """Sends one attribute, and takes the kernel's answer.  Raises OSError."""
    attribute = struct.pack("=HH", 4 + len(value), kind) + value
    attribute += b"\0" * (-len(attribute) % 4)
    body = struct.pack("=BB", socket.AF_UNSPEC, 0) + struct.pack(">H", group) + attribute
    log.send(struct.pack("=IHHII", 16 + len(body), _CONFIG, _REQUEST | _ACK, 1, 0) + body)
    _, kind, _, _, _, status = struct.unpack_from("=IHHIIi", log.recv(4096))
    if kind == _ERROR and status:
        raise OSError(-status, errno.errorcode.get(-status, str(-status)))


def tell(listening, log):
    """Tells who connects, until nobody is there for mine.IDLE seconds; log: as events() has it."""
    listening.setblocking(False)
    log.setblocking(False)
    told = {}       # socket: uid
    with selectors.DefaultSelector() as ready:
        for each in listening, log:
            ready.register(each, selectors.EVENT_READ)
        while found := ready.select(None if told else mine.IDLE):
            for each in (key.fileobj for key, _ in found):
                if each is listening:
                    _take(listening, told, ready)
                elif each is log:
                    _drain(log)
                    _poke(told)
                elif not _reads(each):
                    ready.unregister(each)
                    del told[each]
                    each.close()


def _take(listening, told, ready):
    """Takes who has connected, unless there are too many."""
    try:
        asking, _ = listening.accept()
    except OSError:         # gone by now, or no descriptor is left
        return
    uid = mine.peer(asking)
    if not mine.is_user(uid) or len(told) >= MOST or list(told.values()).count(uid) >= MOST_OF_ONE:
        asking.close()
        return
    asking.setblocking(False)
    told[asking] = uid
    ready.register(asking, selectors.EVENT_READ)


def _drain(log):
    """Reads what the kernel has said; what it had no room for (ENOBUFS) was said as well."""
    with contextlib.suppress(OSError):
        while log.recv(65536):
            pass


def _poke(told):
    for each in told:
        with contextlib.suppress(OSError):      # it reads nothing, or has gone
            each.send(b"\n")


def _reads(asking):
    """Whether who is at the other end is still there; what it says is nothing to us."""
    try:
        return bool(asking.recv(4096))
    except BlockingIOError:
        return True
    except OSError:
        return False
