"""Plain requests over connections that are open already: aiohttp's pool and parser, and nothing between."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from crawler.net.connector import GuardedConnector
from crawler.net.cookies import HostCookies
from crawler.net.exchange import Exchange
from crawler.net.plain import PlainAnswer

METHODS = frozenset({"GET", "HEAD"})
MOST_ORIGINS = 10_000  # known at a time; forgetting one costs one request through aiohttp

# An origin without credentials, and a target that can be written as it is (RFC 9112 §3.2.1).
_PLAIN = re.compile(r"(https?://[^/?#@]+)(/[!\"$-~]*)\Z")


@dataclass(frozen=True, slots=True)
class _Origin:
    key: ConnectionKey  # under which aiohttp pools its connections
    host: str  # as the Host field says it


class Reuse:
    """Sends what needs nothing but an idle connection; everything else goes through the session.

    For requests without a body, proxy, ``total`` limit and challenge, which may be sent again. A session
    costs three times as much for them (benchmarks/).
    """

    def __init__(self, connector: GuardedConnector, cookies: HostCookies) -> None:
        self._connector = connector
        self._cookies = cookies
        self._origins: dict[str, _Origin] = {}

    def learn(self, url: str, exchange: Exchange) -> None:
        """A request for ``url`` went through the session: its origin's next one may come here."""
        if exchange.key is None or (found := _PLAIN.match(url)) is None or found[1] in self._origins:
            return
        host = URL(url, encoded=True).host_port_subcomponent
        if host is not None:
            if len(self._origins) >= MOST_ORIGINS:
                self._origins.clear()
            self._origins[found[1]] = _Origin(exchange.key, host)

    async def send(
        self, method: str, url: str, headers: CIMultiDict[str], exchange: Exchange
    ) -> PlainAnswer | None:
        """The answer, or ``None`` if the session must send: nothing is idle, or what was is gone.

        Raises what the session would.
        """
        found = _PLAIN.match(url)
        origin = None if found is None else self._origins.get(found[1])
        if found is None or origin is None or self._cookies.cookies or "Expect" in headers:
            return None
        connection = await self._connector.reuse(origin.key, exchange)
        if connection is None:
            return None
        try:
            answer = await _exchanged(connection, method, _head(method, found[2], origin, headers), exchange)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
            connection.close()
            return None
        except HttpProcessingError as error:
            connection.close()
            shown = aiohttp.RequestInfo(URL(url, encoded=True), method, CIMultiDictProxy(headers))
            raise aiohttp.ClientResponseError(
                shown, (), status=error.code, message=error.message, headers=error.headers
            ) from error
        except BaseException:
            connection.close()
            raise
        if "Set-Cookie" in answer.headers:
            set_cookies = answer.headers.getall("Set-Cookie")
            self._cookies.update_cookies_from_headers(set_cookies, URL(url, encoded=True))
        return answer


def _head(method: str, target: str, origin: _Origin, headers: Mapping[str, str]) -> bytes:
    """The request as aiohttp would write it; names and values have been checked."""
    lines = [f"{method} {target} HTTP/1.1"]
    if "Host" not in headers:
        lines.append(f"Host: {origin.host}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if "Accept" not in headers:
        lines.append("Accept: */*")
    lines.append("\r\n")
    return "\r\n".join(lines).encode()


async def _exchanged(connection: Connection, method: str, head: bytes, exchange: Exchange) -> PlainAnswer:
    handler = connection.protocol
    assert handler is not None
    handler.set_response_params(
        skip_payload=method == "HEAD",
        read_until_eof=True,
        auto_decompress=False,
        read_timeout=exchange.timeout.sock_read,
    )
    if handler.transport is None:
        raise aiohttp.ServerDisconnectedError
    handler.transport.write(head)
    handler.start_timeout()
    while True:
        message, content = await handler.read()
        if not 100 <= message.code <= 199 or message.code == 101:  # interim answers (RFC 9110 §15.2)
            return PlainAnswer(method, message, content, connection, head)
