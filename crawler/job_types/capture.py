"""One connection of a WebSocket capture: send, listen until enough, write a JSON line a message."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from crawler.errors import ConnectFailed, ProtocolBroken, TimedOut
from crawler.job_types import match
from crawler.job_types.tools import Gauge
from crawler.net.transport import WebSocket, WebSocketMessage
from crawler.request import Timeouts

# RFC 6455 §7.4.1: the peer has said all it wanted, goes away in good order, or gave no code at all.
GOOD_CLOSES = frozenset({1000, 1001, 1005})
# The peer objects to what was said; saying it again will not help.
FINAL_CLOSES = frozenset({1002, 1003, 1007, 1008, 1009, 1010})

LARGEST_MESSAGE = 16 * 1024 * 1024
"""Bytes; a peer that sends more in one message is cut off with code 1009."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """When a capture has enough; nothing set means when the server closes."""

    messages: int | None = None
    seconds: float | None = None
    bytes: int | None = None
    match: str | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """What a capture has taken in so far, over every connection; ``seconds`` connected."""

    messages: int = 0
    bytes: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"messages={self.messages} bytes={self.bytes} seconds={self.seconds:.3f}"

    @classmethod
    def parse(cls, text: str | None) -> Tally | None:
        """What ``str`` wrote; ``None`` for anything else."""
        try:
            named = dict(item.split("=") for item in (text or "").split(" "))
            return cls(int(named["messages"]), int(named["bytes"]), float(named["seconds"]))
        except (ValueError, KeyError):
            return None


def line(kind: str, payload: str | None) -> bytes:
    """One JSON line: the time (RFC 3339, UTC), the kind of message, its payload."""
    time = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    row = {"time": time, "kind": kind, "payload": payload}
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def message_line(message: WebSocketMessage) -> bytes:
    """A received message as a JSON line: text as it came, binary in base64."""
    if isinstance(message.data, str):
        return line("text", message.data)
    return line("binary", base64.b64encode(message.data).decode("ascii"))


class Listener:
    """Takes messages in until ``until`` says enough or the server ends the conversation."""

    def __init__(self, until: Until, tally: Tally, timeouts: Timeouts, gauge: Gauge) -> None:
        self.tally = tally
        self._until = until
        self._timeouts = timeouts
        self._gauge = gauge
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._earlier = tally.seconds
        self._matched = False

    async def next(self, socket: WebSocket) -> WebSocketMessage | None:
        """The next text or binary message; ``None`` at a good end.

        Raises ``ConnectFailed`` for a dropped connection, ``ProtocolBroken`` for a close code that
        objects, ``TimedOut`` for ``total`` and ``sock_read``.
        """
        while not self._enough():
            message = await self._receive(socket)
            if message is None:
                return None
            if message.kind == "close":
                self._ended(message)
                return None
            if message.kind in ("text", "binary"):
                self._count(message)
                return message
        return None

    def _enough(self) -> bool:
        until, tally = self._until, self.tally
        return (
            self._matched
            or (until.messages is not None and tally.messages >= until.messages)
            or (until.bytes is not None and tally.bytes >= until.bytes)
            or (until.seconds is not None and tally.seconds >= until.seconds)
        )

    async def _receive(self, socket: WebSocket) -> WebSocketMessage | None:
        """One message; ``None`` once ``until.seconds`` are over."""
        now = self._loop.time()
        ends: list[tuple[float, str]] = []
        if self._until.seconds is not None:
            ends.append((self._began + self._until.seconds - self._earlier, "until"))
        if self._timeouts.sock_read is not None:
            ends.append((now + self._timeouts.sock_read, "sock_read"))
        if self._timeouts.total is not None:
            ends.append((self._began + self._timeouts.total, "total"))
        when, which = min(ends, default=(None, ""))
        try:
            async with asyncio.timeout_at(when) as clock:
                return await socket.receive()
        except TimeoutError:
            if not clock.expired():
                raise
            if which == "until":
                return None
            seconds = getattr(self._timeouts, which)
            raise TimedOut(
                f"{which} timeout: the capture was not over after {seconds:g} s, "
                f"with {self.tally.messages} messages received",
                sent=True,
                answered=True,
            ) from None
        finally:
            listened = self._loop.time() - self._began
            self.tally = replace(self.tally, seconds=self._earlier + listened)

    def _count(self, message: WebSocketMessage) -> None:
        data = message.data
        size = len(data.encode("utf-8", "replace")) if isinstance(data, str) else len(data)
        tally = self.tally
        self.tally = replace(tally, messages=tally.messages + 1, bytes=tally.bytes + size)
        self._gauge.add(size)
        if self._until.match is not None and isinstance(data, str):
            self._matched = match.text_fits(data, self._until.match)

    def _ended(self, message: WebSocketMessage) -> None:
        code = message.code if message.code is not None else 1005
        if code in GOOD_CLOSES:
            return
        reason = f" {message.data!r}" if message.data else ""
        said = f"the connection ended with close code {code}{reason} after {self.tally.messages} messages"
        if code in FINAL_CLOSES:
            raise ProtocolBroken(said, sent=True, answered=True)
        raise ConnectFailed(said, sent=True, answered=True)
