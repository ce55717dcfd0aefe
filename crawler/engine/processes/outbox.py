"""What one process tells another, gathered: all that is posted in one turn of the loop is one frame."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from typing import Generic, TypeVar

from crawler.engine.frames import FRAME

M = TypeVar("M")


class Outbox(Generic[M]):
    """Posts in order. ``refused`` is called with a message that cannot be pickled, and why."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        write: Callable[[bytes], None],
        refused: Callable[[M, Exception], None],
    ) -> None:
        self._loop = loop
        self._write = write
        self._refused = refused
        self._waiting: list[M] = []

    def post(self, message: M) -> None:
        """Send it soon, behind everything that was posted before."""
        if not self._waiting:
            self._loop.call_soon(self.flush)
        self._waiting.append(message)

    def flush(self) -> None:
        """Send what was posted. What messages share is pickled once."""
        messages, self._waiting = self._waiting, []
        if not messages:
            return
        try:
            frame = pickle.dumps(messages, pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # whatever ``__reduce__`` raises; one message's trouble is not the others'
            if len(messages) == 1:
                self._refused(messages[0], error)
                return
            for message in messages:
                self._waiting = [message]
                self.flush()
            return
        self._write(FRAME.pack(0, len(frame)) + frame)
