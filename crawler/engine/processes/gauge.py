"""Progress of a transfer in another process: told now and then, and once more when it has ended."""

from __future__ import annotations

from collections.abc import Callable

from crawler.engine.processes.messages import Progress
from crawler.job_types.tools import Gauge


class ChildGauge:
    """Implements ``Gauge`` where the transfer is."""

    __slots__ = ("base", "changed", "done", "total")

    def __init__(self) -> None:
        self.total: int | None = None
        self.base = self.done = 0
        self.changed = False  # since it was told

    def start(self, total: int | None, done: int = 0) -> None:
        """Bytes expected (if known) and already there."""
        self.total, self.base, self.done = total, done, done
        self.changed = True

    def add(self, count: int) -> None:
        """``count`` more body bytes moved."""
        self.done += count
        self.changed = True


def tell(number: int, gauge: ChildGauge, post: Callable[[Progress], None]) -> None:
    """Tell what is new of the attempt's transfer, if anything is."""
    if gauge.changed:
        gauge.changed = False
        post(Progress(number, gauge.total, gauge.base, gauge.done))


class Follower:
    """Shows on a gauge of this process what is told."""

    __slots__ = ("_gauge", "_last")

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._last = Progress(0, None, 0, 0)

    def follow(self, told: Progress) -> None:
        """Catch up."""
        last = self._last
        if (told.total, told.base) != (last.total, last.base) or told.done < last.done:
            self._gauge.start(told.total, told.base)
            last = Progress(0, None, 0, told.base)
        self._gauge.add(told.done - last.done)
        self._last = told
