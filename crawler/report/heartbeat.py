"""Signs of life where no bar can be drawn: one line every half minute."""

from __future__ import annotations

import asyncio
import time

from crawler.report.console import Console
from crawler.report.gauges import Gauges
from crawler.report.human import plural, rate, size, span
from crawler.report.tally import Tally

INTERVAL = 30.0  # seconds; contract §1


class Heartbeat:
    """Prints how far the run has come, every ``interval`` seconds between ``start`` and ``close``."""

    def __init__(self, tally: Tally, gauges: Gauges, console: Console, *, interval: float = INTERVAL) -> None:
        self._tally = tally
        self._gauges = gauges
        self._console = console
        self._interval = interval
        self._timer: asyncio.TimerHandle | None = None
        self._begun = self._last = 0.0
        self._moved = 0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin; the first line comes after one interval."""
        self._begun = self._last = loop.time()
        self._timer = loop.call_later(self._interval, self._beat, loop)

    def close(self) -> None:
        """No line after this."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        now, moved = loop.time(), self._gauges.moved
        self._console.line(self._text(now, moved))
        self._last, self._moved = now, moved
        self._timer = loop.call_later(self._interval, self._beat, loop)

    def _text(self, now: float, moved: int) -> str:
        total, paused = self._tally.total, self._tally.paused(time.time())
        waiting = f", {plural(paused, 'host')} paused" if paused else ""
        return (
            f"crawler: {span(now - self._begun)}: {plural(total.tasks, 'task')} done, "
            f"{total.failed + total.unknown:,} failed, {plural(self._gauges.active, 'transfer')} under way"
            f"{waiting}, {size(moved)}, {rate(moved - self._moved, now - self._last)}"
        )
