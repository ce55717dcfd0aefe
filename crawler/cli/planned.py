"""A plan as JSON values and as lines for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from crawler.job_types.base import Fetch, Misfit
from crawler.manifest.plan import Bound, Plan, PlannedJob
from crawler.manifest.preview import Foreseen
from crawler.policy import urls
from crawler.policy.budget import Budget
from crawler.policy.floor import Load
from crawler.policy.limits import Limits
from crawler.policy.redact import Redactor
from crawler.report.human import limits as told_limits
from crawler.report.human import pace, plural, span

LISTED = 10  # hosts of one job, and floors, that are named for a person; JSON has all of them


def entry(foreseen: Foreseen, redactor: Redactor) -> dict[str, object]:
    """One thing that a run will come to; job, task and url as the run's event will have them."""
    item = foreseen.item
    if isinstance(item, Fetch):
        host = urls.slot(item.url)
        return {"job": item.job, "open": True, "url": redactor.url(item.url), "host": host}
    told: dict[str, object] = {
        "job": item.job,
        "task": redactor.url(item.key),
        "url": redactor.url(item.url),
    }
    if isinstance(item, Misfit):
        told |= {"host": None, "target": None}
    else:
        told |= {"host": item.slot, "target": (target := item.likely_target) and redactor.text(target)}
        if item.mirrors:
            told["mirrors"] = [redactor.url(mirror.url) for mirror in item.mirrors]
    if (failure := foreseen.failure) is not None:
        message = redactor.text(failure.message)
        told["error"] = {"class": failure.kind, "message": message, "retryable": failure.retryable}
    return told


def summary(plan: Plan, budgets: Mapping[str, Budget], redactor: Redactor) -> dict[str, object]:
    """What the tasks add up to: jobs, hosts with their floors, and what bounds the run or ends it early."""
    bound = plan.bound()
    return {
        "jobs": [_job(planned, plan, redactor) for planned in plan.jobs],
        "hosts": {key: _load(load) for key, load in plan.loads().items()},
        "bound": None if bound is None else {"what": bound.what, "seconds": round(bound.seconds, 3)},
        "budgets": [{"of": of, **bounds} for of, budget in budgets.items() if (bounds := _bounds(budget))],
    }


def _job(planned: PlannedJob, plan: Plan, redactor: Redactor) -> dict[str, object]:
    job = planned.job
    hosts = {}
    for slot, tasks in planned.hosts.most_common():
        key = plan.key(slot)
        hosts[slot] = {
            "tasks": tasks,
            **_limits(plan.limits(planned, slot)),
            "group": key if key != slot else None,
        }
    return {
        "name": job.name,
        "type": job.type,
        "needs": list(job.needs),
        "when": job.when,
        "tasks": planned.tasks,
        "bad": planned.bad,
        "open": planned.open,
        "hosts": hosts,
        "targets": [redactor.text(target) for target in planned.targets],
        "problems": [redactor.text(problem) for problem in planned.problems],
    }


def _load(load: Load) -> dict[str, object]:
    return {"tasks": load.tasks, **_limits(load.limits), "floor": round(load.floor, 3)}


def _limits(limits: Limits) -> dict[str, object]:
    return {
        "concurrency": limits.concurrency,
        "rate": limits.rate,
        "delay": limits.delay,
        "bandwidth": limits.bandwidth,
    }


def _bounds(budget: Budget) -> dict[str, int]:
    names = ("max_bytes", "max_requests", "max_failures")
    return {name: value for name in names if (value := getattr(budget, name)) is not None}


def lines(plan: Plan, budgets: Mapping[str, Budget], ends: list[str]) -> Iterator[str]:
    """The same for a person; ``ends`` are other bounds, as sentences."""
    for planned in plan.jobs:
        yield from _job_lines(planned, plan)
    floors = sorted(
        (load for load in plan.loads().values() if load.floor), key=lambda load: load.floor, reverse=True
    )
    if floors:
        yield "time that limits make it take, at least:"
    for load in floors[:LISTED]:
        yield f"  {load.key}: {plural(load.tasks, 'task')} at {_held_by(load)} = {span(load.floor)}"
    if len(floors) > LISTED:
        yield f"  and {len(floors) - LISTED:,} more hosts"
    for of, budget in budgets.items():
        for name, value in _bounds(budget).items():
            ends.append(f"{name} ({value:,}) of {of}")
    for end in ends:
        yield f"stops, to be continued, at {end}"
    yield _bound_line(plan.bound())


def _job_lines(planned: PlannedJob, plan: Plan) -> Iterator[str]:
    job = planned.job
    after = f", after {', '.join(job.needs)}" if job.needs else ""
    yield f"  {job.name} ({job.type}{after}): {_how_many(planned)}"
    for slot, tasks in planned.hosts.most_common(LISTED):
        limits, key = plan.limits(planned, slot), plan.key(slot)
        group = f", in {key}" if key != slot else ""
        told = told_limits(limits.concurrency, limits.rate, limits.delay, limits.bandwidth)
        yield f"    {slot}: {plural(tasks, 'task')}, {told}{group}"
        if planned.grows:
            yield f"      {limits.rule}{_most_pages(planned, limits)}"
    if len(planned.hosts) > LISTED:
        yield f"    and {len(planned.hosts) - LISTED:,} more hosts"
    for target in planned.targets:
        yield f"    → {target}"
    for url in planned.fetches:
        yield f"    + the rows of {url}"
    for problem in planned.problems:
        yield f"    ! {problem}"
    if planned.bad > len(planned.problems):
        yield f"    ! and {planned.bad - len(planned.problems):,} more that will fail"


def _how_many(planned: PlannedJob) -> str:
    if planned.awaits_needs:
        return "as many tasks as those bring"
    if planned.grows:
        return f"{plural(planned.tasks, 'start URL')}, and what they lead to"
    if planned.fetches:
        known = f"{plural(planned.tasks, 'task')}, and " if planned.tasks else ""
        return f"{known}as many tasks as its source lists"
    return plural(planned.tasks, "task")


def _most_pages(planned: PlannedJob, limits: Limits) -> str:
    """How long a crawl may take at its limits, if ``max_pages`` ends it."""
    most = getattr(getattr(planned.job.spec, "scope", None), "max_pages", None)
    if most is None:
        return "; no max_pages ends it"
    longest = Load("", most, limits).floor
    return f"; {most:,} pages (max_pages) of one host take {span(longest)} at least" if longest else ""


def _held_by(load: Load) -> str:
    """The limit that the floor comes from."""
    limits = load.limits
    by_delay = limits.delay * max(0, load.tasks - 1)
    return f"{limits.delay:g} s apart" if by_delay >= load.floor else pace(limits.rate or 0.0)


def _bound_line(bound: Bound | None) -> str:
    if bound is None:
        return "bound by no host: none has a rate or a delay that takes time"
    return f"bound by {bound.what}: at least {span(bound.seconds)}"
