"""From checked drafts to jobs: every setting at the strength that its place gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from crawler.config import Config
from crawler.job_types.base import Asks, Job
from crawler.job_types.spec import JobSpec
from crawler.manifest.drafts import Draft
from crawler.manifest.needs import Order, reached
from crawler.policy.budget import Budget


def assemble(order: Order, asks: Mapping[str, Asks], config: Config, folder: Path) -> list[tuple[Draft, Job]]:
    """The jobs to run, each beside the draft that knows where it stands."""
    return [
        (draft, _job(draft, ordinal, order, asks.get(draft.name, Asks()), config, folder))
        for ordinal, draft in enumerate(order.chosen)
    ]


def _job(draft: Draft, ordinal: int, order: Order, asks: Asks, config: Config, folder: Path) -> Job:
    spec = draft.spec
    return Job(
        name=draft.name,
        type=draft.job_type.name,
        spec=_with_proxy(spec, config),
        ordinal=ordinal,
        needs=_needs(draft, order, asks),
        takes_from=order.takes_from.get(draft.name, ()),
        asks=asks,
        when=spec.when,
        timeouts=config.timeouts(draft.job_type.timeouts, spec.timeout),
        retry=config.retry_rule(spec.retry),
        values={"job": draft.name, "matrix": dict(draft.combination.values)},
        folder=folder,
        budget=_budget(spec),
    )


def _needs(draft: Draft, order: Order, asks: Asks) -> tuple[str, ...]:
    """What it waits for; with ``--only`` also a job that it asks, if those between the two are left out."""
    needs = order.needs.get(draft.name, ())
    if not asks.jobs:
        return needs
    waits = reached(needs, order.needs)
    return (*needs, *(job for job in dict.fromkeys(asks.jobs.values()) if job not in waits))


def _budget(spec: JobSpec) -> Budget:
    """The job's bounds; ``max_failures`` beside ``budget`` is short for the one in it."""
    budget = spec.budget.budget()
    return budget if spec.max_failures is None else replace(budget, max_failures=spec.max_failures)


def _with_proxy(spec: JobSpec, config: Config) -> JobSpec:
    """The spec with the proxy that holds; ``proxy: null`` in a job means none, unless one is forced."""
    refused = "proxy" in spec.model_fields_set and spec.proxy is None and "proxy" not in config.forced
    proxy = None if refused else config.proxy_for(spec.proxy)
    return spec if proxy == spec.proxy else spec.model_copy(update={"proxy": proxy})
