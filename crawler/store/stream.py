"""Bytes on their way into a part file: coalesced, and written by a thread while more come in."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from aiofiles.threadpool import wrap

from crawler.store.disk import storage_failed
from crawler.store.lending import Lending
from crawler.store.sink import Piece, Sink
from crawler.store.threaded import ThreadedFile, Workshop
from crawler.store.where import Where

# A slow server's single bytes are joined, or they would take 40 times their size in memory.
_MAX_PIECES = 1024
# Blocks that may wait for the writing thread. With one, network and disk take turns; three keep both at
# work (benchmarks/), and bound what a transfer holds in memory.
_MAX_BLOCKS = 3


class Stream(ThreadedFile):
    """The part file's content: what is in memory, what a thread is writing, and the sink it goes to.

    The file is made when the first bytes leave memory.
    """

    def __init__(self, where: Where, shop: Workshop, algorithms: frozenset[str]) -> None:
        super().__init__(where, shop, algorithms)
        self.pieces: list[Piece] = []
        self.pending = 0  # bytes in ``pieces``
        self._file: Any = None  # aiofiles' face of the sink
        self._blocks: deque[list[Piece]] = deque()  # full, waiting for the thread
        self._lending = Lending(shop.chunk_size)
        self._shorter = asyncio.Event()  # there is room among them again

    async def take_over(self, size: int, *, gaps: bool = False) -> None:
        """Continue the first ``size`` bytes of what an earlier attempt left, if they are there.

        ``gaps``: not all of them have been written, so nothing is cut off and nothing hashed yet.
        """
        self.sink = self._reopen(size)
        if self.sink is not None and not gaps:
            await self.cut(size)

    async def append(self, data: bytes) -> None:
        """Keep the piece; queue full blocks for the writing thread, waiting only while too many are."""
        self.pieces.append(data)
        self.pending += len(data)
        if self.pending >= self._shop.chunk_size:
            await self._make_way()
            self._watch_space(self.pending)
            await self._queue_block()
        elif len(self.pieces) >= _MAX_PIECES:
            self.pieces = [b"".join(self.pieces)]

    async def room(self) -> memoryview:
        """Memory to receive into, up to a block; waits only while too many blocks are queued."""
        if not self._lending.begun:
            await self._make_way()
        return self._lending.room()

    async def filled(self, size: int) -> None:
        """The first ``size`` bytes of the latest ``room`` are content; full blocks are queued."""
        self.pieces.append(self._lending.filled(size))
        self.pending += size
        if self._lending.full:
            self._watch_space(self.pending)
            await self._queue_block()

    async def flush(self) -> Sink:
        """Write what is in memory, on a thread, and wait until it is done."""
        if self.pieces:
            await self._queue_block()
        await self.settled()
        return self.made()

    async def sync(self) -> None:
        """The same, and make every byte durable. After a failed fdatasync the file is gone."""
        await self.settled()
        sink = self.made()
        await self.on_thread(sink.write_and_sync, self._take())

    async def hand_over(self) -> None:
        """Have what is in memory written, be it less than a block; not while a ``room`` is lent out."""
        if self.pieces:
            await self._queue_block()
            await self.quiet()

    async def sync_written(self) -> int:
        """Make durable what the thread has written, while more is; how many bytes of the file that are."""
        if self._failed is not None:
            raise self._failed
        if self.sink is None:
            return 0
        size = self.sink.size
        if self._shop.durable:
            await self.wait_for(self.begin_beside(self.sink.sync_data))
        return size

    async def cut(self, size: int) -> None:
        """Forget what is in memory and cut the file back to ``size`` bytes."""
        await self.settled()
        self._take()
        if self.sink is not None:
            self._behind = asyncio.ensure_future(self._face(self.sink).truncate(size))
            await self.settled()

    def store(self, folder: int) -> Sink:
        """Everything into the file at once, on whatever thread this is; ``folder`` is its descriptor."""
        if self.sink is None:
            self.sink = self._make(folder)
        if self.pieces:
            try:
                self.sink.writelines([self._take()])
            except OSError as error:
                raise storage_failed(error, "writing", self.shown) from error
        return self.sink

    def close(self, then: Callable[[], None]) -> None:
        """Close and call ``then``: at once, or as soon as the thread that works on the file is done."""
        if working := self._working():
            working.pop().add_done_callback(lambda _: self.close(then))
        else:
            self._let_go(then)

    def _let_go(self, then: Callable[[], None]) -> None:
        behind, self._behind = self._behind, None
        if behind is not None and not behind.cancelled():
            behind.exception()  # seen: what nobody asked for any more is not worth a warning
        self._take()
        if self.sink is not None:
            self.sink.close()
        then()

    async def _queue_block(self) -> None:
        """Put what is in memory behind the blocks that wait. Raises what writing them came to."""
        if self._behind is None or self._behind.done():
            await self.settled()  # raises what went wrong
            sink = self.made()
            self._blocks.append(self._take())
            self._behind = asyncio.ensure_future(self._write_blocks(sink))
        else:
            self._blocks.append(self._take())

    async def _write_blocks(self, sink: Sink) -> None:
        """Keep the thread at work until no block is left."""
        loop = asyncio.get_running_loop()
        try:
            while self._blocks:
                await self._face(sink).writelines(self._waiting(loop))
        finally:
            self._blocks.clear()
            self._shorter.set()

    def _waiting(self, loop: asyncio.AbstractEventLoop) -> Iterator[Sequence[Piece]]:
        """What waits, for the thread to take by itself: the loop, busy receiving, would keep it waiting."""
        while pieces := [piece for block in self._taken() for piece in block]:
            loop.call_soon_threadsafe(self._shorter.set)
            yield pieces
            self._lending.take_back(pieces)

    def _taken(self) -> Iterator[list[Piece]]:
        with suppress(IndexError):
            while True:
                yield self._blocks.popleft()

    async def _make_way(self) -> None:
        while len(self._blocks) >= _MAX_BLOCKS and self._working():
            self._shorter.clear()
            await self._shorter.wait()

    def _take(self) -> list[Piece]:
        pieces, self.pieces, self.pending = self.pieces, [], 0
        self._lending.part_with()
        return pieces

    def _face(self, sink: Sink) -> Any:
        if self._file is None:
            self._file = wrap(sink, executor=self._shop.pool)
        return self._file
