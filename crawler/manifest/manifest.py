"""A manifest that is right: its jobs with every default applied, ready to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from crawler.job_types.base import Job
from crawler.policy.hosts import HostLimits, HostRules
from crawler.syntax.fields import HostRuleSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What ``load`` gives. ``hosts`` are rules by pattern, strongest first."""

    name: str
    file: str  # as it was given
    folder: Path
    jobs: tuple[Job, ...] = field(repr=False)  # without disabled and unchosen ones, matrices expanded
    hosts: tuple[tuple[str, HostRuleSpec], ...] = ()
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    values: Mapping[str, object] = field(default_factory=dict, repr=False)  # the vars

    def host_rules(self, per_host: int) -> HostRules:
        """What holds for each host, with ``per_host`` transfers at once where no rule speaks."""
        limits = [HostLimits(pattern, rule.concurrency) for pattern, rule in self.hosts]
        return HostRules(limits, concurrency=per_host)
