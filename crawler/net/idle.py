"""Open connections that serve no request just now, least recently used first."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey

_AT_ONCE = 100  # closed before the loop may do something else


class IdleConnections:
    """Closes each after ``keepalive`` seconds, or sooner when asked to.

    One timer for all of them, and one step for each that it closes: aiohttp's own clean-up walks through
    the whole pool. ``closed`` is told of every connection that this closed.
    """

    def __init__(
        self,
        keepalive: float,
        loop: asyncio.AbstractEventLoop,
        closed: Callable[[ConnectionKey, ResponseHandler], None],
    ) -> None:
        self._keepalive = keepalive
        self._loop = loop
        self._closed = closed
        self._since: OrderedDict[ResponseHandler, tuple[ConnectionKey, float]] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._since)

    def add(self, key: ConnectionKey, protocol: ResponseHandler) -> None:
        """It has just become idle."""
        self._since[protocol] = (key, self._loop.time())
        if self._timer is None:
            self._timer = self._loop.call_later(self._keepalive, self._expire)

    def remove(self, protocol: ResponseHandler) -> ConnectionKey | None:
        """It is used again, or lost; its key, if it was idle."""
        found = self._since.pop(protocol, None)
        return None if found is None else found[0]

    def close_oldest(self, number: int = 1) -> None:
        """Close up to that many, without waiting for the peers' goodbyes."""
        for _ in range(min(number, len(self._since))):
            protocol, (key, _since) = self._since.popitem(last=False)
            self._closed(key, protocol)
            protocol.abort()

    def forget(self) -> None:
        """Forget all of them, open as they are."""
        self._since.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._timer = None
        now = self._loop.time()
        for _ in range(_AT_ONCE):
            if not self._since:
                return
            _, since = next(iter(self._since.values()))
            if now < since + self._keepalive:
                self._timer = self._loop.call_at(since + self._keepalive, self._expire)
                return
            self.close_oldest()
        self._timer = self._loop.call_later(0, self._expire)
