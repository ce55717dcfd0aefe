"""A task on its way through the engine, and everything that the engine works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from crawler.engine.attempt import Moved
from crawler.engine.jobs import JobRun
from crawler.events import Event
from crawler.job_types import base
from crawler.job_types.base import Gauge, JobType
from crawler.model import Checkpoint, Known, Task
from crawler.net.transport import Transport
from crawler.policy import urls
from crawler.policy.mirrors import Sources
from crawler.policy.rounds import Intent
from crawler.store.files import Files
from crawler.store.ledger import Ledger


@dataclass(slots=True, eq=False)
class Admitted:
    """What changes about a task while it waits and is attempted."""

    task: Task
    run: JobRun
    attempts: int = 0
    requests: int = 0
    started: float = 0.0
    on_host: bool = False  # whether it holds its slot
    borrowed: int = 0  # of the same host, beside its own
    began: float = 0.0  # the attempt under way
    sources: Sources | None = None  # where there are mirrors

    @property
    def slot(self) -> str:
        """The host whose politeness the task counts on now."""
        return self.task.slot

    def follow(self, moved: Moved) -> None:
        """A redirect led to another host: the same attempt goes on there."""
        self.attempts -= 1
        self.task = replace(self.task, hop=moved.hop, slot=moved.slot)

    def begin_again(self, reached: Checkpoint | None) -> None:
        """The next attempt starts at the task's own URL, and at what is durable of the file."""
        if reached is not None:
            known = self.task.known or Known(outcome=None, url=reached.url)
            self.task = replace(self.task, known=replace(known, checkpoint=reached, part=self.task.target))
        if self.task.hop is not None:
            self.task = replace(self.task, hop=None, slot=self.home)

    def turn_to(self, source: int) -> None:
        """The next attempt asks this source of the file."""
        task = replace(self.task, source=source, hop=None)
        self.task = replace(task, slot=urls.slot(task.asked.url))

    @property
    def home(self) -> str:
        """The slot of the URL that the attempt asks for first."""
        return urls.slot(self.task.asked.url)


class OpenGauge(Gauge, Protocol):
    """A gauge that the progress display forgets once it is closed."""

    def close(self) -> None:
        """The transfer has ended."""


class Gauges(Protocol):
    """Where live transfers are shown."""

    def open(self, name: str) -> OpenGauge:
        """A gauge for one attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The engine's tools and settings, put together by ``app``."""

    run_id: str
    types: Mapping[str, JobType]
    sources: base.Sources
    transport: Transport
    files: Files
    ledger: Ledger
    gauges: Gauges
    emit: Callable[[Event], None]
    redact: Callable[[str], str]
    concurrency: Callable[[str], int]
    monotonic: Callable[[], float]
    wall: Callable[[], float]
    random: Callable[[], float]
    workers: int
    queue: int
    chunk_size: int
    intent: Intent
