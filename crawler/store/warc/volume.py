"""One file of an archive: it grows under a name that ends in ``.open``, and gets its own when it is whole."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from crawler.store.disk import sync_folder
from crawler.store.placing import claim
from crawler.store.warc.index import CAPTURES, Index, cdxj_line
from crawler.store.where import Where

OPEN = ".open"
ENDING = ".warc.gz"
_BLOCK = 1024 * 1024
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Shelf:
    """The folder that an archive's files stand in, open as ``dir_fd``."""

    dir_fd: int
    root: str
    folder: str  # POSIX, below the root
    durable: bool

    def where(self, name: str) -> Where:
        """A name on the shelf, as whoever gives final names wants it."""
        target = f"{self.folder}/{name}" if self.folder else name
        return Where(self.root, target, self.folder, name, name + OPEN)


class Volume:
    """Appends to one file and its index; every method may raise OSError.

    The file is locked as long as it is open, so that nobody recovers what is still being written.
    """

    def __init__(self, fd: int, shelf: Shelf, name: str) -> None:
        """Take over the descriptor of a locked file that stands at the name with ``.open`` behind it."""
        self.name = name
        self.size = 0
        self.index = Index(shelf.dir_fd)
        self.names_durable = True
        self._fd = fd
        self._shelf = shelf
        self._pending: list[bytes] = []
        self._written = 0
        self._safe = 0  # bytes that survive a power cut
        self._named = False  # durably, with ``.open`` behind the name

    @classmethod
    def create(cls, shelf: Shelf, name: str) -> Volume | None:
        """A fresh file that this process alone has; ``None`` if the name is taken, open or not."""
        with suppress(FileNotFoundError):
            os.stat(name, dir_fd=shelf.dir_fd, follow_symlinks=False)
            return None
        try:
            fd = os.open(name + OPEN, _NEW, 0o666, dir_fd=shelf.dir_fd)
        except FileExistsError:
            return None
        # Another process may have met the empty file before the lock, and taken it away.
        if not lock(fd) or os.fstat(fd).st_nlink == 0:
            os.close(fd)
            return None
        return cls(fd, shelf, name)

    @property
    def shown(self) -> str:
        """The whole path for messages."""
        return f"{self._shelf.where(self.name).shown}{OPEN}"

    def write(self, pieces: Iterable[bytes]) -> None:
        """Append; what the pieces raise passes through, and ``cut`` then undoes the half."""
        for piece in pieces:
            self._pending.append(piece)
            self.size += len(piece)
            if self.size - self._written >= _BLOCK:
                self.flush()

    def note(
        self, kind: str, url: str, date: str, digest: str | None, head: bytes, *, offset: int, length: int
    ) -> None:
        """Put a record into the index, if it is one that an index lists."""
        if kind in CAPTURES:
            line = cdxj_line(kind, url, date, digest, head, offset=offset, length=length, filename=self.name)
            self.index.add(line)

    def sync(self) -> None:
        """Make what was appended durable; where nothing has to be, only hand it to the kernel."""
        self.flush()
        if self._shelf.durable and self._safe < self.size:
            os.fdatasync(self._fd)
            if not self._named:
                self.names_durable = sync_folder(self._shelf.dir_fd)
                self._named = True
        self._safe = self.size

    def cut(self, size: int) -> None:
        """Forget what was appended behind ``size``."""
        self.flush()
        os.ftruncate(self._fd, size)
        self.size = self._written = size
        self._safe = min(self._safe, size)

    def finish(self) -> None:
        """Sync, index, give the final name, and close."""
        self.flush()
        if self._shelf.durable:
            os.fsync(self._fd)
        self._safe = self.size
        self.index.write(self.name.removesuffix(ENDING) + ".cdxj", durable=self._shelf.durable)
        self._claim()
        if self._shelf.durable:
            self.names_durable = sync_folder(self._shelf.dir_fd) and self.names_durable
        self._close()

    def leave(self) -> None:
        """Close as it is, cut to what is durable where the disk still lets us; recovery does the rest."""
        self._pending.clear()
        with suppress(OSError):
            os.ftruncate(self._fd, self._safe)
        self._close()

    def remove(self) -> None:
        """Take away a file with nothing in it."""
        os.unlink(self.name + OPEN, dir_fd=self._shelf.dir_fd)
        self._close()

    def flush(self) -> None:
        """Hand what was appended to the kernel."""
        rest = memoryview(b"".join(self._pending))
        self._pending.clear()
        while rest:
            done = os.pwrite(self._fd, rest, self._written)
            self._written += done
            rest = rest[done:]

    def _claim(self) -> None:
        where = self._shelf.where(self.name)
        try:
            claim(self._shelf.dir_fd, where)
        except FileExistsError:
            # Without renameat2 a name is given in two steps, and a kill in between leaves both names.
            there = os.stat(where.name, dir_fd=self._shelf.dir_fd, follow_symlinks=False)
            if os.path.samestat(there, os.fstat(self._fd)):
                os.unlink(where.part, dir_fd=self._shelf.dir_fd)
            elif there.st_size == 0 and there.st_uid == os.geteuid():
                names = where.part, where.name
                os.replace(*names, src_dir_fd=self._shelf.dir_fd, dst_dir_fd=self._shelf.dir_fd)
            else:
                raise

    def _close(self) -> None:
        self.index.close()
        os.close(self._fd)


def lock(fd: int) -> bool:
    """Lock a file for this process; False if another has it."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system without locks: the ledger's lock must do
    return True
