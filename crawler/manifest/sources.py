"""Rows and files that jobs draw on while they run; a bad row is a located failure, never the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from crawler.job_types.base import Fetch, Job, Misfit
from crawler.manifest.rows.table import STDIN
from crawler.model import Outcome, Row

Produced = Callable[[str, frozenset[Outcome]], Iterable[str]]


class ManifestSources:
    """Opens row files relative to a job's folder; ``produced`` asks the run what earlier jobs made.

    ``spool`` is the folder that files of rows are fetched into; nobody else may use it meanwhile.
    """

    def __init__(self, output: Path, produced: Produced, spool: Path) -> None:
        self.output = output
        self._produced = produced
        self._spool = spool

    def rows(self, job: Job) -> Iterator[Row | Misfit | Fetch]:
        """The rows of the job's ``from``, one at a time. Raises ``StorageFailed`` if reading breaks off."""
        from crawler.manifest.reading import Reading  # sitemaps and all; few manifests have rows

        return Reading(job, self._spool).rows()

    def may_block(self, job: Job) -> bool:
        """Whether the next row may be a long time coming: stdin is a pipe that somebody writes."""
        rows = getattr(job.spec, "rows", None)
        return rows is not None and rows.file == STDIN

    def produced(self, job: str, outcomes: frozenset[Outcome]) -> Iterable[str]:
        """Targets below the output root that tasks of an earlier job of this run ended with."""
        return self._produced(job, outcomes)
