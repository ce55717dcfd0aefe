"""aiohttp's connection pool with our rules: count, guard addresses, never trust a used connection blindly."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.client_proto import ResponseHandler

from crawler.net.exchange import CURRENT, Exchange
from crawler.net.guard import AddressRefused, Reach, guarded_socket
from crawler.net.idle import IdleConnections
from crawler.net.resolver import resolver_for
from crawler.net.room import Room
from crawler.net.settings import TransportSettings

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Awaitable, Callable

    from aiohttp import ClientRequest
    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.connector import AddrInfoType, Connection
    from aiohttp.tracing import Trace

# How many idle connections are closed, and for how many seconds it is tried again, where the system has no
# descriptor left although ours are counted: something else in the process, or another process, has them.
_CLOSED_AT_ONCE = 16
_PATIENCE = 30.0


class GuardedConnector(aiohttp.TCPConnector):
    """Bounded by descriptors alone (politeness is the frontier's), counting, wary of reused connections.

    aiohttp's own limits stay off: with them each release shuffles all hosts that wait, and idle
    connections count for nothing. Its idle ones lie in ``_conns``; when they go is decided here.
    """

    def __init__(self, settings: TransportSettings, tls: Callable[[], ssl.SSLContext]) -> None:
        self._names = resolver_for(settings.dns, settings.dns_threads)
        self._tls = tls
        super().__init__(
            limit=0,
            limit_per_host=0,
            use_dns_cache=settings.dns_cache > 0,
            ttl_dns_cache=int(settings.dns_cache),
            dns_cache_max_size=100_000,
            resolver=self._names,
            keepalive_timeout=None,
            force_close=not settings.keepalive,
            socket_factory=_socket_for,
        )
        self._idle = IdleConnections(settings.keepalive, self._loop, self._unpool)
        self._room = Room(settings.connections, self._idle.close_oldest)
        self.requests = 0
        self._latest: dict[ResponseHandler, Exchange] = {}  # of every open connection

    @property
    def connections(self) -> int:
        """How many are open, idle ones and those being opened included."""
        return self._room.taken

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # the base's signature
    ) -> Connection:
        """A connection for the current exchange, within its own limits.

        A non-idempotent request gets one that nobody used before: the server may be closing a used one
        just now, and then nobody could tell whether the request was carried out. Others may be sent again
        once, on a new connection, after they were lost on a used one; aiohttp would do it after any loss.
        """
        exchange = CURRENT.get()
        if not exchange.may_try:
            raise exchange.lost_by or aiohttp.ServerDisconnectedError
        while True:
            connection = await super().connect(req, traces, _for_pool(exchange.timeout))
            protocol = connection.protocol
            assert protocol is not None
            self._idle.remove(protocol)
            used = protocol in self._latest
            if used and (exchange.wants_new or protocol.should_close):
                # should_close: bytes came that nobody asked for, so the next answer would be a stranger's.
                connection.close()
                continue
            if used and exchange.checked.reach is not Reach.ANYWHERE:
                _check_peer(connection, exchange)
            if protocol.connected:
                self._latest[protocol] = exchange
            self.requests += 1
            exchange.key = req.connection_key
            exchange.connected(protocol, self._loop.time(), used=used)
            return connection

    async def reuse(self, key: ConnectionKey, exchange: Exchange) -> Connection | None:
        """An idle connection, if there is one, for a request that may be sent again."""
        while (connection := await self._get(key, [])) is not None:
            protocol = connection.protocol
            assert protocol is not None
            self._idle.remove(protocol)
            if protocol.should_close:
                connection.close()
                continue
            if exchange.checked.reach is not Reach.ANYWHERE:
                _check_peer(connection, exchange)
            self._latest[protocol] = exchange
            self.requests += 1
            exchange.connected(protocol, self._loop.time(), used=True)
            return connection
        return None

    async def _create_connection(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # the base's signature
    ) -> ResponseHandler:
        """A new connection, as soon as there is room; only then does its limit ``connect`` begin to count."""
        await self._room.enter()
        try:
            protocol = await self._opened(req, traces, timeout)
        except BaseException:
            self._room.leave()
            raise
        closed = protocol.closed
        if closed is None:
            self._room.leave()
        else:
            closed.add_done_callback(functools.partial(self._lost, protocol))
        return protocol

    async def _opened(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # the base's signature
    ) -> ResponseHandler:
        exchange = CURRENT.get()
        give_up, pause = self._loop.time() + _PATIENCE, 0.01
        while True:
            exchange.checked.starved = False
            try:
                async with asyncio.timeout(exchange.timeout.connect):
                    return await super()._create_connection(req, traces, timeout)
            except aiohttp.ClientConnectorError:
                if not exchange.checked.starved or self._loop.time() > give_up:
                    raise
            self.close_idle()
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.0)

    def _get_ssl_context(self, req: ClientRequest) -> ssl.SSLContext | None:
        """Ours, made when it is first needed; aiohttp's own ones may trust nobody (``sparing.py``)."""
        return self._tls() if req.is_ssl() else None

    def close_idle(self) -> None:
        """Close some of the idle connections, those that have been so for longest."""
        self._idle.close_oldest(_CLOSED_AT_ONCE)

    def _release(self, key: ConnectionKey, protocol: ResponseHandler, *, should_close: bool = False) -> None:
        transport = protocol.transport
        if should_close and (exchange := CURRENT.get(None)) is not None and exchange.protocol is protocol:
            exchange.lost_by = protocol.exception()  # which closing forgets
        super()._release(key, protocol, should_close=should_close)
        if self._closed:
            return
        if protocol.transport is not None:
            self._idle.add(key, protocol)
            if self._room.wanted:
                self._idle.close_oldest()
        elif self._room.wanted and transport is not None:
            transport.abort()  # a TLS peer may take half a minute to say goodbye

    def _unpool(self, key: ConnectionKey, protocol: ResponseHandler) -> None:
        """Take an idle connection out of aiohttp's pool, where the host's oldest one stands first."""
        pooled = self._conns.get(key)
        if pooled is None:
            return
        for entry in pooled:
            if entry[0] is protocol:
                pooled.remove(entry)
                break
        if not pooled:
            del self._conns[key]

    def _lost(self, protocol: ResponseHandler, closed: asyncio.Future[None]) -> None:
        if not closed.cancelled():
            closed.exception()  # seen, so that the loop does not report it
        if (key := self._idle.remove(protocol)) is not None:
            self._unpool(key, protocol)
        self._room.leave()
        exchange = self._latest.pop(protocol, None)
        if exchange is not None and exchange.protocol is protocol:
            exchange.connection_lost()

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Close every connection and end every lookup."""
        await super().close(abort_ssl=abort_ssl)
        await self._names.close()

    def _close(self, *, abort_ssl: bool = False) -> list[Awaitable[object]]:
        self._idle.forget()
        return super()._close(abort_ssl=abort_ssl)


@functools.lru_cache(maxsize=256)
def _for_pool(timeouts: aiohttp.ClientTimeout) -> aiohttp.ClientTimeout:
    """The same, without a limit for what includes the wait for room: that is no fault of the server's."""
    return aiohttp.ClientTimeout(
        total=timeouts.total, sock_connect=timeouts.sock_connect, sock_read=timeouts.sock_read
    )


def _socket_for(info: AddrInfoType) -> socket.socket:
    return guarded_socket(info, CURRENT.get().checked)


def _check_peer(connection: Connection, exchange: Exchange) -> None:
    """Hold a pooled connection, opened for a request with more rights, against this request's rule."""
    transport = connection.transport
    peer = transport.get_extra_info("peername") if transport is not None else None
    if peer is not None and not exchange.checked.permits(str(peer[0])):
        connection.release()
        raise AddressRefused(f"{peer[0]} is not among {exchange.checked.reach.value}")
