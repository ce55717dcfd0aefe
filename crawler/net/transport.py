"""The protocol every transport implements: a request goes out, a checked response comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from crawler.request import Hop, Request


class MovedAway(Exception):
    """A redirect left the slot that the task holds; the engine re-admits the task for the new host.

    Control flow, not a failure: raised by ``Transport.open`` and turned into a re-admission by
    ``engine.attempt``.
    """

    def __init__(self, hop: Hop, slot: str) -> None:
        super().__init__(hop.url)
        self.hop = hop
        self.slot = slot


HeaderLines = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Heads:
    """The heads of one exchange, lines without CRLF; ``ip`` is the server's."""

    request_line: bytes
    request_headers: HeaderLines = field(repr=False)
    status_line: bytes
    response_headers: HeaderLines
    ip: str | None


class Response(Protocol):
    """An answer whose body has not been read yet."""

    @property
    def status(self) -> int:
        """The status code."""

    @property
    def reason(self) -> str:
        """The reason phrase, made safe to print; may be empty."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields, looked up without regard to case; the first of repeated ones."""

    @property
    def url(self) -> str:
        """The final URL, after redirects."""

    @property
    def length(self) -> int | None:
        """Declared body length on the wire in bytes (Content-Length), if any."""

    @property
    def encoded(self) -> bool:
        """Whether the server applied a content coding, which ``chunks`` undoes."""

    @property
    def arrived(self) -> bool:
        """Whether every byte of the body is here already, waiting to be read."""

    @property
    def heads(self) -> Heads:
        """Request and answer as they went over the wire, for an archive."""

    @property
    def verified_length(self) -> bool:
        """Whether the framing lets us tell a whole body from a cut one."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The decoded body, in pieces as they come off the wire.

        Ends only when the body is whole: raises ``Truncated``, ``DecodeFailed``, ``TimedOut``,
        ``TooSlow``, ``ProtocolBroken`` or ``ConnectFailed`` otherwise.
        """

    def direct(self) -> bool:
        """Whether the body is read by ``read_into`` from here on: if it is large, plain and not paced."""

    async def read_into(self, room: memoryview) -> int:
        """Receive into ``room`` until it is full, the body ends, or a second has brought something.

        The number of bytes; 0 at the end. Only after ``direct`` said so; raises as ``chunks`` does.
        """

    def small_body(self) -> bytes | None:
        """The whole decoded body without waiting, if it has already arrived; else ``None``."""

    async def close(self) -> None:
        """Let go before the context ends: the connection is kept if the body was read to its end."""


class WebSocketMessage(Protocol):
    """One message received: ``kind`` is ``text``, ``binary``, ``ping``, ``pong`` or ``close``."""

    @property
    def kind(self) -> str:
        """Which sort of frame."""

    @property
    def data(self) -> str | bytes:
        """Text or bytes; for ``close`` the reason."""

    @property
    def code(self) -> int | None:
        """The close code (RFC 6455 §7.4), for ``close`` only."""


class WebSocket(Protocol):
    """An open WebSocket."""

    @property
    def protocol(self) -> str | None:
        """The subprotocol that the server chose."""

    async def send_text(self, text: str) -> None:
        """Send one text message."""

    async def send_bytes(self, data: bytes) -> None:
        """Send one binary message."""

    async def receive(self) -> WebSocketMessage:
        """Wait for the next message; a closed socket gives one ``close`` message."""

    async def close(self, code: int = 1000) -> None:
        """Close the connection with a code."""


class Transport(Protocol):
    """One session and its connection pool, shared by every worker of the process."""

    @property
    def requests(self) -> int:
        """Requests sent so far, redirects and the pool's own second tries included."""

    def open(
        self, request: Request, *, slot: str, hop: Hop | None = None
    ) -> AbstractAsyncContextManager[Response]:
        """Send the request, follow redirects within ``slot``, and give the answer.

        Any status is an answer. ``hop`` continues a redirect chain. Raises ``MovedAway`` when a
        redirect leads to another slot, or anywhere while ``Traffic.strict`` says that the host's next
        request must wait for its turn again, and ``TaskError`` subclasses for everything else.
        """

    def websocket(
        self, request: Request, *, protocols: tuple[str, ...], heartbeat: float | None, max_message: int
    ) -> AbstractAsyncContextManager[WebSocket]:
        """Open a WebSocket; ``heartbeat`` in seconds, ``max_message`` in bytes."""

    async def close(self) -> None:
        """Close the session and every connection."""
