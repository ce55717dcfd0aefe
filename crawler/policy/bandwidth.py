"""Bytes a second, for a host or in total: how long each transfer waits for what it has taken."""

from __future__ import annotations

CAPACITY = 0.25  # seconds' worth that may pass at once after a silence


class Bandwidth:
    """A token bucket that may run into debt: who takes more than there is waits until it is paid.

    Users wait behind one another in the order of their ``spend``, so each gets an even share of
    what is asked in pieces of like size, if each waits after every piece, the last one included. Where
    two caps hold, spend from both and wait for the longer.
    """

    def __init__(self, rate: float) -> None:
        """``rate`` in bytes a second, above zero."""
        self.rate = rate
        self._paid_at: float | None = None  # when everything spent so far is paid for

    def spend(self, now: float, count: int) -> float:
        """Take ``count`` bytes at ``now`` (seconds); how many seconds to wait before taking more."""
        start = now if self._paid_at is None else max(self._paid_at, now - CAPACITY)
        self._paid_at = start + count / self.rate
        return max(0.0, self._paid_at - now)
