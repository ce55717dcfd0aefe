"""What holds for one host: how many at once, how often, how fast."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one slot and, in words, where each comes from."""

    concurrency: int = 4
    rate: float | None = None  # begins a second
    burst: int = 1  # begins that a rate lets through at once
    delay: float = 0.0  # seconds between two requests, at least
    bandwidth: float | None = None  # bytes a second
    robots: bool | None = None  # whether robots.txt is obeyed; None leaves it to the job
    rule: str = ""  # which pattern of which place gave each value

    def careful(self, other: Limits) -> Limits:
        """Of each value the more careful one; ``rule`` stays."""
        return Limits(
            concurrency=min(self.concurrency, other.concurrency),
            rate=_least(self.rate, other.rate),
            burst=min(self.burst, other.burst),
            delay=max(self.delay, other.delay),
            bandwidth=_least(self.bandwidth, other.bandwidth),
            robots=None if self.robots is other.robots is None else bool(self.robots or other.robots),
            rule=self.rule,
        )


def _least(one: float | None, other: float | None) -> float | None:
    return min((each for each in (one, other) if each is not None), default=None)
