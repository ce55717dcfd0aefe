"""Reading row files as a run does."""

from __future__ import annotations

import io
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from crawler.job_types.base import Fetch, Job, Misfit
from crawler.job_types.table import JOB_TYPES
from crawler.manifest.rows.table import FORMATS
from crawler.manifest.sources import ManifestSources
from crawler.model import Outcome, Row, Task
from tests.job_types.bench import job

MOST = 100_000  # rows that no test's file can have


def nothing(job: str, outcomes: frozenset[Outcome]) -> Iterable[str]:
    return ()


def rows(format_name: str, content: bytes) -> list[dict[str, object] | str]:
    """The rows' fields, and the bad rows as they are told."""
    stream = io.BufferedReader(io.BytesIO(content))
    found = FORMATS[format_name].rows(stream, "in")
    return [dict(row.fields) if isinstance(row, Row) else str(row) for row in found]


def sources(folder: Path) -> ManifestSources:
    return ManifestSources(folder, nothing, folder / "spool")


def download(folder: Path, from_: object, **keys: Any) -> Job:
    return job("download", folder, from_=from_, **keys)


def tasks(folder: Path, from_: object, **keys: Any) -> list[Task | Misfit | Fetch]:
    """What a download job of these rows comes to."""
    made = JOB_TYPES["download"].tasks(download(folder, from_, **keys), sources(folder))
    found = list(islice(made, MOST))
    assert len(found) < MOST
    return found


def told(item: Task | Misfit | Fetch) -> str:
    """A task's URL, or what is wrong with a row."""
    return item.failure.message if isinstance(item, Misfit) else item.url
