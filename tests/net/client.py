"""The transport as tests use it: one call a request, redirects followed across slots as the engine does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from crawler.net.aiohttp_transport import AiohttpTransport
from crawler.net.settings import TransportSettings
from crawler.net.transport import MovedAway
from crawler.net.websocket import AiohttpWebSocket
from crawler.policy import urls
from crawler.request import Hop, Request


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole answer."""

    status: int
    body: bytes
    url: str
    slots: tuple[str, ...]  # in which the chain was admitted


class Client:
    """``async with Client(allow_private=False) as client``: arguments are ``TransportSettings`` fields."""

    def __init__(self, **settings: Any) -> None:
        self._settings = TransportSettings(**{"rate_window": 0.3, "head_limit": 0.3, **settings})
        self.transport: AiohttpTransport

    async def __aenter__(self) -> Self:
        self.transport = AiohttpTransport(self._settings)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.transport.close()

    async def fetch(self, url: str, **request: Any) -> Fetched:
        """Request, wait in every slot that a redirect leads to, and read the body."""
        asked = Request(url=url, **request)
        slot, hop, slots = urls.slot(url), None, [urls.slot(url)]
        while True:
            try:
                return await self._fetch_in(asked, slot, hop, tuple(slots))
            except MovedAway as moved:
                slot, hop = moved.slot, moved.hop
                slots.append(slot)

    async def _fetch_in(self, asked: Request, slot: str, hop: Hop | None, slots: tuple[str, ...]) -> Fetched:
        async with self.transport.open(asked, slot=slot, hop=hop) as response:
            body = b"".join([chunk async for chunk in response.chunks()])
            return Fetched(response.status, body, response.url, slots)

    @asynccontextmanager
    async def websocket(
        self, url: str, max_message: int = 1 << 20, heartbeat: float | None = None, **more: Any
    ) -> AsyncIterator[AiohttpWebSocket]:
        protocols = more.pop("protocols", ())
        opening = self.transport.websocket(
            Request(url=url, **more), protocols=protocols, heartbeat=heartbeat, max_message=max_message
        )
        async with opening as socket:
            yield socket


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def scripted(talk: Talk, **listen: Any) -> AsyncIterator[str]:
    """A server of one scene; gives its base URL. The connection is closed when ``talk`` returns."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0, **listen)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
