"""The one shape of every job type: a spec, ``tasks`` and ``perform``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from crawler.model import Checkpoint, Failure, Outcome, RetryRule, Row, Task, Timeouts, When
from crawler.net.transport import Transport
from crawler.store.files import Files


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as the manifest means it: its checked spec with every default already applied."""

    name: str
    type: str
    spec: Any  # the job type's own spec model
    ordinal: int
    needs: tuple[str, ...] = ()
    when: When = When.SUCCESS
    enabled: bool = True
    timeouts: Timeouts = field(default_factory=Timeouts)
    retry: RetryRule = field(default_factory=RetryRule)
    values: Mapping[str, object] = field(default_factory=dict)  # what ${…} may name, known at load
    folder: Path = Path()  # the manifest's folder; relative paths start here


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """Something in a job that could not become a task; a located failure, never the end of the job."""

    job: str
    ordinal: int
    url: str
    failure: Failure


class Sources(Protocol):
    """Where a job's tasks come from when they are not written in the manifest itself."""

    output: Path

    def rows(self, job: Job) -> Iterator[Row | Misfit]:
        """The rows of the job's ``from``, read lazily, one at a time."""

    def may_block(self, job: Job) -> bool:
        """Whether the next row may be a long time coming, as from a pipe."""

    def produced(self, job: str, outcomes: frozenset[Outcome]) -> Iterable[str]:
        """Targets (below the output root) that tasks of an earlier job of this run ended with."""


class Gauge(Protocol):
    """Live progress of one transfer, polled by the progress display."""

    def start(self, total: int | None, done: int = 0) -> None:
        """Bytes expected (if known) and already there."""

    def add(self, count: int) -> None:
        """``count`` more body bytes moved."""


def _stay() -> None:
    """Keep the host's slot until the attempt has ended."""


def _nothing_to_lend(wanted: int) -> int:
    """No request beside the one that the attempt is."""
    return 0


def _nothing_borrowed(count: int) -> None:
    """Nothing is to be returned."""


async def _each_time(key: str, work: Callable[[], Awaitable[Any]]) -> Any:
    """Nothing is shared between attempts."""
    return await work()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What ``perform`` may use; the engine makes one for each attempt."""

    transport: Transport
    files: Files
    gauge: Gauge
    checkpoint: Callable[[Checkpoint], Awaitable[None]]  # returns when the ledger has committed it
    chunk_size: int
    leave_host: Callable[[], None] = _stay  # the answer is whole: the host's slot is free for the next task
    # Count up to so many more requests to the task's host as under way; how many its limit leaves free.
    borrow: Callable[[int], int] = _nothing_to_lend
    give_back: Callable[[int], None] = _nothing_borrowed  # so many of them are over
    # The outcome of work that attempts share: by its key it is done once a run, unless it fails.
    once: Callable[[str, Callable[[], Awaitable[Any]]], Awaitable[Any]] = _each_time


class JobType(Protocol):
    """One kind of job. ``perform`` never retries, sleeps, logs, counts or touches the ledger."""

    name: ClassVar[str]
    spec: ClassVar[type[Any]]
    timeouts: ClassVar[Timeouts]  # built-in limits of this type, before config, defaults and job

    def tasks(self, job: Job, sources: Sources) -> Iterable[Task | Misfit]:
        """The job's tasks, lazily; the same manifest gives the same keys in the same order."""

    def awaits_needs(self, job: Job) -> bool:
        """Whether its tasks are made of what the jobs it needs will bring: nobody can tell them before."""

    async def perform(self, task: Any, tools: Tools) -> Any:
        """One attempt at one task: a ``Result``, or a ``TaskError`` raised."""
