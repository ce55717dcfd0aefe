"""One run of bytes of a part file, written from its start on while other runs are written beside it."""

from __future__ import annotations

import asyncio
from typing import Any

from crawler.store.threaded import ThreadedFile

# Many spans are open at once, so each holds less than a stream of its own would: up to two blocks.
BLOCK = 256 * 1024
# A slow server's single bytes are joined, or they would take 40 times their size in memory.
_MAX_PIECES = 1024


class Span:
    """Implements ``SpanFile``. ``write`` and ``flush`` may be called by different tasks."""

    def __init__(self, file: ThreadedFile, start: int, block: int) -> None:
        """``block`` is how many bytes are joined for one write."""
        self._file = file
        self._block = block
        self._written = self._begun = start
        self._pieces: list[bytes] = []
        self._pending = 0
        self._behind: asyncio.Future[Any] | None = None

    async def write(self, data: bytes) -> None:
        """Append; a full block is written while the next one comes in. Raises ``StorageFailed``."""
        self._pieces.append(data)
        self._pending += len(data)
        if self._pending >= self._block:
            while self._behind is not None:
                await self._settle()
            self._begin()
        elif len(self._pieces) >= _MAX_PIECES:
            self._pieces = [b"".join(self._pieces)]

    async def flush(self) -> None:
        """Return once everything taken in so far is in the file. Raises ``StorageFailed``."""
        goal = self._begun + self._pending
        while self._written < goal:
            self._begin()
            await self._settle()

    def _begin(self) -> None:
        if self._behind is not None or not self._pieces:
            return
        sink = self._file.made()
        at, size, pieces = self._begun, self._pending, self._pieces
        self._behind = self._file.begin_beside(sink.write_at, at, pieces, size=size)
        self._begun, self._pending, self._pieces = at + size, 0, []

    async def _settle(self) -> None:
        behind = self._behind
        if behind is None:
            return
        await self._file.wait_for(behind)
        if self._behind is behind:
            self._behind = None
            self._written = self._begun
