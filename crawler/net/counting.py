"""How many requests the current worker has sent, second tries of the pool and redirects included."""

from __future__ import annotations

from contextvars import ContextVar


class Sent:
    """A counter that only goes up."""

    __slots__ = ("requests",)

    def __init__(self) -> None:
        self.requests = 0


SENT: ContextVar[Sent] = ContextVar("sent")  # set by each worker for itself; the connector counts
