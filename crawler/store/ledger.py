"""What is known of every task across runs: one SQLite file a manifest, one writer, commits in groups."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from crawler.model import Checkpoint, Known, Outcome
from crawler.policy.rounds import Asked
from crawler.store import database, finding, statements
from crawler.store.claims import Claims, Wanted
from crawler.store.files import Finalizing
from crawler.store.hosts import Hosts
from crawler.store.job_rounds import JobRounds
from crawler.store.lock import Lock
from crawler.store.records import RunInfo, RunRecord, TaskRecord, Unfinished
from crawler.store.sites import Sites
from crawler.store.statements import text
from crawler.store.writer import Refusal, Write, Writer

_UNFINISHED = """
SELECT b.job, b.key, coalesce(nullif(b.url, ''), t.url, ''), b.target, b.sha256, b.size,
       b.file_etag, b.file_last_modified
FROM begun AS b LEFT JOIN task AS t USING (job, key)
WHERE (b.job, b.key) > (?, ?) AND b.sha256 IS NOT NULL AND b.run < ? ORDER BY b.job, b.key LIMIT ?
"""
_PRODUCED = """
SELECT key, target FROM task
WHERE job = ? AND key > ? AND run >= ? AND outcome IN (SELECT value FROM json_each(?))
      AND target IS NOT NULL ORDER BY key LIMIT ?
"""
_REMEMBERS = "SELECT EXISTS (SELECT 1 FROM task WHERE job = ?1), EXISTS (SELECT 1 FROM begun WHERE job = ?1)"
_PAGE = 500  # rows a read holds in memory, and a snapshot open, at a time


class Ledger:
    """The ledger of one run. Every method but ``finalizing`` belongs to the event loop's thread."""

    def __init__(self, path: Path, lock: Lock, reader: sqlite3.Connection, writer: Writer) -> None:
        """Use ``Ledger.open``."""
        self.path = path
        self.lock = lock
        self._reader = reader
        self._writer = writer
        self.rounds = JobRounds()
        self._claims = Claims()
        self._closed = False
        self._only_settled: set[str] = set()  # jobs of which earlier runs left nothing under way
        self.sites = Sites(self._rows, writer, self.rounds)
        self.hosts = Hosts(self._rows, writer)
        writer.ended.add_done_callback(self._release)

    @classmethod
    def open(cls, state: Path, name: str, *, durability: str) -> Ledger:
        """Lock and open the ledger of the manifest called ``name``, making it if there is none.

        ``durability`` is ``full`` or ``none`` (a power cut may take the last commits, a kill takes
        nothing). Raises ``LockHeld``, or ``StorageFailed`` for a ledger that is damaged, newer than
        this program or not writable; such a file is left as it is.
        """
        path = database.path_of(state, name)
        with ExitStack() as undo:
            lock = Lock(state, name)
            undo.callback(lock.release)
            if not path.exists():
                database.create(path)
            reader = database.open_reader(path)
            database.upgrade(path)
            undo.callback(reader.close)
            connection = database.open_writer(path, durable=durability == "full")
            undo.pop_all()
        return cls(path, lock, reader, Writer(connection, path))

    @property
    def failed(self) -> BaseException | None:
        """Why nothing can be recorded any more: a ``StorageFailed``, or a bug; ``None`` while all is well."""
        return self._writer.failed

    def on_failure(self, callback: Callable[[BaseException], None]) -> None:
        """Have ``callback`` called on the running event loop with ``failed``, once, if it comes to that."""
        self._writer.loop = asyncio.get_running_loop()
        self._writer.on_failure.append(callback)

    def begin(
        self,
        run_id: str,
        started: float,
        *,
        manifest: str,
        jobs: Sequence[str] = (),
        asked: Asked = Asked.ALL,
    ) -> RunInfo:
        """Open a run of these jobs, committed on return: each in a new round, or in its last if that is open.

        ``started`` is seconds since the epoch. Raises ``StorageFailed``.
        """
        apply = partial(
            self.rounds.begin, run_id=run_id, started=started, manifest=manifest, jobs=jobs, asked=asked
        )
        info: RunInfo = self._writer.call(apply).result()
        return info

    def find(self, job: str, key: str) -> Known | None:
        """What is committed about a task, or ``None`` if it is not known. Raises ``StorageFailed``."""
        return self.find_all(job, [key])[0]

    def find_all(self, job: str, keys: Sequence[str]) -> list[Known | None]:
        """The same of many tasks of a job, in the order of their keys. Raises ``StorageFailed``."""
        query = finding.FIND_SETTLED if job in self._only_settled else finding.FIND
        rows = self._rows(query, finding.sought(job, keys))
        first = self.rounds.first(job)
        return [finding.known_of(row, first) for row in rows]

    def settle(self, record: TaskRecord, done: Callable[[], None], refused: Refusal | None = None) -> None:
        """Queue a task's end; once committed, ``done`` is called on the loop; ``refused`` if it cannot be.

        Raises what the writer failed with. If it fails later, neither is ever called.
        """
        self._writer.loop = asyncio.get_running_loop()
        apply = partial(statements.settle, record=record, run=self.rounds.run)
        self._writer.post(Write(apply, done=done, refused=refused))

    def keep(self, kept: Sequence[tuple[int, int]], finished: float, done: Callable[[], None]) -> None:
        """Queue that files are as they were: of each its ``Known.row`` and the task's ordinal now.

        As ``settle`` with ``unchanged`` and nothing asked, for many tasks at once.
        """
        self._writer.loop = asyncio.get_running_loop()
        apply = partial(statements.keep, kept=kept, run=self.rounds.run, finished=finished)
        self._writer.post(Write(apply, done=done))

    async def checkpoint(
        self, job: str, key: str, url: str, target: str | None, checkpoint: Checkpoint
    ) -> None:
        """Commit how much of ``target``'s part file is durable; the caller has synced it before."""
        run = self.rounds.run
        apply = partial(
            statements.checkpoint, job=job, key=key, url=url, target=target, at=checkpoint, run=run
        )
        await asyncio.wrap_future(self._writer.call(apply))

    async def sending(self, job: str, key: str, url: str) -> None:
        """Commit that a request which must not be repeated is about to leave."""
        await asyncio.wrap_future(
            self._writer.call(partial(statements.sending, job=job, key=key, url=url, run=self.rounds.run))
        )

    def not_sending(self, job: str, key: str) -> None:
        """Take ``sending`` back: not a byte left, or the answer came and allows another try. Queued."""
        self._writer.post(Write(partial(statements.not_sending, job=job, key=key)))

    def finalizing(self, batch: Sequence[Finalizing]) -> None:
        """Commit that these files are about to get their final names. Blocks; from any thread.

        Raises ``StorageFailed``.
        """
        run = self.rounds.run

        def apply(connection: sqlite3.Connection) -> None:
            for intent in batch:
                statements.finalizing(connection, intent, run)

        self._writer.call(apply).result()

    def unfinished(self) -> Iterator[Unfinished]:
        """The files that earlier runs meant to finalize and did not settle, read a page at a time."""
        job, key = "", ""
        while page := self._rows(_UNFINISHED, (job, key, self.rounds.run, _PAGE)):
            for row in page:
                yield Unfinished(*row)
            job, key, *_ = page[-1]

    def produced(self, job: str, outcomes: frozenset[Outcome]) -> Iterator[str]:
        """The targets of the job's tasks that ended so in this round, by key, read a page at a time.

        Raises ``StorageFailed``.
        """
        first, wanted = self.rounds.first_together(job), json.dumps(sorted(outcomes))
        page = self._rows(_PRODUCED, (text(job), "", first, wanted, _PAGE))
        while page:
            for _, target in page:
                yield target
            page = self._rows(_PRODUCED, (text(job), page[-1][0], first, wanted, _PAGE))

    def remembers(self, job: str) -> bool:
        """Whether anything at all is known of the job's tasks. Raises ``StorageFailed``.

        Asked before any of them begins: what no earlier run has left under way need not be looked for.
        """
        [(settled, begun)] = self._rows(_REMEMBERS, (text(job),))
        if not begun:
            self._only_settled.add(job)
        return bool(settled or begun)

    def claim_target(self, folded: str, job: str, key: str, target: str) -> str | None:
        """Take a target for a task of this run: ``None``, or the target of the other task that has it.

        ``folded`` is the target as a file system that confuses case or Unicode forms would see it.
        Raises ``StorageFailed``.
        """
        return self._claims.take(folded, job, key, target)

    def claim_targets(self, wanted: Sequence[Wanted]) -> bool:
        """Take many at once if nobody has one of them, else none: each with folded form, job and key."""
        return self._claims.take_all(wanted)

    def hurry(self) -> None:
        """Commit what is queued without waiting for more to gather: somebody waits for room."""
        self._writer.hurry()

    async def flush(self) -> None:
        """Return once everything queued before is committed. Raises ``StorageFailed``."""
        await asyncio.wrap_future(self._writer.call(lambda _: None))

    async def finish(self, run: RunRecord) -> None:
        """Commit how the run ended, and with it everything queued before. Raises ``StorageFailed``."""
        await asyncio.wrap_future(self._writer.call(partial(self.rounds.finish, run=run)))

    async def close(self) -> None:
        """Commit what is queued, close the file and free the lock. Harmless the second time."""
        if self._closed:
            return
        self._closed = True
        # The last connection to close copies the log into the database. That is wanted after success,
        # but not after an error of the disk: there the reader, which cannot, goes last.
        if self.failed is None:
            self._reader.close()
        self._writer.stop()
        await asyncio.wrap_future(self._writer.ended)

    def _release(self, ended: object) -> None:
        self._claims.close()
        self._reader.close()
        self.lock.release()

    def _rows(self, query: str, values: Sequence[object]) -> list[Any]:
        try:
            return self._reader.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise database.explain(error, self.path) from error
