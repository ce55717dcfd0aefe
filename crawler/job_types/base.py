"""The one shape of every job type: a spec, ``tasks`` and ``perform``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from crawler.crawled import Found, Queued
from crawler.job_types.tools import Tools
from crawler.model import Failure, Known, Outcome, RetryRule, Row, Task, When
from crawler.policy.budget import Budget
from crawler.request import Request, Timeouts
from crawler.store.files import Files

# How many tasks a reader takes from one job before it looks at the next: who comes first keeps a target, so
# that a plan reads as a run does.
READ_AHEAD = 128


@dataclass(frozen=True, slots=True)
class Asks:
    """Whose captured values a job's templates name, and where."""

    jobs: Mapping[str, str] = field(default_factory=dict)  # as written after ``needs`` → the job's name
    keys: frozenset[str] = frozenset()  # the job's own keys in which they stand

    def __bool__(self) -> bool:
        return bool(self.keys)

    @property
    def in_urls(self) -> bool:
        """Whether nobody can tell the URLs of its tasks before the run."""
        return not self.keys.isdisjoint(_URL_KEYS)

    @property
    def unforeseen(self) -> bool:
        """Whether nobody can tell, before the run, its tasks' URLs, or what they are known by."""
        return not self.keys.isdisjoint(_NAMING_KEYS)


_URL_KEYS = frozenset({"url", "urls", "from", "mirrors", "proxy"})
_NAMING_KEYS = _URL_KEYS | {"to", "save", "checksum", "data"}  # with those whose values must be of a form


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as the manifest means it: its checked spec with every default already applied."""

    name: str
    type: str
    spec: Any  # the job type's own spec model
    ordinal: int
    needs: tuple[str, ...] = ()
    takes_from: tuple[str, ...] = ()  # the jobs whose files its tasks are made of
    asks: Asks = field(default_factory=Asks)
    when: When = When.SUCCESS
    enabled: bool = True
    timeouts: Timeouts = field(default_factory=Timeouts)
    retry: RetryRule = field(default_factory=RetryRule)
    values: Mapping[str, object] = field(default_factory=dict)  # what ${…} may name, known at load
    folder: Path = Path()  # the manifest's folder; relative paths start here
    budget: Budget = field(default_factory=Budget)


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """Something in a job that could not become a task; a located failure, never the end of the job."""

    job: str
    ordinal: int
    url: str
    failure: Failure
    task: str | None = None  # the key of the task that it is once what it lacks is there

    @property
    def key(self) -> str:
        """What the ledger knows it by."""
        return f"row {self.ordinal}" if self.task is None else self.task


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """Something to be fetched into a file of the state folder before the job's next task can be told.

    Whoever draws tasks fetches ``url`` by ``request`` into ``into``, whose folder may have to be made, and
    only then asks for the next one; if there is no such file by then, it failed and was reported.
    """

    job: str
    url: str
    request: Request
    into: Path


class Sources(Protocol):
    """Where a job's tasks come from when they are not written in the manifest itself."""

    output: Path

    def rows(self, job: Job) -> Iterator[Row | Misfit | Fetch]:
        """The rows of the job's ``from``, read lazily, one at a time."""

    def may_block(self, job: Job) -> bool:
        """Whether the next row may be a long time coming, as from a pipe."""

    def produced(self, job: str, outcomes: frozenset[Outcome]) -> Iterable[str]:
        """Targets (below the output root) that tasks of an earlier job of this run ended with."""


class JobType(Protocol):
    """One kind of job. ``perform`` never retries, sleeps, logs, counts or touches the ledger."""

    name: ClassVar[str]
    spec: ClassVar[type[Any]]
    timeouts: ClassVar[Timeouts]  # built-in limits of this type, before config, defaults and job

    def tasks(self, job: Job, sources: Sources) -> Iterable[Task | Misfit | Fetch]:
        """The job's tasks, lazily; the same manifest gives the same keys in the same order."""

    def awaits_needs(self, job: Job) -> bool:
        """Whether its tasks are made of what the jobs it needs will bring: nobody can tell them before."""

    async def perform(self, task: Any, tools: Tools) -> Any:
        """One attempt at one task: a ``Result``, or a ``TaskError`` raised."""


class Growth(Protocol):
    """How the tasks of one job come about."""

    def seeds(self) -> Iterable[Found | Misfit]:
        """Where the job begins."""

    def task(self, queued: Queued) -> Task:
        """The task of a found URL. Raises ``TaskError``."""


@runtime_checkable
class Keeping(JobType, Protocol):
    """A job type of which some tasks need no attempt."""

    def still_fits(self, task: Any, known: Known) -> bool:
        """Whether the file is one that the task would take by now, as far as the ledger can tell."""

    def already(self, task: Any, known: Known, files: Files) -> bool:
        """Whether the file that the ledger knows is all that the task wants: it is ``unchanged`` then.

        Sends nothing and never waits; ``perform`` would come to the same.
        """


@runtime_checkable
class Portable(JobType, Protocol):
    """A job type whose attempts may be made in another process.

    All that such an attempt is lent there is transport, files, progress, checkpoints and its host.
    """

    def portable(self, task: Any) -> bool:
        """Whether that is enough for this task."""


@runtime_checkable
class Growing(JobType, Protocol):
    """A job type whose tasks lead to more tasks: they are found, remembered, and come back one by one.

    ``tasks`` gives those that a plan can tell: where it begins.
    """

    def begin(self, job: Job) -> Growth:
        """What the job's tasks grow from, made once a run."""

    async def conclude(self, job: Job, tools: Tools) -> Sequence[str]:
        """What is done once the last task has ended, and what is to be told about it.

        May be broken off at any moment, and is then done again by the next run.
        """
