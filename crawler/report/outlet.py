"""Files that are no files: streams that this process has open already, pipes and devices."""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path
from typing import BinaryIO

_NAMED = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_NUMBERED = re.compile(r"/(?:dev|proc/(self|thread-self|[0-9]+))/fd/([0-9]+)")
_MOST_LINKS = 40  # as in Linux, path_resolution(7)


def own_descriptor(path: str) -> int | None:
    """The open stream that a path or a link means, such as ``/dev/stdout``; ``None`` for any other path."""
    for _ in range(_MOST_LINKS):
        place = Path(os.path.normpath(Path(path).absolute()))
        if str(place) in _NAMED:
            return _NAMED[str(place)]
        found = _NUMBERED.fullmatch(str(place))
        if found and found[1] in {None, "self", "thread-self", str(os.getpid())}:
            return int(found[2])
        try:
            path = str(place.parent / place.readlink())
        except OSError:
            return None  # no link
    return None


def open_stream(path: str) -> BinaryIO | None:
    """A stream, pipe or device to write to as it stands; ``None`` where a regular file is, or none yet.

    An open stream goes on where it is: to open ``/dev/stdout`` by its name would begin a redirected file
    anew (proc(5)). Raises OSError.
    """
    number = own_descriptor(path)
    if number is not None:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        return open(os.dup(number), "wb", buffering=0)
    if not Path(path).exists() or stat.S_ISREG(Path(path).stat().st_mode):
        return None
    return open(path, "wb", buffering=0)


def write_all(stream: BinaryIO, data: bytes) -> None:
    """A raw stream may take less than it is given (a pipe that fills up) and says how much."""
    view = memoryview(data)
    while view:
        written = stream.write(view)
        if written is None:
            raise BlockingIOError("the reader is not keeping up with a non-blocking stream")
        view = view[written:]
    stream.flush()
