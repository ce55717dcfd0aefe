"""An archive as the program sees it: one thread writes, and whoever appends waits for the disk."""

from __future__ import annotations

import asyncio
import os
import queue
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from crawler.errors import StorageFailed, TaskError
from crawler.store.disk import storage_failed
from crawler.store.warc.exchange import (
    ArchivedExchange,
    BodyFile,
    Capture,
    Provenance,
    Redact,
    hide_credentials,
)
from crawler.store.warc.recovery import Recovered
from crawler.store.warc.series import Series

GIB = 1024**3
_MOST = 256  # exchanges that wait for one fdatasync
_MOST_BYTES = 8 * 1024**2  # of their bodies: what came first must not wait for many large ones
_NOT_IN_NAMES = re.compile(r"[^\w.-]+|^[.-]", re.ASCII)


@dataclass(slots=True, eq=False)
class _Entry:
    """An exchange on its way to the disk."""

    exchange: ArchivedExchange
    waiter: Future[Capture]

    @property
    def size(self) -> int:
        body = self.exchange.body
        return body.length if isinstance(body, BodyFile) else len(body)

    def let_go(self) -> None:
        """Close the copy of the caller's descriptor."""
        if isinstance(self.exchange.body, BodyFile):
            os.close(self.exchange.body.fd)


class Archive:
    """WARC 1.1 files ``NAME-YYYYMMDDHHMMSSmmm-00000.warc.gz`` and their indexes, in one folder.

    Group commit: what is appended while one batch goes to the disk forms the next. After the first
    error of the disk nothing is written any more, and every ``append`` raises it.
    """

    def __init__(self, series: Series) -> None:
        """Take over the series; ``open`` is how to get an archive."""
        self.recovered: tuple[Recovered, ...] = ()
        self.failed: BaseException | None = None
        self._series = series
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._stopped = False
        self._ended = False
        self._ready = _uncancellable()
        self._closed = _uncancellable()
        # A daemon: a process that must end at once does not wait for it, and the next run recovers.
        self._thread = threading.Thread(target=self._run, name="archive", daemon=True)
        self._thread.start()

    @classmethod
    async def open(
        cls,
        root: Path,
        folder: str,
        name: str,
        *,
        about: Provenance,
        durability: Literal["full", "none"],
        max_bytes: int = GIB,
        min_free_disk: int = 0,
        redact: Redact = hide_credentials,
    ) -> Archive:
        """An archive in ``folder`` (POSIX, below the output root), made where missing.

        Files that earlier runs left open under this name are recovered first; ``recovered`` tells which.
        The next file is begun once one has ``max_bytes`` or more. In ``name``, what is no ASCII letter,
        digit or one of ``._-`` becomes ``_``. Raises ``UnsafePath``, ``StorageFailed``.
        """
        series = Series(
            root,
            folder,
            _NOT_IN_NAMES.sub("_", name) or "_",
            about=about,
            durable=durability == "full",
            max_bytes=max_bytes,
            min_free_disk=min_free_disk,
            redact=redact,
        )
        archive = cls(series)
        try:
            await asyncio.wrap_future(archive._ready)
        except BaseException:
            archive._stop()
            raise
        return archive

    @property
    def reduced(self) -> bool:
        """Whether the file system could not make names durable (contract §6 is then not fully kept)."""
        return not self._series.names_durable

    async def append(self, exchange: ArchivedExchange) -> Capture:
        """Write the exchange's records; they are durable on return. What a later one may refer to.

        Raises ``StorageFailed``; ``IntegrityFailed`` if a body file is shorter than told or changes,
        in which case nothing of the exchange was kept. Who is cancelled may find it written or not.
        """
        if self.failed is not None:
            raise self.failed.with_traceback(None)  # or each of many callers would add to it
        if self._stopped:
            raise StorageFailed("the archive is closed already; nothing more can be recorded")
        entry = _Entry(_with_own_body(exchange), Future())
        self._queue.put(entry)
        return await asyncio.wrap_future(entry.waiter)

    async def close(self) -> None:
        """Write what was appended, finish the file and its index. Raises ``StorageFailed``.

        After a failure the file keeps its ``.open`` name, and the next run recovers it.
        """
        self._stop()
        await asyncio.wrap_future(self._closed)

    def _stop(self) -> None:
        if not self._stopped:
            self._stopped = True
            self._queue.put(None)

    def _run(self) -> None:
        try:
            self.recovered = self._series.recover()
        except BaseException as error:
            self.failed = error
            self._ready.set_exception(error)
        else:
            self._ready.set_result(None)
        while not self._ended:
            self._settle_batch()
        try:
            if self.failed is None:
                self._series.close()
            else:
                self._series.abandon()
        except BaseException as error:
            self.failed = error
            self._closed.set_exception(error)
        else:
            self._closed.set_result(None)

    def _settle_batch(self) -> None:
        written: list[tuple[_Entry, Capture | TaskError]] = []
        for entry in self._batch():
            # Whoever was cancelled while queued gets no record.
            if entry.waiter.set_running_or_notify_cancel():
                self._write(entry, written)
            entry.let_go()
        if self.failed is None:
            try:
                self._series.sync()
            except BaseException as error:
                self.failed = error
        for entry, outcome in written:
            if isinstance(outcome, TaskError):
                entry.waiter.set_exception(outcome)
            elif self.failed is not None:
                entry.waiter.set_exception(self.failed)
            else:
                entry.waiter.set_result(outcome)

    def _write(self, entry: _Entry, written: list[tuple[_Entry, Capture | TaskError]]) -> None:
        try:
            if self.failed is not None:
                raise self.failed
            written.append((entry, self._series.write(entry.exchange)))
        except TaskError as error:
            written.append((entry, error))
        except BaseException as error:
            self.failed = error
            entry.waiter.set_exception(error)

    def _batch(self) -> Iterator[_Entry]:
        """What has queued up, and what still does while that is being written, within bounds."""
        entry = self._queue.get()
        count = size = 0
        with suppress(queue.Empty):
            while entry is not None:
                yield entry
                count += 1
                size += entry.size
                if count >= _MOST or size >= _MOST_BYTES:
                    return
                entry = self._queue.get_nowait()
            self._ended = True


def _with_own_body(exchange: ArchivedExchange) -> ArchivedExchange:
    """The exchange with a descriptor of its own: a cancelled caller closes his, and the number is reused."""
    body = exchange.body
    if not isinstance(body, BodyFile):
        return exchange
    try:
        return replace(exchange, body=BodyFile(os.dup(body.fd), body.length))
    except OSError as error:
        raise storage_failed(error, "opening the body of", exchange.url) from error


def _uncancellable() -> Future[None]:
    future: Future[None] = Future()
    future.set_running_or_notify_cancel()
    return future
