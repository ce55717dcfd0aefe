"""SIGTERM, SIGINT and SIGHUP from the first line of the program to the last.

Handlers stand before the manifest is loaded: as process 1 of a container Linux delivers no signal
whose handler is not set (pid_namespaces(7)), so a default action would be no action at all.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    import asyncio  # only a run needs it, and it takes 20 ms

WATCHED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Contract §6: running tasks checkpoint within this many seconds; then the process ends regardless.
CHECKPOINT_WITHIN = 19.0


def exit_code(number: int) -> int:
    """What a shell reports for a process that a signal ended; SIGHUP counts as SIGTERM."""
    return 128 + (signal.SIGTERM if number == signal.SIGHUP else number)


class Signals:
    """First signal: stop in order, if anything was begun. Second signal, or no end in time: exit at once."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._stop: Callable[[str], None] | None = None

    def install(self) -> None:
        """Take the signals over; until ``attach`` the first one ends us: there is nothing to checkpoint."""
        for number in WATCHED:
            signal.signal(number, self._early)

    def attach(self, loop: asyncio.AbstractEventLoop, stop: Callable[[str], None]) -> None:
        """From now on the first signal calls ``stop`` with its name."""
        self._stop = stop
        for number in WATCHED:
            loop.add_signal_handler(number, self._late, loop, number)

    def detach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Before the loop closes: a signal now ends the process at once, everything being settled."""
        for number in WATCHED:
            loop.remove_signal_handler(number)
            signal.signal(number, self._at_once)

    @staticmethod
    def _early(number: int, frame: FrameType | None) -> None:
        # An exception would come up anywhere, in the middle of an import, or where nothing lets it through.
        _end(number, "ended by a signal before any request was sent")

    def _late(self, loop: asyncio.AbstractEventLoop, number: int) -> None:
        stop, self._stop = self._stop, None
        if stop is None:
            _end(number, "ended at once by a second signal; run again to continue")
        self.received = number
        why = f"not at rest {CHECKPOINT_WITHIN:g} s after the signal, ended; run again to continue"
        loop.call_later(CHECKPOINT_WITHIN, _end, number, why)
        stop(signal.Signals(number).name)

    @staticmethod
    def _at_once(number: int, frame: FrameType | None) -> None:
        _end(number, "ended by a signal after the run was settled")


def _end(number: int, why: str) -> NoReturn:
    """End at once, with the line that a non-zero exit owes its reader (contract §5).

    Straight to the descriptor: whatever buffer the signal came into is left alone. A pipe that nobody
    reads is not waited for.
    """
    code = exit_code(number)
    with contextlib.suppress(OSError):
        if select.select([], [2], [], 0)[1]:
            os.write(2, f"crawler: exit {code}: {why}\n".encode())
    os._exit(code)
