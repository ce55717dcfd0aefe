"""The rest of a large plain body, received straight into its reader's memory, past aiohttp's parser."""

from __future__ import annotations

import asyncio

import aiohttp
from aiohttp.client_proto import ResponseHandler

from crawler.net.exchange import Exchange
from crawler.net.watchdog import Pace
from crawler.request import Timeouts

LEAST = 4 << 20  # bytes still to come; what is less is here before the change of hands pays off
PATIENCE = 1.0  # seconds after which a block is given as far as it is full, so that progress shows


def take_over(
    content: aiohttp.StreamReader, exchange: Exchange, length: int, timeouts: Timeouts, window: float
) -> Intake | None:
    """The intake of a plain body of ``length`` bytes, if that is worth it and the connection is well."""
    handler = exchange.protocol
    if (
        length - content.total_bytes < LEAST
        or exchange.traffic.pace is not None
        or content.exception() is not None
        or handler is None
        or handler.transport is None
        or handler.transport.is_closing()
    ):
        return None
    return Intake(handler, content, length, timeouts, window, exchange.deadline)


def _held(content: aiohttp.StreamReader, handler: ResponseHandler) -> bytes:
    """What aiohttp has read of the body so far; reading is paused after this."""
    pieces: list[bytes] = []
    while True:
        handler.pause_reading()
        handler.data_received(b"")  # its parser may have stopped in the middle of what it was given
        data = content.read_nowait()  # may resume reading
        if not data:
            return b"".join(pieces)
        pieces.append(data)


class Intake(asyncio.BufferedProtocol):
    """Takes a connection from aiohttp in the middle of a body, and hands it back at the body's end.

    The socket is read only while ``fill`` runs, and never past the body. What becomes of the connection
    is told to aiohttp's ``handler`` too.
    """

    def __init__(
        self,
        handler: ResponseHandler,
        content: aiohttp.StreamReader,
        length: int,
        timeouts: Timeouts,
        window: float,
        deadline: float | None,
    ) -> None:
        """``length`` of the body in bytes; ``window`` as ``Pace`` has it; ``deadline`` in loop time."""
        assert handler.transport is not None
        self._held = memoryview(_held(content, handler))  # given first
        self._left = length - len(self._held)
        self.pace = Pace(timeouts.min_rate or 0.0, window, self._end)  # to be watched by whoever fills
        self._handler = handler
        self._content = content
        self._transport = handler.transport
        self._silence = timeouts.sock_read or None
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._heard = 0.0
        self._room = memoryview(b"")
        self._filled = 0
        self._filling: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False
        self._cause: Exception | None = None
        self._transport.set_protocol(self)

    async def fill(self, room: memoryview) -> int:
        """Receive until ``room`` is full, the body is whole, or a second has brought something.

        Returns the number of bytes: 0 at the body's end or the connection's. Raises what ended the
        connection, ``SocketTimeoutError``, ``TimeoutError`` (for ``total``) or ``TooSlow``.
        """
        if self._held:
            count = min(len(self._held), len(room))
            room[:count], self._held = self._held[:count], self._held[count:]
            return count
        if self._ended or not self._left or self._transport.is_closing():
            if self._cause is not None:
                raise self._cause
            return 0
        self._room, self._filled = room[: self._left], 0
        self._filling = self._loop.create_future()
        self._heard = self._loop.time()
        self._look_later(self._heard)
        self.pace.wait(self._heard)
        self._transport.resume_reading()
        try:
            await self._filling
        finally:
            self._stop()
        if not self._left and not self._ended:
            self._hand_back()
        if not self._filled and self._cause is not None:
            raise self._cause
        return self._filled

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        return self._room[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """They are there."""
        self._filled += nbytes
        self._left -= nbytes
        self.pace.received += nbytes
        self._heard = self._loop.time()
        if self._filled == len(self._room):
            self._transport.pause_reading()
            self._give()

    def eof_received(self) -> None:
        """The server says no more: the transport closes, and ``connection_lost`` follows."""
        self._handler.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell aiohttp, and give what came before."""
        self._handler.connection_lost(exc)
        self._end(exc)

    def pause_writing(self) -> None:
        """For aiohttp to know."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """For aiohttp to know."""
        self._handler.resume_writing()

    def _end(self, cause: Exception | None) -> None:
        """There will be no more; what has been filled is given first."""
        self._ended, self._cause = True, cause
        self._give()

    def _give(self) -> None:
        if self._filling is not None and not self._filling.done():
            self._filling.set_result(None)

    def _stop(self) -> None:
        """``fill`` is over, whatever ended it: touch its memory no more."""
        self._filling = None
        self._room = memoryview(b"")
        self.pace.arrived(self._loop.time(), 0)
        if self._timer is not None:
            self._timer.cancel()
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def _look_later(self, now: float) -> None:
        wait = PATIENCE
        if self._silence is not None:
            wait = min(wait, self._heard + self._silence - now)
        if self._deadline is not None:
            wait = min(wait, self._deadline - now)
        self._timer = self._loop.call_later(max(wait, 0.001), self._look)

    def _look(self) -> None:
        """Give what there is, or find that a limit is reached."""
        now = self._loop.time()
        if self._deadline is not None and now >= self._deadline:
            self._end(TimeoutError())
        elif self._filled:
            self._give()
        elif self._silence is not None and now - self._heard >= self._silence:
            self._end(aiohttp.SocketTimeoutError())
        else:
            self._look_later(now)

    def _hand_back(self) -> None:
        """The body is whole: the connection goes to the pool, if nothing is wrong with it."""
        self._transport.set_protocol(self._handler)
        self._content.feed_eof()
