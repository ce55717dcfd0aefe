"""Bounded physical lines of a byte stream: numbered, decoded, or said to be bad."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

MAX_LINE = 1 << 20  # bytes; a file without line ends must not be read whole
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class BadRow:
    """A place in a source that is no row; ``line`` is that of the file, from 1."""

    source: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file, its line end included."""

    number: int
    text: str


def lines(stream: BinaryIO, source: str) -> Iterator[Line | BadRow]:
    """Every line, read as it is asked for; a leading byte order mark is dropped.

    A line that is longer than ``MAX_LINE``, is not UTF-8 or holds a NUL byte becomes a ``BadRow``.
    """
    number = 0
    while raw := stream.readline(MAX_LINE):
        number += 1
        if len(raw) == MAX_LINE and not raw.endswith(b"\n"):
            _skip_line(stream)
            yield BadRow(source, number, f"the line is longer than {MAX_LINE} bytes")
            continue
        if number == 1:
            raw = raw.removeprefix(_BOM)
        yield _decoded(raw, source, number)


def _skip_line(stream: BinaryIO) -> None:
    while (piece := stream.readline(MAX_LINE)) and not piece.endswith(b"\n"):
        pass


def _decoded(raw: bytes, source: str, number: int) -> Line | BadRow:
    if b"\0" in raw:
        return BadRow(source, number, f"NUL byte at byte {raw.index(0) + 1} of the line; expected UTF-8 text")
    try:
        return Line(number, raw.decode())
    except UnicodeDecodeError as error:
        found = f"0x{raw[error.start]:02x} at byte {error.start + 1} of the line"
        return BadRow(source, number, f"not UTF-8 ({found})")
