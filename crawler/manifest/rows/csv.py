"""CSV (RFC 4180): a header names the fields; quoted fields may hold commas, quotes and line ends."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import BinaryIO

from crawler.manifest.rows.text import BadRow, lines
from crawler.model import Row


def rows(stream: BinaryIO, source: str) -> Iterator[Row | BadRow]:
    """Rows, lazily; a record without the header's number of fields is bad, an empty line is skipped."""
    header: list[str] | None = None
    for record in _records(stream, source):
        if isinstance(record, BadRow):
            yield record
            if header is None:
                return  # without its header the rest means nothing
            continue
        line, cells = record
        if header is None:
            header = cells
            if (repeated := _repeated(header)) is not None:
                yield BadRow(source, line, f"the header names column {repeated!r} twice")
                return
        elif len(cells) != len(header):
            found = f"found {len(cells)} fields, expected {len(header)} as in the header"
            yield BadRow(source, line, found)
        else:
            named = {name: cell for name, cell in zip(header, cells, strict=True) if name}
            yield Row(named, source, line)


def _repeated(header: list[str]) -> str | None:
    return next((name for at, name in enumerate(header) if name and name in header[:at]), None)


def _records(stream: BinaryIO, source: str) -> Iterator[tuple[int, list[str]] | BadRow]:
    """Each record with the line it starts on. ``csv`` forgets its state after an error, so it goes on."""
    feed = _Feed(stream, source)
    reader = csv.reader(feed, strict=True)
    while True:
        first = feed.line + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _BadLineError as error:
            yield error.bad
        except csv.Error as error:
            yield BadRow(source, first, _reason(error, first, feed.line))
        else:
            if cells:
                yield first, cells


def _reason(error: csv.Error, first: int, last: int) -> str:
    text = str(error)
    limit = csv.field_size_limit()
    if "unexpected end of data" in text:
        return "a quote is opened and not closed before the end of the file"
    if "field limit" in text and last > first:
        return f"a quoted field runs past {limit} characters, to line {last}; is a quote left open?"
    if "field limit" in text:
        return f"a field is longer than {limit} characters"
    if "new-line character" in text:
        return "a carriage return stands outside quotes"
    return f"not CSV: {text}"


class _BadLineError(Exception):
    def __init__(self, bad: BadRow) -> None:
        self.bad = bad


class _Feed:
    """Feeds decoded lines to ``csv.reader``; an iterator object survives the errors it raises."""

    def __init__(self, stream: BinaryIO, source: str) -> None:
        self._lines = lines(stream, source)
        self.line = 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        if isinstance(line, BadRow):
            self.line = line.line
            raise _BadLineError(line)
        self.line = line.number
        return line.text
