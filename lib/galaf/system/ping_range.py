# SPDX-License-Identifier: GPL-3.0-or-later
"""The gids that may open ICMP echo sockets: widened for groups with "ping", and given back as they were."""
from pathlib import Path

from .. import paths
from ..errors import GalafError
from ..limits import PING_GIDS
from . import files

RANGE = Path("/proc/sys/net/ipv4/ping_group_range")     # first and last gid that may open echo sockets: icmp(7)
BEFORE = paths.RUNTIME / "ping_group_range"             # what it was, and what was made of it; gone at reboot, as both


def settle(text):
    """Widens the kernel's range for a rendered text, or gives it back where that is ""."""
    if not text:
        give_back()
        return
    found = read()
    wanted = widened(found)
    if wanted == found:
        return
    try:
        files.folder(paths.RUNTIME)
        files.replace(BEFORE, "{} {}\n{} {}\n".format(*found, *wanted))
        _write(wanted)
    except OSError as error:
        raise GalafError(f'groups with "ping" can not ping: {error}') from None


def give_back():
    """Makes the range what it was before it was widened, unless somebody has changed it since."""
    try:
        lines = BEFORE.read_text(encoding="ascii").splitlines()
        before, made = (tuple(map(int, line.split())) for line in lines)
    except (OSError, ValueError):
        return
    if read() == made:
        _write(before)
    BEFORE.unlink(missing_ok=True)


def read():
    """The (first, last) gid of the kernel's range; the first is above the last where nobody is in it."""
    low, high = map(int, RANGE.read_text(encoding="ascii").split())
    return low, high


def widened(found):
    """The least range that holds PING_GIDS and one that was found."""
    low, high = found
    return PING_GIDS if low > high else (min(low, PING_GIDS[0]), max(high, PING_GIDS[1]))


def _write(found):
    RANGE.write_text("{} {}\n".format(*found), encoding="ascii")
