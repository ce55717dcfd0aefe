"""The last step of a file: its final name, atomically, and never over a file that may not be replaced."""

from __future__ import annotations

import errno
import os
import stat

from crawler.errors import TargetExists, UnsafePath
from crawler.model import Saved
from crawler.store.disk import UNSUPPORTED, modified_ns, rename_no_replace, storage_failed
from crawler.store.sink import Sink
from crawler.store.where import Where

# No hard links here, or not for us: FAT, some network file systems, fs.protected_hardlinks.
_NO_LINK = UNSUPPORTED | {errno.EPERM, errno.EMLINK}
_NO_FILE = (IsADirectoryError, NotADirectoryError)


def place(dir_fd: int, where: Where, sink: Sink, *, replace: bool) -> Saved:
    """Give the part file its final name and say what stands there now.

    Raises ``TargetExists``, with the part file unlinked, if the name is taken and ``replace`` is not
    set or a folder has it; ``UnsafePath`` if the part file is not the one we wrote; ``StorageFailed``.
    A symbolic link at the final name is only a name: it is replaced or refused, never followed.
    """
    written = os.fstat(sink.fileno())
    try:
        found = os.stat(where.part, dir_fd=dir_fd, follow_symlinks=False)
        if (found.st_dev, found.st_ino) != (written.st_dev, written.st_ino):
            raise UnsafePath(f"{where.shown}.part is no longer the file that was written; it was left alone")
        replaced = replace and _exists(dir_fd, where.name)
        if replace:
            os.replace(where.part, where.name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
        else:
            claim(dir_fd, where)
    except (FileExistsError, *_NO_FILE) as error:
        sink.unlink(dir_fd, where.part)
        raise TargetExists(_taken(dir_fd, where, replace)) from error
    except OSError as error:
        raise storage_failed(error, "giving the final name to", where.shown) from error
    return Saved(
        target=where.target,
        size=written.st_size,
        sha256=sink.digest("sha256"),
        mtime_ns=modified_ns(written),
        replaced=replaced,
    )


def claim(dir_fd: int, where: Where) -> None:
    """Name ``where.part`` without replacing, by the first way that the file system knows. Raises OSError.

    Renaming is one step on the disk. The last way claims the name with an empty file first. It is as
    safe against losing another program's file, but a kill in between leaves the empty file behind;
    recovery replaces it.
    """
    try:
        rename_no_replace(where.part, where.name, dir_fd)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
    else:
        return
    try:
        os.link(where.part, where.name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        os.close(os.open(where.name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, dir_fd=dir_fd))
        os.replace(where.part, where.name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
    else:
        os.unlink(where.part, dir_fd=dir_fd)


def _exists(dir_fd: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _taken(dir_fd: int, where: Where, replace: bool) -> str:
    kind = "something"
    try:
        status = os.stat(where.name, dir_fd=dir_fd, follow_symlinks=False)
        kind = f"{stat.filemode(status.st_mode)} of {status.st_size} bytes"
    except OSError:
        pass  # gone again: the name was taken when it mattered
    wanted = "a file that may be replaced" if replace else "no file, or one that the ledger knows as ours"
    return f"{where.shown} exists already ({kind}) and was left alone; expected {wanted}"
