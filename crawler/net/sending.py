"""One request out, one answer back: everything but following redirects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from crawler.errors import BlockedAddress, TemplateFailed
from crawler.net import guard
from crawler.net.auth import Digests, auth_of_url, authorization
from crawler.net.bodies import Upload, upload
from crawler.net.decoding import ACCEPTED
from crawler.net.exchange import CURRENT, Exchange
from crawler.net.failures import NETWORK_ERRORS, before_answer
from crawler.net.headers import request_headers
from crawler.net.plain import PlainAnswer
from crawler.net.printable import printable
from crawler.net.proxies import proxy_url
from crawler.net.redirects import Leg
from crawler.net.response import AiohttpResponse
from crawler.net.reuse import METHODS, Reuse
from crawler.net.settings import TransportSettings
from crawler.net.timeouts import client_timeout
from crawler.net.traffic import Traffic, current
from crawler.net.watchdog import Watchdog
from crawler.policy import urls
from crawler.request import Request, Timeouts

REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})  # whatever the request was before a redirect
_TYPED = frozenset({"POST", "PUT", "PATCH"})  # aiohttp invents a Content-Type for these without a body


@dataclass(slots=True)
class Prepared:
    """What both kinds of request, HTTP and WebSocket, are sent with."""

    exchange: Exchange
    headers: CIMultiDict[str]
    proxy: URL | None

    @property
    def proxy_headers(self) -> dict[str, str] | None:
        """What CONNECT carries beside the proxy's credentials; aiohttp would name itself."""
        return None if self.proxy is None else {"User-Agent": self.headers["User-Agent"]}

    @property
    def special(self) -> bool:
        """Whether it needs more of aiohttp than a connection and its parser."""
        exchange = self.exchange
        return (
            self.proxy is not None
            or exchange.digest is not None
            or exchange.deadline is not None
            or exchange.once
        )


def parsed(url: str) -> URL:
    """A URL in wire form for aiohttp, as written. Raises ``TemplateFailed`` for one that is none."""
    try:
        return URL(url, encoded=True)
    except ValueError as error:
        raise TemplateFailed(f"not a URL that can be requested: {printable(error)}") from error


class Sender:
    """Sends over the one session. ``json_bytes`` serializes ``JsonBody`` values."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        reuse: Reuse,
        settings: TransportSettings,
        watchdog: Watchdog,
        json_bytes: Callable[[object], bytes],
    ) -> None:
        self.session = session
        self._reuse = reuse
        self.time = asyncio.get_running_loop().time
        self._settings = settings
        self._watchdog = watchdog
        self._json_bytes = json_bytes
        self._digests = Digests()

    async def send(self, request: Request, leg: Leg, limits: Timeouts) -> AiohttpResponse:
        """The answer to one leg, whatever its status. Raises ``TaskError`` subclasses.

        ``limits`` are the request's timeouts less what earlier legs have used.
        """
        prepared = self.prepare(request, leg, limits)
        exchange = prepared.exchange
        data = None if leg.body is None else await self._upload(leg, prepared.headers, exchange.traffic)
        # With a body the clock would run while it is still on its way out.
        watched = exchange.head_limit is not None and data is None
        if watched:
            self._watchdog.watch(exchange)
        began = self.time()
        if limits.total:
            exchange.deadline = began + limits.total
        try:
            response: aiohttp.ClientResponse | PlainAnswer | None = None
            if data is None and leg.method in METHODS and not prepared.special:
                response = await self._reuse.send(leg.method, leg.url, prepared.headers, exchange)
            if response is None:
                response = await self._through_session(leg, prepared, data)
        except NETWORK_ERRORS as error:
            elapsed = self.time() - began
            raise before_answer(error, exchange, request.timeouts, elapsed, urls.slot(leg.url)) from error
        finally:
            if watched:
                self._watchdog.forget(exchange)
        exchange.content = response.content
        exchange.traffic.head_seconds = self.time() - exchange.began
        return AiohttpResponse(
            response, leg.url, exchange, request.timeouts, self._watchdog, self._settings.rate_window
        )

    async def _through_session(
        self, leg: Leg, prepared: Prepared, data: Upload | None
    ) -> aiohttp.ClientResponse:
        exchange = prepared.exchange
        url = parsed(leg.url)
        token = CURRENT.set(exchange)
        try:
            response = await self.session.request(
                leg.method,
                url,
                headers=prepared.headers,
                data=data,
                allow_redirects=False,
                proxy=prepared.proxy,
                proxy_headers=prepared.proxy_headers,
                timeout=exchange.timeout,
                middlewares=() if exchange.digest is None else (exchange.digest,),
                skip_auto_headers=("Content-Type",) if data is None and leg.method in _TYPED else None,
            )
        finally:
            CURRENT.reset(token)
        if not prepared.special:
            self._reuse.learn(leg.url, exchange)
        return response

    def prepare(self, request: Request, leg: Leg, limits: Timeouts) -> Prepared:
        """Headers, credentials, proxy and address rule of one leg.

        Raises ``TemplateFailed`` for values that cannot be sent and ``BlockedAddress`` for a target that
        the proxy must not be asked for.
        """
        proxy = self._proxy(request)
        checked = guard.Checked(self._reach(request, leg, proxy))
        auth = None
        if not leg.crossed:
            auth = request.auth or (auth_of_url(request.url) if "@" in request.url else None)
        exchange = Exchange(
            once=not (request.idempotent or leg.method in REPEATABLE),
            checked=checked,
            timeout=client_timeout(limits),
            traffic=current(),
            digest=self._digests.get(auth, leg.url) if auth and auth.scheme == "digest" else None,
            head_limit=self._settings.head_limit if limits.sock_read else None,
        )
        headers = request_headers(
            request,
            leg,
            user_agent=self._settings.user_agent,
            accept_encoding=ACCEPTED,
            authorization=authorization(auth) if auth else None,
        )
        return Prepared(exchange, headers, proxy)

    def _proxy(self, request: Request) -> URL | None:
        try:
            return proxy_url(request.proxy)
        except ValueError as error:
            raise TemplateFailed(str(error)) from error

    def _reach(self, request: Request, leg: Leg, proxy: URL | None) -> guard.Reach:
        redirected = leg.hops > 0 or request.named_by is not None
        if self._settings.allow_private is None and not redirected:
            return guard.Reach.ANYWHERE
        reach = guard.reach_of(
            allow_private=self._settings.allow_private,
            asked=request.named_by or urls.host(request.url),
            target=urls.host(leg.url),
            redirected=redirected,
            trusted=self._settings.trusted_hosts,
        )
        if proxy is None:
            return reach
        # The socket leads to the proxy, which the user chose; only what the URL spells out can be judged.
        if guard.refused_by_spelling(reach, leg.url):
            raise BlockedAddress(
                f"{urls.slot(leg.url)} is a private address; this request may connect only to "
                f"{reach.value} (see allow_private)"
            )
        return guard.Reach.ANYWHERE

    async def _upload(self, leg: Leg, headers: CIMultiDict[str], traffic: Traffic) -> Upload:
        assert leg.body is not None
        written = headers.get("Content-Type")
        data = await upload(leg.body, written, self._json_bytes, traffic)
        if written is not None and written != data.content_type:
            headers["Content-Type"] = data.content_type  # with the boundary that it lacked
        return data
