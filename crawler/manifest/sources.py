"""Rows and files that jobs draw on while they run; a bad row is a located failure, never the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from crawler.errors import StorageFailed
from crawler.job_types.base import Job, Misfit
from crawler.job_types.spec import RowsSpec
from crawler.manifest.rows.table import FORMATS, STDIN, format_of
from crawler.manifest.rows.text import BadRow
from crawler.model import ErrorClass, Failure, Outcome, Row

Produced = Callable[[str, frozenset[Outcome]], Iterable[str]]


class ManifestSources:
    """Opens row files relative to a job's folder; ``produced`` asks the run what earlier jobs made."""

    def __init__(self, output: Path, produced: Produced) -> None:
        self.output = output
        self._produced = produced

    def rows(self, job: Job) -> Iterator[Row | Misfit]:
        """The rows of the job's ``from``, one at a time. Raises ``StorageFailed`` if reading breaks off."""
        source: RowsSpec = job.spec.rows
        try:
            opened = _open(job, source)
        except OSError as error:
            yield _misfit(job, 0, f"{source.file}: cannot be read: {error.strerror}", source.file)
            return
        with opened as stream:
            yield from _rows(job, source, stream)

    def may_block(self, job: Job) -> bool:
        """Whether the next row may be a long time coming: stdin is a pipe that somebody writes."""
        rows = getattr(job.spec, "rows", None)
        return rows is not None and rows.file == STDIN

    def produced(self, job: str, outcomes: frozenset[Outcome]) -> Iterable[str]:
        """Targets below the output root that tasks of an earlier job of this run ended with."""
        return self._produced(job, outcomes)


def _open(job: Job, source: RowsSpec) -> BinaryIO:
    if source.file == STDIN:
        return open(0, "rb", closefd=False)
    return (job.folder / source.file).open("rb")


def _rows(job: Job, source: RowsSpec, stream: BinaryIO) -> Iterator[Row | Misfit]:
    name = source.format or format_of(source.file)
    assert name is not None, "load refuses a file whose format is unknown"
    shown = "stdin" if source.file == STDIN else source.file
    try:
        for ordinal, row in enumerate(FORMATS[name].rows(stream, shown)):
            yield _misfit(job, ordinal, str(row), f"{shown}:{row.line}") if isinstance(row, BadRow) else row
    except OSError as error:
        raise StorageFailed(f"reading {shown} broke off: {error.strerror}") from error


def _misfit(job: Job, ordinal: int, message: str, place: str) -> Misfit:
    failure = Failure(kind=ErrorClass.TEMPLATE, message=message, retryable=False, detail=place)
    return Misfit(job=job.name, ordinal=ordinal, url="", failure=failure)
