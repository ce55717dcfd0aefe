"""Archive files that a run left open when it died: cut to their last whole record, indexed and closed."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from crawler.store.disk import storage_failed
from crawler.store.warc.reading import holds_records, whole_records
from crawler.store.warc.volume import ENDING, OPEN, Shelf, Volume, lock

DAMAGED = ".damaged"
_BLOCK = 1024 * 1024
# O_NONBLOCK: opening a FIFO that somebody put there must not wait for its other end.
_REOPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Recovered:
    """An archive file that was found open, and what became of it."""

    name: str
    captures: int  # in it now; with none the file is gone
    cut: int  # bytes behind the last whole record
    set_aside: bool  # whole records stood behind the damage: those bytes are kept as ``NAME.damaged``


def recover_all(shelf: Shelf, name: str) -> Iterator[Recovered]:
    """Close every file of the archive ``name`` that no living process has open. Raises ``StorageFailed``."""
    ours = re.compile(rf"({re.escape(name)}-\d{{17}}-\d{{5,}}{re.escape(ENDING)}){re.escape(OPEN)}")
    with os.scandir(shelf.dir_fd) as entries:
        names = sorted(entry.name for entry in entries)
    for found in names:
        match = ours.fullmatch(found)
        if match is None:
            continue
        fd = _take(shelf.dir_fd, found)
        if fd is not None:
            try:
                yield _recover(fd, shelf, match[1])
            except OSError as error:
                raise storage_failed(error, "recovering", shelf.where(found).shown) from error


def _take(dir_fd: int, name: str) -> int | None:
    """The file, locked; ``None`` for what is no file of ours, or is being written by a living process."""
    try:
        fd = os.open(name, _REOPEN, dir_fd=dir_fd)
    except OSError:
        return None
    status = os.fstat(fd)
    own = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and 1 <= status.st_nlink <= 2
    if own and lock(fd):
        return fd
    os.close(fd)
    return None


def _recover(fd: int, shelf: Shelf, name: str) -> Recovered:
    size = os.fstat(fd).st_size
    volume = Volume(fd, shelf, name)
    end = 0
    for found in whole_records(fd):
        volume.note(
            found.fields.get("warc-type", ""),
            found.fields.get("warc-target-uri", ""),
            found.fields.get("warc-date", ""),
            found.fields.get("warc-payload-digest"),
            found.block,
            offset=found.offset,
            length=found.length,
        )
        end = found.offset + found.length
    set_aside = end < size and holds_records(fd, end)
    if set_aside:
        _copy(fd, end, shelf, name + DAMAGED)
    recovered = Recovered(name, volume.index.size, size - end, set_aside)
    if not recovered.captures:
        volume.remove()
    else:
        volume.cut(end)
        volume.finish()
    return recovered


def _copy(fd: int, start: int, shelf: Shelf, name: str) -> None:
    """Keep everything from ``start`` on in a file of its own."""
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=shelf.dir_fd)
    with os.fdopen(os.open(name, _NEW, 0o666, dir_fd=shelf.dir_fd), "wb") as copy:
        while block := os.pread(fd, _BLOCK, start):
            copy.write(block)
            start += len(block)
        copy.flush()
        if shelf.durable:
            os.fsync(copy.fileno())
