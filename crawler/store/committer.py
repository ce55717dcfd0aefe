"""Group commit: files that end at about the same time share their waits for the disk."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress

from crawler.errors import StorageFailed
from crawler.model import Saved
from crawler.store.disk import start_writeback, storable, storage_failed, sync_folder
from crawler.store.files import Finalizing, Journal
from crawler.store.folders import Folders
from crawler.store.placing import place
from crawler.store.ready import Ready
from crawler.store.sink import Sink, SyncFailed
from crawler.store.spares import descriptor_share

# A batch holds a descriptor a file; 64 against 256 made no measurable difference on ext4.
MAX_BATCH = 256


class _Step:
    """One file's way through a batch; ``live`` until something ends it."""

    __slots__ = ("live", "outcome", "ready", "sink")

    def __init__(self, ready: Ready) -> None:
        self.ready = ready
        self.sink: Sink | None = None
        self.outcome: Saved | BaseException | None = None
        self.live = True

    def end(self, error: BaseException | None) -> None:
        self.live = False
        self.outcome = error


class Committer:
    """Takes files through contract §6's order, a batch at a time, on one thread of its own.

    Whatever is submitted while a batch waits for the disk forms the next one.
    """

    def __init__(self, folders: Folders, *, durable: bool, journal: Journal | None) -> None:
        self._folders = folders
        self._durable = durable
        self._journal = journal
        self._most = min(MAX_BATCH, descriptor_share())
        self._queue: queue.SimpleQueue[Ready | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._broken: StorageFailed | None = None
        self.reduced = False  # the file system cannot make a folder's entries durable

    @property
    def immediate(self) -> bool:
        """Whether there is nothing to wait for, so that a thread would only cost time."""
        return not self._durable and self._journal is None

    def commit_now(self, ready: Ready) -> Saved:
        """Write and name one file on the calling thread; only where ``immediate``."""
        with self._folders.held(ready.where.folder, create=True) as dir_fd:
            sink = _stored(ready, dir_fd)
            return place(dir_fd, ready.where, sink, replace=ready.replace)

    def submit(self, ready: Ready) -> None:
        """Queue a file; its ``answer`` is called on the running loop."""
        self._loop = asyncio.get_running_loop()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
            self._thread.start()
        self._queue.put(ready)

    def close(self) -> None:
        """Finish what was submitted and end the thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            batch, last = self._gather(first)
            steps = self._commit(batch)
            assert self._loop is not None
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(_deliver, steps)
            if last:
                return

    def _gather(self, first: Ready) -> tuple[list[Ready], bool]:
        """What has queued up so far, and whether the end is among it."""
        batch = [first]
        with suppress(queue.Empty):
            while len(batch) < self._most:
                ready = self._queue.get_nowait()
                if ready is None:
                    return batch, True
                batch.append(ready)
        return batch, False

    def _commit(self, batch: Sequence[Ready]) -> list[_Step]:
        steps = [_Step(ready) for ready in batch]
        try:
            self._take_steps(steps)
        except Exception as error:  # whoever waits for an answer must get one
            for step in steps:
                step.end(error)
        for step in steps:
            if step.sink is not None:
                step.sink.close()
        self._folders.trim()
        return steps

    def _take_steps(self, steps: Sequence[_Step]) -> None:
        with ExitStack() as stack:
            fds: dict[str, int] = {}
            _each(steps, lambda step: self._store(step, stack, fds))
            if self._durable:
                self._sync_files(steps, fds)
            if self._journal is not None:
                self._record(steps, self._journal)
            _each(steps, lambda step: _name(step, fds))
            if self._durable:
                self._sync_folders(steps, fds)

    def _store(self, step: _Step, stack: ExitStack, fds: dict[str, int]) -> None:
        if self._broken is not None:
            raise self._broken
        ready = step.ready
        folder = ready.where.folder
        if folder not in fds:
            fds[folder] = stack.enter_context(self._folders.held(folder, create=True))
        step.sink = _stored(ready, fds[folder])

    def _sync_files(self, steps: Sequence[_Step], fds: dict[str, int]) -> None:
        """Begin to write all of them, then wait for each: most waits are then over at once."""
        sinks = [step.sink for step in steps if step.live and step.sink is not None]
        if len(sinks) > 1:
            for sink in sinks:
                start_writeback(sink.fileno(), 0, 0)
        _each(steps, lambda step: _sync_file(step, fds))

    def _record(self, steps: Sequence[_Step], journal: Journal) -> None:
        live = [step for step in steps if step.live]
        if not live:
            return
        try:
            journal.finalizing([_intent(step) for step in live])
        except Exception as error:
            for step in live:
                step.end(error)

    def _sync_folders(self, steps: Sequence[_Step], fds: dict[str, int]) -> None:
        """Folders made on the way first, then those with new names in them; no wait is tried twice."""
        live = [step for step in steps if step.live]
        changed = {step.ready.where.folder for step in live}
        try:
            supported = self._folders.sync_grown()
            for folder in changed:
                supported = sync_folder(fds[folder]) and supported
        except OSError as error:
            self._broken = storage_failed(error, "syncing folders below", self._folders.root)
            for step in live:
                step.end(self._broken)
            return
        self.reduced = self.reduced or not supported


def _each(steps: Iterable[_Step], action: Callable[[_Step], None]) -> None:
    for step in steps:
        if step.live:
            try:
                action(step)
            except Exception as error:  # one file's trouble is not the batch's
                step.end(error)


def _stored(ready: Ready, dir_fd: int) -> Sink:
    sink = ready.store(dir_fd)
    if ready.mtime is not None:
        stamp = storable(int(ready.mtime * 1e9))  # a server may say the year 9999
        os.utime(sink.fileno(), ns=(stamp, stamp))
    return sink


def _sync_file(step: _Step, fds: dict[str, int]) -> None:
    sink, where = step.sink, step.ready.where
    assert sink is not None
    try:
        sink.sync()
    except SyncFailed as error:
        sink.unlink(fds[where.folder], where.part)
        raise storage_failed(error, "syncing", f"{where.shown}.part") from error


def _name(step: _Step, fds: dict[str, int]) -> None:
    ready = step.ready
    assert step.sink is not None
    if not ready.pass_gate():
        step.end(None)
        return
    step.outcome = place(fds[ready.where.folder], ready.where, step.sink, replace=ready.replace)


def _intent(step: _Step) -> Finalizing:
    ready, sink = step.ready, step.sink
    assert sink is not None
    return Finalizing(
        job=ready.job,
        key=ready.key,
        target=ready.where.target,
        sha256=sink.digest("sha256"),
        size=sink.size,
        origin=ready.origin,
    )


def _deliver(steps: Sequence[_Step]) -> None:
    for step in steps:
        step.ready.answer(step.outcome)
