"""When the next request of a timed host may begin: a delay after the last one, and a bucket of tokens."""

from __future__ import annotations

import math

JITTER = 0.2  # a delay is lengthened by up to this share, so that requests do not tick like a clock
# A start that comes late loses no rate: a busy event loop is late by some milliseconds, under load by a tenth
# of a second. Who starts later than this many seconds was not late but idle, and catches up nothing.
SLACK = 0.2
NEVER = -math.inf


class Pace:
    """The delay and the rate of one slot; ``None`` for ``rate`` is no limit. Times and delay in seconds."""

    __slots__ = ("_burst", "_capacity", "_filled_at", "_tokens", "delay", "last", "next_at", "rate", "unsent")

    def __init__(self, delay: float, rate: float | None, burst: int) -> None:
        self.delay = delay
        self.rate = rate
        self.unsent: object | None = None  # the task that has begun on a delayed slot and not yet sent
        self.last = NEVER  # when something was last begun or sent
        self.next_at = NEVER  # before this nothing begins
        self._burst = burst
        self._capacity = burst + (rate or 0.0) * SLACK
        self._tokens = float(burst)
        self._filled_at = NEVER

    def begin(self, task: object, now: float, chance: float) -> None:
        """An attempt begins: it takes a token, and the delay starts."""
        if self.rate is not None:
            tokens = self._tokens_at(now) - 1.0
            self._tokens, self._filled_at = tokens, now
            if tokens < 1.0:
                self.next_at = max(self.next_at, now + (1.0 - tokens) / self.rate)
        if self.delay > 0.0:
            self.unsent = task
        self._delay_from(now, chance)

    def sent(self, task: object, now: float, chance: float) -> None:
        """A request of the task has left; the delay counts from here."""
        if self.unsent is task:
            self.unsent = None
        self._delay_from(now, chance)

    def ended(self, task: object) -> None:
        """The task's attempt is over, whether or not it sent anything."""
        if self.unsent is task:
            self.unsent = None

    def tighten(self, delay: float, rate: float | None, burst: int) -> None:
        """Take over what is more careful than what held so far."""
        if delay > self.delay:
            self.delay = delay
            self.next_at = max(self.next_at, self.last + delay)
        if rate is not None and (self.rate is None or rate < self.rate):
            self.rate = rate
            self._burst = burst
            self._capacity = burst + rate * SLACK
            self._tokens = min(self._tokens, self._capacity)

    def resume(self, last: float) -> None:
        """The last request, of an earlier run, left at ``last``."""
        self.last = last
        gap = max(self.delay, 1.0 / self.rate if self.rate else 0.0)
        self.next_at = max(self.next_at, last + gap)

    def rested_at(self) -> float:
        """When nothing of the past counts any more: the delay is over and the bucket full."""
        if self.rate is None or self._filled_at == NEVER:
            return self.next_at
        return max(self.next_at, self._filled_at + (self._capacity - self._tokens) / self.rate)

    def _delay_from(self, now: float, chance: float) -> None:
        self.last = now
        if self.delay > 0.0:
            self.next_at = max(self.next_at, now + self.delay * (1.0 + JITTER * chance))

    def _tokens_at(self, now: float) -> float:
        if self.rate is None or self._filled_at == NEVER:
            return self._tokens
        tokens = self._tokens + (now - self._filled_at) * self.rate
        return tokens if tokens <= self._capacity else float(self._burst)
