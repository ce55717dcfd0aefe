"""JSON Lines: one object a line, its members the row's fields."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedIOBase

import msgspec

from crawler.manifest.rows.text import BadRow, Line, lines
from crawler.model import Row


def rows(stream: BufferedIOBase, source: str) -> Iterator[Row | BadRow]:
    """Rows, lazily; blank lines are skipped."""
    for line in lines(stream, source):
        if isinstance(line, BadRow):
            yield line
        elif line.text.strip():
            yield _row(line, source)


def _row(line: Line, source: str) -> Row | BadRow:
    try:
        value = msgspec.json.decode(line.text)
    except (msgspec.DecodeError, RecursionError) as error:
        return BadRow(source, line.number, f"not JSON: {error}")
    if not isinstance(value, dict):
        return BadRow(source, line.number, f"expected a JSON object, found {_KINDS[type(value)]}")
    return Row(value, source, line.number)


_KINDS = {
    list: "an array",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}
