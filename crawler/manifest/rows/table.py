"""Every row format by name, and the file name extensions that stand for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO

from crawler.manifest.rows import csv, jsonl, lines
from crawler.manifest.rows.text import BadRow
from crawler.model import Row


@dataclass(frozen=True, slots=True)
class Format:
    """How to read one kind of source. ``columns``: every row has the same fields."""

    rows: Callable[[BinaryIO, str], Iterator[Row | BadRow]]
    extensions: frozenset[str]
    columns: bool


FORMATS = {
    "lines": Format(lines.rows, frozenset({".txt", ".lst", ".urls"}), columns=True),
    "csv": Format(csv.rows, frozenset({".csv"}), columns=True),
    "jsonl": Format(jsonl.rows, frozenset({".jsonl", ".ndjson"}), columns=False),
}

STDIN = "-"


def format_of(file: str) -> str | None:
    """The format that a file's name tells (stdin is a plain list), or ``None``."""
    if file == STDIN:
        return "lines"
    extension = PurePath(file).suffix.lower()
    return next((name for name, form in FORMATS.items() if extension in form.extensions), None)
