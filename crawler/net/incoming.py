"""The bytes of an answer's body as they come over the wire: counted, watched, slowed down, and all there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import aiohttp

from crawler.errors import ProtocolBroken
from crawler.net.exchange import Exchange
from crawler.net.failures import NETWORK_ERRORS, in_body, truncated
from crawler.net.head import framing
from crawler.net.plain import PlainAnswer
from crawler.net.printable import printable
from crawler.net.traffic import LARGEST_PACED
from crawler.net.watchdog import Pace, Watchdog
from crawler.request import Timeouts


class Incoming:
    """A body on the wire, whatever coding is on it. Its end is an error if bytes are missing."""

    __slots__ = (
        "_began",
        "_declared",
        "_exchange",
        "_received",
        "_response",
        "_timeouts",
        "_watchdog",
        "_window",
        "verified_length",
    )

    def __init__(
        self,
        response: aiohttp.ClientResponse | PlainAnswer,
        exchange: Exchange,
        timeouts: Timeouts,
        watchdog: Watchdog,
        window: float,
    ) -> None:
        """``window`` as ``Pace`` has it. Raises ``ProtocolBroken``, as ``framing`` does."""
        self._response = response
        self._exchange = exchange
        self._timeouts = timeouts
        self._watchdog = watchdog
        self._window = window
        self._began = exchange.began
        self._received = 0  # bytes on the wire
        self._declared, self.verified_length = framing(response)

    async def _wire(self) -> AsyncGenerator[bytes]:
        """The body as it comes, in pieces of whatever size the socket gave."""
        content = self._response.content
        time = asyncio.get_running_loop().time
        pace = Pace(self._timeouts.min_rate or 0.0, self._window, content.set_exception)
        # Chunked bodies may consist of tiny chunks, which readany joins; else joining is only a copy.
        joined = self._declared is None
        traffic = self._exchange.traffic
        if not content.is_eof():
            self._watchdog.watch(pace)
        try:
            while True:
                pace.wait(time())
                if traffic.pace is not None:
                    data = await content.read(LARGEST_PACED)
                else:
                    data = await content.readany() if joined else (await content.readchunk())[0]
                pace.arrived(time(), len(data))
                self._received += len(data)
                if not data:
                    break
                seconds = 0.0 if traffic.pace is None else traffic.pace(len(data))
                yield data
                if seconds > 0:
                    await self._rest(seconds)
        except NETWORK_ERRORS as error:
            raise self._failure(error, time()) from error
        except RuntimeError as error:
            # aiohttp's words for reading on after the connection went down under a malformed body.
            if self._exchange.protocol is None or self._exchange.protocol.connected:
                raise
            raise ProtocolBroken(
                f"the body's framing is malformed: {printable(self._exchange.protocol.exception() or error)}",
                sent=True,
                answered=True,
            ) from error
        finally:
            self._watchdog.forget(pace)
        self._check_end()

    async def _rest(self, seconds: float) -> None:
        """Read on later; the server is not taken for silent meanwhile."""
        protocol = None if self._response.content.is_eof() else self._exchange.protocol
        if protocol is None or not protocol.connected:
            await asyncio.sleep(seconds)
            return
        protocol.pause_reading()
        try:
            await asyncio.sleep(seconds)
        finally:
            protocol.resume_reading()

    def _failure(self, error: Exception, now: float) -> Exception:
        return in_body(error, self._timeouts, now - self._began, self._received, self._declared)

    def _check_end(self) -> None:
        if self._declared is not None and self._received != self._declared:
            raise truncated(self._received, self._declared)
        if not self.verified_length and self._exchange.protocol is not None:
            # aiohttp takes a reset for the end of a body that the close delimits; it is none.
            lost = self._exchange.protocol.exception()
            if isinstance(lost, OSError):
                raise truncated(self._received, None, printable(lost.strerror or lost))
