"""One request on its way: what the connector must know of it, and what it learned."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from aiohttp import ClientTimeout, StreamReader
from aiohttp.client_proto import ResponseHandler

from crawler.errors import ProtocolBroken, TaskError, TimedOut
from crawler.net.guard import Checked
from crawler.net.printable import printable
from crawler.net.traffic import Traffic

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ConnectionKey

    from crawler.net.auth import Digest


class Exchange:
    """From the first connection sought for a request until its body has ended.

    It has one try, and another for each answer that asks for one. A used connection may have been closed
    by the server meanwhile, so a request that is lost on one gets a second try, on a new connection
    (RFC 9110 §9.2.2, RFC 9112 §9.3.1). ``once`` is for requests that must not be sent again blindly: they
    get no used connection at all.
    """

    __slots__ = (
        "_tries",
        "_tries_left",
        "_used",
        "began",
        "checked",
        "content",
        "deadline",
        "digest",
        "head_limit",
        "key",
        "lost_by",
        "once",
        "protocol",
        "timeout",
        "traffic",
    )

    def __init__(
        self,
        *,
        once: bool,
        checked: Checked,
        timeout: ClientTimeout,
        traffic: Traffic,
        digest: Digest | None = None,
        head_limit: float | None = None,
    ) -> None:
        self.once = once
        self.checked = checked
        self.timeout = timeout
        self.traffic = traffic
        self.digest = digest
        self.head_limit = head_limit
        self._tries = 0
        self._tries_left = 1
        self._used = False  # since the last answer it went out on a used connection
        self.deadline: float | None = None  # in loop time, when ``total`` is over
        self.began = 0.0  # loop time at which the connection was there
        self.protocol: ResponseHandler | None = None
        self.lost_by: BaseException | None = None  # what ended that connection
        self.key: ConnectionKey | None = None  # of the connection, in aiohttp's pool
        self.content: StreamReader | None = None  # once the head has arrived

    @property
    def sent(self) -> bool:
        """Whether request bytes may have left."""
        return self._tries > 0

    @property
    def may_try(self) -> bool:
        """Whether the request may go out (again)."""
        return self._tries_left > 0

    @property
    def wants_new(self) -> bool:
        """Whether it needs a connection that no request has used yet."""
        return self.once or self._used

    def challenged(self) -> None:
        """The server answered, and asks for the same request with an answer to its challenge."""
        self._tries_left, self._used = 1, False

    def connected(self, protocol: ResponseHandler, now: float, *, used: bool) -> None:
        """A connection was obtained, perhaps a used one; the request goes out on it."""
        self._tries += 1
        if not used:
            self._tries_left -= 1
        self._used = used
        self.began = now
        self.protocol = protocol
        self.traffic.sent()

    def overdue(self, now: float) -> TaskError | None:
        """The error for an answer whose head keeps arriving without an end."""
        if self.head_limit is None or self.protocol is None or now - self.began < self.head_limit:
            return None
        return TimedOut(
            f"no complete answer head {self.head_limit:g} s after the request was sent; "
            "the server sends interim answers or a header without an end",
            sent=True,
        )

    def fail(self, error: TaskError) -> None:
        """End the wait for the answer's head with ``error``."""
        if self.protocol is not None:
            self.protocol.set_exception(error)

    def over(self) -> None:
        """Let go of buffers; a cancelled timer of the loop may keep this alive for another minute."""
        self.protocol = self.content = None

    def connection_lost(self) -> None:
        """Wake a reader of the body that aiohttp forgets when the framing turns out to be malformed."""
        content, protocol = self.content, self.protocol
        if content is None or protocol is None or content.is_eof() or content.exception() is not None:
            return
        cause = protocol.exception()
        content.set_exception(
            ProtocolBroken(f"the body's framing is malformed: {printable(cause)}", sent=True, answered=True)
        )


CURRENT: ContextVar[Exchange] = ContextVar("exchange")  # of the task that is sending
