"""What goes into the ledger and what comes out of it, as frozen data."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from crawler.model import Counts, ErrorClass, Outcome


class TaskRecord(Struct, frozen=True, kw_only=True):
    """How a task ended. URLs and messages come redacted; times are seconds, ``finished`` since the epoch.

    ``target`` … ``last_modified`` are the facts of a file and count for ``new``, ``changed`` and
    ``unchanged`` only: whatever else happens to a task, the ledger keeps what it knows of its good file.
    """

    job: str
    key: str
    url: str
    ordinal: int
    outcome: Outcome
    finished: float
    attempts: int = 0
    status: int | None = None
    bytes: int = 0
    seconds: float = 0.0
    error_kind: ErrorClass | None = None
    error_message: str | None = None
    retryable: bool = False
    target: str | None = None
    size: int | None = None
    mtime_ns: int | None = None
    sha256: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    file_url: str | None = None  # redacted; where the file and its validators are from, if not ``url``


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """How a run ended.

    ``complete`` says that it came to the end of its jobs, whatever became of the tasks; exit codes cannot
    say it (a deadline together with a failure exits 4). ``whole`` are the jobs that it came to all tasks of.
    """

    run_id: str
    finished: float
    exit_code: int
    complete: bool
    totals: Counts
    whole: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run's place among the others: its number, its round, and whether a run before broke its jobs off.

    ``idle`` is how many seconds ago the run before it ended, 0 for one that was killed, ``None`` if there
    was none.
    """

    number: int
    round: int
    continues: bool
    idle: float | None = None


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A file that an earlier run verified and meant to give its final name; it may stand there or not."""

    job: str
    key: str
    url: str
    target: str
    sha256: str
    size: int
    etag: str | None
    last_modified: str | None


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run as ``status`` shows it; ``finished`` is ``None`` while it is under way, or if it was killed."""

    run_id: str
    round: int
    manifest: str
    started: float
    finished: float | None
    exit_code: int | None
    complete: bool
    totals: Counts | None


@dataclass(frozen=True, slots=True)
class FailedTask:
    """A task whose last outcome is ``failed`` or ``unknown``."""

    job: str
    key: str
    url: str
    ordinal: int
    outcome: Outcome
    status: int | None
    attempts: int
    finished: float
    error_kind: ErrorClass | None
    error_message: str | None
    retryable: bool


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file that the ledger calls ours; ``target`` is below the output root."""

    job: str
    key: str
    target: str
    size: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Undone:
    """A task that was begun and has not ended well, and how far it came (bytes)."""

    job: str
    key: str
    url: str
    target: str | None
    sending: bool
    finalizing: bool
    offset: int | None
    total: int | None
