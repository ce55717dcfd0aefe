"""What a WebSocket capture leaves on disk: JSON lines that survive a dropped connection and a killed run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from msgspec import structs

from crawler.errors import ConnectFailed, ProtocolBroken, StorageFailed, TimedOut
from crawler.job_types.capture import Listener, Tally, line, message_line
from crawler.job_types.reading import CHECKPOINT_BYTES, CHECKPOINT_SECONDS
from crawler.job_types.resume import nothing, version_url
from crawler.job_types.saving import finish
from crawler.job_types.tools import Tools
from crawler.model import Checkpoint, Outcome, Result
from crawler.net.transport import WebSocket
from crawler.store.files import PartFile

if TYPE_CHECKING:
    from crawler.job_types.websocket import WebSocketTask


class Record:
    """The part file of one attempt, if the task has a target, and the tally that goes on from the last one.

    A checkpoint's ``etag`` carries the tally: a capture has no version but how far it came.
    """

    def __init__(self, task: WebSocketTask, tools: Tools, part: PartFile | None, tally: Tally | None) -> None:
        self._task = task
        self._tools = tools
        self._part = part
        self._continued = tally is not None
        self._tally = tally or Tally()
        self._committed = part.offset if part else 0
        self._committed_at = asyncio.get_running_loop().time()

    @classmethod
    async def open(cls, task: WebSocketTask, tools: Tools) -> Record:
        """Behind what an earlier attempt made durable, or at the beginning."""
        if task.target is None:
            return cls(task, tools, None, None)
        known = task.known
        reached = known.checkpoint if known is not None and known.part in (None, task.target) else None
        tally = Tally.parse(reached.etag) if reached is not None and reached.offset > 0 else None
        at = reached.offset if reached is not None and tally is not None else None
        part = await tools.files.open(task.target, job=task.job, key=task.key, resume_at=at)
        if tally is not None and part.offset != at:
            tally = None
        record = cls(task, tools, part, tally)
        if tally is None and reached is not None and reached.offset:
            async with record.kept_on_failure():
                await tools.checkpoint(nothing(task.url))
        return record

    async def connected(self) -> None:
        """Note the gap if this is not the first connection of the capture."""
        self._tools.gauge.start(None, self._tally.bytes)
        if self._continued:
            await self._write(line("gap", f"after {self._tally.messages} messages"))

    async def listen(self, socket: WebSocket) -> None:
        """Write down every message until there is enough. Raises what ends a conversation badly."""
        task = self._task
        listener = Listener(task.until, self._tally, task.request.timeouts, self._tools.gauge)
        try:
            while (message := await listener.next(socket)) is not None:
                self._tally = listener.tally
                if self._part is not None:
                    await self._write(message_line(message))
        finally:
            self._tally = listener.tally

    async def _write(self, row: bytes) -> None:
        if self._part is None:
            return
        await self._part.write(row)
        now = asyncio.get_running_loop().time()
        enough = self._part.offset - self._committed >= CHECKPOINT_BYTES
        if enough or now - self._committed_at >= CHECKPOINT_SECONDS:
            await self._checkpoint()

    async def _checkpoint(self) -> None:
        if self._part is None or self._part.offset == self._committed:
            return
        self._committed = await self._part.checkpoint()
        self._committed_at = asyncio.get_running_loop().time()
        await self._tools.checkpoint(
            Checkpoint(
                offset=self._committed,
                etag=str(self._tally),
                last_modified=None,
                url=version_url(self._task.url),
                total=None,
            )
        )

    async def finish(self) -> Result:
        """The capture under its final name; its bytes and its note count every connection's messages."""
        note = f"{self._tally.messages} messages"
        received = self._tally.bytes
        if self._part is None:
            return Result(outcome=Outcome.NEW, bytes=received, note=note)
        part, self._part = self._part, None  # ``finish`` gives it up, whatever happens
        result = await finish(part, self._task, self._tools.files, received=received)
        return structs.replace(result, note=note)

    @asynccontextmanager
    async def kept_on_failure(self) -> AsyncIterator[None]:
        """Whatever goes wrong, what was heard is kept: nobody can fetch it again.

        Without ``reconnect`` a dropped connection is final, and raised as ``ProtocolBroken``.
        """
        try:
            yield
        except StorageFailed:
            if self._part is not None:
                await self._part.keep()
            raise
        except BaseException as error:
            await self._leave()
            if self._is_final(error):
                raise ProtocolBroken(f"{error}; reconnect is off", sent=True, answered=True) from error
            raise

    def _is_final(self, error: BaseException) -> bool:
        dropped = isinstance(error, ConnectFailed | TimedOut) and error.answered
        return dropped and not self._task.reconnect

    async def _leave(self) -> None:
        part = self._part
        if part is None:
            return
        if part.offset:
            await self._checkpoint()
            await part.keep()
        else:
            await part.discard()
