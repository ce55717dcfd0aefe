"""The output root: who may write which target, and what stands there already."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal

from crawler.errors import TargetExists, UnsafePath
from crawler.model import Known, Saved
from crawler.policy.names import fold
from crawler.store.committer import MAX_BATCH, Committer
from crawler.store.disk import modified_ns, refuse_full_disk, storage_failed
from crawler.store.files import Journal
from crawler.store.folders import Folders
from crawler.store.part import Part
from crawler.store.recovery import recover
from crawler.store.spares import descriptor_share
from crawler.store.threaded import Workshop

# Writers wait for the disk, not for each other; more than a few only queue there.
WRITING_THREADS = 4


class OutputRoot:
    """Implements ``Files`` for one folder; made and used on one event loop.

    ``chunk_size`` and ``min_free_disk`` are bytes. With durability ``none`` nothing is ever synced,
    while names are still given atomically.
    """

    def __init__(
        self,
        root: Path,
        *,
        durability: Literal["full", "none"],
        chunk_size: int,
        journal: Journal | None,
        min_free_disk: int = 0,
        alone: bool = True,
    ) -> None:
        """Make the root where it is missing; ``alone`` says that no other process makes folders meanwhile.

        Raises ``StorageFailed``.
        """
        self._durable = durability == "full"
        self._min_free = min_free_disk
        self._claimed: set[str] = set()
        self._folders = Folders(root.absolute(), durable=self._durable, alone=alone)
        self._committer = Committer(self._folders, durable=self._durable, journal=journal)
        self._pool = ThreadPoolExecutor(WRITING_THREADS, thread_name_prefix="disk")
        self._hasher_pool = ThreadPoolExecutor(WRITING_THREADS, thread_name_prefix="hash")
        self._shop = Workshop(
            folders=self._folders,
            pool=self._pool,
            hasher_pool=self._hasher_pool,
            chunk_size=chunk_size,
            durable=self._durable,
            refuse_full_disk=self._refuse_full_disk,
        )

    @property
    def reduced(self) -> bool:
        """Whether the file system could not make names durable (contract §6 is then not fully kept)."""
        return self._committer.reduced

    @property
    def descriptors(self) -> int:
        """The most folders that are open at once; each part file under way is one more."""
        return max(self._folders.limit, min(MAX_BATCH, descriptor_share())) + 1

    def on_shortage(self, ask_for_room: Callable[[], None]) -> None:
        """Whom to ask, from any thread, to close something soon when the process has no descriptor left."""
        self._folders.on_shortage(ask_for_room)

    async def open(
        self,
        target: str,
        *,
        job: str,
        key: str,
        resume_at: int | None = None,
        gaps: bool = False,
        algorithms: frozenset[str] = frozenset(),
    ) -> Part:
        """Claim ``target``'s part file: fresh, or cut back to ``resume_at`` bytes.

        Where fewer bytes are left than ``resume_at``, the part file's ``offset`` is 0. With ``gaps``
        among them nothing is cut off, and the file is written by ``span`` until ``join``. ``algorithms``
        are hashlib's names of digests to compute on the way, besides sha256. Raises ``UnsafePath``,
        ``TargetExists`` (another task holds it) or ``StorageFailed``.
        """
        where = self._folders.where(target)
        self._refuse_full_disk()
        release = self._claim(target)
        part = Part(
            where, self._shop, self._committer, job=job, key=key, algorithms=algorithms, release=release
        )
        try:
            if resume_at:
                await part.resume(resume_at, gaps=gaps)
            else:
                with self._folders.held(where.folder, create=True):
                    pass
        except BaseException:
            await part.keep()
            raise
        return part

    @contextmanager
    def reserved(self, target: str) -> Iterator[None]:
        """The target is another process's for as long. Raises ``TargetExists`` if a task has it open."""
        release = self._claim(target)
        try:
            yield
        finally:
            release()

    def is_intact(self, known: Known) -> bool:
        """Whether the file that the ledger knows still has its size and modification time."""
        if known.target is None:
            return False
        status = self._status(known.target)
        return (
            status is not None
            and stat.S_ISREG(status.st_mode)
            and status.st_size == known.size
            and modified_ns(status) == known.mtime_ns
        )

    def read(self, target: str) -> bytes:
        """A file's content; from any thread. Raises ``StorageFailed`` or ``UnsafePath``."""
        where = self._folders.where(target)
        try:
            with self._folders.held(where.folder) as folder:
                fd = os.open(where.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            with open(fd, "rb") as file:
                return file.read()
        except OSError as error:
            raise storage_failed(error, "reading", f"{self._folders.root}/{target}") from error

    def exists(self, target: str) -> bool:
        """Whether anything stood at the target, be it a link that leads nowhere.

        Told from the folder's names when it was opened: asking the file system for each of many small
        files costs more than writing one. What has come since is met when the file gets its name.
        """
        return self._stood(target) is not None

    def is_folder(self, target: str) -> bool:
        """Whether a folder stood at the target, as ``exists`` tells it."""
        status = self._stood(target)
        return status is not None and stat.S_ISDIR(status.st_mode)

    async def recover(self, target: str, *, sha256: str, size: int, replace: bool = False) -> Saved | None:
        """Finish what a recorded ``Finalizing`` intent began; ``None`` if it must be fetched again.

        ``replace`` says that whatever has the target's name may go. Raises ``StorageFailed``.
        """
        work = partial(
            recover,
            self._folders,
            self._folders.where(target),
            sha256=sha256,
            size=size,
            replace=replace,
            durable=self._durable,
        )
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Finish what was handed in, end the threads and close every descriptor."""
        self._committer.close()
        self._pool.shutdown()
        self._hasher_pool.shutdown()
        self._folders.close()

    def _claim(self, target: str) -> Callable[[], None]:
        """Take the target for one writer; what is returned gives it back."""
        claim = fold(target)
        if claim in self._claimed:
            shown = f"{self._folders.root}/{target}"
            raise TargetExists(f"another task is writing {shown}, or its twin by case or Unicode form")
        self._claimed.add(claim)
        return partial(self._claimed.discard, claim)

    def _stood(self, target: str) -> os.stat_result | None:
        where = self._folders.where(target)
        try:
            held = self._folders.held(where.folder)
        except (FileNotFoundError, UnsafePath):
            return None
        with held:
            if held.found is not None and where.name not in held.found:
                return None
        return self._status(target)

    def _status(self, target: str) -> os.stat_result | None:
        try:
            return self._folders.look(target)
        except (FileNotFoundError, UnsafePath):
            return None
        except OSError as error:
            raise storage_failed(error, "looking at", f"{self._folders.root}/{target}") from error

    def _refuse_full_disk(self) -> None:
        refuse_full_disk(self._folders.root_fd, self._folders.root, self._min_free)
