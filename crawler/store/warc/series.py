"""The files of one run's archive, one after the other; everything here blocks and runs on one thread."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from crawler.errors import StorageFailed, TaskError
from crawler.store.disk import refuse_full_disk, storage_failed
from crawler.store.folders import Folders
from crawler.store.warc.capturing import exchange_records
from crawler.store.warc.exchange import ArchivedExchange, Capture, Provenance, Redact
from crawler.store.warc.records import warcinfo
from crawler.store.warc.recovery import Recovered, recover_all
from crawler.store.warc.volume import ENDING, Shelf, Volume


class Series:
    """Writes exchanges, begins a new file when one is full, and never touches a name that is taken."""

    def __init__(
        self,
        root: Path,
        folder: str,
        name: str,
        *,
        about: Provenance,
        durable: bool,
        max_bytes: int,
        min_free_disk: int,
        redact: Redact,
    ) -> None:
        """Make the folder where it is missing. Raises ``StorageFailed``, ``UnsafePath``."""
        self.names_durable = True
        self._name = name
        self._about = about
        self._max_bytes = max_bytes
        self._min_free = min_free_disk
        self._redact = redact
        self._serial = 0
        self._closed = False
        self._volume: Volume | None = None
        self._folders = Folders(root.absolute(), durable=durable)
        try:
            where = self._folders.where(f"{folder}/{name}" if folder else name)
            self._held = self._folders.held(where.folder, create=True)
            self._shelf = Shelf(self._held.fd, where.root, where.folder, durable)
            if durable:
                self.names_durable = self._folders.sync_grown()
        except BaseException as error:
            self._folders.close()
            if isinstance(error, OSError):
                raise storage_failed(error, "syncing folders below", str(root)) from error
            raise

    def recover(self) -> tuple[Recovered, ...]:
        """Close what earlier runs left open. Raises ``StorageFailed``."""
        return tuple(recover_all(self._shelf, self._name))

    def write(self, exchange: ArchivedExchange) -> Capture:
        """Append one exchange; durable after ``sync``. Raises ``StorageFailed``, ``IntegrityFailed``.

        After ``IntegrityFailed`` the archive is as it was before.
        """
        try:
            refuse_full_disk(self._shelf.dir_fd, self._shelf.root, self._min_free)
            volume = self._current()
            return self._append(volume, exchange)
        except OSError as error:
            raise self._failed(error, "writing") from error

    def sync(self) -> None:
        """Make everything written so far durable. Raises ``StorageFailed``."""
        if self._volume is None:
            return
        doing = "writing"
        try:
            self._volume.flush()
            doing = "syncing"
            self._volume.sync()
        except OSError as error:
            raise self._failed(error, doing) from error

    def close(self) -> None:
        """Finish the file under way and release everything. Raises ``StorageFailed``."""
        try:
            self._finish()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Release everything; the file under way stays open by name, for the next run to recover."""
        volume, self._volume = self._volume, None
        if volume is not None:
            volume.leave()
        if not self._closed:
            self._closed = True
            with self._held:  # ends the hold, so that the folder is closed with the others
                pass
            self._folders.close()

    def _append(self, volume: Volume, exchange: ArchivedExchange) -> Capture:
        start = volume.size
        try:
            records = exchange_records(exchange, self._redact)
            answer = records.answer
            volume.write(answer.member())
            length = volume.size - start
            for other in records.others:
                volume.write(other.member())
        except TaskError:
            volume.cut(start)
            raise
        volume.note(
            answer.kind,
            answer.url,
            answer.date,
            answer.payload_digest,
            answer.block,
            offset=start,
            length=length,
        )
        return records.capture

    def _current(self) -> Volume:
        if self._volume is not None and self._volume.size >= self._max_bytes:
            self._finish()
        if self._volume is None:
            self._volume = self._begin()
        return self._volume

    def _begin(self) -> Volume:
        now = time.time()
        moment = datetime.fromtimestamp(now, UTC)
        stamp = f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03d}"
        volume = None
        while volume is None:
            name = f"{self._name}-{stamp}-{self._serial:05d}{ENDING}"
            self._serial += 1
            volume = Volume.create(self._shelf, name)
        self._volume = volume
        volume.write(warcinfo(self._about, volume.name, now).member())
        return volume

    def _finish(self) -> None:
        volume = self._volume
        if volume is None:
            return
        try:
            if volume.index.size:
                volume.finish()
            else:
                volume.remove()
        except OSError as error:
            raise self._failed(error, "finishing") from error
        self._volume = None
        self.names_durable = self.names_durable and volume.names_durable

    def _failed(self, error: OSError, doing: str) -> StorageFailed:
        shown = self._volume.shown if self._volume is not None else f"{self._shelf.where(self._name).shown}-*"
        return storage_failed(error, f"{doing} archive file", shown)
