"""A plain list: one URL a line, blank lines and ``#`` comments skipped."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedIOBase

from crawler.manifest.rows.text import BadRow, lines
from crawler.model import Row


def rows(stream: BufferedIOBase, source: str) -> Iterator[Row | BadRow]:
    """Rows with the one field ``url``, lazily."""
    for line in lines(stream, source):
        if isinstance(line, BadRow):
            yield line
            continue
        url = line.text.strip()
        if url and not url.startswith("#"):
            yield Row({"url": url}, source, line.number)
