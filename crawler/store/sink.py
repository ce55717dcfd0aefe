"""The bytes of one part file: every write in order hashes what it stores."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from crawler.store.disk import start_writeback
from crawler.store.owning import unlink_own

if TYPE_CHECKING:
    from hashlib import _Hash

Piece = bytes | memoryview

_MAX_PIECES = 1024  # IOV_MAX on Linux
_BLOCK = 1024 * 1024


class SyncFailed(OSError):
    """fsync or fdatasync failed: the kernel may have dropped the dirty pages, so asking again can lie."""


class Sink(io.FileIO):
    """An open part file, always at its end, and the hashes of everything in it.

    Its methods may run on any thread, one at a time; a write that comes after ``close`` raises
    ValueError and can never reach a descriptor that has been given to somebody else.
    """

    def __init__(
        self, fd: int, algorithms: Iterable[str], *, eager: bool, hasher_pool: Executor | None = None
    ) -> None:
        super().__init__(fd, "r+b", closefd=True)
        self._hasher_pool = hasher_pool
        self.size = 0
        self._eager = eager
        self._guard = threading.Lock()
        self._hashers: dict[str, _Hash] = {"sha256": hashlib.sha256(usedforsecurity=False)}
        for name in algorithms:
            self._hashers[name] = _hasher(name)

    def writelines(self, lines: Iterable[Any], /) -> None:
        """Append blocks of pieces, partial writes continued, and start bringing large ones to the disk.

        The guard is free between two of them: what is written may be made durable while more comes in.
        """
        for pieces in lines:
            with self._guard:
                fd = self.fileno()
                with self._hashing(pieces):
                    size = 0
                    for start in range(0, len(pieces), _MAX_PIECES):
                        size += _write(fd, pieces[start : start + _MAX_PIECES])
                if self._eager and size >= _BLOCK // 2:
                    start_writeback(fd, self.size, size)
                self.size += size

    @contextmanager
    def _hashing(self, pieces: Sequence[Piece]) -> Iterator[None]:
        """Hash while the block is written, on another thread if it is large: each takes as long."""
        if self._hasher_pool is None or sum(map(len, pieces)) < _BLOCK // 2:
            _update(self._hashers.values(), pieces)
            yield
            return
        hashed = self._hasher_pool.submit(_update, self._hashers.values(), pieces)
        try:
            yield
        finally:
            hashed.result()

    def write_at(self, offset: int, pieces: Sequence[Piece]) -> None:
        """Store the pieces from ``offset`` on, beside other such writes; ``truncate`` hashes them later.

        The guard is held only while the descriptor is copied, so that they do not wait for each other.
        """
        with self._copy() as fd:
            size = 0
            for start in range(0, len(pieces), _MAX_PIECES):
                size += _write_at(fd, offset + size, pieces[start : start + _MAX_PIECES])
            if self._eager:
                start_writeback(fd, offset, size)

    def sync_data(self) -> None:
        """Make every byte durable beside running ``write_at``. Raises ``SyncFailed``."""
        with self._copy() as fd:
            _sync(os.fdatasync, fd)

    @contextmanager
    def _copy(self) -> Iterator[int]:
        with self._guard:
            fd = os.dup(self.fileno())
        try:
            yield fd
        finally:
            os.close(fd)

    def truncate(self, size: int | None = None, /) -> int:
        """Cut back to ``size`` bytes, hash those again and stand at the new end."""
        with self._guard:
            fd, kept = self.fileno(), size or 0
            os.ftruncate(fd, kept)
            self._hashers = {name: _hasher(name) for name in self._hashers}
            self.size = _feed(fd, tuple(self._hashers.values()), kept)
            os.lseek(fd, self.size, os.SEEK_SET)
        return self.size

    def write_and_sync(self, pieces: Sequence[Piece]) -> None:
        """Append, then make every byte durable. Raises ``SyncFailed`` if the second half fails."""
        if pieces:
            self.writelines([pieces])
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


def hash_file(fd: int, algorithm: str, size: int) -> str:
    """Hex digest of the first ``size`` bytes."""
    hasher = _hasher(algorithm)
    _feed(fd, (hasher,), size)
    return hasher.hexdigest()


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


def _update(hashers: Iterable[_Hash], pieces: Sequence[Piece]) -> None:
    for hasher in hashers:
        for piece in pieces:
            hasher.update(piece)


def _write(fd: int, pieces: Sequence[Piece]) -> int:
    size = sum(map(len, pieces))
    done = os.writev(fd, pieces) if len(pieces) > 1 else os.write(fd, pieces[0])
    if done < size:
        rest = memoryview(b"".join(pieces))
        while done < size:
            done += os.write(fd, rest[done:])
    return size


def _write_at(fd: int, offset: int, pieces: Sequence[Piece]) -> int:
    size = sum(map(len, pieces))
    done = os.pwritev(fd, pieces, offset)
    if done < size:
        rest = memoryview(b"".join(pieces))
        while done < size:
            done += os.pwrite(fd, rest[done:], offset + done)
    return size


def _sync(how: Any, fd: int) -> None:
    try:
        how(fd)
    except OSError as error:
        raise SyncFailed(error.errno, error.strerror) from error
