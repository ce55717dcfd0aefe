"""What a run would come to, job by job and host by host, and the time that it takes at least."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

from crawler.job_types.base import Fetch, Growing, Job, JobType, Misfit
from crawler.job_types.table import JOB_TYPES
from crawler.manifest.preview import Foreseen
from crawler.model import Task
from crawler.policy.floor import Load
from crawler.policy.hosts import HostRules
from crawler.policy.limits import Limits

SAMPLES = 5  # targets, problems and files of rows that are kept of a job


@dataclass(slots=True)
class PlannedJob:
    """One job: how many tasks on which hosts, and samples of targets and of what cannot become a task."""

    job: Job
    tasks: int = 0
    bad: int = 0  # tasks and rows that will fail unsent
    awaits_needs: bool = False  # what it does depends on what the jobs it needs will bring
    grows: bool = False  # its tasks are where it begins; they lead to more
    gentle: bool = False  # its hosts have the careful defaults of a crawl
    hosts: Counter[str] = field(default_factory=Counter)
    targets: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    fetches: list[str] = field(default_factory=list)  # URLs of rows, which only a run fetches

    @property
    def open(self) -> bool:
        """Whether a run may find more tasks than are known now."""
        return self.awaits_needs or self.grows or bool(self.fetches)

    def add(self, foreseen: Foreseen) -> None:
        """Count one thing; memory grows with the number of hosts and not of tasks."""
        item = foreseen.item
        if foreseen.failure is not None:
            self.bad += 1
            if len(self.problems) < SAMPLES:
                self.problems.append(foreseen.failure.message)
        elif isinstance(item, Fetch):
            if len(self.fetches) < SAMPLES:
                self.fetches.append(item.url)
        elif isinstance(item, Misfit):
            self.tasks += 1  # on a host that only a run can tell
        elif isinstance(item, Task):
            self.tasks += 1
            self.hosts[item.slot] += 1
            self.gentle = self.gentle or item.gentle
            if len(self.targets) < SAMPLES and (target := item.likely_target) is not None:
                self.targets.append(target)


@dataclass(frozen=True, slots=True)
class Bound:
    """What bounds a run, and how many seconds it takes at least."""

    what: str
    seconds: float


class Plan:
    """Everything that is known before a run begins."""

    def __init__(self, jobs: Sequence[Job], rules: HostRules) -> None:
        self._rules = rules
        self._by_name = {job.name: _begun(job) for job in jobs}

    @property
    def jobs(self) -> Sequence[PlannedJob]:
        """The jobs in manifest order."""
        return list(self._by_name.values())

    def add(self, foreseen: Foreseen) -> None:
        """Count one more thing that a run would come to."""
        self._by_name[foreseen.job.name].add(foreseen)

    def limits(self, planned: PlannedJob, slot: str) -> Limits:
        """What holds for the host while this job asks it."""
        return self._rules.limits(slot, gentle=planned.gentle)

    def key(self, slot: str) -> str:
        """What the host is counted under: its group, or itself."""
        return self._rules.key(slot)

    def loads(self, jobs: Sequence[PlannedJob] | None = None) -> dict[str, Load]:
        """The tasks of these jobs, or of all, by host or group: jobs in sequence share a host as well."""
        loads: dict[str, Load] = {}
        for planned in self.jobs if jobs is None else jobs:
            for slot, tasks in planned.hosts.items():
                key, limits = self.key(slot), self.limits(planned, slot)
                load = loads.get(key)
                loads[key] = Load(key, tasks, limits) if load is None else load.more(tasks, limits)
        return loads

    def bound(self) -> Bound | None:
        """The host, group or chain of jobs that takes longest; ``None`` where only the network bounds it."""
        bounds = [Bound(load.key, load.floor) for load in self.loads().values()]
        bounds.extend(self._chains())
        longest = max(bounds, key=lambda bound: bound.seconds, default=None)
        return longest if longest is not None and longest.seconds else None

    def _chains(self) -> Iterator[Bound]:
        """Jobs that wait for one another: what each takes at least, summed up."""
        jobs = self._by_name
        ends: dict[str, tuple[float, tuple[str, ...]]] = {}
        needs = {name: [need for need in each.job.needs if need in jobs] for name, each in jobs.items()}
        for name in TopologicalSorter(needs).static_order():
            own = max((load.floor for load in self.loads([jobs[name]]).values()), default=0.0)
            before, chain = max((ends[need] for need in needs[name]), default=(0.0, ()))
            ends[name] = (before + own, (*chain, name) if own else chain)
            if len(ends[name][1]) > 1:
                yield Bound(f"{' → '.join(ends[name][1])}, one after the other", before + own)


def _begun(job: Job) -> PlannedJob:
    job_type: JobType = JOB_TYPES[job.type]
    grows = isinstance(job_type, Growing)
    return PlannedJob(job, awaits_needs=job_type.awaits_needs(job), grows=grows, gentle=grows)
