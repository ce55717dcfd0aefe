from __future__ import annotations

import asyncio
import os
import pty
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

import pytest

from crawler.policy.redact import Redactor
from crawler.report.gauges import Gauges
from crawler.report.heartbeat import Heartbeat
from crawler.report.progress import Bars, Mode, Silence, choose
from crawler.report.tally import Tally
from tests.report.samples import CANARY, Screen, failed, finished, tallied

MIB = 1024 * 1024


class Terminal:
    """A pseudo-terminal and what was drawn on it."""

    def __init__(self, stream: TextIO, master: int) -> None:
        self.stream = stream
        self._master = master
        self._drawn = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while chunk := os.read(self._master, 65536):
                self._drawn += chunk
        except OSError:  # every writer has closed it
            pass

    def drawn(self) -> str:
        """Everything, once the stream is closed."""
        self.stream.close()
        self._reader.join(10)
        return self._drawn.decode()


@contextmanager
def terminal() -> Iterator[Terminal]:
    master, slave = pty.openpty()
    with open(slave, "w", encoding="utf-8") as stream:
        yield Terminal(stream, master)
    os.close(master)


def lines_left(drawn: str) -> list[str]:
    """What a person still sees: carriage returns, cursor-up and plain text only."""
    rows: list[list[str]] = [[]]
    row = column = 0
    for piece in re.findall(r"\x1b\[A|\x1b\[[\d;]*m|\r|\n|[^\r\n\x1b]", drawn):
        if piece == "\x1b[A":
            row = max(row - 1, 0)
        elif piece == "\r":
            column = 0
        elif piece == "\n":
            row, column = row + 1, 0
            rows += [[] for _ in range(row + 1 - len(rows))]
        elif len(piece) == 1:
            rows[row] += [" "] * (column + 1 - len(rows[row]))
            rows[row][column] = piece
            column += 1
    return [text for text in ("".join(cells).rstrip() for cells in rows) if text]


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(300):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")


@pytest.mark.parametrize("mode", ["auto", "bar"])
def test_bars_are_drawn_on_a_terminal_only(mode: Mode) -> None:
    with terminal() as screen:
        on_terminal = choose(mode, Tally(), Gauges(), Screen(screen.stream), Redactor())
        dumb = choose(mode, Tally(), Gauges(), Screen(screen.stream, TERM="dumb"), Redactor())
    assert isinstance(on_terminal, Bars)
    assert isinstance(dumb, Heartbeat)
    assert isinstance(choose(mode, Tally(), Gauges(), Screen(), Redactor()), Heartbeat)


def test_plain_and_none_are_obeyed_on_a_terminal() -> None:
    with terminal() as screen:
        console = Screen(screen.stream)
        assert isinstance(choose("plain", Tally(), Gauges(), console, Redactor()), Heartbeat)
        assert isinstance(choose("none", Tally(), Gauges(), console, Redactor()), Silence)


async def test_the_bars_show_tasks_bytes_and_the_largest_transfers() -> None:
    gauges = Gauges()
    tally = tallied(finished("a"), failed("b"))
    for name, total in (
        ("small", 10),
        ("one", 2 * MIB),
        ("two", 3 * MIB),
        ("three", 4 * MIB),
        ("four", 5 * MIB),
    ):
        gauge = gauges.open(f"{name}.bin")
        gauge.start(total)
        gauge.add(total // 2)
    with terminal() as screen:
        bars = Bars(tally, gauges, Screen(screen.stream, COLUMNS="100"), Redactor(), total=lambda: 8)
        bars.start(asyncio.get_running_loop())
        bars.close()
        drawn = screen.drawn()
    assert " 25%|" in drawn
    assert "2/8 tasks" in drawn
    assert "7 MiB" in drawn
    assert "1 failed" in drawn
    assert "four.bin  50%|" in drawn
    assert "2.5 MiB/5 MiB" in drawn
    assert not any(f"{name}.bin" in drawn for name in ("small", "one"))


async def test_without_a_known_total_the_tasks_are_counted() -> None:
    with terminal() as screen:
        bars = Bars(tallied(finished()), Gauges(), Screen(screen.stream), Redactor())
        bars.start(asyncio.get_running_loop())
        bars.close()
        drawn = screen.drawn()
    assert "1 tasks [00:00] 0 B, 0 B/s" in drawn
    assert "%" not in drawn


async def test_the_bars_follow_the_run_by_polling_and_leave_a_clean_screen() -> None:
    gauges, tally = Gauges(), Tally()
    with terminal() as screen:
        console = Screen(screen.stream)
        bars = Bars(tally, gauges, console, Redactor(), interval=0.01)
        bars.start(asyncio.get_running_loop())
        gauge = gauges.open("big.bin")
        gauge.start(None)
        gauge.add(3 * MIB)
        tally.on(finished())
        await asyncio.sleep(0.1)
        gauge.close()
        await asyncio.sleep(0.05)
        bars.close()
        bars.close()
        console.line("the summary")
        drawn = screen.drawn()
    assert "big.bin 3 MiB" in drawn
    assert "1 tasks" in drawn
    assert lines_left(drawn) == ["the summary"]


async def test_a_log_line_does_not_tear_the_bars() -> None:
    gauges = Gauges()
    gauges.open("big.bin").start(2 * MIB)
    with terminal() as screen:
        console = Screen(screen.stream)
        bars = Bars(Tally(), gauges, console, Redactor())
        bars.start(asyncio.get_running_loop())
        console.line("crawler: warning: first")
        console.line("crawler: warning: second")
        bars.close()
        drawn = screen.drawn()
    assert lines_left(drawn) == ["crawler: warning: first", "crawler: warning: second"]


async def test_a_name_with_secrets_braces_and_escapes_is_drawn_harmlessly() -> None:
    gauges = Gauges()
    gauges.open(f"{CANARY}/{{x}}\x1b[2J.bin").start(2 * MIB)
    with terminal() as screen:
        bars = Bars(Tally(), gauges, Screen(screen.stream), Redactor([CANARY]))
        bars.start(asyncio.get_running_loop())
        bars.close()
        drawn = screen.drawn()
    assert "***/(x)\\x1b[2J.bin" in drawn
    assert "\x1b[2J" not in drawn
    assert CANARY not in drawn


async def test_a_terminal_that_goes_away_does_not_stop_the_run() -> None:
    master, slave = pty.openpty()
    with suppress(OSError), open(slave, "w") as stream:
        console = Screen(stream)
        bars = Bars(Tally(), Gauges(), console, Redactor(), interval=0.01)
        bars.start(asyncio.get_running_loop())
        os.close(master)
        await asyncio.sleep(0.05)
        console.line("unheard")
        bars.close()
    console.line("closed by now")
    assert console.above is None


async def test_a_heartbeat_says_how_far_the_run_is() -> None:
    screen, gauges = Screen(), Gauges()
    heart = Heartbeat(tallied(finished(), failed()), gauges, screen, interval=0.02)
    gauges.open("x").add(4096)
    heart.start(asyncio.get_running_loop())
    await until(lambda: screen.text.count("\n") >= 2)
    heart.close()
    assert re.fullmatch(
        r"crawler: 0\.\d s: 2 tasks done, 1 failed, 1 transfer under way, 4 KiB, [\d.]+ [KM]iB/s",
        screen.text.splitlines()[0],
    )
    assert screen.text.splitlines()[1].endswith(", 4 KiB, 0 B/s")
    said = screen.text
    await asyncio.sleep(0.05)
    assert screen.text == said


class Asked(Gauges):
    """Counts how often it was looked at."""

    times = 0

    @property
    def active(self) -> int:
        self.times += 1
        return 0


async def test_a_heart_beats_on_when_nobody_listens() -> None:
    nobody = Screen()
    nobody.stream = None
    with suppress(OSError), Path("/dev/full").open("w") as full:
        for console in (nobody, Screen(full)):
            gauges = Asked()
            heart = Heartbeat(Tally(), gauges, console, interval=0.01)
            heart.start(asyncio.get_running_loop())
            await until(lambda gauges=gauges: gauges.times > 2)  # type: ignore[misc]
            heart.close()


async def test_silence_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    silence = Silence()
    silence.start(asyncio.get_running_loop())
    silence.close()
    assert capfd.readouterr() == ("", "")
