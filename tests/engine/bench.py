"""An engine with a real ledger and a real output root; the job type's work is a function of the test."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from msgspec import structs

from crawler.engine.admitted import Bench
from crawler.engine.jobs import JobTable
from crawler.engine.local import Engine
from crawler.events import Event, TaskFinished
from crawler.job_types.base import Job, Misfit, Sources
from crawler.job_types.tools import Tools
from crawler.model import Outcome, Result, RetryRule, Row, Task
from crawler.net.aiohttp_transport import AiohttpTransport
from crawler.net.settings import TransportSettings
from crawler.policy.hosts import HostRules
from crawler.policy.rounds import Intent
from crawler.report.gauges import Gauges
from crawler.request import Request, Timeouts
from crawler.store.ledger import Ledger
from crawler.store.output import OutputRoot
from crawler.store.records import RunRecord

Work = Callable[[Task, Tools], Awaitable[Any]]


@dataclass(frozen=True)
class Scripted:
    """A job type whose tasks and work the test writes."""

    work: Work
    items: Callable[[Job], Iterable[Task | Misfit]]
    name: ClassVar[str] = "scripted"
    spec: ClassVar[type[Any]] = object
    timeouts: ClassVar[Timeouts] = Timeouts()

    def tasks(self, job: Job, sources: Sources) -> Iterable[Task | Misfit]:
        return self.items(job)

    def awaits_needs(self, job: Job) -> bool:
        return False

    async def perform(self, task: Task, tools: Tools) -> Any:
        return await self.work(task, tools)


class NoSources:
    """Nothing to read from."""

    output = Path()

    def rows(self, job: Job) -> Iterator[Row | Misfit]:
        return iter(())

    def produced(self, job: str, outcomes: frozenset[Outcome]) -> Iterable[str]:
        return ()

    def may_block(self, job: Job) -> bool:
        return False


def job(name: str = "job", **more: Any) -> Job:
    return Job(name=name, type="scripted", spec=None, ordinal=0, **more)


def task(number: int, *, job: str = "job", slot: str = "a:80", method: str = "GET", **more: Any) -> Task:
    host = slot.partition(":")[0]
    idempotent = method not in {"POST", "PATCH"}
    request = Request(url=f"http://{host}/{number}", method=method, idempotent=idempotent)
    quick = RetryRule(attempts=3, backoff=0.01, max_backoff=0.02)
    made = Task(job=job, key=str(number), ordinal=number, slot=slot, retry=quick, request=request)
    return structs.replace(made, **more)


async def no_archive(rules: Any) -> Any:
    raise AssertionError("no job of these tests writes an archive")


async def fine(task: Task, tools: Tools) -> Result:
    return Result(outcome=Outcome.NEW)


@dataclass
class Run:
    """One run of an engine, and what it told."""

    engine: Engine
    table: JobTable
    events: list[Event] = field(default_factory=list)

    @property
    def finished(self) -> list[TaskFinished]:
        return [event for event in self.events if isinstance(event, TaskFinished)]

    @property
    def outcomes(self) -> dict[str, Outcome]:
        return {event.task: event.result.outcome for event in self.finished}


@asynccontextmanager
async def running(
    folder: Path,
    work: Work = fine,
    items: Callable[[Job], Iterable[Task | Misfit]] = lambda job: [],
    *,
    jobs: Iterable[Job] = (),
    concurrency: int = 4,
    end: bool = True,
    **settings: Any,
) -> AsyncIterator[Run]:
    """A run that is ready to go; ``end=False`` leaves its round unfinished, as a crash would."""
    events: list[Event] = []
    ledger = Ledger.open(folder / "state", "test", durability="none")
    run_id = secrets.token_hex(4)
    jobs = tuple(jobs) or (job(),)
    ledger.begin(run_id, 0.0, manifest="test.yaml", jobs=[each.name for each in jobs])
    files = OutputRoot(folder / "out", durability="none", chunk_size=1 << 20, journal=ledger)
    transport = AiohttpTransport(TransportSettings())
    loop = asyncio.get_running_loop()
    bench = Bench(
        run_id=run_id,
        types={"scripted": Scripted(work, items)},
        sources=NoSources(),
        transport=transport,
        files=files,
        ledger=ledger,
        gauges=Gauges(),
        emit=events.append,
        redact=str,
        conceals=lambda text: False,
        hide=lambda secrets: None,
        naming=lambda secrets: lambda text: text,
        hosts=HostRules((), concurrency=concurrency),
        monotonic=loop.time,
        wall=loop.time,
        random=lambda: 0.5,
        workers=4,
        queue=8,
        chunk_size=1 << 20,
        intent=Intent(),
        open_archive=no_archive,
    )
    bench = replace(bench, **settings)
    table = JobTable(jobs)
    run = Run(Engine(table, bench), table, events)
    try:
        yield run
    finally:
        await transport.close()
        files.close()
        if end:
            totals = next(iter(table)).counts
            await ledger.finish(
                RunRecord(run_id=run_id, finished=1.0, exit_code=0, complete=True, totals=totals)
            )
        await ledger.close()
