"""A bench for one attempt: the real transport, the real files and a server, and what each attempt told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec import structs

from crawler.job_types.base import Fetch, Job, JobType, Misfit
from crawler.job_types.table import JOB_TYPES
from crawler.job_types.tools import Site, Tools
from crawler.model import Checkpoint, Known, Outcome, Result, Row, Task
from crawler.net.aiohttp_transport import AiohttpTransport
from crawler.store.output import OutputRoot
from crawler.syntax.template import TASK_NAMES, resolve


@dataclass
class Gauge:
    """Remembers what was shown."""

    total: int | None = None
    moved: int = 0

    def start(self, total: int | None, done: int = 0) -> None:
        self.total, self.moved = total, done

    def add(self, count: int) -> None:
        self.moved += count


@dataclass
class Sources:
    """Rows and files for one job."""

    output: Path
    given: list[Row | Misfit] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    drawn: int = 0

    def rows(self, job: Job) -> Iterator[Row | Misfit]:
        for row in self.given:
            self.drawn += 1
            yield row

    def may_block(self, job: Job) -> bool:
        return False

    def produced(self, job: str, outcomes: frozenset[Outcome]) -> Iterable[str]:
        return self.targets


@dataclass
class Bench:
    """Performs tasks as the engine does, and keeps what they committed."""

    transport: AiohttpTransport
    files: OutputRoot
    root: Path
    checkpoints: list[Checkpoint] = field(default_factory=list)
    gauge: Gauge = field(default_factory=Gauge)
    spare: int = 0  # how many requests more than one the host's limit allows
    lent: int = 0
    site: Site | None = None  # of a job that grows

    def borrow(self, wanted: int) -> int:
        granted = min(wanted, self.spare - self.lent)
        self.lent += granted
        return granted

    def give_back(self, count: int) -> None:
        assert 0 <= count <= self.lent
        self.lent -= count

    async def checkpoint(self, reached: Checkpoint) -> None:
        self.checkpoints.append(reached)

    @property
    def tools(self) -> Tools:
        return Tools(
            transport=self.transport,
            files=self.files,
            gauge=self.gauge,
            checkpoint=self.checkpoint,
            chunk_size=64 * 1024,
            borrow=self.borrow,
            give_back=self.give_back,
            site=self.site,
        )

    async def perform(self, task: Task, type_: str) -> Result:
        """One attempt."""
        result = await JOB_TYPES[type_].perform(task, self.tools)
        assert isinstance(result, Result)
        return result

    def read(self, target: str) -> bytes:
        return (self.root / target).read_bytes()

    def names(self) -> list[str]:
        """Every file below the output root."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file())


def resolved(value: Any) -> Any:
    """A spec's raw value with its ``${…}`` as the manifest's loader leaves them."""
    if isinstance(value, str):
        return resolve(value, {}, TASK_NAMES)
    if isinstance(value, dict):
        return {key: resolved(item) for key, item in value.items()}
    return [resolved(item) for item in value] if isinstance(value, list) else value


def job(type_: str, folder: Path | None = None, **keys: Any) -> Job:
    """A checked job named ``j``; ``as_``, ``from_`` and the like lose their underscore."""
    given = {name.rstrip("_"): resolved(value) for name, value in keys.items()}
    job_type: JobType = JOB_TYPES[type_]
    spec = job_type.spec.model_validate({"name": "j", "type": type_, **given})
    return Job(
        name="j",
        type=type_,
        spec=spec,
        ordinal=0,
        timeouts=spec.timeout.over(job_type.timeouts),
        folder=folder or Path(),
    )


def expand(made: Job, sources: Sources | None = None) -> list[Task | Misfit]:
    """Everything the job comes to."""
    found = list(JOB_TYPES[made.type].tasks(made, sources or Sources(Path())))
    assert not any(isinstance(each, Fetch) for each in found)
    return [each for each in found if not isinstance(each, Fetch)]


def task(type_: str, sources: Sources | None = None, folder: Path | None = None, **keys: Any) -> Any:
    """The one task of a job."""
    (only,) = expand(job(type_, folder, **keys), sources)
    assert isinstance(only, Task), only
    return only


def remembered(task: Any, result: Result, **changes: Any) -> Any:
    """The task as the next run's ledger gives it."""
    saved = result.saved
    assert saved is not None
    known = Known(
        outcome=result.outcome,
        url=task.url,
        target=saved.target,
        size=saved.size,
        mtime_ns=saved.mtime_ns,
        sha256=saved.sha256,
        etag=result.etag,
        last_modified=result.last_modified,
    )
    return structs.replace(task, known=structs.replace(known, **changes))


def reached(task: Any, checkpoint: Checkpoint) -> Any:
    """The task as the next attempt gets it, after ``checkpoint`` was committed."""
    known = task.known or Known(outcome=None, url=task.url)
    return structs.replace(task, known=structs.replace(known, checkpoint=checkpoint, part=task.target))
