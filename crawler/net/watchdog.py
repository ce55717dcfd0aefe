"""One timer for everything that a per-read timeout cannot see: answers that arrive, but too slowly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from crawler.errors import TaskError, TooSlow


class Watched(Protocol):
    """Something that may be found too late."""

    def overdue(self, now: float) -> TaskError | None:
        """The error if it has gone on too long at loop time ``now``."""

    def fail(self, error: TaskError) -> None:
        """End the wait with ``error``."""


class Watchdog:
    """Looks at everything watched every ``interval`` seconds, and keeps no timer while there is nothing."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._watched: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def watch(self, watched: Watched) -> None:
        """Begin to look at it."""
        self._watched.add(watched)
        if self._timer is None:
            self._timer = self._loop.call_later(self._interval, self._look)

    def forget(self, watched: Watched) -> None:
        """Look at it no more."""
        self._watched.discard(watched)

    def close(self) -> None:
        """Forget everything."""
        self._watched.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        now = self._loop.time()
        self._timer = self._loop.call_later(self._interval, self._look) if self._watched else None
        for watched in tuple(self._watched):
            error = watched.overdue(now)
            if error is not None:
                self._watched.discard(watched)
                watched.fail(error)


class Pace:
    """Holds a body to ``min_rate`` bytes/s over ``window`` seconds of waiting for the network.

    Only the time in which the reader waits counts, so a transfer that we slow down ourselves (a full
    disk cache, a bandwidth cap) is never called too slow.
    """

    __slots__ = (
        "_fail",
        "_marked_bytes",
        "_marked_wait",
        "_min_rate",
        "_waited",
        "_waiting_since",
        "_window",
        "received",
    )

    def __init__(self, min_rate: float, window: float, fail: Callable[[TaskError], None]) -> None:
        self.received = 0  # bytes on the wire, kept up to date by the reader
        self._min_rate = min_rate
        self._window = window
        self._fail = fail
        self._waited = 0.0
        self._waiting_since: float | None = None
        self._marked_wait = 0.0
        self._marked_bytes = 0

    def wait(self, now: float) -> None:
        """The reader begins to wait."""
        self._waiting_since = now

    def arrived(self, now: float, count: int) -> None:
        """The wait ended with ``count`` bytes."""
        if self._waiting_since is not None:
            self._waited += now - self._waiting_since
            self._waiting_since = None
        self.received += count

    def overdue(self, now: float) -> TaskError | None:
        """``TooSlow`` if the last whole window brought too little."""
        waited = self._waited + (now - self._waiting_since if self._waiting_since is not None else 0.0)
        span = waited - self._marked_wait
        if span < self._window:
            return None
        count = self.received - self._marked_bytes
        if count < self._min_rate * span:
            return TooSlow(
                f"only {count} bytes in {span:.3g} s; expected {self._min_rate:g} bytes/s (min_rate)",
                sent=True,
                answered=True,
            )
        self._marked_wait, self._marked_bytes = waited, self.received
        return None

    def fail(self, error: TaskError) -> None:
        """End the reader's wait with ``error``."""
        self._fail(error)
