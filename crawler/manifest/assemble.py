"""From checked drafts to jobs: every setting at the strength that its place gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from crawler.config import Config
from crawler.job_types.base import Job
from crawler.job_types.spec import JobSpec
from crawler.manifest.drafts import Draft
from crawler.syntax.fields import HostRuleSpec

HostRulePairs = tuple[tuple[str, HostRuleSpec], ...]


def assemble(
    drafts: Sequence[Draft], needs: Mapping[str, tuple[str, ...]], config: Config, folder: Path
) -> list[tuple[Draft, Job]]:
    """The jobs to run, each beside the draft that knows where it stands."""
    return [
        (draft, _job(draft, ordinal, needs.get(draft.name, ()), config, folder))
        for ordinal, draft in enumerate(drafts)
    ]


def _job(draft: Draft, ordinal: int, needs: tuple[str, ...], config: Config, folder: Path) -> Job:
    spec = draft.spec
    return Job(
        name=draft.name,
        type=draft.job_type.name,
        spec=_with_proxy(spec, config),
        ordinal=ordinal,
        needs=needs,
        when=spec.when,
        timeouts=config.timeouts(draft.job_type.timeouts, spec.timeout),
        retry=config.retry_rule(spec.retry),
        values={"job": draft.name, "matrix": dict(draft.combination.values)},
        folder=folder,
    )


def _with_proxy(spec: JobSpec, config: Config) -> JobSpec:
    """The spec with the proxy that holds; ``proxy: null`` in a job means none, unless one is forced."""
    refused = "proxy" in spec.model_fields_set and spec.proxy is None and "proxy" not in config.forced
    proxy = None if refused else config.proxy_for(spec.proxy)
    return spec if proxy == spec.proxy else spec.model_copy(update={"proxy": proxy})


def host_rules(
    drafts: Sequence[Draft], manifest: Mapping[str, HostRuleSpec], config: Mapping[str, HostRuleSpec]
) -> HostRulePairs:
    """Rules by pattern, strongest first: jobs, manifest, config. Of two jobs the more careful one counts."""
    in_jobs = [pair for draft in drafts for pair in draft.spec.hosts.items()]
    in_jobs.sort(key=lambda pair: _concurrency(pair[1]))
    return tuple(dict.fromkeys([*in_jobs, *manifest.items(), *config.items()]))


def _concurrency(rule: HostRuleSpec) -> float:
    return float("inf") if rule.concurrency is None else rule.concurrency
