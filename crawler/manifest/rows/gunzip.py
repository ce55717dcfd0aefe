"""Gzip (RFC 1952) seen through, by its first two bytes; a bomb is broken off."""

from __future__ import annotations

import gzip
import zlib
from io import BufferedIOBase, BufferedReader, RawIOBase
from typing import Any

from crawler.manifest.rows.text import SourceBroken

_MAGIC = b"\x1f\x8b"
# Deflate reaches 1032:1 on zeros; the most repetitive lists of URLs that we made stay below 60:1.
MOST_TIMES = 200
FREE = 16 << 20  # bytes that may come out whatever went in


def seen_through(stream: BufferedReader) -> BufferedIOBase:
    """The stream itself, or what it decompresses to; reading that may raise ``SourceBroken``."""
    start = stream.peek(2)[:2]
    if start and _MAGIC.startswith(start):  # a pipe may have brought one byte yet; no text begins with it
        return BufferedReader(_Gunzip(stream), 1 << 16)
    return stream


class _Gunzip(RawIOBase):
    def __init__(self, stream: BufferedReader) -> None:
        self._compressed = _Counting(stream)
        self._plain = gzip.GzipFile(fileobj=self._compressed)
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            piece = self._plain.read1(len(buffer))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise SourceBroken(f"damaged gzip: {error}") from None
        self._given += len(piece)
        if self._given > FREE + MOST_TIMES * self._compressed.taken:
            found = f"{self._compressed.taken} bytes of gzip come to more than {self._given}"
            raise SourceBroken(f"{found}; at most {MOST_TIMES} times as many are read")
        buffer[: len(piece)] = piece
        return len(piece)


class _Counting(RawIOBase):
    """The compressed side, and how many bytes were taken from it."""

    def __init__(self, stream: BufferedReader) -> None:
        self._stream = stream
        self.taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._stream.readinto(buffer)
        self.taken += count
        return count
