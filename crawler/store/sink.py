"""The bytes of one part file: whoever may write them, and every write hashing what it stores."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import stat
import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from crawler.errors import TargetExists, UnsafePath
from crawler.store.disk import start_writeback
from crawler.store.folders import Where

if TYPE_CHECKING:
    from hashlib import _Hash

_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a FIFO that somebody put there must not wait for its other end.
_REOPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MAX_PIECES = 1024  # IOV_MAX on Linux
_BLOCK = 1024 * 1024


class SyncFailed(OSError):
    """fsync or fdatasync failed: the kernel may have dropped the dirty pages, so asking again can lie."""


class Sink(io.FileIO):
    """An open part file, always at its end, and the hashes of everything in it.

    Its methods may run on any thread, one at a time; a write that comes after ``close`` raises
    ValueError and can never reach a descriptor that has been given to somebody else.
    """

    def __init__(self, fd: int, algorithms: Iterable[str], *, eager: bool) -> None:
        super().__init__(fd, "r+b", closefd=True)
        self.size = 0
        self._eager = eager
        self._guard = threading.Lock()
        self._hashers: dict[str, _Hash] = {"sha256": hashlib.sha256(usedforsecurity=False)}
        for name in algorithms:
            self._hashers[name] = _hasher(name)

    def writelines(self, lines: Iterable[Any], /) -> None:
        """Append every piece, partial writes continued, and begin to bring a large block to the disk."""
        pieces = list(lines)
        with self._guard:
            fd = self.fileno()
            for hasher in self._hashers.values():
                for piece in pieces:
                    hasher.update(piece)
            size = 0
            for start in range(0, len(pieces), _MAX_PIECES):
                size += _write(fd, pieces[start : start + _MAX_PIECES])
            if self._eager and size >= _BLOCK // 2:
                start_writeback(fd, self.size, size)
            self.size += size

    def truncate(self, size: int | None = None, /) -> int:
        """Cut back to ``size`` bytes, hash those again and stand at the new end."""
        with self._guard:
            fd, kept = self.fileno(), size or 0
            os.ftruncate(fd, kept)
            self._hashers = {name: _hasher(name) for name in self._hashers}
            self.size = _feed(fd, tuple(self._hashers.values()), kept)
            os.lseek(fd, self.size, os.SEEK_SET)
        return self.size

    def write_and_sync(self, pieces: Sequence[bytes]) -> None:
        """Append, then make every byte durable. Raises ``SyncFailed`` if the second half fails."""
        if pieces:
            self.writelines(pieces)
        with self._guard:
            _sync(os.fdatasync, self.fileno())

    def sync(self) -> None:
        """Make bytes and metadata durable. Raises ``SyncFailed``."""
        with self._guard:
            _sync(os.fsync, self.fileno())

    def digest(self, algorithm: str) -> str:
        """Hex digest of everything written; an algorithm not asked for at the start reads it again."""
        with self._guard:
            hasher = self._hashers.get(algorithm)
            if hasher is None:
                hasher = _hasher(algorithm)
                _feed(self.fileno(), (hasher,), self.size)
            return hasher.hexdigest()

    def computes(self, algorithm: str) -> bool:
        """Whether the digest is known without reading the file."""
        return algorithm in self._hashers

    def unlink(self, dir_fd: int, name: str) -> bool:
        """Unlink the name only if it still is this file; whether it was."""
        status = os.fstat(self.fileno())
        return unlink_own(dir_fd, name, (status.st_dev, status.st_ino))

    def close(self) -> None:
        """Close the descriptor, once nobody is writing."""
        with self._guard:
            super().close()


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


def hash_file(fd: int, algorithm: str, size: int) -> str:
    """Hex digest of the first ``size`` bytes."""
    hasher = _hasher(algorithm)
    _feed(fd, (hasher,), size)
    return hasher.hexdigest()


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


def _hasher(name: str) -> _Hash:
    return hashlib.new(name, usedforsecurity=False)


def _feed(fd: int, hashers: Sequence[_Hash], size: int) -> int:
    """Read the first ``size`` bytes into the hashers; how many there were."""
    done = 0
    while done < size:
        block = os.pread(fd, min(_BLOCK, size - done), done)
        if not block:
            break
        for hasher in hashers:
            hasher.update(block)
        done += len(block)
    return done


def _write(fd: int, pieces: Sequence[bytes]) -> int:
    size = sum(map(len, pieces))
    done = os.writev(fd, pieces) if len(pieces) > 1 else os.write(fd, pieces[0])
    if done < size:
        rest = memoryview(b"".join(pieces))
        while done < size:
            done += os.write(fd, rest[done:])
    return size


def _sync(how: Any, fd: int) -> None:
    try:
        how(fd)
    except OSError as error:
        raise SyncFailed(error.errno, error.strerror) from error
