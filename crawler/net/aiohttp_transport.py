"""The transport over exactly one ``aiohttp.ClientSession``: what it is made of, and its three verbs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp
import msgspec
from yarl import URL

from crawler.net.connector import GuardedConnector
from crawler.net.cookies import HostCookies
from crawler.net.opening import Opening
from crawler.net.reuse import Reuse
from crawler.net.sending import Sender
from crawler.net.settings import TransportSettings
from crawler.net.timeouts import client_timeout
from crawler.net.tls import tls_context
from crawler.net.watchdog import Watchdog
from crawler.net.websocket import OpenSocket, handshake
from crawler.request import Hop, Request


class AiohttpTransport:
    """Implements ``Transport``. Made inside a running loop; ``close`` ends it.

    ``json_bytes`` serializes ``JsonBody`` values. Raises ``RunRefused`` for settings that cannot be used.
    """

    def __init__(
        self, settings: TransportSettings, json_bytes: Callable[[object], bytes] = msgspec.json.encode
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._connector = GuardedConnector(settings, tls_context(settings))
        self._watchdog = Watchdog(min(1.0, settings.rate_window / 10, settings.head_limit / 10))
        self._cookies = cookies = HostCookies()
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            cookie_jar=cookies,
            timeout=client_timeout(settings.timeouts),
            auto_decompress=False,  # aiohttp takes half a gzip stream for a whole one
            trust_env=False,
            requote_redirect_url=False,
            middlewares=(handshake,),  # every other request names its own, so this is for WebSockets only
        )
        reuse = Reuse(self._connector, cookies)
        self._sender = Sender(self._session, reuse, settings, self._watchdog, json_bytes)

    @property
    def requests(self) -> int:
        """Requests sent so far, redirects and the pool's own second tries included."""
        return self._connector.requests

    @property
    def connections(self) -> int:
        """Connections open now, idle ones and those being opened included."""
        return self._connector.connections

    def open(self, request: Request, *, slot: str, hop: Hop | None = None) -> Opening:
        """Send the request, follow redirects within ``slot``; see ``Transport.open``."""
        return Opening(self._sender, request, slot, hop)

    def websocket(
        self, request: Request, *, protocols: tuple[str, ...], heartbeat: float | None, max_message: int
    ) -> OpenSocket:
        """Open a WebSocket; any answer but an acceptance raises ``BadStatus`` or ``ProtocolBroken``."""
        return OpenSocket(self._sender, request, protocols, heartbeat, max_message)

    def on_cookies(self, tell: Callable[[str, tuple[str, ...]], None]) -> None:
        """Have ``tell`` called with the URL and the Set-Cookie headers of each answer that has some."""
        self._cookies.on_set = tell

    def take_cookies(self, url: str, headers: tuple[str, ...]) -> None:
        """Keep cookies that an answer to another process set."""
        self._cookies.take(headers, URL(url, encoded=True))

    def close_idle(self) -> None:
        """Soon close some of the connections that serve no request; may be called from any thread."""
        self._loop.call_soon_threadsafe(self._connector.close_idle)

    async def close(self) -> None:
        """Close the session and every connection."""
        self._watchdog.close()
        await self._session.close()
