"""The server's side of HTTP/1.1, small enough to break on purpose: requests as they came, answers as told."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import struct
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

KEPT_BODY = 64 * 1024 * 1024  # how much of a request body is kept for tests to look at
PIECE = 64 * 1024

Pairs = Sequence[tuple[str, str]]


class Hangup(Exception):
    """The handler is done with this connection: it is closed without another word."""


@dataclass(slots=True)
class Received:
    """One request exactly as it came; ``body`` fills up while it is read (its first 64 MiB)."""

    method: str
    target: str  # raw, as sent
    version: str
    headers: list[tuple[str, str]]  # in the order and case of the wire
    connection: int  # which connection it came on, from 1
    time: float  # seconds, monotonic
    body: bytes = b""
    size: int = 0  # body bytes received
    sha256: str = ""  # of the body, once whole
    whole: bool = False  # the body came completely

    @property
    def raw_path(self) -> str:
        """The target's path as sent, without scheme, authority and query."""
        target = self.target
        if "://" in target.partition("?")[0]:
            target = "/" + target.partition("://")[2].partition("/")[2]
        return target.partition("?")[0]

    @property
    def path(self) -> str:
        """The decoded path."""
        return unquote(self.raw_path)

    @property
    def query(self) -> list[tuple[str, str]]:
        """The decoded query pairs, in order, blanks kept."""
        return parse_qsl(self.target.partition("?")[2], keep_blank_values=True)

    @property
    def arguments(self) -> dict[str, str]:
        """The query as a mapping; the last of repeated names."""
        return dict(self.query)

    def all(self, name: str) -> list[str]:
        """Every value of one header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """The first value of one header, or ``None``."""
        return next(iter(self.all(name)), None)

    def json(self) -> object:
        """The body as JSON."""
        return json.loads(self.body)


async def read_head(reader: asyncio.StreamReader, connection: int) -> Received | None:
    """The next request's head, or ``None`` when the peer has closed."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial.strip():
            raise
        return None
    except asyncio.LimitOverrunError:
        raise Hangup from None
    first, *rest = head.decode("latin-1").strip("\r\n").split("\r\n")
    if first.count(" ") != 2:
        raise Hangup
    method, target, version = first.split(" ")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in rest)]
    return Received(method, target, version, headers, connection, time.monotonic())


@dataclass(slots=True)
class Exchange:
    """One request and the means to answer it, well or badly."""

    request: Received
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    keep_alive: bool = True
    _body_read: bool = field(default=False)

    async def read_body(self) -> None:
        """Read the request's body to its end (Content-Length or chunked), whatever its size."""
        if self._body_read:
            return
        self._body_read = True
        if (self.request.header("Expect") or "").lower() == "100-continue":
            await self.raw(b"HTTP/1.1 100 Continue\r\n\r\n")
        digest = hashlib.sha256()
        kept = bytearray()
        async for piece in self._body_pieces():
            digest.update(piece)
            self.request.size += len(piece)
            kept += piece[: max(0, KEPT_BODY - len(kept))]
        self.request.body = bytes(kept)
        self.request.sha256 = digest.hexdigest()
        self.request.whole = True

    async def _body_pieces(self) -> AsyncIterator[bytes]:
        if (self.request.header("Transfer-Encoding") or "").lower() == "chunked":
            while size := int((await self.reader.readline()).partition(b";")[0], 16):
                yield await self.reader.readexactly(size)
                await self.reader.readexactly(2)
            while (await self.reader.readline()).strip():
                pass  # trailers
            return
        left = int(self.request.header("Content-Length") or 0)
        while left:
            piece = await self.reader.read(min(left, PIECE))
            if not piece:
                raise Hangup
            left -= len(piece)
            yield piece

    async def raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def start(self, status: int, headers: Pairs = (), length: int | None = None) -> None:
        """Send the status line and headers; ``length`` adds Content-Length. A Date is always sent."""
        try:
            reason = HTTPStatus(status).phrase
        except ValueError:
            reason = "Unheard Of"
        lines = [f"HTTP/1.1 {status} {reason}"]
        names = {name.lower() for name, _ in headers}
        if "date" not in names:
            lines.append(f"Date: {formatdate(usegmt=True)}")
        lines += [f"{name}: {value}" for name, value in headers]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        await self.raw(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    async def answer(self, status: int, body: bytes = b"", headers: Pairs = (), type: str = "") -> None:
        """A whole, correct answer; the body is left out for HEAD, 204 and 304."""
        typed = [*headers, ("Content-Type", type)] if type else list(headers)
        bodiless = status in (204, 304)
        await self.start(status, typed, None if bodiless else len(body))
        if body and not bodiless and self.request.method != "HEAD":
            await self.raw(body)

    async def json(self, value: object, status: int = 200, headers: Pairs = ()) -> None:
        """Answer with JSON."""
        await self.answer(status, json.dumps(value).encode(), headers, "application/json")

    async def chunked(self, pieces: Iterable[bytes], headers: Pairs = (), end: bool = True) -> None:
        """A 200 in chunked coding, one chunk a piece; without its terminator unless ``end``."""
        await self.start(200, [*headers, ("Transfer-Encoding", "chunked")])
        if self.request.method == "HEAD":
            return
        for piece in pieces:
            await self.raw(b"%x\r\n%s\r\n" % (len(piece), piece))
        if end:
            await self.raw(b"0\r\n\r\n")

    async def reset(self) -> None:
        """End the connection with a TCP RST once the peer had time to take what was sent."""
        await asyncio.sleep(0.05)
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
        raise Hangup

    async def until_peer_leaves(self) -> None:
        """Say nothing more until the peer closes the connection."""
        while await self.reader.read(PIECE):
            pass
        raise Hangup
