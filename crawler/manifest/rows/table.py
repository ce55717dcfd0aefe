"""Every row format by name, imported when rows are read, and the file names that stand for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import PurePath

from crawler.manifest.rows.text import BadRow
from crawler.model import Row

Rows = Iterator[Row | BadRow]


@dataclass(frozen=True, slots=True)
class Format:
    """How to read one kind of source.

    ``columns``: every row has the same fields. ``urls``: each row has a ``url``, or may have one;
    otherwise the manifest must say how to make it.
    """

    rows: Callable[[BufferedIOBase, str], Rows]
    extensions: frozenset[str]
    columns: bool = False
    urls: bool = True


def _lines(stream: BufferedIOBase, source: str) -> Rows:
    from crawler.manifest.rows import lines

    return lines.rows(stream, source)


def _csv(stream: BufferedIOBase, source: str) -> Rows:
    from crawler.manifest.rows import csv

    return csv.rows(stream, source)


def _tsv(stream: BufferedIOBase, source: str) -> Rows:
    from crawler.manifest.rows import csv

    return csv.tab_rows(stream, source)


def _jsonl(stream: BufferedIOBase, source: str) -> Rows:
    from crawler.manifest.rows import jsonl

    return jsonl.rows(stream, source)


def _parquet(stream: BufferedIOBase, source: str) -> Rows:
    from crawler.manifest.rows import parquet

    return parquet.rows(stream, source)


def _aria2(stream: BufferedIOBase, source: str) -> Rows:
    from crawler.manifest.rows import aria2

    return aria2.rows(stream, source)


def _metalink(stream: BufferedIOBase, source: str) -> Rows:
    from crawler.manifest.rows import metalink

    return metalink.rows(stream, source)


def _sums(stream: BufferedIOBase, source: str) -> Rows:
    from crawler.manifest.rows import sums

    return sums.rows(stream, source)


def _sitemap(stream: BufferedIOBase, source: str) -> Rows:
    from crawler.manifest.rows import sitemap

    return sitemap.rows(stream, source)


FORMATS = {
    "lines": Format(_lines, frozenset({".txt", ".lst", ".urls"}), columns=True),
    "csv": Format(_csv, frozenset({".csv"}), columns=True),
    "tsv": Format(_tsv, frozenset({".tsv", ".tab"}), columns=True),
    "jsonl": Format(_jsonl, frozenset({".jsonl", ".ndjson"})),
    "parquet": Format(_parquet, frozenset({".parquet"}), columns=True),
    "aria2": Format(_aria2, frozenset({".aria2"})),
    "metalink": Format(_metalink, frozenset({".metalink", ".meta4"})),
    "sha256sums": Format(_sums, frozenset({".sha256", ".sha512", ".sha1", ".md5"}), urls=False),
    "sitemap": Format(_sitemap, frozenset({".xml"})),
}

STDIN = "-"
_SUMS = re.compile(r"(?:sha\d+|md5|b2)sums?(?:\.txt)?", re.IGNORECASE)


def is_url(file: str) -> bool:
    """Whether it is to be fetched, and not a file here."""
    return file[:8].lower().startswith(("http://", "https://"))


def format_of(file: str) -> str | None:
    """The format that a file's name tells (stdin is a plain list), ``.gz`` set aside, or ``None``."""
    if file == STDIN:
        return "lines"
    path = PurePath(re.split("[?#]", file)[0] if is_url(file) else file)
    if path.suffix.lower() == ".gz":
        path = path.with_suffix("")
    if _SUMS.fullmatch(path.name):
        return "sha256sums"
    extension = path.suffix.lower()
    return next((name for name, form in FORMATS.items() if extension in form.extensions), None)
