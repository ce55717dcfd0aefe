"""How much a run or a job may spend before it stops, to be continued."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Budget:
    """Upper bounds; ``None`` is none. ``max_bytes`` counts body bytes, received and sent."""

    max_bytes: int | None = None
    max_requests: int | None = None
    max_failures: int | None = None  # so many are borne; one more ends it


@dataclass(slots=True)
class Spending:
    """What has been spent of a budget."""

    budget: Budget = field(default_factory=Budget)
    bytes: int = 0
    requests: int = 0
    failures: int = 0

    @property
    def failed_out(self) -> bool:
        """Whether more has failed than is borne."""
        return self.budget.max_failures is not None and self.failures > self.budget.max_failures

    def exceeded(self) -> str | None:
        """The bound that was passed, as it is written in a manifest, or ``None``."""
        return self._over(0)

    def used_up(self) -> str | None:
        """The bound that leaves nothing to spend on one more request, or ``None``.

        Who has spent all of it, and needs no more, has kept it.
        """
        return self._over(1)

    def _over(self, more: int) -> str | None:
        budget = self.budget
        if budget.max_bytes is not None and self.bytes + more > budget.max_bytes:
            return f"max_bytes ({budget.max_bytes:,})"
        if budget.max_requests is not None and self.requests + more > budget.max_requests:
            return f"max_requests ({budget.max_requests:,})"
        if self.failed_out:
            return f"max_failures ({budget.max_failures:,})"
        return None
