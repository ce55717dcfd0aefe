"""One answer's body, appended to a part file, with checkpoints on the way."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from crawler.errors import Truncated
from crawler.job_types import reading
from crawler.job_types.base import Tools
from crawler.model import Checkpoint
from crawler.net.transport import Response
from crawler.store.files import PartFile


class OneStream:
    """The plain way to fetch a file. ``version`` is ``None`` if it could not be continued later."""

    def __init__(self, version: Checkpoint | None, part: PartFile, tools: Tools) -> None:
        self.received = 0  # bytes, once all are there
        self._version = version
        self._part = part
        self._tools = tools
        self._saved = part.offset
        self._saved_at = 0.0

    async def run(self, response: Response, cap: int | None) -> None:
        """Return when the body is whole. Raises ``TooLarge`` past ``cap`` bytes, and as reading does."""
        part, gauge, start = self._part, self._tools.gauge, self._part.offset
        declared = None if response.encoded or response.length is None else start + response.length
        gauge.start(declared, start)
        self._saved_at = asyncio.get_running_loop().time()
        self.received = await reading.pour(response, gauge, cap, self._take, done=start)
        if declared is not None and part.offset != declared:
            raise Truncated(
                f"the body ended after {part.offset} of {declared} bytes", sent=True, answered=True
            )

    async def checkpoint(self) -> None:
        """Make what came in durable and record it, if there is anything new."""
        if self._version is None or self._part.offset == self._saved:
            return
        self._saved = await self._part.checkpoint()
        self._saved_at = asyncio.get_running_loop().time()
        await self._tools.checkpoint(replace(self._version, offset=self._saved))

    async def _take(self, piece: bytes) -> None:
        await self._part.write(piece)
        if self._version is None:
            return
        much = self._part.offset - self._saved >= reading.CHECKPOINT_BYTES
        if much or asyncio.get_running_loop().time() - self._saved_at >= reading.CHECKPOINT_SECONDS:
            await self.checkpoint()
