"""What goes through a pipe between processes, in frames: a number, the bytes that follow, and those bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator

FRAME = struct.Struct("<QQ")


class Frames:
    """Puts together again what arrives in pieces."""

    def __init__(self) -> None:
        self._arrived = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The frames that ``data`` completes: number and content of each. To be read to its end."""
        arrived, position = self._arrived, 0
        arrived += data
        try:
            while len(arrived) - position >= FRAME.size:
                number, size = FRAME.unpack_from(arrived, position)
                end = position + FRAME.size + size
                if len(arrived) < end:
                    return
                frame = bytes(memoryview(arrived)[position + FRAME.size : end])
                position = end
                yield number, frame
        finally:
            del arrived[:position]
