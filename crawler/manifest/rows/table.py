"""Every row format by name, and the file names that stand for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import PurePath

from crawler.manifest.rows import aria2, csv, jsonl, lines, metalink, parquet, sitemap, sums
from crawler.manifest.rows.text import BadRow
from crawler.model import Row


@dataclass(frozen=True, slots=True)
class Format:
    """How to read one kind of source.

    ``columns``: every row has the same fields. ``urls``: each row has a ``url``, or may have one;
    otherwise the manifest must say how to make it.
    """

    rows: Callable[[BufferedIOBase, str], Iterator[Row | BadRow]]
    extensions: frozenset[str]
    columns: bool = False
    urls: bool = True


FORMATS = {
    "lines": Format(lines.rows, frozenset({".txt", ".lst", ".urls"}), columns=True),
    "csv": Format(csv.rows, frozenset({".csv"}), columns=True),
    "tsv": Format(csv.tab_rows, frozenset({".tsv", ".tab"}), columns=True),
    "jsonl": Format(jsonl.rows, frozenset({".jsonl", ".ndjson"})),
    "parquet": Format(parquet.rows, frozenset({".parquet"}), columns=True),
    "aria2": Format(aria2.rows, frozenset({".aria2"})),
    "metalink": Format(metalink.rows, frozenset({".metalink", ".meta4"})),
    "sha256sums": Format(sums.rows, frozenset({".sha256", ".sha512", ".sha1", ".md5"}), urls=False),
    "sitemap": Format(sitemap.rows, frozenset({".xml"})),
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
