"""The one thread that writes to the ledger; whatever waits for the disk waits for the same commit."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from crawler.errors import StorageFailed
from crawler.store.database import explain

Refusal = Callable[[Exception], None]

BATCH_ROWS = 1000  # of one transaction
# Seconds that writes nobody waits for may gather, far below the 200 ms they may lag. Measured at 2400
# tasks/s: 20 ms instead of none takes 30 to 50 µs of CPU off each task.
LINGER = 0.02
# A value that SQLite cannot hold, found when it is bound: it is the record's fault, not the disk's.
_UNSTORABLE = (
    *(OverflowError, UnicodeError),
    *(sqlite3.InterfaceError, sqlite3.ProgrammingError, sqlite3.DataError),
)


@dataclass(frozen=True, slots=True)
class Write:
    """One change; it is committed together with others, and then ``waiter`` or ``done`` learns of it."""

    apply: Callable[[sqlite3.Connection], Any]
    waiter: Future[Any] | None = None  # gets what ``apply`` returned, or the error
    done: Callable[[], None] | None = None  # called on the event loop, after success only
    # Called there if the ledger cannot hold this one; without it and a waiter, that is the writer's end.
    refused: Refusal | None = None


@dataclass(frozen=True, slots=True)
class _Refused:
    """What stands for the answer of a write that could not be applied."""

    error: Exception


class Writer:
    """Group commit: what arrives while one transaction commits forms the next.

    What the ledger cannot hold is refused alone, if there is somebody to be told. After any other error
    nothing is written any more: ``failed`` holds it, every waiter gets it.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        """Take over the connection; it is closed in the thread, when the last write is committed."""
        self.failed: BaseException | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.ended: Future[None] = Future()
        self.on_failure: list[Callable[[BaseException], None]] = []
        self._connection = connection
        self._path = path
        self._queue: SimpleQueue[Write | None] = SimpleQueue()
        self._hurry = threading.Event()
        self._stopped = False
        # A daemon: a process that must end at once does not wait for it, and SQLite survives that.
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    def post(self, write: Write) -> None:
        """Queue a change; from any thread, never blocks. Raises what the writer failed with."""
        if self.failed is not None:
            raise self.failed.with_traceback(None)  # or each of many callers would add to it
        if self._stopped:
            raise StorageFailed(f"the ledger {self._path} is closed already; nothing more can be recorded")
        self._queue.put(write)
        if write.waiter is not None:
            self._hurry.set()

    def call(self, apply: Callable[[sqlite3.Connection], Any]) -> Future[Any]:
        """Queue a change that somebody waits for; the future resolves after its commit."""
        waiter: Future[Any] = Future()
        self.post(Write(apply, waiter))
        return waiter

    def hurry(self) -> None:
        """Let nothing gather any longer."""
        self._hurry.set()

    def stop(self) -> None:
        """Commit what is queued, close, end; ``ended`` resolves then."""
        self._stopped = True
        self._queue.put(None)
        self._hurry.set()

    def _run(self) -> None:
        try:
            for batch in self._batches():
                self._settle(batch)
            with suppress(sqlite3.Error):
                self._connection.close()
        finally:
            self.ended.set_result(None)

    def _batches(self) -> Iterator[Sequence[Write]]:
        while (first := self._queue.get()) is not None:
            if first.waiter is None and self._queue.qsize() < BATCH_ROWS:
                self._hurry.wait(LINGER)
            self._hurry.clear()
            batch = [first]
            with suppress(Empty):
                while len(batch) < BATCH_ROWS:
                    following = self._queue.get_nowait()
                    if following is None:
                        yield batch
                        return
                    batch.append(following)
            yield batch

    def _settle(self, batch: Sequence[Write]) -> None:
        # Whoever was cancelled while queued gets no write: an intent whose owner is gone was never acted on.
        live = [
            write for write in batch if write.waiter is None or write.waiter.set_running_or_notify_cancel()
        ]
        if self.failed is None:
            try:
                answers = self._commit(live)
            except BaseException as error:
                self._fail(error)
            else:
                self._report(live, answers)
                return
        for write in live:
            if write.waiter is not None:
                write.waiter.set_exception(self.failed)

    def _commit(self, batch: Sequence[Write]) -> list[Any]:
        self._connection.execute("BEGIN IMMEDIATE")
        answers = [self._apply(write) for write in batch]
        self._connection.execute("COMMIT")
        return answers

    def _apply(self, write: Write) -> Any:
        before = self._connection.total_changes
        try:
            return write.apply(self._connection)
        except _UNSTORABLE as error:
            nobody = write.waiter is None and write.refused is None
            if nobody or self._connection.total_changes != before:  # half of it must not be committed
                raise
            return _Refused(error)

    def _report(self, batch: Sequence[Write], answers: Sequence[Any]) -> None:
        finished: list[Callable[[], None]] = []
        for write, answer in zip(batch, answers, strict=True):
            if isinstance(answer, _Refused):
                if write.waiter is not None:
                    write.waiter.set_exception(answer.error)
                if write.refused is not None:
                    finished.append(partial(write.refused, answer.error))
                continue
            if write.waiter is not None:
                write.waiter.set_result(answer)
            if write.done is not None:
                finished.append(write.done)
        if finished:
            self._on_loop(finished)

    def _fail(self, error: BaseException) -> None:
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
        if isinstance(error, sqlite3.Error):
            reason: StorageFailed | BaseException = explain(error, self._path)
            reason.__cause__ = error
        else:
            reason = error  # a mistake of ours, not of the disk
        self.failed = reason
        self._on_loop([partial(callback, reason) for callback in self.on_failure])

    def _on_loop(self, callbacks: Sequence[Callable[[], None]]) -> None:
        loop = self.loop
        if loop is None:
            return

        def each() -> None:
            for callback in callbacks:
                loop.call_soon(callback)  # one that raises must not take the others along

        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            loop.call_soon_threadsafe(each)
