"""A disk that remembers: one file served through FUSE, with every write and flush written down in order.

``python -m tests.torture.recorder IMAGE MOUNTPOINT WATCHED LOG`` serves IMAGE's bytes as ``MOUNTPOINT/disk``
from memory; a loop device over that file is the disk. It ends with the mount and leaves in LOG a pickled
list of ``Entry``. WATCHED is a file whose size is noted with each entry: what was said by then.
The protocol is the kernel's, ``linux/fuse.h`` 7.31.
"""

from __future__ import annotations

import errno
import os
import pickle
import stat
import struct
import subprocess
import sys
import time
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple


class Operation(IntEnum):
    """What the kernel asks of a disk."""

    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    OPEN = 14
    READ = 15
    WRITE = 16
    STATFS = 17
    RELEASE = 18
    FSYNC = 20
    FLUSH = 25
    INIT = 26
    ACCESS = 34
    INTERRUPT = 36
    DESTROY = 38
    BATCH_FORGET = 42


ROOT, DISK = 1, 2
MAX_WRITE = 1 << 20
BIG_WRITES, MAX_PAGES = 1 << 5, 1 << 22
DIRECT_IO = 1  # open flag: the kernel caches nothing of this file, so every write arrives here
_HEADER = struct.Struct("<IIQQIIIHH")
_NO_ANSWER = {Operation.FORGET, Operation.BATCH_FORGET, Operation.INTERRUPT}


class Entry(NamedTuple):
    """A write, or a flush (``data`` is ``None``); ``time`` is monotonic, ``said`` the watched file's size."""

    time: float
    said: int
    offset: int
    data: bytes | None


class Recorder:
    """Answers the kernel's requests for a folder with one file in it."""

    def __init__(self, image: bytearray, watched: Path) -> None:
        self.image = image
        self.log: list[Entry] = []
        self._watched = watched

    def serve(self, fuse: int) -> None:
        """Until the file system is unmounted."""
        while True:
            try:
                request = os.read(fuse, MAX_WRITE + (1 << 16))
            except OSError as error:
                if error.errno == errno.ENODEV:  # unmounted
                    return
                if error.errno in (errno.ENOENT, errno.EINTR):  # the request was withdrawn
                    continue
                raise
            _, operation, unique, node, *_ = _HEADER.unpack_from(request)
            if operation in _NO_ANSWER:
                continue
            try:
                answer, code = self._answer(operation, node, memoryview(request)[_HEADER.size :]), 0
            except OSError as error:
                answer, code = b"", -(error.errno or errno.EIO)
            os.write(fuse, struct.pack("<IiQ", 16 + len(answer), code, unique) + answer)

    def _answer(self, operation: int, node: int, body: memoryview) -> bytes:
        match operation:
            case Operation.INIT:
                flags = BIG_WRITES | MAX_PAGES
                return struct.pack("<IIIIHHIIHHII6I", 7, 31, 0, flags, 64, 48, MAX_WRITE, 1, 256, *[0] * 9)
            case Operation.LOOKUP:
                if node != ROOT or bytes(body).rstrip(b"\0") != b"disk":
                    raise OSError(errno.ENOENT, "only the disk is here")
                return struct.pack("<QQQQII", DISK, 0, 3600, 3600, 0, 0) + self._attributes(DISK)
            case Operation.GETATTR:
                return struct.pack("<QII", 3600, 0, 0) + self._attributes(node)
            case Operation.OPEN:
                return struct.pack("<QII", 0, DIRECT_IO, 0)
            case Operation.READ:
                offset, size = struct.unpack_from("<QI", body, 8)
                return bytes(self.image[offset : offset + size])
            case Operation.WRITE:
                offset, size = struct.unpack_from("<QI", body, 8)
                return self._write(offset, body[40 : 40 + size])
            case Operation.FSYNC:
                self._note(0, None)
                return b""
            case Operation.STATFS:
                return struct.pack("<5Q4I6I", 0, 0, 0, 0, 0, 4096, 255, 4096, *[0] * 7)
            case Operation.RELEASE | Operation.FLUSH | Operation.ACCESS | Operation.DESTROY:
                return b""
        raise OSError(errno.ENOSYS, "not needed for a disk")

    def _write(self, offset: int, data: memoryview) -> bytes:
        kept = bytes(data)
        self.image[offset : offset + len(kept)] = kept
        self._note(offset, kept)
        return struct.pack("<II", len(kept), 0)

    def _note(self, offset: int, data: bytes | None) -> None:
        try:
            said = self._watched.stat().st_size
        except FileNotFoundError:
            said = 0
        self.log.append(Entry(time.monotonic(), said, offset, data))

    def _attributes(self, node: int) -> bytes:
        size = len(self.image) if node == DISK else 0
        mode = stat.S_IFREG | 0o600 if node == DISK else stat.S_IFDIR | 0o700
        times = [0] * 6
        return struct.pack("<6Q10I", node, size, size // 512, *times, mode, 1, 0, 0, 0, 4096, 0)


def main(image: str, mountpoint: str, watched: str, log: str) -> None:
    """Mount, serve, and write the log down."""
    recorder = Recorder(bytearray(Path(image).read_bytes()), Path(watched))
    fuse = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0"
    subprocess.run(
        ["mount", "-i", "-t", "fuse", "-o", options, "recorder", mountpoint], pass_fds=[fuse], check=True
    )
    recorder.serve(fuse)
    with open(log, "wb") as file:
        pickle.dump([tuple(entry) for entry in recorder.log], file)


if __name__ == "__main__":
    main(*sys.argv[1:])
