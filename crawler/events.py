"""What happened in a run, as frozen data; listeners turn it into text, JSON or progress."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from msgspec import Struct

from crawler.model import Counts, ErrorClass, Outcome, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """The manifest is valid and the run begins; ``time`` is seconds since the epoch."""

    manifest: str
    run_id: str
    time: float
    jobs: tuple[tuple[str, str], ...]  # (name, type) in manifest order
    workers: int
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStarted:
    """Every job that this one needs has ended well enough."""

    time: float
    job: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRetried:
    """An attempt failed and the task waits ``delay`` seconds in the frontier for its next one."""

    time: float
    job: str
    task: str
    url: str
    attempt: int
    delay: float
    kind: ErrorClass
    message: str
    status: int | None = None  # of an answer, for ``http_status``


class TaskFinished(Struct, frozen=True, kw_only=True):
    """A task reached its outcome, and its record is committed."""

    time: float
    run_id: str
    job: str
    task: str
    ordinal: int
    url: str
    method: str
    target: str | None
    result: Result
    seconds: float  # from first attempt's start to the end, waiting included
    attempts: int
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskInterrupted:
    """The run stopped in the middle of the task, after so many requests; another run goes on with it."""

    time: float
    job: str
    task: str
    url: str
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TasksKept:
    """So many tasks ended ``unchanged`` without an attempt; instead of a ``TaskFinished`` each."""

    time: float
    job: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFinished:
    """Every task of the job has ended, or it never started (``outcome`` skipped, with the reason)."""

    time: float
    job: str
    type: str
    outcome: Outcome
    counts: Counts
    reason: str | None = None
    notes: tuple[str, ...] = ()  # what else should be known about it, e.g. that a limit was reached


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPaused:
    """Nothing is sent to the host for ``seconds``, because of how it answered."""

    time: float
    host: str
    seconds: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostGivenUp:
    """The host is taken for dead; the tasks that wait for it fail, retryable."""

    time: float
    host: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStopping:
    """A signal or the deadline ended the intake; running tasks checkpoint."""

    time: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """The last event of a run."""

    time: float
    run_id: str
    exit_code: int
    reason: str | None  # the one line that a non-zero exit owes its reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something a person should know that failed nothing."""

    time: float
    message: str


Event = (
    RunStarted
    | JobStarted
    | TaskRetried
    | TaskFinished
    | TaskInterrupted
    | TasksKept
    | JobFinished
    | HostPaused
    | HostGivenUp
    | RunStopping
    | RunFinished
    | Warned
)


class Listener(Protocol):
    """A report form. ``on`` is called on the event loop and must return at once."""

    def on(self, event: Event) -> None:
        """Take notice of one event."""

    def close(self) -> None:
        """Flush and release; called once, after ``RunFinished``."""
