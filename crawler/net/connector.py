"""aiohttp's connection pool with our rules: count, guard addresses, never trust a used connection blindly."""

from __future__ import annotations

import functools
import ssl
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.client_proto import ResponseHandler

from crawler.net.counting import SENT
from crawler.net.exchange import CURRENT, Exchange
from crawler.net.guard import AddressRefused, Reach, guarded_socket
from crawler.net.settings import TransportSettings

if TYPE_CHECKING:
    import asyncio
    import socket

    from aiohttp.connector import AddrInfoType, Connection
    from aiohttp.tracing import Trace


class GuardedConnector(aiohttp.TCPConnector):
    """Unbounded (politeness is the frontier's), counting, and wary of reused connections."""

    def __init__(self, settings: TransportSettings, tls: ssl.SSLContext | bool) -> None:
        super().__init__(
            limit=0,
            limit_per_host=0,
            ssl=tls,
            use_dns_cache=settings.dns_cache > 0,
            ttl_dns_cache=int(settings.dns_cache),
            dns_cache_max_size=100_000,
            keepalive_timeout=settings.keepalive,
            socket_factory=_socket_for,
        )
        self.requests = 0
        self._latest: dict[ResponseHandler, Exchange] = {}  # of every open connection

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # the base's signature
    ) -> Connection:
        """A connection for the current exchange, within its own limits.

        A non-idempotent request gets one that nobody used before: the server may be closing a used one
        just now, and then nobody could tell whether the request was carried out.
        """
        exchange = CURRENT.get()
        if not exchange.may_try:
            raise aiohttp.ServerDisconnectedError("lost, and not sent again by aiohttp")
        while True:
            connection = await super().connect(req, traces, exchange.timeout)
            protocol = connection.protocol
            assert protocol is not None
            if protocol not in self._latest:
                self._watch(protocol)
            elif exchange.once or protocol.should_close:
                # should_close: bytes came that nobody asked for, so the next answer would be a stranger's.
                connection.close()
                continue
            elif exchange.checked.reach is not Reach.ANYWHERE:
                _check_peer(connection, exchange)
            if protocol.connected:
                self._latest[protocol] = exchange
            self.requests += 1
            if (sent := SENT.get(None)) is not None:
                sent.requests += 1
            exchange.connected(protocol, self._loop.time())
            return connection

    def _watch(self, protocol: ResponseHandler) -> None:
        closed = protocol.closed
        if closed is not None:
            closed.add_done_callback(functools.partial(self._lost, protocol))

    def _lost(self, protocol: ResponseHandler, closed: asyncio.Future[None]) -> None:
        if not closed.cancelled():
            closed.exception()  # seen, so that the loop does not report it
        exchange = self._latest.pop(protocol, None)
        if exchange is not None and exchange.protocol is protocol:
            exchange.connection_lost()


def _socket_for(info: AddrInfoType) -> socket.socket:
    return guarded_socket(info, CURRENT.get().checked)


def _check_peer(connection: Connection, exchange: Exchange) -> None:
    """Hold a pooled connection, opened for a request with more rights, against this request's rule."""
    transport = connection.transport
    peer = transport.get_extra_info("peername") if transport is not None else None
    if peer is not None and not exchange.checked.permits(str(peer[0])):
        connection.release()
        raise AddressRefused(f"{peer[0]} is not among {exchange.checked.reach.value}")
