"""Bounded physical lines of a byte stream: numbered, decoded, or said to be bad."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedIOBase, StringIO

MAX_LINE = 1 << 20  # bytes; a file without line ends must not be read whole
_BLOCK = 1 << 16
_BOM = b"\xef\xbb\xbf"


class SourceBroken(Exception):
    """From here on nothing of a source can be read; the message says why."""


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


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of the file that stand together, line ends included; ``first`` is the first one's number."""

    first: int
    text: str

    def lines(self) -> Iterator[str]:
        """Its lines; only a line feed ends one."""
        return iter(StringIO(self.text, newline="\n"))


def lines(stream: BufferedIOBase, source: str) -> Iterator[Line | BadRow]:
    """Every line, read as it is asked for, and bad ones as ``blocks`` tells them."""
    for block in blocks(stream, source):
        if isinstance(block, BadRow):
            yield block
        else:
            for number, text in enumerate(block.lines(), block.first):
                yield Line(number, text)


def blocks(stream: BufferedIOBase, source: str) -> Iterator[Block | BadRow]:
    """The file as whole lines, as many at a time as are there; a leading byte order mark is dropped.

    A line that is longer than ``MAX_LINE``, is not UTF-8 or holds a NUL byte becomes a ``BadRow``.
    """
    number = 1
    for raw in _whole_lines(stream):
        if raw is None:
            yield BadRow(source, number, f"the line is longer than {MAX_LINE} bytes")
            number += 1
            continue
        text = raw.removeprefix(_BOM) if number == 1 else raw
        whole = _decoded(text, source, number)
        if isinstance(whole, Block):
            yield whole
        else:  # which line it is, only a look at each can tell
            for offset, line in enumerate(_split(text)):
                yield _decoded(line, source, number + offset)
        number += raw.count(b"\n")


def _whole_lines(stream: BufferedIOBase) -> Iterator[bytes | None]:
    """Runs of whole lines; ``None`` for a line that is too long. The last one may lack its end."""
    rest = beyond = b""
    while piece := beyond or stream.read1(_BLOCK):
        beyond = b""
        end = piece.rfind(b"\n") + 1
        if not end:
            rest += piece
            if len(rest) >= MAX_LINE:
                yield None
                rest, beyond = b"", _after_line(stream)
            continue
        first = piece.find(b"\n") + 1
        if len(rest) + first > MAX_LINE:
            yield None
            if first < end:
                yield piece[first:end]
        else:
            yield rest + piece[:end]
        rest = piece[end:]
    if rest:
        yield rest


def _after_line(stream: BufferedIOBase) -> bytes:
    """Skip to the end of the line; what was read beyond it."""
    while piece := stream.read1(_BLOCK):
        end = piece.find(b"\n") + 1
        if end:
            return piece[end:]
    return b""


def _split(raw: bytes) -> list[bytes]:
    pieces = [piece + b"\n" for piece in raw.split(b"\n")]
    pieces[-1] = pieces[-1][:-1]
    return pieces if pieces[-1] else pieces[:-1]


def _decoded(raw: bytes, source: str, number: int) -> Block | BadRow:
    if b"\0" in raw:
        return BadRow(source, number, f"NUL byte at byte {raw.index(0) + 1} of the line; expected UTF-8 text")
    try:
        return Block(number, raw.decode())
    except UnicodeDecodeError as error:
        found = f"0x{raw[error.start]:02x} at byte {error.start + 1} of the line"
        return BadRow(source, number, f"not UTF-8 ({found})")
