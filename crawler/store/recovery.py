"""What a run that died while giving a file its final name left behind, and the rest of that work."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from crawler.errors import TargetExists, UnsafePath
from crawler.model import Saved
from crawler.store.disk import modified_ns, storage_failed, sync_folder
from crawler.store.folders import Folders
from crawler.store.owning import reopen, unlink_own
from crawler.store.placing import place
from crawler.store.sink import Sink, hash_file
from crawler.store.where import Where

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def recover(
    folders: Folders, where: Where, *, sha256: str, size: int, replace: bool, durable: bool
) -> Saved | None:
    """The file of a recorded intent under its final name, or ``None``: it must be fetched again.

    The name's folder is synced again, for the run that died may not have come to that. A target
    that is empty, where bytes should be, is our own claim on a file system without links, and is
    replaced. Blocks for as long as hashing takes; raises ``StorageFailed``.
    """
    try:
        with folders.held(where.folder) as folder:
            saved = _already_named(folder, where, sha256, size)
            if saved is None:
                saved = _name_now(folder, where, sha256, size, replace)
            if saved is not None and durable:
                sync_folder(folder)
                _sync_above(folders, where.folder)
            return saved
    except (FileNotFoundError, UnsafePath):
        return None
    except OSError as error:
        raise storage_failed(error, "recovering", where.shown) from error


def _sync_above(folders: Folders, folder: str) -> None:
    """The folder's own name, and those above it, may be as young as the file."""
    while folder:
        folder = folder.rpartition("/")[0]
        with folders.held(folder) as above:
            sync_folder(above)


def _already_named(folder: int, where: Where, sha256: str, size: int) -> Saved | None:
    try:
        fd = os.open(where.name, _READ, dir_fd=folder)
    except OSError:
        return None  # nothing there, a link, or something that cannot be read: not a file of ours
    try:
        status = os.fstat(fd)
        if (
            not stat.S_ISREG(status.st_mode)
            or status.st_size != size
            or hash_file(fd, "sha256", size) != sha256
        ):
            return None
    finally:
        os.close(fd)
    unlink_own(folder, where.part, (status.st_dev, status.st_ino))
    return Saved(target=where.target, size=size, sha256=sha256, mtime_ns=modified_ns(status), replaced=False)


def _name_now(folder: int, where: Where, sha256: str, size: int, replace: bool) -> Saved | None:
    fd = reopen(folder, where, size)
    if fd is None:
        return None
    with Sink(fd, (), eager=False) as sink:
        if os.fstat(fd).st_size != size or sink.truncate(size) != size or sink.digest("sha256") != sha256:
            return None
        sink.sync()
        with suppress(TargetExists):
            return place(folder, where, sink, replace=replace or (size > 0 and _is_empty(folder, where.name)))
    return None


def _is_empty(folder: int, name: str) -> bool:
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == 0 and status.st_uid == os.geteuid()
