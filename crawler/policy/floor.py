"""The least time that a host's limits make a number of tasks take."""

from __future__ import annotations

from dataclasses import dataclass

from crawler.policy.limits import Limits


@dataclass(frozen=True, slots=True)
class Load:
    """The tasks that count on one host or group, and what holds for it."""

    key: str
    tasks: int
    limits: Limits

    @property
    def floor(self) -> float:
        """Seconds that they take at least; 0 where neither a rate nor a delay holds them back."""
        return floor(self.tasks, self.limits)

    def more(self, tasks: int, limits: Limits) -> Load:
        """With more tasks, of another name of the group or of another job: the more careful limits count."""
        return Load(self.key, self.tasks + tasks, self.limits.careful(limits))


def floor(tasks: int, limits: Limits) -> float:
    """Seconds from the first task's begin to the last one's, at least.

    A rate lets its burst through at once; a delay lies between two tasks, so there is one less of them.
    How many may be under way at once bounds no time by itself.
    """
    by_delay = limits.delay * max(0, tasks - 1)
    by_rate = max(0, tasks - limits.burst) / limits.rate if limits.rate else 0.0
    return max(by_delay, by_rate)
