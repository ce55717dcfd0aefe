"""The running totals of a run, from which every summary is made."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from crawler.crawled import MOST_PAGES
from crawler.events import (
    Event,
    HostGivenUp,
    HostPaused,
    JobFinished,
    JobStarted,
    RunStarted,
    TaskFinished,
    TaskInterrupted,
    TaskRetried,
    TasksKept,
)
from crawler.model import Counts, ErrorClass, Outcome

KEPT_FAILURES = 100  # contract §4: the report lists the first 100
STOPPED = "stopped before its end"
KEPT_HOSTS = 1000  # of which pauses are told one by one; a run may pause many more

_PRECEDENCE = (Outcome.FAILED, Outcome.UNKNOWN, Outcome.CHANGED, Outcome.NEW, Outcome.UNCHANGED)


@dataclass(frozen=True, slots=True)
class Cause:
    """What failures are counted by."""

    kind: ErrorClass
    status: int | None = None
    retryable: bool = False
    unknown: bool = False  # sent, and the answer never came

    @property
    def label(self) -> str:
        """``http_status 404`` or just the class."""
        return f"{self.kind} {self.status}" if self.kind is ErrorClass.HTTP_STATUS else str(self.kind)


@dataclass(slots=True)
class JobTally:
    """One job: its counts so far and, once it has ended, what it came to."""

    name: str
    type: str = ""
    counts: Counts = field(default_factory=Counts)
    started: bool = False
    ended: Outcome | None = None
    reason: str | None = None  # why it never started
    notes: tuple[str, ...] = ()
    unverified_length: int = 0  # answers that came without a length or an end mark
    interrupted: int = 0  # tasks in whose middle the run stopped
    cut_lists: int = 0  # lists that go on behind the last page that was asked for

    @property
    def told(self) -> tuple[str, ...]:
        """Its notes, and how many lists it left before their end."""
        if not self.cut_lists:
            return self.notes
        return (*self.notes, f"{MOST_PAGES} ({self.cut_lists:,} list{'s' * (self.cut_lists > 1)})")

    @property
    def remarks(self) -> tuple[str, ...]:
        """The same and, once the run is over, that the job did not come to its end."""
        return (*self.told, STOPPED) if self.started and self.ended is None else self.told

    @property
    def outcome(self) -> Outcome:
        """What the job came to, or would if it ended now."""
        return self.ended or job_outcome(self.counts)

    @property
    def word(self) -> str:
        """The outcome as a person is told it: a job that was stopped before a task ended came to nothing."""
        stopped = self.started and self.ended is None and not self.counts.tasks
        return "stopped" if stopped else self.outcome


@dataclass(slots=True)
class HostTally:
    """One host or group that was paused or given up. Times in seconds."""

    host: str
    pauses: int = 0
    longest: float = 0.0
    why: str | None = None  # it was paused the first time
    paused_until: float = 0.0  # since the epoch
    given_up: str | None = None  # why


@dataclass(slots=True)
class RetryTally:
    """One reason to try again: how often, and the first task that met it."""

    kind: ErrorClass
    status: int | None
    job: str
    task: str
    host: str
    count: int = 0
    attempts: int = 0  # the first task's, once it has ended
    ended: Outcome | None = None


def job_outcome(counts: Counts) -> Outcome:
    """The weightiest outcome of a job's tasks: failed, unknown, changed, new, unchanged; else skipped."""
    return next((outcome for outcome in _PRECEDENCE if getattr(counts, outcome)), Outcome.SKIPPED)


class Tally:
    """Listener that counts. Memory is bounded by the number of jobs and of distinct causes, not of hosts."""

    def __init__(self) -> None:
        self.run: RunStarted | None = None
        self.total = Counts()
        self.jobs: dict[str, JobTally] = {}
        self.failures: list[TaskFinished] = []  # the first 100
        self.causes: Counter[Cause] = Counter()
        self.retries: dict[tuple[ErrorClass, int | None], RetryTally] = {}
        self.retried = 0  # tasks that took more than one attempt
        self.recovered = 0  # of those, the ones that ended well
        self.hosts: dict[str, HostTally] = {}  # the first thousand that were paused or given up
        self.other_hosts = 0  # how often any other one was

    def on(self, event: Event) -> None:
        """Count one event."""
        match event:
            case TaskFinished():
                self._finished(event)
            case TasksKept():
                for counts in (self.total, self._job(event.job).counts):
                    counts.tasks += event.count
                    counts.unchanged += event.count
            case TaskInterrupted():
                job = self._job(event.job)
                job.interrupted += 1
                for counts in (self.total, job.counts):
                    counts.requests += event.requests
            case TaskRetried():
                self._retried(event)
            case JobStarted():
                self._job(event.job).started = True
            case JobFinished():
                job = self._job(event.job)
                job.type, job.ended, job.reason = event.type, event.outcome, event.reason
                job.notes = event.notes
            case HostPaused() | HostGivenUp():
                self._host_suffers(event)
            case RunStarted():
                self.run = event
                for name, kind in event.jobs:
                    self._job(name).type = kind
            case _:
                pass

    def close(self) -> None:
        """Nothing to release."""

    @property
    def unverified_length(self) -> int:
        """Answers that came without a length or an end mark."""
        return sum(job.unverified_length for job in self.jobs.values())

    def paused(self, now: float) -> int:
        """How many hosts are paused at ``now``, seconds since the epoch."""
        return sum(host.paused_until > now for host in self.hosts.values())

    def _host_suffers(self, event: HostPaused | HostGivenUp) -> None:
        host = self.hosts.get(event.host)
        if host is None:
            if len(self.hosts) >= KEPT_HOSTS:
                self.other_hosts += 1
                return
            host = self.hosts[event.host] = HostTally(event.host)
        if isinstance(event, HostGivenUp):
            host.given_up = event.why
            return
        host.pauses += 1
        host.longest = max(host.longest, event.seconds)
        host.why = host.why or event.why
        host.paused_until = max(host.paused_until, event.time + event.seconds)

    def _job(self, name: str) -> JobTally:
        job = self.jobs.get(name)
        if job is None:
            job = self.jobs[name] = JobTally(name)
        return job

    def _finished(self, event: TaskFinished) -> None:
        result = event.result
        for counts in (self.total, self._job(event.job).counts):
            counts.tasks += 1
            counts.bytes += result.bytes
            counts.requests += event.requests
            counts.retries += max(event.attempts - 1, 0)
            setattr(counts, result.outcome, getattr(counts, result.outcome) + 1)
        self._job(event.job).unverified_length += "unverified_length" in (result.note or "")
        self._job(event.job).cut_lists += MOST_PAGES in (result.note or "")
        if result.failure is not None:
            self._failed(event)
        if event.attempts > 1:
            self.retried += 1
            self.recovered += result.failure is None
            for reason in self.retries.values():
                if reason.ended is None and (reason.job, reason.task) == (event.job, event.task):
                    reason.ended, reason.attempts = result.outcome, event.attempts

    def _failed(self, event: TaskFinished) -> None:
        failure = event.result.failure
        assert failure is not None
        unknown = event.result.outcome is Outcome.UNKNOWN
        self.causes[Cause(failure.kind, failure.status, failure.retryable and not unknown, unknown)] += 1
        if len(self.failures) < KEPT_FAILURES:
            self.failures.append(event)

    def _retried(self, event: TaskRetried) -> None:
        key = (event.kind, event.status)
        reason = self.retries.get(key)
        if reason is None:
            reason = RetryTally(event.kind, event.status, event.job, event.task, _host(event.url))
            self.retries[key] = reason
        reason.count += 1


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return url
