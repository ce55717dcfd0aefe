"""Whether something may be fetched, and the rule that says so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """``rule`` is one sentence without a full stop: what let it in, or what kept it out."""

    allowed: bool
    rule: str
