"""Reads an archive back record by record, and stops or goes on where its bytes are damaged."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

_GZIP = 31  # zlib's name for a gzip wrapper around a window of up to 32 KiB
# RFC 1952 §2.3.1, as zlib writes it: ID1, ID2, deflate, no flags, no time.
_MAGIC = b"\x1f\x8b\x08\x00\x00\x00\x00\x00"
_MOST_TRIES = 1000
_RAW = 16 * 1024  # bytes read at a time: most records are shorter
_OUT = 1024 * 1024  # bytes unpacked at a time, however well they were packed
_KEPT = 256 * 1024  # of each record, enough for its header and an HTTP head
_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Found:
    """A whole record: its gzip member checks out, and its block is as long as its header says."""

    offset: int
    length: int  # of the gzip member
    fields: dict[str, str]  # of the WARC header, names in lower case
    block: bytes  # its beginning


def whole_records(fd: int, offset: int = 0) -> Iterator[Found]:
    """The records from ``offset`` on, up to the first that is not whole. Raises OSError."""
    while (found := read_record(fd, offset)) is not None:
        yield found
        offset += found.length


def holds_records(fd: int, offset: int) -> bool:
    """Whether a whole record begins at or behind ``offset``, whatever stands before it. Raises OSError.

    After a thousand places that only look like one, the rest is taken to hold some.
    """
    tries = 0
    while block := os.pread(fd, _OUT, offset):
        at = block.find(_MAGIC)
        while at >= 0:
            tries += 1
            if tries > _MOST_TRIES or read_record(fd, offset + at) is not None:
                return True
            at = block.find(_MAGIC, at + 1)
        offset += max(1, len(block) - len(_MAGIC) + 1)
    return False


def read_record(fd: int, offset: int) -> Found | None:
    """The record that begins at ``offset``, ``None`` if there is none or it is not whole. Raises OSError."""
    inflate = zlib.decompressobj(_GZIP)
    text = _Text()
    position = offset
    try:
        while not inflate.eof:
            raw = os.pread(fd, _RAW, position)
            if not raw:
                return None
            position += len(raw)
            _inflate(inflate, raw, text)
    except zlib.error:
        return None
    parsed = text.parsed()
    if parsed is None:
        return None
    return Found(offset, position - offset - len(inflate.unused_data), *parsed)


class _Text:
    """What a member unpacks to: its beginning, its last four bytes and how many there were."""

    __slots__ = ("kept", "last", "size")

    def __init__(self) -> None:
        self.kept = bytearray()
        self.last = b""
        self.size = 0

    def add(self, piece: bytes) -> None:
        self.kept += piece[: _KEPT - len(self.kept)]
        self.last = (self.last + piece[-len(_END) :])[-len(_END) :]
        self.size += len(piece)

    def parsed(self) -> tuple[dict[str, str], bytes] | None:
        """The header's fields and the block's beginning, if the record is as long as it says."""
        header_end = self.kept.find(_END)
        if header_end < 0 or not self.kept.startswith(b"WARC/1.") or self.last != _END:
            return None
        fields = {}
        for line in self.kept[:header_end].decode("utf-8", "replace").split("\r\n")[1:]:
            name, _, value = line.partition(":")
            fields[name.strip().lower()] = value.strip()
        length = fields.get("content-length", "")
        if not (length.isascii() and length.isdigit()):
            return None
        start = header_end + len(_END)
        end = start + int(length)
        return (fields, bytes(self.kept[start:end])) if end + len(_END) == self.size else None


def _inflate(inflate: zlib._Decompress, raw: bytes, text: _Text) -> None:
    while True:
        piece = inflate.decompress(raw, _OUT)
        text.add(piece)
        raw = inflate.unconsumed_tail
        if inflate.eof or (not raw and len(piece) < _OUT):
            return
