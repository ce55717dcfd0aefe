"""Part files in their folder: which is ours, and taking one for this attempt alone."""

from __future__ import annotations

import fcntl
import os
import stat

from crawler.errors import TargetExists, UnsafePath
from crawler.store.where import Where

_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a FIFO that somebody put there must not wait for its other end.
_REOPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def create(dir_fd: int, where: Where) -> int:
    """A fresh part file that this process alone has; our own stale one is replaced.

    Raises ``UnsafePath`` where something stands that is no part file of ours, ``TargetExists`` when
    another process is writing it, OSError.
    """
    try:
        fd = os.open(where.part, _CREATE, 0o666, dir_fd=dir_fd)
    except FileExistsError:
        _remove_stale(dir_fd, where)
        fd = os.open(where.part, _CREATE, 0o666, dir_fd=dir_fd)
    return _locked(fd, where)


def reopen(dir_fd: int, where: Where, least: int) -> int | None:
    """The part file that an earlier attempt left, or ``None`` if there are not ``least`` bytes of it.

    Raises as ``create`` does.
    """
    try:
        fd = _open_own(dir_fd, where, links=1)
    except FileNotFoundError:
        return None
    if os.fstat(fd).st_size < least:
        os.close(fd)
        return None
    return fd


def unlink_own(dir_fd: int, name: str, identity: tuple[int, int]) -> bool:
    """Unlink the name only if it still is the file of that (device, inode); whether it was."""
    try:
        status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    if (status.st_dev, status.st_ino) != identity:
        return False
    os.unlink(name, dir_fd=dir_fd)
    return True


def _remove_stale(dir_fd: int, where: Where) -> None:
    try:
        # More than one link is harmless here: a kill between link and unlink leaves the part file
        # and its target as one, and removing a name takes nothing from the other.
        fd = _open_own(dir_fd, where, links=2)
    except FileNotFoundError:
        return
    try:
        status = os.fstat(fd)
        unlink_own(dir_fd, where.part, (status.st_dev, status.st_ino))
    finally:
        os.close(fd)


def _open_own(dir_fd: int, where: Where, *, links: int) -> int:
    try:
        fd = os.open(where.part, _REOPEN, dir_fd=dir_fd)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        status = os.stat(where.part, dir_fd=dir_fd, follow_symlinks=False)
        if stat.S_ISREG(status.st_mode):
            raise
        raise _foreign(where, status) from error
    status = os.fstat(fd)
    own = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
    if not own or status.st_nlink > links:
        os.close(fd)
        raise _foreign(where, status)
    return _locked(fd, where)


def _foreign(where: Where, status: os.stat_result) -> UnsafePath:
    found = f"{stat.filemode(status.st_mode)}, owner {status.st_uid}, {status.st_nlink} link(s)"
    return UnsafePath(
        f"{where.shown}.part is no part file of ours ({found}); expected nothing, or a regular file "
        f"of user {os.geteuid()} with one link"
    )


def _locked(fd: int, where: Where) -> int:
    """The descriptor, with the lock that keeps a second process from writing to or removing the file."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise TargetExists(f"another process is writing {where.shown}.part") from error
    except OSError:
        pass  # a file system without locks: the ledger's lock must do
    return fd
