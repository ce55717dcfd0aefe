"""What Python's os module does not offer of the disk, and how the disk's refusals are told."""

from __future__ import annotations

import ctypes
import errno
import os

from crawler.errors import StorageFailed

_LIBC = ctypes.CDLL(None, use_errno=True)
_RENAME_NOREPLACE = 1  # linux/fs.h
_SYNC_FILE_RANGE_WRITE = 2  # linux/fs.h

_renameat2 = getattr(_LIBC, "renameat2", None)  # glibc has it since 2.28, not every libc does
if _renameat2 is not None:
    _renameat2.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
_sync_file_range = getattr(_LIBC, "sync_file_range", None)  # Linux only
if _sync_file_range is not None:
    _sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)

# What the ledger can hold of a file's time: the years 1677 to 2262. File systems go further.
_MOST_NS = 2**63 - 1

# A file system that cannot do what was asked, in the words that different ones use (link(2), fsync(2)).
UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP})


def storage_failed(error: OSError, doing: str, path: str) -> StorageFailed:
    """The error that ends the run: errno's name, what was being done, and to which file."""
    code = error.errno or 0
    name = errno.errorcode.get(code, f"errno {code}")
    return StorageFailed(f"{name} ({os.strerror(code)}) while {doing} {path}")


def storable(ns: int) -> int:
    """Nanoseconds since the epoch, or the nearest that the ledger can hold."""
    return max(-_MOST_NS, min(ns, _MOST_NS))


def modified_ns(status: os.stat_result) -> int:
    """A file's modification time as the ledger has it."""
    return storable(status.st_mtime_ns)


def refuse_full_disk(fd: int, shown: str, least: int) -> None:
    """Raise ``StorageFailed`` if fewer than ``least`` bytes are free around an open folder; 0 never asks."""
    if not least:
        return
    try:
        space = os.fstatvfs(fd)
    except OSError as error:
        raise storage_failed(error, "asking for the free space of", shown) from error
    free = space.f_bavail * space.f_frsize
    if free < least:
        raise StorageFailed(f"{free} bytes are free below {shown}; min_free_disk asks for {least}")


def rename_no_replace(source: str, target: str, dir_fd: int) -> None:
    """Rename within one folder; FileExistsError if anything has the new name, ENOSYS without the call."""
    if _renameat2 is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    names = os.fsencode(source), os.fsencode(target)
    if _renameat2(dir_fd, names[0], dir_fd, names[1], _RENAME_NOREPLACE) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), target)


def start_writeback(fd: int, offset: int, length: int) -> None:
    """Ask the kernel to begin writing a range; a hint that makes a later fsync short, never a promise."""
    if _sync_file_range is not None:
        _sync_file_range(fd, offset, length, _SYNC_FILE_RANGE_WRITE)


def sync_folder(fd: int) -> bool:
    """Make a folder's entries durable; False where the file system does not know how. Raises OSError."""
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        return False
    return True
