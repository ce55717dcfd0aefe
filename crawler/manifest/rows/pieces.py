"""A byte stream as the pieces that come, for what reads documents piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedIOBase

_PIECE = 1 << 16


def pieces(stream: BufferedIOBase) -> Iterator[bytes]:
    """The stream to its end, 64 KiB at most at a time."""
    while piece := stream.read1(_PIECE):
        yield piece
