"""CSV (RFC 4180) and TSV: a header names the fields; quoted CSV fields may hold commas, quotes, line ends."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import BufferedIOBase
from itertools import chain
from typing import Any

from crawler.manifest.rows.text import BadRow, blocks
from crawler.model import Row

_CSV: dict[str, Any] = {"strict": True}
# The registration of text/tab-separated-values (IANA, 1993) knows no quotes: they are characters.
_TSV: dict[str, Any] = {"strict": True, "delimiter": "\t", "quoting": csv.QUOTE_NONE}


def rows(stream: BufferedIOBase, source: str) -> Iterator[Row | BadRow]:
    """Rows, lazily; a record without the header's number of fields is bad, an empty line is skipped."""
    return _rows(_records(stream, source, _CSV), source)


def tab_rows(stream: BufferedIOBase, source: str) -> Iterator[Row | BadRow]:
    """The same with tabs between the fields, and no quoting."""
    return _rows(_records(stream, source, _TSV), source)


Record = tuple[int, list[str]]  # the line it starts on, and its fields


def _rows(records: Iterator[Record | BadRow], source: str) -> Iterator[Row | BadRow]:
    first = next(records, None)
    if first is None:
        return
    if isinstance(first, BadRow):
        yield first  # without its header the rest means nothing
        return
    line, header = first
    if (repeated := _repeated(header)) is not None:
        yield BadRow(source, line, f"the header names column {repeated!r} twice")
        return
    width, nameless = len(header), "" in header
    for record in records:
        if isinstance(record, BadRow):
            yield record
            continue
        line, cells = record
        if len(cells) != width:
            found = f"found {len(cells)} fields, expected {width} as in the header"
            yield BadRow(source, line, found)
            continue
        fields = dict(zip(header, cells, strict=False))
        if nameless:
            del fields[""]
        yield Row(fields, source, line)


def _repeated(header: list[str]) -> str | None:
    return next((name for at, name in enumerate(header) if name and name in header[:at]), None)


def _records(stream: BufferedIOBase, source: str, dialect: dict[str, Any]) -> Iterator[Record | BadRow]:
    """Each record that is not empty. ``csv`` forgets its state after an error, so it goes on."""
    feed = _Feed(stream, source)
    while not feed.ended:
        lines = feed.run()
        reader = csv.reader(lines, **dialect)
        before = feed.line - 1  # of the lines that the reader counts from 1
        last = 0
        while True:
            try:
                for cells in reader:
                    if cells:
                        yield before + last + 1, cells
                    last = reader.line_num
                break
            except csv.Error as error:
                first, last = last + 1, reader.line_num
                yield BadRow(source, before + first, _reason(error, before + first, before + last, feed.bad))
        if feed.bad is not None:
            yield feed.bad


def _reason(error: csv.Error, first: int, last: int, bad: BadRow | None) -> str:
    text = str(error)
    limit = csv.field_size_limit()
    if "unexpected end of data" in text:
        end = "the end of the file" if bad is None else f"line {bad.line}, which cannot be read"
        return f"a quote is opened and not closed before {end}"
    if "field limit" in text and last > first:
        return f"a quoted field runs past {limit} characters, to line {last}; is a quote left open?"
    if "field limit" in text:
        return f"a field is longer than {limit} characters"
    if "new-line character" in text:
        return "a carriage return stands outside quotes"
    return f"not CSV: {text}"


class _Feed:
    """The file as runs of good lines, each ended by a bad one or the file's end.

    A run is an iterator without Python code a line: that is what makes a million rows quick.
    """

    def __init__(self, stream: BufferedIOBase, source: str) -> None:
        self._blocks = blocks(stream, source)
        self.line = 1  # the first one of the run
        self.bad: BadRow | None = None
        self.ended = False

    def run(self) -> Iterator[str]:
        """The lines up to the next bad one, which ``bad`` is once the run is exhausted."""
        if self.bad is not None:
            self.line = self.bad.line + 1
        return chain.from_iterable(self._run())

    def _run(self) -> Iterator[Iterator[str]]:
        self.bad = None
        for block in self._blocks:
            if isinstance(block, BadRow):
                self.bad = block
                return
            yield block.lines()
        self.ended = True
