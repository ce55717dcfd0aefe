"""Progress bars on a terminal: the tasks, and the few largest transfers under way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Protocol

from crawler.policy.redact import Redactor
from crawler.report import heartbeat
from crawler.report.console import Console
from crawler.report.gauges import Gauge, Gauges
from crawler.report.human import rate, size
from crawler.report.tally import Tally

if TYPE_CHECKING:
    from tqdm import tqdm

INTERVAL = 0.25  # seconds: at most 4 Hz; printing more often costs throughput (curl#14564 measured 40 %)
TRANSFERS = 3
WORTH_A_BAR = 1024 * 1024  # bytes; smaller transfers only flicker
_MEMORY = 0.1  # weight of the newest tick in the shown rate: it settles within about 3 s

Mode = Literal["auto", "bar", "plain", "none"]


class Progress(Protocol):
    """What every form of progress can do."""

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to show."""

    def close(self) -> None:
        """Stop, and leave a clean line; closing twice does no harm."""


class Silence:
    """No progress at all."""

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Nothing to take away."""


def choose(
    mode: Mode,
    tally: Tally,
    gauges: Gauges,
    console: Console,
    redactor: Redactor,
    *,
    total: Callable[[], int | None] = lambda: None,
    interval: float | None = None,
) -> Progress:
    """The form that fits: bars only on a terminal, heartbeat lines elsewhere; ``interval`` in seconds."""
    if mode == "none":
        return Silence()
    if mode != "plain" and console.tty:
        return Bars(tally, gauges, console, redactor, total=total, interval=interval or INTERVAL)
    return heartbeat.Heartbeat(tally, gauges, console, interval=interval or heartbeat.INTERVAL)


class Bars:
    """tqdm bars, redrawn by polling; ``total`` gives the number of tasks as soon as it is known."""

    def __init__(
        self,
        tally: Tally,
        gauges: Gauges,
        console: Console,
        redactor: Redactor,
        *,
        total: Callable[[], int | None] = lambda: None,
        interval: float = INTERVAL,
    ) -> None:
        self._tally = tally
        self._gauges = gauges
        self._console = console
        self._redactor = redactor
        self._total = total
        self._interval = interval
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: tqdm[Any] | None = None
        self._shown: dict[int, tuple[Gauge, tqdm[Any]]] = {}  # by line, from 1
        self._make: type[tqdm[Any]] | None = None
        self._last = 0.0
        self._moved = 0
        self._rate = 0.0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Draw, and go on drawing until ``close``."""
        self._make = _bar_class()
        self._last = loop.time()
        self._console.above = self._write_above
        self._tick(loop)

    def close(self) -> None:
        """Take the bars away, so that the summary starts on a clean line."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._console.above = None
        bars = [bar for _, bar in self._shown.values()]
        bars += [self._tasks] if self._tasks is not None else []
        self._shown.clear()
        self._tasks = None
        for bar in bars:
            _quietly(bar.close)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if _quietly(self._draw, loop.time()):
            self._timer = loop.call_later(self._interval, self._tick, loop)
        else:  # the terminal is gone; the run is not
            self.close()

    def _draw(self, now: float) -> None:
        self._draw_tasks(now)
        self._draw_transfers()

    def _draw_tasks(self, now: float) -> None:
        counts = self._tally.total
        moved = self._gauges.moved
        if now > self._last:
            newest = (moved - self._moved) / (now - self._last)
            self._rate += (newest - self._rate) * (_MEMORY if self._rate else 1.0)
            self._last, self._moved = now, moved
        total = self._total()
        failed = counts.failed + counts.unknown
        said = [size(moved), rate(self._rate, 1.0), *([f"{failed:,} failed"] if failed else [])]
        form = _task_format(total, ", ".join(said))
        if self._tasks is None:
            self._tasks = self._bar(0, "", total, form)
        self._show(self._tasks, counts.tasks, total, form)

    def _draw_transfers(self) -> None:
        wanted = {id(gauge): gauge for gauge in self._gauges.largest(TRANSFERS, WORTH_A_BAR)}
        for line, (gauge, bar) in list(self._shown.items()):
            if wanted.pop(id(gauge), None) is None:
                bar.close()
                del self._shown[line]
        for gauge in wanted.values():
            line = next(line for line in range(1, TRANSFERS + 1) if line not in self._shown)
            name = self._redactor.line(self._redactor.url(gauge.name))
            self._shown[line] = (gauge, self._bar(line, _tail(name), gauge.total, _transfer_format(gauge)))
        for gauge, bar in self._shown.values():
            self._show(bar, gauge.done, gauge.total, _transfer_format(gauge))

    def _bar(self, line: int, name: str, total: int | None, form: str) -> tqdm[Any]:
        assert self._make is not None
        columns, rows = self._room()
        return self._make(
            desc=name,
            total=total,
            file=self._console.stream,
            position=line,
            leave=False,
            ncols=columns,
            nrows=rows,
            bar_format=form,
        )

    def _show(self, bar: tqdm[Any], done: int, total: int | None, form: str) -> None:
        bar.n, bar.total, bar.bar_format = done, total, form
        bar.ncols, bar.nrows = self._room()
        bar.refresh()

    def _room(self) -> tuple[int, int]:
        """Columns and rows that a bar may fill; the last column would make some terminals wrap."""
        return (self._console.width or 80) - 1, self._console.height

    def _write_above(self, text: str) -> None:
        if self._make is not None:
            self._make.write(text, file=self._console.stream)


def _bar_class() -> type[tqdm[Any]]:
    """tqdm without its monitor thread and its process-wide lock: one thread draws, when we say so."""
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]
        monitor_interval = 0
        _lock = threading.RLock()

    return Bar


def _task_format(total: int | None, said: str) -> str:
    if total is None:
        return f"{{n_fmt}} tasks [{{elapsed}}] {said}"
    return f"{{percentage:3.0f}}%|{{bar}}| {{n_fmt}}/{{total_fmt}} tasks [{{elapsed}}<{{remaining}}] {said}"


def _transfer_format(gauge: Gauge) -> str:
    if not gauge.total:
        return f"  {{desc}} {size(gauge.done)}"
    return f"  {{desc}} {{percentage:3.0f}}%|{{bar}}| {size(gauge.done)}/{size(gauge.total)}"


def _tail(name: str) -> str:
    """The end of a name tells files of one folder apart."""
    name = name.replace("{", "(").replace("}", ")")
    return name if len(name) <= 30 else f"…{name[-29:]}"


def _quietly(act: Callable[..., None], *args: object) -> bool:
    """Whether it worked; a terminal that went away is no reason to fail."""
    try:
        act(*args)
    except (OSError, ValueError):
        return False
    return True
