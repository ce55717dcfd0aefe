"""Every task of a run in the order in which its reader will take them, found out without a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from crawler.job_types.asking import as_written, listed
from crawler.job_types.base import READ_AHEAD, Fetch, Growing, Job, JobType, Misfit, Sources
from crawler.job_types.table import JOB_TYPES
from crawler.model import Failure, Task
from crawler.policy.owning import Claim, with_own_target, without_secrets


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Something that a run will come to: a task as the ledger will know it, a bad row, a file of rows.

    A bad row without a failure may be a good one, once what an earlier job captures is known.
    """

    job: Job
    item: Task | Misfit | Fetch
    failure: Failure | None = None  # what ends it before anything is sent


class Preview:
    """One pass over all jobs, lazy as a run. Raises ``StorageFailed`` where reading breaks off.

    ``claim`` takes a target for a task, as the ledger of a run does. ``taken_up`` tells by job and key
    which tasks a run sends; without it, all.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        sources: Sources,
        redact: Callable[[str], str],
        claim: Claim,
        taken_up: Callable[[str, str], bool] | None = None,
    ) -> None:
        self._jobs = jobs
        self._sources = sources
        self._redact = redact
        self._claim = claim
        self._taken_up = taken_up
        self._reading: dict[str, Iterator[Task | Misfit | Fetch]] = {}

    def __iter__(self) -> Iterator[Foreseen]:
        """A few of each job in turn; a job joins in once those that it needs were read to their end."""
        waiting = {job.name: job for job in self._jobs}
        while waiting or self._reading:
            for job in [job for job in waiting.values() if self._may_start(job, waiting)]:
                del waiting[job.name]
                self._start(job)
            for job in self._jobs:
                if job.name in self._reading:
                    yield from self._some(job)

    def leave(self, job: Job) -> None:
        """Read no more of this job."""
        self._reading.pop(job.name, None)

    def _may_start(self, job: Job, waiting: dict[str, Job]) -> bool:
        return not any(name in waiting or name in self._reading for name in job.needs)

    def _start(self, job: Job) -> None:
        job_type: JobType = JOB_TYPES[job.type]
        if not job_type.awaits_needs(job):
            self._reading[job.name] = iter(job_type.tasks(as_written(job), self._sources))

    def _some(self, job: Job) -> Iterator[Foreseen]:
        most = 1 if self._sources.may_block(job) else READ_AHEAD
        for item in islice(self._reading[job.name], most):
            most -= 1
            foreseen = self._foreseen(job, item)
            if not self._left(foreseen):
                yield foreseen
            if job.name not in self._reading:
                return
        if most:
            self.leave(job)

    def _left(self, foreseen: Foreseen) -> bool:
        """Whether the run passes the task over; what fails unsent fails again."""
        task = foreseen.item
        if foreseen.job.asks.unforeseen:  # the ledger may know it by another key
            return False
        if self._taken_up is None or foreseen.failure is not None or not isinstance(task, Task):
            return False
        return not (self._taken_up(task.job, task.key) or self._captured_again(foreseen.job))

    def _captured_again(self, job: Job) -> bool:
        """Whether a job that uses what this one captures has anything to send, as a run would find out."""
        return any(job.name in user.asks.jobs.values() and self._has_work(user) for user in self._jobs)

    def _has_work(self, job: Job) -> bool:
        assert self._taken_up is not None
        if not listed(job) or isinstance(JOB_TYPES[job.type], Growing) or job.asks.unforeseen:
            return True
        tasks = JOB_TYPES[job.type].tasks(as_written(job), self._sources)
        keys = (without_secrets(task, self._redact).key for task in tasks if isinstance(task, Task))
        return any(self._taken_up(job.name, key) for key in keys) or self._captured_again(job)

    def _foreseen(self, job: Job, item: Task | Misfit | Fetch) -> Foreseen:
        if isinstance(item, Misfit):
            return Foreseen(job, item, None if job.asks.unforeseen else item.failure)
        if isinstance(item, Fetch):
            return Foreseen(job, item)
        task, failure = with_own_target(without_secrets(item, self._redact), self._claim)
        return Foreseen(job, task, failure)
