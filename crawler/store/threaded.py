"""A part file that threads work on: what they do in order, what beside that, and who learns of failures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from crawler.errors import StorageFailed
from crawler.store.disk import storage_failed
from crawler.store.folders import Folders
from crawler.store.owning import create, reopen
from crawler.store.sink import Sink, SyncFailed
from crawler.store.where import Where

# How many bytes may pass between two looks at the space that is left.
SPACE_CHECK_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What all part files of one output root share; ``chunk_size`` in bytes."""

    folders: Folders
    pool: Executor
    hasher_pool: Executor  # its work waits for nothing
    chunk_size: int
    durable: bool
    refuse_full_disk: Callable[[], None]


class ThreadedFile:
    """The part file's sink, and the work of threads on it: one piece after another, and some beside that.

    A failure is raised by whatever waits next, and by everything after that.
    """

    def __init__(self, where: Where, shop: Workshop, algorithms: frozenset[str]) -> None:
        self.where = where
        self.sink: Sink | None = None
        self._shop = shop
        self._algorithms = algorithms
        self._behind: asyncio.Future[Any] | None = None  # what a thread does in order
        self._beside: set[asyncio.Future[Any]] = set()  # what spans are writing
        self._failed: StorageFailed | None = None
        self._unchecked = 0

    @property
    def shown(self) -> str:
        """The part file's whole path for messages."""
        return f"{self.where.shown}.part"

    def made(self) -> Sink:
        """The sink, its file made if need be."""
        if self.sink is None:
            with self._shop.folders.held(self.where.folder, create=True) as folder:
                self.sink = self._make(folder)
        return self.sink

    async def on_thread(self, work: Callable[..., Any], *args: Any) -> Any:
        """Run what needs the sink for itself; its result."""
        self._behind = asyncio.get_running_loop().run_in_executor(self._shop.pool, work, *args)
        return await self.settled()

    async def settled(self) -> Any:
        """Wait for the block under way. Raises its error as ``StorageFailed``, now and ever after."""
        if self._failed is not None:
            raise self._failed
        if self._behind is None:
            return None
        await self.quiet()
        behind, self._behind = self._behind, None
        return self._outcome(behind)

    def begin_beside(self, work: Callable[..., Any], *args: Any, size: int = 0) -> asyncio.Future[Any]:
        """Run on a thread what may run next to others; ``size`` is how many bytes it will write."""
        if self._failed is not None:
            raise self._failed
        self._watch_space(size)
        future = asyncio.get_running_loop().run_in_executor(self._shop.pool, work, *args)
        self._beside.add(future)
        future.add_done_callback(self._over)
        return future

    async def wait_for(self, future: asyncio.Future[Any]) -> Any:
        """The result of what ``begin_beside`` began. Raises its error as ``StorageFailed``."""
        if not future.done():
            await asyncio.wait((future,))
        return self._outcome(future)

    def _over(self, future: asyncio.Future[Any]) -> None:
        self._beside.discard(future)
        if not future.cancelled():
            future.exception()  # seen: what nobody asks for any more is not worth a warning

    def _outcome(self, future: asyncio.Future[Any]) -> Any:
        try:
            return future.result()
        except SyncFailed as error:
            self._failed = storage_failed(error, "syncing", self.shown)
            self.unlink()
            raise self._failed from error
        except OSError as error:
            self._failed = storage_failed(error, "writing", self.shown)
            raise self._failed from error

    async def quiet(self) -> None:
        """Wait until no thread works on the file; ``asyncio.wait`` because it cancels nothing."""
        while working := self._working():
            await asyncio.wait(working)

    def unlink(self) -> None:
        """Remove the part file's name, if it still is ours. Raises ``StorageFailed``."""
        if self.sink is None or self.sink.closed:
            return
        try:
            with self._shop.folders.held(self.where.folder) as folder:
                self.sink.unlink(folder, self.where.part)
        except FileNotFoundError:
            return
        except OSError as error:
            raise storage_failed(error, "removing", self.shown) from error

    def _working(self) -> list[asyncio.Future[Any]]:
        working = [future for future in self._beside if not future.done()]
        if self._behind is not None and not self._behind.done():
            working.append(self._behind)
        return working

    def _watch_space(self, size: int) -> None:
        self._unchecked += size
        if self._unchecked >= SPACE_CHECK_BYTES:
            self._unchecked = 0
            self._shop.refuse_full_disk()

    def _make(self, folder: int) -> Sink:
        try:
            fd = self._shop.folders.with_room(lambda: create(folder, self.where))
            return self._sink(fd)
        except OSError as error:
            raise storage_failed(error, "creating", self.shown) from error

    def _reopen(self, size: int) -> Sink | None:
        """The sink over what an earlier attempt left; ``None`` if there are not ``size`` bytes of it."""
        folders = self._shop.folders
        with folders.held(self.where.folder, create=True) as folder:
            try:
                fd = folders.with_room(lambda: reopen(folder, self.where, size))
            except OSError as error:
                raise storage_failed(error, "opening", self.shown) from error
        return None if fd is None else self._sink(fd)

    def _sink(self, fd: int) -> Sink:
        return Sink(fd, self._algorithms, eager=self._shop.durable, hasher_pool=self._shop.hasher_pool)
