"""A task on its way through the engine, and everything that the engine works with."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from msgspec import structs

from crawler.engine.attempt import Moved
from crawler.engine.jobs import JobRun
from crawler.events import Event
from crawler.job_types import base
from crawler.job_types.base import JobType
from crawler.job_types.tools import Carried, Gauge
from crawler.model import Checkpoint, Known, Task
from crawler.net.transport import Transport
from crawler.policy import urls
from crawler.policy.budget import Budget
from crawler.policy.hosts import HostRules
from crawler.policy.mirrors import Sources
from crawler.policy.rounds import Intent
from crawler.store.files import Files
from crawler.store.ledger import Ledger

if TYPE_CHECKING:
    from crawler.engine.errands import Errand
    from crawler.engine.processes.pool import Processes
    from crawler.job_types.crawling.rules import WarcRules
    from crawler.store.warc.archive import Archive


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
    errand: Errand | None = None  # what it is done for, if not for itself
    reached: Checkpoint | None = None  # the last that an attempt of this run has committed
    carried: Carried | None = None  # what an attempt has left to the next one
    again: int | None = None  # how often what it has gone on from was tried again; None: it never went on
    over: bool = False  # whether it is settled

    @property
    def tries(self) -> int:
        """Attempts as they are told: the first, and one more each time that something was tried again."""
        return self.attempts if self.again is None else self.again + max(1, self.attempts)

    @property
    def slot(self) -> str:
        """The host whose politeness the task counts on now."""
        return self.task.slot

    @property
    def gentle(self) -> bool:
        """Whether its host has the careful defaults of a crawl."""
        return self.task.gentle

    @property
    def asks(self) -> str:
        """The URL that the next attempt begins with."""
        return self.task.hop.url if self.task.hop is not None else self.task.asked.url

    def follow(self, moved: Moved) -> None:
        """A redirect led to another host: the same attempt goes on there."""
        self.attempts -= 1
        self.task = structs.replace(self.task, hop=moved.hop, slot=moved.slot)

    def go_on(self, task: Task) -> None:
        """What is left of the task is attempted as something new."""
        self.again = self.tries - 1
        self.attempts = 0
        self.task = task

    def begin_again(self) -> None:
        """The next attempt starts at the task's own URL, and at what is durable of the file."""
        if (reached := self.reached) is not None:
            known = self.task.known or Known(outcome=None, url=reached.url)
            self.task = structs.replace(
                self.task, known=structs.replace(known, checkpoint=reached, part=self.task.target)
            )
        if self.task.hop is not None:
            self.task = structs.replace(self.task, hop=None, slot=self.home)

    def turn_to(self, source: int) -> None:
        """The next attempt asks this source of the file."""
        task = structs.replace(self.task, source=source, hop=None)
        self.task = structs.replace(task, slot=urls.slot(task.asked.url))

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
    conceals: Callable[[str], bool]  # whether a text holds a secret
    hide: Callable[[Iterable[str]], None]  # these texts are secrets, from now on
    naming: Callable[[Iterable[str]], Callable[[str], str]]  # see Redactor.naming
    hosts: HostRules
    monotonic: Callable[[], float]
    wall: Callable[[], float]
    random: Callable[[], float]
    workers: int
    queue: int
    chunk_size: int
    intent: Intent
    open_archive: Callable[[WarcRules], Coroutine[None, None, Archive]]
    tells_each: bool = True  # whether somebody wants to hear of every single task
    bandwidth: float | None = None  # bytes a second, of all transfers together
    budget: Budget = field(default_factory=Budget)
    processes: Processes | None = None  # that make attempts too
    idle: float | None = None  # seconds since an earlier run may have sent something; None: there was none
