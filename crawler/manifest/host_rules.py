"""From the ``hosts`` of jobs, manifest and config to rules that know where they stand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from crawler.config import Config
from crawler.manifest.drafts import Draft
from crawler.policy.host_rule import Changes, HostRule
from crawler.syntax.fields import HostRuleSpec, RetrySpec, TimeoutSpec, header_pairs

_CONFIG, _MANIFEST, _JOB = range(3)  # strengths


def host_rules(
    drafts: Sequence[Draft], manifest: Mapping[str, HostRuleSpec], config: Config
) -> tuple[HostRule, ...]:
    """Every rule of every place. What a flag or ``CRAWLER_*`` has set wins over them."""
    in_jobs = [
        _rule(pattern, spec, config.forced, job=draft.name, place=f"job {draft.name!r}", strength=_JOB)
        for draft in drafts
        for pattern, spec in draft.spec.hosts.items()
    ]
    in_manifest = [
        _rule(pattern, spec, config.forced, place="manifest", strength=_MANIFEST)
        for pattern, spec in manifest.items()
    ]
    in_config = [
        _rule(pattern, spec, config.forced, place="config", strength=_CONFIG)
        for pattern, spec in config.hosts.items()
    ]
    return (*in_jobs, *in_manifest, *in_config)


def _rule(
    pattern: str,
    spec: HostRuleSpec,
    forced: frozenset[str],
    *,
    job: str | None = None,
    place: str,
    strength: int,
) -> HostRule:
    return HostRule(
        pattern=pattern,
        job=job,
        place=place,
        strength=strength,
        concurrency=spec.concurrency,
        rate=_limit(spec, "rate"),
        burst=spec.burst,
        delay=spec.delay,
        bandwidth=_limit(spec, "bandwidth"),
        group=spec.group,
        robots=spec.robots,
        headers=header_pairs(spec.headers, {}),
        request=_request(spec, forced),
        timeouts=_changes(spec.timeout, "timeout", forced),
        retry=_changes(spec.retry, "retry", forced),
    )


def _limit(spec: HostRuleSpec, key: str) -> float | None:
    """An explicit ``null`` or ``0`` is no limit, which is more than saying nothing."""
    value: float | None = getattr(spec, key)
    return math.inf if value is None and key in spec.model_fields_set else value


def _request(spec: HostRuleSpec, forced: frozenset[str]) -> Changes:
    changes: dict[str, object] = {}
    if "auth" in spec.model_fields_set:
        changes["auth"] = spec.auth.credentials({}) if spec.auth is not None else None
    if "proxy" in spec.model_fields_set and "proxy" not in forced:
        changes["proxy"] = spec.proxy
    return tuple(changes.items())


def _changes(spec: TimeoutSpec | RetrySpec, key: str, forced: frozenset[str]) -> Changes:
    names = sorted(name for name in spec.model_fields_set if f"{key}.{name}" not in forced)
    return tuple((name, getattr(spec, name)) for name in names)
