"""One answer's body, appended to a part file, with checkpoints on the way."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from crawler.errors import ProtocolBroken, Truncated
from crawler.job_types import reading
from crawler.job_types.tools import Tools
from crawler.model import Checkpoint
from crawler.net.transport import Response
from crawler.store.files import PartFile


class OneStream:
    """The plain way to fetch a file: all of it, or what is missing of ``version``.

    ``version`` is ``None`` if the file could not be continued later.
    """

    def __init__(self, version: Checkpoint | None, part: PartFile, tools: Tools) -> None:
        self.received = 0  # bytes, once all are there
        self._version = version
        self._part = part
        self._tools = tools
        self._saved = self._saved_at_offset = part.offset
        self._saved_at = 0.0
        self._saving: asyncio.Task[None] | None = None
        self._declared: int | None = None

    async def run(self, response: Response, cap: int | None) -> None:
        """Return when the file is whole. Raises ``TooLarge`` past ``cap`` bytes, ``ProtocolBroken`` past its
        declared size, and as reading does.
        """
        part, gauge, start = self._part, self._tools.gauge, self._part.offset
        declared = self._declared = self._size(response)
        gauge.start(declared, start)
        self._saved_at = asyncio.get_running_loop().time()
        try:
            if response.direct():
                self.received = await self._receive(response, cap, start)
            else:
                self.received = await reading.pour(response, gauge, cap, self._take, done=start)
        finally:
            await self._saved_so_far()
        if declared is not None and part.offset != declared:
            raise Truncated(
                f"the body ended after {part.offset} of {declared} bytes", sent=True, answered=True
            )

    def _size(self, response: Response) -> int | None:
        """Of the whole file, as far as the server has said it.

        Of what is continued the version has it: a 206's own framing may end it early (RFC 9110 §14.4).
        """
        if self._version is not None:
            return self._version.total
        if response.encoded or response.length is None:
            return None
        return self._part.offset + response.length

    async def checkpoint(self) -> None:
        """Make what came in durable and record it, if there is anything new."""
        if self._version is None or self._part.offset == self._saved:
            return
        await self._record(await self._part.checkpoint())

    async def _receive(self, response: Response, cap: int | None, start: int) -> int:
        """The body into the part file's own memory."""
        part, gauge = self._part, self._tools.gauge
        reading.refuse_declared(response, cap, start)
        received = 0
        while count := await response.read_into(await part.room()):
            received += count
            gauge.add(count)
            await part.filled(count)
            await self._save_if_due()
        return received

    async def _take(self, piece: bytes) -> None:
        if self._declared is not None and self._part.offset + len(piece) > self._declared:
            raise ProtocolBroken(
                f"the answer is longer than its Content-Range, which ends at {self._declared} bytes",
                sent=True,
                answered=True,
            )
        await self._part.write(piece)
        await self._save_if_due()

    async def _save_if_due(self) -> None:
        """Begin to save what has come in; the transfer goes on meanwhile."""
        if self._version is None:
            return
        now = asyncio.get_running_loop().time()
        much = self._part.offset - self._saved_at_offset >= reading.CHECKPOINT_BYTES
        if not much and now - self._saved_at < reading.CHECKPOINT_SECONDS:
            return
        if self._saving is not None:
            if not self._saving.done():
                return
            self._saving.result()
        if not much:  # so slow that it would wait in memory for a whole block
            await self._part.hand_over()
        self._saved_at, self._saved_at_offset = now, self._part.offset
        self._saving = asyncio.create_task(self._save())

    async def _save(self) -> None:
        await self._record(await self._part.save())

    async def _record(self, offset: int) -> None:
        assert self._version is not None
        if offset > self._saved:
            self._saved = offset
            await self._tools.checkpoint(replace(self._version, offset=offset))

    async def _saved_so_far(self) -> None:
        """Wait for what is being saved; its failure is the transfer's."""
        saving, self._saving = self._saving, None
        if saving is not None:
            await saving
