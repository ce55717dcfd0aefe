"""The CDXJ index of one archive file: a sorted line a capture, with bounded memory."""

from __future__ import annotations

import heapq
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise

from crawler.store.disk import UNSUPPORTED
from crawler.store.warc.http_block import mime_of, status_of
from crawler.store.warc.surt import surt_key

CAPTURES = frozenset({"response", "revisit"})
_MOST_LINES = 5000  # in memory, about 2 MB
_BLOCK = 64 * 1024
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def cdxj_line(
    kind: str,
    url: str,
    date: str,
    digest: str | None,
    head: bytes,
    *,
    offset: int,
    length: int,
    filename: str,
) -> bytes:
    """The line of one capture: SURT key, 14-digit time, and the fields that pywb reads, all strings."""
    fields = {
        "url": url,
        "mime": "warc/revisit" if kind == "revisit" else mime_of(head.partition(b"\r\n\r\n")[0]),
        "status": status_of(head),
        "digest": digest or "-",
        "length": str(length),
        "offset": str(offset),
        "filename": filename,
    }
    stamp = "".join(filter(str.isdigit, date))[:14]
    return f"{surt_key(url)} {stamp} {json.dumps(fields)}\n".encode()


class Index:
    """Gathers lines, and sorts them in runs that wait in a nameless file of the same folder."""

    def __init__(self, dir_fd: int) -> None:
        self._dir_fd = dir_fd
        self._lines: list[bytes] = []
        self._runs: int | None = None
        self._ends = [0]
        self.size = 0

    def add(self, line: bytes) -> None:
        """Keep one line. Raises OSError."""
        self._lines.append(line)
        self.size += 1
        if len(self._lines) >= _MOST_LINES:
            self._put_aside()

    def write(self, name: str, *, durable: bool) -> None:
        """The index under its name, whole from the first moment on. Raises OSError."""
        draft = f"{name}.open"
        with suppress(FileNotFoundError):
            os.unlink(draft, dir_fd=self._dir_fd)
        with os.fdopen(os.open(draft, _NEW, 0o666, dir_fd=self._dir_fd), "wb") as file:
            file.writelines(self._sorted())
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(draft, name, src_dir_fd=self._dir_fd, dst_dir_fd=self._dir_fd)

    def close(self) -> None:
        """Give up the nameless file."""
        if self._runs is not None:
            os.close(self._runs)
            self._runs = None

    def _put_aside(self) -> None:
        if self._runs is None:
            self._runs = _nameless(self._dir_fd)
        with os.fdopen(os.dup(self._runs), "ab") as file:
            file.writelines(sorted(self._lines))
        self._ends.append(os.fstat(self._runs).st_size)
        self._lines = []

    def _sorted(self) -> Iterator[bytes]:
        runs = [] if self._runs is None else [_read(self._runs, *span) for span in pairwise(self._ends)]
        return heapq.merge(*runs, sorted(self._lines))


def _nameless(dir_fd: int) -> int:
    try:
        return os.open(".", os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, 0o600, dir_fd=dir_fd)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
    name = f".sorting-{os.getpid()}-{os.urandom(8).hex()}"
    fd = os.open(name, _NEW, 0o600, dir_fd=dir_fd)
    os.unlink(name, dir_fd=dir_fd)
    return fd


def _read(fd: int, start: int, end: int) -> Iterator[bytes]:
    rest = b""
    while start < end:
        block = os.pread(fd, min(_BLOCK, end - start), start)
        start += len(block)
        *whole, rest = (rest + block).split(b"\n")
        for line in whole:
            yield line + b"\n"
