"""What the requests of one worker tell whoever paces them, and how they are held back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar

LARGEST_PACED = 64 * 1024  # bytes of body between two looks at ``pace``


class Traffic:
    """One worker's requests: second tries of the pool, redirects and parallel ranges included.

    ``pace`` is told the size of each piece of a body that was received or is about to be sent, and
    returns how many seconds to rest before the next one. While it is set, pieces have at most 64 KiB.
    """

    __slots__ = ("head_seconds", "on_sent", "pace", "requests", "strict")

    def __init__(self) -> None:
        self.requests = 0  # only goes up
        self.on_sent: Callable[[], None] | None = None  # called when a request gets its connection or leaves
        self.head_seconds: float | None = None  # from there to the head of the latest answer
        self.pace: Callable[[int], float] | None = None
        self.strict = False  # each request of the host waits for its turn: no redirect is followed at once

    def sent(self) -> None:
        """One more request was handed to its connection; it is written before the loop goes on."""
        self.requests += 1
        if self.on_sent is not None:
            self.on_sent()
            asyncio.get_running_loop().call_soon(self.on_sent)

    def left(self) -> None:
        """The first bytes of a request with a body were written: its head waits for them."""
        if self.on_sent is not None:
            self.on_sent()


TRAFFIC: ContextVar[Traffic] = ContextVar("traffic")  # set by each worker for itself


def current() -> Traffic:
    """The running worker's, or one that nobody looks at."""
    found = TRAFFIC.get(None)
    return Traffic() if found is None else found
