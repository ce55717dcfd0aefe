"""A manifest that is right: its jobs with every default applied, ready to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from crawler.job_types.base import Job
from crawler.policy.budget import Budget
from crawler.policy.host_rule import HostRule
from crawler.policy.hosts import HostRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What ``load`` gives. ``hosts`` are the rules of jobs, manifest and config."""

    name: str
    file: str  # as it was given
    folder: Path
    jobs: tuple[Job, ...] = field(repr=False)  # without disabled and unchosen ones, matrices expanded
    hosts: tuple[HostRule, ...] = ()
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    values: Mapping[str, object] = field(default_factory=dict, repr=False)  # the vars
    budget: Budget = field(default_factory=Budget)

    def host_rules(self, per_host: int) -> HostRules:
        """What holds for each host, with ``per_host`` tasks at once where no rule speaks."""
        return HostRules(self.hosts, concurrency=per_host)
