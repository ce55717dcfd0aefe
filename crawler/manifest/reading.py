"""One job's rows, from its file or URL and from the sitemaps that those lead to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from urllib.parse import quote, urljoin

from crawler.errors import StorageFailed, TaskError
from crawler.job_types.base import Fetch, Job, Misfit
from crawler.job_types.elsewhere import elsewhere
from crawler.job_types.expand import source_request
from crawler.job_types.spec import RowsSpec
from crawler.manifest.rows.gunzip import seen_through
from crawler.manifest.rows.sitemap import NESTED
from crawler.manifest.rows.table import FORMATS, STDIN, format_of, is_url
from crawler.manifest.rows.text import BadRow, SourceBroken
from crawler.model import ErrorClass, Failure, Row
from crawler.request import Request

# sitemaps.org knows one level of indexes and 50 000 sitemaps in each; sites have been seen with two.
MOST_LEVELS = 5
MOST_SITEMAPS = 50_000


class Reading:
    """One pass over a job's rows."""

    def __init__(self, job: Job, spool: Path) -> None:
        self._job = job
        self._spool = spool
        source: RowsSpec = job.spec.rows
        self._file = source.file
        name = source.format or format_of(self._file)
        assert name is not None, "load refuses a file whose format is unknown"
        self._format = name
        self._ordinal = 0
        self._asked: set[str] = set()  # sitemaps, so that a ring of them ends

    def rows(self) -> Iterator[Row | Misfit | Fetch]:
        """The rows; a ``Fetch`` before those that come from a URL. Raises ``StorageFailed``."""
        if is_url(self._file):
            try:
                request = source_request(self._job, self._file)
            except TaskError as error:
                yield self._misfit(f"{self._file}: {error}", self._file)
                return
            self._asked.add(request.url)
            yield from self._fetched(request, 0)
            return
        shown = "stdin" if self._file == STDIN else self._file
        try:
            opened = self._opened()
        except OSError as error:
            yield self._misfit(f"{shown}: cannot be read: {error.strerror}", shown)
            return
        with opened:
            yield from self._read(opened, shown, None, 0)

    def _opened(self) -> BufferedReader:
        if self._file == STDIN:
            return open(0, "rb", closefd=False)
        return (self._job.folder / self._file).open("rb")

    def _fetched(self, request: Request, level: int) -> Iterator[Row | Misfit | Fetch]:
        job, url = self._job.name, request.url
        into = self._spool / hashlib.sha256(f"{job} {url}".encode()).hexdigest()[:32]
        yield Fetch(job=job, url=url, request=request, into=into)
        try:
            opened = into.open("rb")
        except FileNotFoundError:
            return  # it failed, and whoever fetched it has said so
        except OSError as error:
            raise StorageFailed(f"{into}, which {url} was fetched into: {error.strerror}") from error
        with opened:
            yield from self._read(opened, url, request, level)

    def _read(
        self, opened: BufferedReader, shown: str, base: Request | None, level: int
    ) -> Iterator[Row | Misfit | Fetch]:
        line, nests = 0, self._format == "sitemap"
        try:
            for row in FORMATS[self._format].rows(seen_through(opened), shown):
                line = row.line
                if isinstance(row, BadRow):
                    yield self._misfit(str(row), f"{shown}:{line}")
                elif nests and NESTED in row.fields:
                    yield from self._nested(row, base, level + 1)
                else:
                    self._ordinal += 1
                    yield row if base is None else self._based(row, base.url)
        except SourceBroken as error:
            yield self._misfit(f"{shown}:{line + 1}: {error}", f"{shown}:{line + 1}")
        except OSError as error:
            raise StorageFailed(f"reading {shown} broke off: {error.strerror}") from error

    def _nested(self, row: Row, base: Request | None, level: int) -> Iterator[Row | Misfit | Fetch]:
        """The rows of a sitemap that an index lists; another origin than the index's gets no credentials."""
        url, place = str(row.fields[NESTED]), f"{row.source}:{row.line}"
        try:
            if base is None:
                request = source_request(self._job, url)
            else:
                request = elsewhere(base, _joined(base.url, url))
        except TaskError as error:
            yield self._misfit(f"{place}: {error}", place)
            return
        if request.url in self._asked:
            return
        if level > MOST_LEVELS or len(self._asked) >= MOST_SITEMAPS:
            most = f"{MOST_LEVELS} levels" if level > MOST_LEVELS else f"{MOST_SITEMAPS} sitemaps"
            yield self._misfit(f"{place}: more than {most}; {url[:200]} is left out", place)
            return
        self._asked.add(request.url)
        yield from self._fetched(request, level)

    def _based(self, row: Row, base: str) -> Row:
        """The row with its URL made whole: relative to where the file of rows came from."""
        fields = row.fields
        if self._format == "sha256sums":
            url = quote(str(fields["name"]))
        elif self._format == "sitemap":
            url = str(fields["url"])
        else:
            return row
        return Row({**fields, "url": _joined(base, url)}, row.source, row.line, row.own)

    def _misfit(self, message: str, place: str) -> Misfit:
        failure = Failure(kind=ErrorClass.TEMPLATE, message=message, retryable=False, detail=place)
        self._ordinal += 1
        return Misfit(job=self._job.name, ordinal=self._ordinal - 1, url="", failure=failure)


def _joined(base: str, url: str) -> str:
    try:
        return urljoin(base, url)
    except ValueError:
        return url  # no URL: the task says so
