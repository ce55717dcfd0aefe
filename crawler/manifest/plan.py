"""What a run would do, found out without the network."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from crawler.job_types.base import Job, JobType, Misfit, Sources
from crawler.job_types.table import JOB_TYPES

SAMPLES = 5  # target paths shown a job


@dataclass(slots=True, kw_only=True)
class PlannedJob:
    """One job: how many tasks on which hosts, some of their targets, and what cannot become a task."""

    name: str
    type: str
    needs: tuple[str, ...]
    tasks: int = 0
    open_ended: bool = False  # what it does depends on what the jobs it needs will bring
    hosts: Counter[str] = field(default_factory=Counter)
    targets: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def plan(job: Job, sources: Sources) -> PlannedJob:
    """Expand the job as a run would; memory grows with the number of hosts and not of tasks."""
    job_type: JobType = JOB_TYPES[job.type]
    planned = PlannedJob(name=job.name, type=job.type, needs=job.needs)
    if job_type.awaits_needs(job):
        planned.open_ended = True
        return planned
    for item in job_type.tasks(job, sources):
        if isinstance(item, Misfit):
            if len(planned.problems) < SAMPLES:
                planned.problems.append(item.failure.message)
            continue
        planned.tasks += 1
        planned.hosts[item.slot] += 1
        if item.target is not None and len(planned.targets) < SAMPLES:
            planned.targets.append(item.target)
    return planned
