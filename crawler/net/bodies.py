"""Request bodies of every kind as one payload: exact length, streamed, sendable more than once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from contextlib import aclosing
from urllib.parse import quote_plus

import aiohttp
from aiohttp.abc import AbstractStreamWriter

from crawler.errors import ProtocolBroken
from crawler.net.multipart import boundary, multipart
from crawler.net.sources import InMemory, Source, form_encoded, local_file
from crawler.net.traffic import LARGEST_PACED, Traffic
from crawler.request import Body, BytesBody, FileBody, FormFileBody, JsonBody, MultipartBody

FORM = "application/x-www-form-urlencoded"
LARGEST_HASHED = 16 << 20  # bytes; digest's auth-int wants the whole body in memory

_BOUNDARY = re.compile(r';\s*boundary="?([^";]+)"?', re.IGNORECASE)


class Upload(aiohttp.Payload):
    """Sources one after another. Files are opened only while they are sent."""

    _autoclose = True  # nothing stays open between two sendings

    def __init__(self, sources: Sequence[Source], content_type: str, traffic: Traffic) -> None:
        super().__init__(sources, content_type=content_type)
        self._sources = sources
        self._traffic = traffic
        self._unsent = True
        self._size = sum(source.size for source in sources)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send everything."""
        self._unsent = True
        for source in self._sources:
            # aclosing: a file must not stay open when the sending is cancelled in the middle.
            async with aclosing(source.blocks()) as blocks:
                async for block in blocks:
                    await self._send(writer, block)

    async def _send(self, writer: AbstractStreamWriter, block: bytes) -> None:
        """As fast as the connection takes it, or as ``pace`` allows."""
        pace = self._traffic.pace
        if pace is None:
            await writer.write(block)
            self._told()
            return
        for start in range(0, len(block), LARGEST_PACED):
            piece = block[start : start + LARGEST_PACED]
            if (seconds := pace(len(piece))) > 0:
                await asyncio.sleep(seconds)
            await writer.write(piece)
            self._told()

    def _told(self) -> None:
        if self._unsent:
            self._unsent = False
            self._traffic.left()

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Part of aiohttp's interface; a streamed body has no text."""
        raise TypeError("a streamed body is never decoded")

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """The whole body, for digest's ``auth-int``; at most 16 MiB."""
        if (self._size or 0) > LARGEST_HASHED:
            raise ProtocolBroken(
                f"the server wants digest auth-int, which needs the whole body of {self._size} bytes in "
                f"memory; at most {LARGEST_HASHED} are"
            )
        return b"".join([block for source in self._sources async for block in source.blocks()])


async def upload(
    body: Body, content_type: str | None, json_bytes: Callable[[object], bytes], traffic: Traffic
) -> Upload:
    """The payload of a body; ``content_type`` is the request's own header, which wins.

    Raises ``SourceChanged`` for a file that cannot be read.
    """
    match body:
        case BytesBody():
            return Upload([InMemory(body.data)], content_type or body.content_type, traffic)
        case JsonBody():
            return Upload([InMemory(json_bytes(body.value))], content_type or "application/json", traffic)
        case FileBody():
            return Upload([local_file(body.path)], content_type or body.content_type, traffic)
        case FormFileBody():
            return Upload(await _form(body), content_type or FORM, traffic)
        case MultipartBody():
            content_type, mark = _with_boundary(content_type or "multipart/form-data")
            return Upload(multipart(body, mark), content_type, traffic)


async def _form(body: FormFileBody) -> list[Source]:
    plain = "".join(f"{_quoted(name)}={_quoted(value)}&" for name, value in body.fields)
    opening = f"{plain}{_quoted(body.field)}=".encode("ascii")
    return [InMemory(opening), await form_encoded(body.path)]


def _with_boundary(content_type: str) -> tuple[str, str]:
    if found := _BOUNDARY.search(content_type):
        return content_type, found.group(1)
    mark = boundary()
    return f"{content_type}; boundary={mark}", mark


def _quoted(text: str) -> str:
    return quote_plus(text, errors="replace")
