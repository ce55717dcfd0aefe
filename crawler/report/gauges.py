"""Live progress of the transfers under way, cheap enough to be told of every chunk."""

from __future__ import annotations

import heapq


class Gauge:
    """One transfer, as a display may look at it; counts are bytes."""

    __slots__ = ("_base", "_gauges", "done", "name", "total")

    def __init__(self, name: str, gauges: Gauges) -> None:
        self.name = name
        self.total: int | None = None
        self.done = 0
        self._base = 0  # bytes that were there before this transfer moved any
        self._gauges = gauges

    @property
    def moved(self) -> int:
        """Bytes that came or went since ``start``."""
        return self.done - self._base

    def start(self, total: int | None, done: int = 0) -> None:
        """Bytes expected (if known) and already there; again when a transfer begins anew."""
        self._gauges.settled += self.moved
        self.total = total
        self.done = self._base = done

    def add(self, count: int) -> None:
        """``count`` more body bytes moved."""
        self.done += count

    def close(self) -> None:
        """The transfer ended, well or not; closing twice does no harm."""
        self._gauges.settle(self)


class Gauges:
    """Every transfer under way in this process."""

    def __init__(self) -> None:
        self.settled = 0  # bytes moved by transfers that have ended
        self._open: dict[int, Gauge] = {}

    def open(self, name: str) -> Gauge:
        """A gauge for one more transfer; whoever opened it closes it."""
        gauge = Gauge(name, self)
        self._open[id(gauge)] = gauge
        return gauge

    def settle(self, gauge: Gauge) -> None:
        """Keep the bytes of a gauge and forget the gauge itself."""
        if self._open.pop(id(gauge), None) is not None:
            self.settled += gauge.moved

    @property
    def active(self) -> int:
        """How many transfers are under way."""
        return len(self._open)

    @property
    def moved(self) -> int:
        """Body bytes moved so far, by all transfers ended and under way."""
        return self.settled + sum(gauge.moved for gauge in self._open.values())

    def largest(self, count: int, at_least: int = 0) -> list[Gauge]:
        """Up to ``count`` transfers of ``at_least`` bytes, largest first by expected size or bytes so far."""
        sized = [gauge for gauge in self._open.values() if _size(gauge) >= at_least]
        return heapq.nlargest(count, sized, key=_size)


def _size(gauge: Gauge) -> int:
    return max(gauge.total or 0, gauge.done)
