"""An answer: its head, and a body that is either whole and decoded or an error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import suppress

import aiohttp

from crawler.errors import ProtocolBroken
from crawler.model import Timeouts
from crawler.net.decoding import Decoder, decoder_for
from crawler.net.direct import Intake, take_over
from crawler.net.exchange import Exchange
from crawler.net.failures import NETWORK_ERRORS, in_body, truncated
from crawler.net.head import framing, heads, repaired
from crawler.net.plain import PlainAnswer
from crawler.net.printable import printable
from crawler.net.traffic import LARGEST_PACED
from crawler.net.transport import Heads
from crawler.net.watchdog import Pace, Watchdog

LARGEST_SMALL = 1 << 20  # decoded bytes that ``small_body`` gives at once
# A rest of this many bytes is read to keep the connection; for more a new one is cheaper.
DRAINED = 64 * 1024
DRAIN_SECONDS = 1.0


class AiohttpResponse:
    """Implements ``Response`` over aiohttp's. Its body is read once, by ``chunks`` or ``small_body``."""

    __slots__ = (
        "_began",
        "_declared",
        "_exchange",
        "_headers",
        "_intake",
        "_received",
        "_response",
        "_stream",
        "_timeouts",
        "_watchdog",
        "_window",
        "status",
        "url",
        "verified_length",
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
        self.status = response.status
        self.url = url
        self._response = response
        self._exchange = exchange
        self._timeouts = timeouts
        self._watchdog = watchdog
        self._window = window
        self._began = exchange.began
        self._received = 0
        self._headers: Mapping[str, str] | None = None
        self._stream: AsyncGenerator[bytes] | None = None
        self._intake: Intake | None = None
        self._declared, self.verified_length = framing(response)

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
        coding = self._response.headers.get("Content-Encoding")
        return coding is not None and coding.strip().lower() not in ("", "identity")

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
        return decoder_for(self._response.headers.get("Content-Encoding", ""))

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
