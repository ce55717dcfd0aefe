"""Folders below the output root, opened one component at a time so that no symbolic link is followed."""

from __future__ import annotations

import errno
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TypeVar

from crawler.errors import UnsafePath
from crawler.store.disk import storage_failed, sync_folder
from crawler.store.spares import Spares, descriptor_share
from crawler.store.where import NO_NAMES, Where, where

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_FOLDER = frozenset({errno.ENOTDIR, errno.ELOOP})  # what Linux answers for a file or a link
_NO_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE})

_MOST_RELIED_ON = 10_000  # remembered at a time; forgetting one costs one sync more
_MOST_NAMES = 1024  # remembered a folder; reading as many takes well under a millisecond

T = TypeVar("T")


class Held:
    """A folder's open descriptor, good as long as it is held: ``with held as fd``.

    ``found`` are the names that stood in it when it was opened; ``None`` where they are too many.
    """

    __slots__ = ("_lock", "fd", "found", "holds")

    def __init__(self, fd: int, lock: threading.RLock) -> None:
        self.fd = fd
        self.found = _names(fd)
        self.holds = 0
        self._lock = lock

    def __enter__(self) -> int:
        return self.fd

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.holds -= 1


class Folders:
    """Descriptors of recently used folders; usable from several threads.

    A folder is kept open while it is held, and the last few after that, bounded by the process's
    own limit of open files. ``alone``: a folder that is there already was there before, or is ours.
    """

    def __init__(self, root: Path, *, durable: bool, alone: bool = True) -> None:
        self.root = str(root)
        self._durable = durable
        self._relied_on: set[str] | None = None if alone else set()  # folders whose entries we made durable
        self._lock = threading.RLock()
        self._open: OrderedDict[str, Held] = OrderedDict()
        self._grown: set[str] = set()
        self.limit = min(64, descriptor_share())
        self._spares = Spares()
        self._ask_for_room: Callable[[], None] | None = None
        try:
            _make_root(root, durable)
            self.root_fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise storage_failed(error, "opening the output root", self.root) from error

    def where(self, target: str) -> Where:
        """Take a target apart. Raises ``UnsafePath`` for one that could lead out of the root."""
        return where(self.root, target)

    def held(self, path: str, *, create: bool = False) -> Held:
        """The folder, held until the end of the ``with`` block that this is for.

        Raises ``UnsafePath`` if a component is a link or no folder, FileNotFoundError if it is not
        there and not to be made, ``StorageFailed`` for what else the disk says.
        """
        with self._lock:
            folder = self._open.get(path)
            if folder is None:
                folder = self._open_folder(path, create)
            else:
                self._open.move_to_end(path)
            folder.holds += 1
            return folder

    def look(self, target: str) -> os.stat_result:
        """What stands at the target, links not followed. Raises as ``where`` and ``held`` do, and OSError."""
        folder, _, name = target.rpartition("/")
        with self._lock:  # a folder that is open already needs no holding while nobody can close it
            known = self._open.get(folder)
            if known is not None and name not in NO_NAMES and "\0" not in name:
                return os.stat(name, dir_fd=known.fd, follow_symlinks=False)
        where = self.where(target)
        with self.held(where.folder) as fd:
            return os.stat(where.name, dir_fd=fd, follow_symlinks=False)

    def on_shortage(self, ask_for_room: Callable[[], None]) -> None:
        """Whom to ask, from any thread, to close something soon when descriptors ran out."""
        self._ask_for_room = ask_for_room

    def with_room(self, action: Callable[[], T]) -> T:
        """The action's result; if descriptors ran out, ours are given up and it is tried again, twice."""
        if self._spares.short:
            with self._lock:
                self._spares.refill()
        for make_room in (self._drop_cached, self._drop_spares):
            try:
                return action()
            except OSError as error:
                if error.errno not in _NO_DESCRIPTORS:
                    raise
            with self._lock:
                make_room()
        return action()

    def sync_grown(self) -> bool:
        """Make every folder made so far durable in its parent; False where that is not supported.

        Raises OSError.
        """
        with self._lock:
            grown, self._grown = self._grown, set()
        supported = True
        for path in grown:
            with suppress(FileNotFoundError, UnsafePath), self.held(path) as fd:
                supported = sync_folder(fd) and supported
        return supported

    def trim(self) -> None:
        """Give up what was only kept open because many folders were held at once."""
        with self._lock:
            self._drop(self.limit)

    def close(self) -> None:
        """Close every descriptor."""
        with self._lock:
            self._drop(0)
            self._spares.give_up()
        os.close(self.root_fd)

    def _open_folder(self, path: str, create: bool) -> Held:
        shown = f"{self.root}/{path}"
        try:
            folder = self.with_room(lambda: self._hold(path, create))
        except OSError as error:
            if error.errno in _NO_FOLDER:
                raise UnsafePath(
                    f"{shown} is or passes through a symbolic link or a file; "
                    "expected folders, links are not followed"
                ) from error
            if error.errno == errno.ENOENT and not create:
                raise
            raise storage_failed(error, "opening folder", shown) from error
        self._drop(self.limit - 1)  # before the new one is among those that nobody holds
        self._open[path] = folder
        return folder

    def _hold(self, path: str, create: bool) -> Held:
        fd = self._walk(path, create)
        try:
            return Held(fd, self._lock)
        except OSError:
            os.close(fd)
            raise

    def _walk(self, path: str, create: bool) -> int:
        fd = os.dup(self.root_fd)
        above = ""
        for name in path.split("/") if path else ():
            try:
                deeper = self._enter(fd, name, above, create)
            finally:
                os.close(fd)
            fd = deeper
            above = f"{above}/{name}" if above else name
        return fd

    def _enter(self, fd: int, name: str, above: str, create: bool) -> int:
        try:
            deeper = os.open(name, _FOLDER, dir_fd=fd)
        except FileNotFoundError:
            if not create:
                raise
        else:
            if create and self._relied_on is not None:
                self._distrust(f"{above}/{name}", above, self._relied_on)
            return deeper
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=fd)
        if self._durable:
            self._grown.add(above)
        return os.open(name, _FOLDER, dir_fd=fd)

    def _distrust(self, path: str, above: str, relied_on: set[str]) -> None:
        """Another process may have made the folder a moment ago, and not have synced it yet."""
        if self._durable and path not in relied_on:
            if len(relied_on) >= _MOST_RELIED_ON:
                relied_on.clear()
            relied_on.add(path)
            self._grown.add(above)

    def _drop_cached(self) -> None:
        self._drop(0)

    def _drop_spares(self) -> None:
        self._spares.give_up()
        if self._ask_for_room is not None:
            self._ask_for_room()

    def _drop(self, keep: int) -> None:
        surplus = len(self._open) - keep
        if surplus <= 0:
            return
        idle = [path for path, folder in self._open.items() if not folder.holds]
        for path in idle[:surplus]:
            os.close(self._open.pop(path).fd)


def _names(fd: int) -> frozenset[str] | None:
    with os.scandir(fd) as entries:
        names = frozenset(entry.name for entry in islice(entries, _MOST_NAMES + 1))
    return names if len(names) <= _MOST_NAMES else None


def _make_root(root: Path, durable: bool) -> None:
    missing = [each for each in (root, *root.parents) if not each.exists()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        if durable:
            fd = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                sync_folder(fd)
            finally:
                os.close(fd)
