"""Questions to a ledger from outside a run: never writes, and may be asked while a run is under way."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from crawler.crawled import Found, HostFacts, RobotsFile, Use
from crawler.model import Counts, ErrorClass, Outcome
from crawler.store import database
from crawler.store.again import Again
from crawler.store.records import FailedTask, KnownFile, PastRun, TaskRecord, Undone
from crawler.store.statements import FACTS, text

PAGE = 500  # rows; no snapshot is held between pages, or the log of a run under way could only grow

_RUNS = """
SELECT run_id, round, manifest, started, finished, exit_code, complete, totals FROM run
ORDER BY id DESC LIMIT ?
"""
_COUNTS = "SELECT job, outcome, count(*) FROM task WHERE {} GROUP BY job, outcome ORDER BY min(id)"
_FAILURES = """
SELECT id, job, key, url, ordinal, outcome, status, attempts, finished, error_kind, error_message, retryable
FROM task WHERE id > ? AND outcome IN ('failed', 'unknown') AND {} ORDER BY id LIMIT ?
"""
_FILES = """
SELECT id, job, key, target, size, mtime_ns, sha256 FROM task
WHERE id > ? AND sha256 IS NOT NULL ORDER BY id LIMIT ?
"""
_UNDONE = """
SELECT job, key, url, target, sending, sha256 IS NOT NULL, offset, total FROM begun
WHERE (job, key) > (?, ?) ORDER BY job, key LIMIT ?
"""


_FACTS = (*FACTS, "file_url")
_TASK = f"""
SELECT job, key, url, ordinal, outcome, finished, attempts, status, bytes, seconds, error_kind, error_message,
       retryable, {", ".join(_FACTS)}
FROM task WHERE job = ? AND key = ?
"""
_BEGUN = """
SELECT job, key, url, target, sending, sha256 IS NOT NULL, offset, total FROM begun WHERE job = ? AND key = ?
"""
_HOST = "SELECT key, noted, paused_until, level, given_up, window FROM host WHERE key = ?"
_ROBOTS = "SELECT origin, fetched, status, body FROM robots WHERE origin = ?"
_FOUND = "SELECT url, fingerprint, use, depth, hops FROM found WHERE job = ? AND fingerprint = ?"
_PAGE_TARGET = "SELECT target FROM page WHERE job = ? AND fingerprint = ?"
_WITH_HOSTS = 2  # the schema that knows hosts and crawls; an older ledger knows nothing of them
_WITH_JOB_ROUNDS = 3  # and the one that knows rounds by job; before, all jobs shared one
_IN_LATEST = "EXISTS (SELECT 1 FROM job_round AS at WHERE at.job = task.job AND task.run >= at.first)"
_IN_LAST_ROUND = "run >= (SELECT min(id) FROM run WHERE round = (SELECT max(round) FROM run))"


class Reader:
    """A ledger, read only. Every method raises ``StorageFailed`` if the file cannot be read."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Use ``Reader.open``."""
        self.path = path
        self._connection = connection

    @classmethod
    def open(cls, state: Path, name: str) -> Reader | None:
        """The ledger of the manifest called ``name``; ``None`` if it has never run.

        Raises ``StorageFailed`` if it is damaged or newer than this program.
        """
        path = database.path_of(state, name)
        return cls(path, database.open_reader(path)) if database.exists(path) else None

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def runs(self, limit: int) -> list[PastRun]:
        """The last runs, newest first."""
        return [
            PastRun(
                run_id=run_id,
                round=number,
                manifest=manifest,
                started=started,
                finished=finished,
                exit_code=exit_code,
                complete=bool(complete),
                totals=Counts(**json.loads(totals)) if totals else None,
            )
            for run_id, number, manifest, started, finished, exit_code, complete, totals in self._rows(
                _RUNS, (limit,)
            )
        ]

    def counts(self) -> Mapping[str, Mapping[Outcome, int]]:
        """How the tasks of each job's last round ended. Reads every task once."""
        jobs: dict[str, dict[Outcome, int]] = defaultdict(dict)
        for job, outcome, tasks in self._rows(_COUNTS.format(self._latest()), ()):
            jobs[job][Outcome(outcome)] = tasks
        return dict(jobs)

    def failures(self, *, all_rounds: bool = False) -> Iterator[FailedTask]:
        """The tasks that failed or are unknown, lazily.

        Of each job's last round; ``all_rounds`` adds those that it did not come to, such as tasks that
        the manifest no longer has.
        """
        query = _FAILURES.format("true" if all_rounds else self._latest())
        page = self._rows(query, (0, PAGE))
        while page:
            for _, job, key, url, ordinal, outcome, status, attempts, finished, kind, message, again in page:
                yield FailedTask(
                    job=job,
                    key=key,
                    url=url,
                    ordinal=ordinal,
                    outcome=Outcome(outcome),
                    status=status,
                    attempts=attempts,
                    finished=finished,
                    error_kind=None if kind is None else ErrorClass(kind),
                    error_message=message,
                    retryable=bool(again),
                )
            page = self._rows(query, (page[-1][0], PAGE))

    def files(self) -> Iterator[KnownFile]:
        """Every file that the ledger calls ours, lazily, in the order in which they were first fetched."""
        page = self._rows(_FILES, (0, PAGE))
        while page:
            for _, *fields in page:
                yield KnownFile(*fields)
            page = self._rows(_FILES, (page[-1][0], PAGE))

    def undone(self) -> Iterator[Undone]:
        """The tasks that were begun and have not ended well, lazily."""
        job, key = "", ""
        while page := self._rows(_UNDONE, (job, key, PAGE)):
            for job, key, url, target, sending, finalizing, offset, total in page:
                yield Undone(job, key, url, target, bool(sending), bool(finalizing), offset, total)

    def task(self, job: str, key: str) -> TaskRecord | None:
        """How the task ended last, and the facts of its file."""
        rows = self._rows(_TASK, (text(job), text(key)))
        if not rows:
            return None
        job, key, url, ordinal, outcome, finished, attempts, status, size, seconds, kind, *rest = rows[0]
        message, retryable, *facts = rest
        return TaskRecord(
            job=job,
            key=key,
            url=url,
            ordinal=ordinal,
            outcome=Outcome(outcome),
            finished=finished,
            attempts=attempts,
            status=status,
            bytes=size,
            seconds=seconds,
            error_kind=None if kind is None else ErrorClass(kind),
            error_message=message,
            retryable=bool(retryable),
            **dict(zip(_FACTS, facts, strict=True)),
        )

    def begun(self, job: str, key: str) -> Undone | None:
        """How far the task came that has not ended well since it was begun."""
        for found_job, found_key, url, target, sending, finalizing, offset, total in self._rows(
            _BEGUN, (text(job), text(key))
        ):
            return Undone(found_job, found_key, url, target, bool(sending), bool(finalizing), offset, total)
        return None

    def host(self, key: str) -> HostFacts | None:
        """What runs have noted of a host or group."""
        for _, noted, paused_until, level, given_up, window in self._newer(_HOST, (text(key),)):
            return HostFacts(
                key=key,
                noted=noted,
                paused_until=paused_until,
                level=level,
                given_up=bool(given_up),
                window=window,
            )
        return None

    def robots(self, origin: str) -> RobotsFile | None:
        """The last robots.txt of the origin, however old."""
        for _, fetched, status, body in self._newer(_ROBOTS, (text(origin),)):
            return RobotsFile(origin=origin, fetched=fetched, status=status, body=body)
        return None

    def found(self, job: str, fingerprint: int) -> Found | None:
        """A URL that the job's crawl has found, in its last round or the one before."""
        for url, _, use, depth, hops in self._newer(_FOUND, (text(job), fingerprint)):
            return Found(url, fingerprint, Use(use), depth, hops)
        return None

    def page_target(self, job: str, fingerprint: int) -> str | None:
        """Where the crawl has put the page's file, below the output root."""
        for (target,) in self._newer(_PAGE_TARGET, (text(job), fingerprint)):
            return None if target is None else str(target)
        return None

    def taken_up(self) -> Callable[[str, str], bool] | None:
        """Tells by job and key which tasks ``--retry-failed`` sends; ``None`` where nobody knows yet."""
        return Again(self._rows) if self._version() >= _WITH_JOB_ROUNDS else None

    def _newer(self, query: str, values: Sequence[object]) -> list[Any]:
        """Rows of what an older ledger lacks."""
        return self._rows(query, values) if self._version() >= _WITH_HOSTS else []

    def _version(self) -> int:
        [(version,)] = self._rows("PRAGMA user_version", ())
        return int(version)

    def _latest(self) -> str:
        """The condition for tasks that ended in the latest round of their job."""
        return _IN_LATEST if self._version() >= _WITH_JOB_ROUNDS else _IN_LAST_ROUND

    def _rows(self, query: str, values: Sequence[object]) -> list[Any]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise database.explain(error, self.path) from error
