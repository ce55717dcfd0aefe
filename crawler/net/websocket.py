"""A WebSocket over the session: handshake, messages, and every way it can end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType

import aiohttp
from aiohttp import WebSocketError, WSCloseCode, WSMsgType

from crawler.errors import BadStatus, ConnectFailed, ProtocolBroken, TaskError, TimedOut
from crawler.net.exchange import CURRENT
from crawler.net.failures import NETWORK_ERRORS, before_answer
from crawler.net.printable import printable
from crawler.net.redirects import Leg
from crawler.net.sending import Sender, parsed
from crawler.net.wire import requested_url
from crawler.policy import retry_after, urls
from crawler.request import Request, Timeouts

NO_CODE = 1005  # RFC 6455 §7.4.1: a close frame without a code
ABNORMAL = 1006  # and no close frame at all
_SUBPROTOCOL = "Sec-WebSocket-Protocol"
CLOSE_SECONDS = 3.0  # how long the server's close frame is waited for

Handler = Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]


@dataclass(frozen=True, slots=True)
class Message:
    """Implements ``WebSocketMessage``."""

    kind: str
    data: str | bytes
    code: int | None = None


async def handshake(request: aiohttp.ClientRequest, handler: Handler) -> aiohttp.ClientResponse:
    """The session's middleware, which only WebSocket handshakes pass through.

    aiohttp would follow a redirect with every header; here any answer but 101 is a refusal.
    """
    digest = CURRENT.get().digest
    response = await (handler(request) if digest is None else digest(request, handler))
    if response.status != 101:
        wait = response.headers.get("Retry-After")
        response.close()
        raise BadStatus(
            response.status,
            f"{printable(response.reason or '')} to a WebSocket handshake; expected 101".strip(),
            None if wait is None else retry_after.parse(wait, time.time()),
        )
    if (chosen := _not_offered(request, response)) is not None:
        response.close()
        raise ProtocolBroken(
            f"the server chose the subprotocol {printable(chosen)!r}, which was not offered (RFC 6455 §4.1)",
            sent=True,
            answered=True,
        )
    return response


def _not_offered(request: aiohttp.ClientRequest, response: aiohttp.ClientResponse) -> str | None:
    """The subprotocol of an answer, if the client must fail the connection for it (RFC 6455 §4.1).

    The server may leave the choice out; aiohttp takes any other for none.
    """
    if _SUBPROTOCOL not in response.headers:
        return None
    asked = ",".join(request.headers.getall(_SUBPROTOCOL, []))
    chosen = ", ".join(response.headers.getall(_SUBPROTOCOL))
    return None if chosen in [name.strip() for name in asked.split(",")] else chosen


class OpenSocket:
    """``async with`` shakes hands and gives the socket; leaving it closes."""

    __slots__ = ("_heartbeat", "_max_message", "_protocols", "_request", "_sender", "_socket")

    def __init__(
        self,
        sender: Sender,
        request: Request,
        protocols: tuple[str, ...],
        heartbeat: float | None,
        max_message: int,
    ) -> None:
        self._sender = sender
        self._request = request
        self._protocols = protocols
        self._heartbeat = heartbeat
        self._max_message = max_message
        self._socket: AiohttpWebSocket | None = None

    async def __aenter__(self) -> AiohttpWebSocket:
        sender, request = self._sender, self._request
        leg = Leg(requested_url(request), "GET", None)
        url = parsed(leg.url)
        prepared = sender.prepare(request, leg, request.timeouts)
        exchange, where = prepared.exchange, urls.slot(leg.url)
        began = sender.time()
        limit = _handshake_limit(request.timeouts)
        token = CURRENT.set(exchange)
        try:
            async with asyncio.timeout(limit):
                socket = await sender.session.ws_connect(
                    url,
                    headers=prepared.headers,
                    protocols=self._protocols,
                    heartbeat=self._heartbeat,
                    max_msg_size=self._max_message + 1,  # aiohttp refuses what reaches its limit
                    proxy=prepared.proxy,
                    proxy_headers=prepared.proxy_headers,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS),
                )
        except aiohttp.WSServerHandshakeError as error:
            raise ProtocolBroken(
                f"{where} does not speak WebSocket: {printable(error.message)}", sent=True, answered=True
            ) from error
        except NETWORK_ERRORS as error:
            if type(error) is TimeoutError and limit is not None:
                raise TimedOut(f"no WebSocket with {where} within {limit:g} s", sent=exchange.sent) from error
            elapsed = sender.time() - began
            raise before_answer(error, exchange, request.timeouts, elapsed, where) from error
        finally:
            CURRENT.reset(token)
        self._socket = AiohttpWebSocket(socket, where, self._max_message)
        return self._socket

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            await self._socket.close()


class AiohttpWebSocket:
    """Implements ``WebSocket``. Pings are answered, and not shown."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, where: str, max_message: int) -> None:
        self.protocol = socket.protocol
        self._socket = socket
        self._where = where
        self._max_message = max_message
        self._end: Message | None = None
        self._closed_here = False

    async def send_text(self, text: str) -> None:
        """Send one text message. Raises ``ConnectFailed`` if the connection is gone."""
        await self._send(self._socket.send_str(text))

    async def send_bytes(self, data: bytes) -> None:
        """Send one binary message. Raises ``ConnectFailed`` if the connection is gone."""
        await self._send(self._socket.send_bytes(data))

    async def _send(self, sending: Awaitable[None]) -> None:
        try:
            await sending
        except NETWORK_ERRORS as error:
            raise ConnectFailed(
                f"the WebSocket with {self._where} is closed: {printable(error)}", sent=True, answered=True
            ) from error

    async def receive(self) -> Message:
        """The next message; once the socket is closed, the ``close`` message again and again.

        Raises ``ProtocolBroken`` for a message over the limit or a broken frame, and ``TimedOut`` when
        a heartbeat stays unanswered.
        """
        if self._end is not None:
            return self._end
        message = await self._socket.receive()
        if message.type is WSMsgType.TEXT:
            return Message("text", message.data)
        if message.type is WSMsgType.BINARY:
            return Message("binary", message.data)
        if message.type is WSMsgType.CLOSE:
            self._end = Message("close", printable(message.extra or ""), message.data or NO_CODE)
            return self._end
        failure = message.data if message.type is WSMsgType.ERROR else self._socket.exception()
        # What else is left as an exception only says that a dropped connection could not be closed.
        if isinstance(failure, WebSocketError | TimeoutError) and not self._closed_here:
            raise self._failed(failure) from failure
        code = self._socket.close_code if self._closed_here else None
        self._end = Message("close", "", code or ABNORMAL)
        return self._end

    def _failed(self, failure: WebSocketError | TimeoutError) -> TaskError:
        if isinstance(failure, TimeoutError):
            return TimedOut(f"{self._where}: {printable(failure)} (heartbeat)", sent=True, answered=True)
        if failure.code == WSCloseCode.MESSAGE_TOO_BIG:
            why = f"a message was longer than the {self._max_message} bytes allowed"
        else:
            why = printable(failure)
        return ProtocolBroken(
            f"closed the WebSocket with {self._where} by code {failure.code:d}: {why}",
            sent=True,
            answered=True,
        )

    async def close(self, code: int = 1000) -> None:
        """Close the connection with a code; waits up to 3 s for the server's agreement."""
        self._closed_here = self._closed_here or not self._socket.closed
        with contextlib.suppress(TimeoutError):  # aiohttp's limit is one for each message that still comes
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._socket.close(code=code)


def _handshake_limit(timeouts: Timeouts) -> float | None:
    """Seconds for the whole handshake: ``total``, else what ``connect`` and ``sock_read`` come to."""
    if timeouts.total:
        return timeouts.total
    if timeouts.connect and timeouts.sock_read:
        return timeouts.connect + timeouts.sock_read
    return None
