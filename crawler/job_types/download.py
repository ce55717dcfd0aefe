"""``download``: one file from one URL, whole or not at all, fetched again only when it changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal
from urllib.parse import urljoin

from msgspec import structs
from pydantic import Field, model_validator

from crawler.errors import TemplateFailed
from crawler.job_types.base import Fetch, Job, Misfit, Sources
from crawler.job_types.columns import own_of
from crawler.job_types.digests import Checksum, parse_checksum
from crawler.job_types.elsewhere import elsewhere, mirrors
from crawler.job_types.expand import Item, Requests, expand, from_rows, rows_to_come
from crawler.job_types.expect import Expectation
from crawler.job_types.expect_spec import HeadExpectSpec
from crawler.job_types.fetch import fetch
from crawler.job_types.prepare import Values, prepare
from crawler.job_types.ranges import Segments
from crawler.job_types.refresh import still_fits
from crawler.job_types.saving import kept, refuse_foreign
from crawler.job_types.spec import (
    ChecksumOrSumsField,
    DownloadRowsSpec,
    JobSpec,
    OneOrMany,
    ShortSpec,
    SumsSpec,
)
from crawler.job_types.sums import listed_checksum
from crawler.job_types.tools import Tools
from crawler.model import Known, Result, Row, Task
from crawler.policy import urls
from crawler.policy.names import safe_target
from crawler.request import Pairs, Request, Timeouts
from crawler.store.files import Files
from crawler.syntax.fields import HeaderMap, HttpUrl, Size, TextField, header_pairs
from crawler.syntax.template import Text, text

Refresh = Literal["conditional", "never", "always"]
Mirrors = Annotated[tuple[HttpUrl, ...], OneOrMany]
MOST_SEGMENTS = 64


class UrlEntry(ShortSpec):
    """One file: its URL, and what it has of its own."""

    short = "url"

    url: HttpUrl
    to: TextField | None = None
    checksum: ChecksumOrSumsField | None = None
    mirrors: Mirrors | None = None
    headers: HeaderMap = Field(default_factory=dict)


class DownloadSpec(JobSpec):
    """Download files.

    With ``mirrors`` a file has several sources. A source that fails gives way to the next at once, in
    the order written until the run has seen how each host does; ``retry.attempts`` counts rounds over
    all of them, with a wait between two rounds, and a source that failed for good is not asked again.
    """

    type: Literal["download"]
    urls: tuple[UrlEntry, ...] | None = Field(None, description="What to download.")
    rows: DownloadRowsSpec | None = Field(None, alias="from", description="Rows to take URLs from.")
    to: TextField | None = Field(
        None, description="The file's path below the output root; by default ${host}/${path}."
    )
    checksum: ChecksumOrSumsField | None = Field(
        None, description="algorithm:hex that the file must have, or the file that lists it: {sums: URL}."
    )
    mirrors: Mirrors = Field(
        (), description="Other URLs of the same file, tried when the first fails: a URL or a list."
    )
    segments: Annotated[int, Field(ge=1, le=MOST_SEGMENTS)] | Literal["auto"] = Field(
        1,
        description="Ranges of one file to fetch side by side, within its host's concurrency; "
        "auto takes 4 for files of 64 MiB or more.",
    )
    overwrite: bool = Field(False, description="Replace even files that earlier runs did not make.")
    max_bytes: Size | None = Field(None, description="A larger file is a failure.")
    min_bytes: Size | None = Field(None, description="A smaller file is a failure.")
    expect: HeadExpectSpec = Field(HeadExpectSpec.unset(), description="What the answer must be.")
    mtime: bool = Field(True, description="Give the file the time of Last-Modified.")
    refresh: Refresh = Field("conditional", description="Whether to fetch again what is already there.")

    @model_validator(mode="after")
    def _one_source(self) -> DownloadSpec:
        if (self.urls is None) == (self.rows is None):
            found = "neither" if self.urls is None else "both"
            raise ValueError(f"expected exactly one of 'urls' and 'from', found {found}")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What all downloads of a job have in common."""

    overwrite: bool
    refresh: Refresh
    mtime: bool
    segments: Segments
    max_bytes: int | None
    min_bytes: int | None
    expect: Expectation


class DownloadTask(Task, frozen=True, kw_only=True):
    """One file to download."""

    target: str
    rules: Rules
    checksum: Checksum | None = None
    sums: Request | None = None  # for the file that lists the checksum


class Download:
    """The ``download`` job type."""

    name: ClassVar[str] = "download"
    spec: ClassVar[type[DownloadSpec]] = DownloadSpec
    timeouts: ClassVar[Timeouts] = Timeouts()

    def tasks(self, job: Job, sources: Sources) -> Iterator[Task | Misfit | Fetch]:
        """A task a URL, its key the target path."""
        spec: DownloadSpec = job.spec
        items: Iterator[Item | Misfit | Fetch] = (
            from_rows(job, spec.rows, sources) if spec.rows else _from_entries(spec.urls or ())
        )
        return expand(job, items, _Builder(job).build)

    def awaits_needs(self, job: Job) -> bool:
        """The rows may be a file that an earlier job makes."""
        return rows_to_come(job, job.spec.rows)

    def still_fits(self, task: DownloadTask, known: Known) -> bool:
        """Whether today's checksum and bounds would take the file that we have."""
        return still_fits(task, known)

    def already(self, task: DownloadTask, known: Known, files: Files) -> bool:
        """With ``refresh: never`` the file that we have is good, unless today's rules would not take it."""
        return task.rules.refresh == "never" and still_fits(task, known) and files.is_intact(known)

    def portable(self, task: DownloadTask) -> bool:
        """Not where it may have several requests at once, or where tasks share a list of checksums."""
        return task.rules.segments == 1 and task.sums is None

    async def perform(self, task: DownloadTask, tools: Tools) -> Result:
        """Fetch the file, or find that the one we have is still good."""
        if task.known is not None and self.already(task, task.known, tools.files):
            return kept(task, task.known)
        refuse_foreign(tools.files, task, overwrite=task.rules.overwrite)
        if task.sums is not None:
            task = structs.replace(task, checksum=await listed_checksum(task, tools))
        return await fetch(task, tools)


def _from_entries(entries: tuple[UrlEntry, ...]) -> Iterator[Item]:
    for ordinal, entry in enumerate(entries):
        own = entry if len(entry.model_fields_set) > 1 else None
        yield Item(ordinal, entry.url, {"index": ordinal}, own=own)


class _Builder:
    """Turns items into tasks, with everything that is the same for all of them worked out before."""

    def __init__(self, job: Job) -> None:
        spec: DownloadSpec = job.spec
        self._job = job
        self._to = spec.to
        self._rows = spec.rows
        self._mirrors = spec.mirrors
        self._checksum = prepare(spec.checksum, lambda values: _checksum(spec.checksum, values))
        self._rules = Rules(
            overwrite=spec.overwrite,
            refresh=spec.refresh,
            mtime=spec.mtime,
            segments=spec.segments,
            max_bytes=spec.max_bytes,
            min_bytes=spec.min_bytes,
            expect=spec.expect.expectation(),
        )
        self._requests = Requests(job, identity=True)

    def build(self, item: Item) -> DownloadTask:
        """Raises ``TemplateFailed`` or ``UnsafePath``."""
        job, values = self._job, item.values
        url, auth = self._requests.url(item)
        own = item.own
        to, checksum, others = self._to, self._checksum(values), self._mirrors
        headers: Pairs = ()
        if isinstance(own, Row) and self._rows is not None:
            found = own_of(own, self._rows, values)
            to, headers = found.to or to, found.headers
            checksum = _parsed(found.checksum) if found.checksum is not None else checksum
            others = found.mirrors or others
        elif isinstance(own, UrlEntry):
            to, headers = own.to or to, header_pairs(own.headers, values)
            checksum = _checksum(own.checksum, values) if own.checksum is not None else checksum
            others = own.mirrors if own.mirrors is not None else others
        target = safe_target(text(to, values) if to is not None else _as_wget(url))
        request = self._requests.make(url, values, auth, own_headers=headers)
        return DownloadTask(
            job=job.name,
            key=target,
            ordinal=item.ordinal,
            slot=urls.slot(url),
            request=request,
            target=target,
            retry=job.retry,
            rules=self._rules,
            mirrors=mirrors(request, (text(each, values) for each in others)) if others else (),
            checksum=checksum if isinstance(checksum, Checksum) else None,
            sums=elsewhere(request, urljoin(url, checksum)) if isinstance(checksum, str) else None,
        )


def _as_wget(url: str) -> str:
    fields = urls.fields(url)
    return f"{fields['host']}/{fields['path']}"


def _checksum(given: Text | SumsSpec | None, values: Values) -> Checksum | str | None:
    """The checksum, or the URL of the file that lists it, which may be relative to the file's."""
    if given is None:
        return None
    if isinstance(given, SumsSpec):
        return text(given.sums, values)
    return _parsed(text(given, values))


def _parsed(given: str) -> Checksum:
    try:
        return parse_checksum(given)
    except ValueError as error:
        raise TemplateFailed(str(error)) from None
