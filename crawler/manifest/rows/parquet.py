"""Parquet, a batch of a row group at a time; needs pyarrow, the extra ``parquet``."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from io import BufferedIOBase
from typing import Any

from crawler.manifest.rows.text import BadRow
from crawler.model import Row

MISSING = "reading Parquet needs pyarrow; pip install 'crawler[parquet]'"
_BATCH = 1024  # rows that are Python objects at one time
_BUFFER = 1 << 20  # bytes of a column read ahead


def rows(stream: BufferedIOBase, source: str) -> Iterator[Row | BadRow]:
    """Rows, lazily, the ``line`` being the record's number; times become ISO 8601, decimals text.

    What cannot seek (a pipe, a gzip) is first copied to a temporary file, for Parquet's index is its end.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        yield BadRow(source, 1, MISSING)
        return
    with _seekable(stream) as seekable:
        number = 0
        try:
            file = parquet.ParquetFile(seekable, buffer_size=_BUFFER, pre_buffer=False)
            names = file.schema_arrow.names
            if (repeated := next((name for name in names if names.count(name) > 1), None)) is not None:
                yield BadRow(source, 1, f"two columns are called {repeated!r}")
                return
            for batch in file.iter_batches(batch_size=_BATCH, use_threads=False):
                for fields in batch.to_pylist():
                    number += 1
                    yield Row({name: _plain(value) for name, value in fields.items()}, source, number)
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno:
                raise  # the disk's own
            yield BadRow(source, number + 1, f"not Parquet: {_first_line(error)}")


def _seekable(stream: BufferedIOBase) -> Any:
    if stream.seekable():
        return stream
    with ExitStack() as stack:
        copy = stack.enter_context(tempfile.TemporaryFile())
        shutil.copyfileobj(stream, copy)
        copy.seek(0)
        stack.pop_all()  # whole: the caller closes it
    return copy


def _plain(value: object) -> object:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal | timedelta):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:300]
