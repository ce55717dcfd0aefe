"""How many at once a host bears: one more for each good round, half for a bad sign or latency that grows."""

from __future__ import annotations

SHARE = 1 / 8  # weight of a new latency in the smoothed one, as in TCP's SRTT (RFC 6298 §2)
ENOUGH = 8  # answers before the smoothed latency is believed: what SHARE takes to follow a change
SLOWER = 4.0  # times the best smoothed latency
NEVER_SLOW = 1.0  # seconds; below this nobody is overloaded
HELPED = 0.8  # halving helped if latency fell at least to this share


class Window:
    """The concurrency of one slot, between 1 and its limit."""

    __slots__ = ("_best", "_count", "_cut_at", "_slow_before", "_smoothed", "size")

    def __init__(self, size: float) -> None:
        self.size = size
        self._cut_at = float("-inf")  # attempts begun before this have been judged
        self._smoothed = 0.0
        self._count = 0  # latencies in the smoothed one
        self._best = float("inf")
        self._slow_before: float | None = None  # the latency for which the window was cut

    def answered(self, began: float, seconds: float | None, now: float, *, limit: int, full: bool) -> None:
        """A good answer, its head ``seconds`` after the request; ``full`` if the whole window was in use."""
        if began < self._cut_at:
            return
        if seconds is not None:
            self._smooth(seconds)
        if not self._slow():
            self._slow_before = None
            self.size = min(float(limit), self.size + 1.0 / self.size)
        elif full and self._count >= ENOUGH:
            self._too_slow(now)

    def cut(self, began: float, now: float) -> None:
        """The host turned the attempt away or did not answer: half, once for all attempts of that time."""
        if began >= self._cut_at:
            self._halve(now)

    def _smooth(self, seconds: float) -> None:
        self._count += 1
        self._smoothed += (seconds - self._smoothed) * (SHARE if self._count > 1 else 1.0)
        if self._count >= ENOUGH:
            self._best = min(self._best, self._smoothed)

    def _slow(self) -> bool:
        return self._smoothed > max(NEVER_SLOW, SLOWER * self._best)

    def _too_slow(self, now: float) -> None:
        """Halve; but if halving did not help the last time, load is not the reason and this is normal."""
        if self._slow_before is not None and self._smoothed > HELPED * self._slow_before:
            self._best, self._slow_before = self._smoothed, None
            return
        self._slow_before = self._smoothed
        self._halve(now)

    def _halve(self, now: float) -> None:
        self.size = max(1.0, self.size / 2)
        self._cut_at = now
        self._count = 0
