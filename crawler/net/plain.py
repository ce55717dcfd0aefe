"""An answer that came without aiohttp's client around it."""

from __future__ import annotations

from aiohttp import StreamReader
from aiohttp.connector import Connection
from aiohttp.http_parser import RawResponseMessage
from multidict import CIMultiDictProxy


class PlainAnswer:
    """What ``AiohttpResponse`` needs of an aiohttp response."""

    __slots__ = ("connection", "content", "headers", "message", "method", "reason", "sent", "status")

    def __init__(
        self,
        method: str,
        message: RawResponseMessage,
        content: StreamReader,
        connection: Connection,
        sent: bytes,
    ) -> None:
        """``sent`` is the request's head as it was written."""
        self.method = method
        self.message = message
        self.sent = sent
        self.status: int = message.code
        self.reason: str | None = message.reason
        self.headers: CIMultiDictProxy[str] = message.headers
        self.content = content
        self.connection: Connection | None = connection
        content.on_eof(self._release)

    def close(self) -> None:
        """Close the connection, if the answer still has it."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()

    async def wait_for_close(self) -> None:
        """Nothing else is under way."""

    def _release(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.release()
