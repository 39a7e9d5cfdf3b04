# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing files and making folders: owner and mode are said here, never left to a umask, and no link is followed.

And reading what anybody may have put somewhere.
"""
import contextlib
import os
import secrets
import stat
from pathlib import Path

from ..errors import GalafError


def folder(path, mode=0o755):
    """Makes a folder of root's with just this mode, or gives it the mode; its parents are there.  Raises GalafError."""
    try:
        try:
            os.mkdir(path, mode)
        except FileExistsError:
            pass
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            status = os.fstat(descriptor)
            if status.st_uid != os.geteuid():
                raise GalafError(f"{path}: belongs to uid {status.st_uid}: remove it and try again")
            if stat.S_IMODE(status.st_mode) != mode:
                os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise GalafError(f"{path}: {error.strerror}") from None


def replace(file, text, mode=0o644, owner=None, durable=True):
    """Puts a text (UTF-8) in a file's place at once, once it has reached the disk; raises OSError if it can't.

    owner: (uid, gid), or None for the writer's own; durable: False where it can be made again, so that the disk is not
    waited for.  The new file is made under a name that nobody can foresee, in
    the folder that was opened, so that a link planted there leads nowhere else.
    """
    file = Path(file)
    top = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    new = f".{file.name}.{secrets.token_hex(8)}"
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=top)
        try:
            with open(descriptor, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                if owner:
                    os.fchown(descriptor, *owner)
                os.fchmod(descriptor, mode)
                if durable:
                    os.fsync(descriptor)
            os.rename(new, file.name, src_dir_fd=top, dst_dir_fd=top)
        except BaseException:
            os.unlink(new, dir_fd=top)
            raise
        if durable:
            os.fsync(top)
    finally:
        os.close(top)


def sync(path):
    """Has what was made, renamed or removed in a folder reach the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def small(path, most):
    """The bytes of a file that anybody may have put there; waits for nobody.  Raises GalafError or OSError.

    most: in bytes; what is larger, or no regular file, is an error.  Files of the kernel's, some of which never end,
    have the size 0 and count as empty.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > most:
            raise GalafError(f"no regular file of {most} bytes at most")
        return os.read(descriptor, status.st_size)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def permission_of(person):
    """Has root open files as a person may, of pwd's; whoever is not root has that person's permission already."""
    if os.geteuid() != 0:
        yield
        return
    group, groups = os.getegid(), os.getgroups()
    try:
        os.setgroups([])
        os.setegid(person.pw_gid)
        os.seteuid(person.pw_uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)
