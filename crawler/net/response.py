"""An answer: its head, and a body that is either whole and decoded or an error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import suppress

import aiohttp

from crawler.net.decoding import Decoder, decoder_for
from crawler.net.direct import Intake, take_over
from crawler.net.exchange import Exchange
from crawler.net.failures import NETWORK_ERRORS
from crawler.net.head import heads, repaired
from crawler.net.incoming import Incoming
from crawler.net.plain import PlainAnswer
from crawler.net.printable import printable
from crawler.net.transport import Heads
from crawler.net.watchdog import Watchdog
from crawler.request import Timeouts

LARGEST_SMALL = 1 << 20  # decoded bytes that ``small_body`` gives at once
# A rest of this many bytes is read to keep the connection; for more a new one is cheaper.
DRAINED = 64 * 1024
DRAIN_SECONDS = 1.0


class AiohttpResponse(Incoming):
    """Implements ``Response`` over aiohttp's. Its body is read once, by ``chunks`` or ``small_body``."""

    __slots__ = (
        "_headers",
        "_intake",
        "_stream",
        "status",
        "url",
    )

    def __init__(
        self,
        response: aiohttp.ClientResponse | PlainAnswer,
        url: str,
        exchange: Exchange,
        timeouts: Timeouts,
        watchdog: Watchdog,
        window: float,
    ) -> None:
        super().__init__(response, exchange, timeouts, watchdog, window)
        self.status = response.status
        self.url = url
        self._headers: Mapping[str, str] | None = None
        self._stream: AsyncGenerator[bytes] | None = None
        self._intake: Intake | None = None

    @property
    def reason(self) -> str:
        """The reason phrase, made safe to print; may be empty."""
        return printable(self._response.reason or "")

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields without regard to case; bytes that are no UTF-8 are read as Latin-1."""
        if self._headers is None:
            self._headers = repaired(self._response.headers)
        return self._headers

    @property
    def length(self) -> int | None:
        """Declared body length on the wire in bytes; 0 where no body follows (HEAD, 204, 304)."""
        return self._declared

    @property
    def heads(self) -> Heads:
        """Request and answer as they went over the wire, for an archive."""
        return heads(self._response, self._exchange)

    @property
    def arrived(self) -> bool:
        """Whether every byte of the body is here already."""
        return self._response.content.is_eof()

    @property
    def encoded(self) -> bool:
        """Whether a content coding was applied."""
        return any(name.strip().lower() not in ("", "identity") for name in self._coding().split(","))

    def small_body(self) -> bytes | None:
        """The whole decoded body if it is there already and at most 1 MiB; else ``None``."""
        content = self._response.content
        if not content.is_eof() or self._stream is not None:
            return None
        if self._exchange.traffic.pace is not None and self._declared != 0:
            return None  # to be slowed down, which takes waiting
        if self._decoder() is not None:
            return self._decode_small(content.read_nowait())
        data = content.read_nowait()
        self._received += len(data)
        self._check_end()
        return data

    def _decode_small(self, wire: bytes) -> bytes | None:
        decoder = self._decoder()
        assert decoder is not None
        pieces = []
        left = LARGEST_SMALL
        for piece in decoder.feed(wire):
            pieces.append(piece)
            left -= len(piece)
            if left < 0:
                self._stream = self._decoded(self._again(wire))
                return None
        self._received += len(wire)
        self._check_end()
        if wire:
            decoder.finish()
        return b"".join(pieces)

    def direct(self) -> bool:
        """Take the body's connection over from aiohttp, if that is worth it; see ``Response.direct``."""
        if (
            self._stream is not None
            or self._declared is None
            or "Transfer-Encoding" in self._response.headers
            or self._decoder() is not None
        ):
            return False
        self._intake = take_over(
            self._response.content, self._exchange, self._declared, self._timeouts, self._window
        )
        if self._intake is None:
            return False
        self._watchdog.watch(self._intake.pace)
        return True

    async def read_into(self, room: memoryview) -> int:
        """See ``Response.read_into``."""
        assert self._intake is not None, "read_into without direct"
        try:
            count = await self._intake.fill(room)
        except NETWORK_ERRORS as error:
            raise self._failure(error, asyncio.get_running_loop().time()) from error
        self._received += count
        if not count:
            self._check_end()
        return count

    def chunks(self) -> AsyncIterator[bytes]:
        """The decoded body; see ``Response.chunks``."""
        if self._stream is None:
            wire = self._wire()
            self._stream = wire if self._decoder() is None else self._decoded(wire)
        return self._stream

    def _decoder(self) -> Decoder | None:
        if self._declared == 0:
            return None
        return decoder_for(self._coding())

    def _coding(self) -> str:
        """Content-Encoding, its lines as one list (RFC 9110 §5.3)."""
        return ", ".join(self._response.headers.getall("Content-Encoding", ()))

    async def _decoded(self, wire: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        decoder = self._decoder()
        assert decoder is not None
        try:
            async for data in wire:
                first = True
                for piece in decoder.feed(data):
                    if not first:
                        # One chunk of a bomb inflates to thousands of pieces; others want to run too.
                        await asyncio.sleep(0)
                    first = False
                    yield piece
        finally:
            await wire.aclose()
        # Nothing at all is how some servers send an empty body, whatever coding they announce.
        if self._received:
            decoder.finish()

    async def _again(self, wire: bytes) -> AsyncGenerator[bytes]:
        self._received += len(wire)
        yield wire
        self._check_end()

    async def drain(self) -> None:
        """Read the rest if it is small, so that the connection can serve again; else close it."""
        content = self._response.content
        if not content.is_eof() and (self._declared is None or self._declared <= DRAINED):
            left = DRAINED
            with suppress(*NETWORK_ERRORS, RuntimeError):
                async with asyncio.timeout(DRAIN_SECONDS):
                    while left > 0 and (data := await content.readany()):
                        left -= len(data)
        await self.close()

    async def close(self) -> None:
        """Give the connection back if the body was read to its end, else close it."""
        if self._stream is not None:
            await self._stream.aclose()
        if self._intake is not None:
            self._watchdog.forget(self._intake.pace)
        if self._response.connection is not None:
            self._response.close()
            with suppress(*NETWORK_ERRORS):
                await self._response.wait_for_close()  # the sender of a body that nobody waits for
        self._exchange.over()
