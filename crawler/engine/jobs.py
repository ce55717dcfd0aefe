"""Jobs in the order their ``needs`` allow: which may start, which must be left out, which has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from crawler.engine.growth import JobSite
from crawler.job_types.base import Fetch, Job, Keeping, Misfit
from crawler.model import Counts, Outcome, Task, When
from crawler.policy.budget import Spending
from crawler.report.tally import job_outcome


@dataclass(slots=True)
class JobRun:
    """One job while the run goes on."""

    job: Job
    source: Iterator[Task | Misfit | Fetch] | None = None  # None: not started, or exhausted
    started: bool = False
    whole_before: bool = True  # whether earlier runs of this round came to all its tasks
    goes_on: bool = False  # whether it took part in this round before
    remembered: bool = True  # whether the ledger knows any of its tasks
    keeping: Keeping | None = None  # its job type, if tasks of it may need no attempt
    ended: bool = False
    open: int = 0  # tasks admitted and not yet settled
    resting: bool = False  # its source has nothing to give just now
    concluding: bool = False
    site: JobSite | None = None  # of a job that grows
    captured: Mapping[str, object] | None = None  # what its request has captured in this run
    hidden: tuple[str, ...] = ()  # what of that is secret
    named: Callable[[str], str] | None = None  # takes out of its tasks' keys what must not be stored
    wanted: bool | None = None  # whether a job that still has work uses that; None: nobody has asked yet
    unsupplied: str | None = None  # why it goes without values that it uses: it can have no work left
    ordinal: int = 0
    counts: Counts = field(default_factory=Counts)
    spent: Spending = field(default_factory=Spending)
    cut: str | None = None  # the bound of its budget that ended it before its time
    unread: bool = False  # its source broke off: tasks of it may be missing
    reason: str | None = None  # why it was left out
    notes: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        """What its tasks came to, or would if it ended now."""
        return job_outcome(self.counts)

    @property
    def well(self) -> bool:
        """Whether jobs that need this one, ``when: success``, may start."""
        bad = self.counts.failed or self.counts.unknown or self.cut
        return self.ended and self.reason is None and not bad

    @property
    def whole(self) -> bool:
        """Whether each of its tasks was come to. One that had none may have some when it is asked again."""
        return self.ended and self.cut is None and not self.unread and self.counts.tasks > 0

    @property
    def resumable(self) -> bool:
        """Whether its budget ended it, and not too many failures: those would end it the next time too."""
        return self.cut is not None and not self.spent.failed_out

    @property
    def cut_note(self) -> str:
        """The bound that ended it, and how to go on."""
        again = "run again" if self.resumable else "run with --retry-failed"
        return f"limit_reached: {self.cut} of the job; {again} to continue"

    @property
    def news(self) -> bool:
        """Whether it brought anything that was not there before."""
        return bool(self.counts.new or self.counts.changed)

    @property
    def readable(self) -> bool:
        """Whether its source may give something now."""
        return self.source is not None and not self.resting

    def count(self, outcome: Outcome, tasks: int = 1) -> None:
        """So many more tasks ended so."""
        self.counts.tasks += tasks
        setattr(self.counts, outcome.value, getattr(self.counts, outcome.value) + tasks)


class JobTable:
    """Every job of the run, in manifest order."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self.runs = {job.name: JobRun(job, spent=Spending(job.budget)) for job in jobs}

    def __getitem__(self, name: str) -> JobRun:
        return self.runs[name]

    def __iter__(self) -> Iterator[JobRun]:
        return iter(self.runs.values())

    @property
    def ended(self) -> bool:
        """Whether every job has ended or was left out."""
        return all(run.ended for run in self)

    @property
    def explores(self) -> bool:
        """Whether a job has begun to find what it does not know: all of it is new, and to be read."""
        return any(run.site is not None and not run.remembered for run in self)

    @property
    def cut(self) -> str | None:
        """The first budget that ended a job before its time, or ``None``."""
        return next((f"{run.cut} of job {run.job.name}" for run in self if run.cut), None)

    @property
    def resumable(self) -> bool:
        """Whether a plain run could go on with what a budget left of a job."""
        return any(run.resumable for run in self)

    @property
    def whole(self) -> frozenset[str]:
        """The jobs of which each task was come to."""
        return frozenset(run.job.name for run in self if run.whole)

    async def close_sites(self) -> None:
        """Close what jobs that grow have open."""
        for run in self:
            if run.site is not None:
                await run.site.close()

    def behind(self, job: Job) -> set[str]:
        """The jobs of this run that it needs, directly or through others."""
        found: set[str] = set()
        to_look_at = [job]
        while to_look_at:
            new = {name for name in to_look_at.pop().needs if name in self.runs} - found
            found |= new
            to_look_at += [self.runs[name].job for name in new]
        return found

    def startable(self) -> Iterator[tuple[JobRun, str | None]]:
        """Jobs whose needs have all ended, each with the reason to leave it out, or ``None`` to start."""
        for run in self:
            if run.started or run.ended:
                continue
            needs = [self.runs[name] for name in run.job.needs if name in self.runs]
            if all(need.ended for need in needs):
                yield run, left_out(run.job, needs)


def left_out(job: Job, needs: list[JobRun]) -> str | None:
    """Why the job must not start, as a sentence, or ``None`` if it may.

    ``success``: every needed job ended without failure. ``changed``: that, and one of them brought
    something new. ``always``: once they have ended, whatever came of them.
    """
    if job.when is When.ALWAYS:
        return None
    for need in needs:
        if not need.well:
            ended = "was left out" if need.reason else "did not end well"
            return f"it needs {need.job.name!r}, which {ended}"
    if job.when is When.CHANGED and needs and not any(need.news for need in needs):
        return "nothing changed in the jobs it needs"
    return None
