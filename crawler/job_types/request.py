"""``request``: one HTTP request, its answer checked, saved or let go; ``post`` is one with POST."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from crawler.errors import TemplateFailed
from crawler.job_types.answer import answer
from crawler.job_types.base import Fetch, Job, Misfit, Sources
from crawler.job_types.bodies import BodySpec, body_maker
from crawler.job_types.capture_spec import CaptureMap, captures_of, refuse_impossible
from crawler.job_types.columns import own_of
from crawler.job_types.expand import Item, Requests, expand, from_list, from_rows, rows_to_come
from crawler.job_types.expect import Expectation
from crawler.job_types.expect_spec import ExpectSpec
from crawler.job_types.paginate_spec import PaginateSpec
from crawler.job_types.prepare import Values
from crawler.job_types.saving import refuse_foreign
from crawler.job_types.spec import JobSpec, RowsSpec
from crawler.job_types.tools import Tools
from crawler.model import GoesOn, Result, Row, Task
from crawler.policy import urls
from crawler.policy.names import safe_target
from crawler.request import Pairs, Request, Timeouts
from crawler.syntax.fields import HttpUrl, TextField, header_value_problem
from crawler.syntax.template import Text, text

if TYPE_CHECKING:
    from crawler.job_types.captured import Capture
    from crawler.job_types.paging import Paging

Method = Literal["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]

# RFC 9110 §9.2.2: doing these twice comes to the same as doing them once.
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})

IDEMPOTENCY_KEY = "Idempotency-Key"


class RequestKeys(JobSpec, BodySpec):
    """The keys that ``request`` and ``post`` share."""

    url: HttpUrl | None = Field(None, description="Where to; with 'from', once for each row.")
    urls: tuple[HttpUrl, ...] | None = Field(None, description="Where to, one request each.")
    rows: RowsSpec | None = Field(None, alias="from", description="Rows, one request each.")
    method: Method = "GET"
    save: TextField | None = Field(None, description="Save the answer's body at this path.")
    expect: ExpectSpec = Field(ExpectSpec.unset(), description="What the answer must be.")
    capture: CaptureMap | None = Field(
        None, description="Values to take out of the answer, for later jobs: ${needs.JOB.NAME}."
    )
    idempotency_key: TextField | None = Field(
        None, description="Sent as Idempotency-Key; makes POST and PATCH safe to send again."
    )
    paginate: PaginateSpec | None = Field(
        None, description="The answer is the first page of a list: read all, save it as JSON Lines."
    )

    @model_validator(mode="after")
    def _one_source(self) -> RequestKeys:
        if self.urls is not None:
            if self.url is not None or self.rows is not None:
                raise ValueError("expected 'urls' without 'url' and 'from'")
        elif self.url is None and self.rows is None:
            raise ValueError("expected 'url', 'urls' or 'from'")
        return self

    @field_validator("paginate")
    @classmethod
    def _pages_fit(cls, value: PaginateSpec | None, others: ValidationInfo) -> PaginateSpec | None:
        if value is not None:
            value.refuse_misfit(others.data)
        return value

    @model_validator(mode="after")
    def _one_answer_to_capture_from(self) -> RequestKeys:
        urls = None if self.rows is not None else 1 if self.urls is None else len(self.urls)
        refuse_impossible(self.capture, urls=urls, method=self.method)
        return self


class RequestSpec(RequestKeys):
    """Send requests."""

    type: Literal["request"]


class PostSpec(RequestKeys):
    """Send POST requests."""

    type: Literal["post"]
    method: Literal["POST"] = "POST"


class RequestTask(Task, frozen=True, kw_only=True):
    """One request to send, or a list to read page by page; ``turned`` asks for a page behind the first."""

    expect: Expectation
    captures: tuple[Capture, ...] = ()
    paging: Paging | None = None
    turned: Request | None = None

    @property
    def asked(self) -> Request:
        """The request of this attempt."""
        return self.turned or self.request


class RequestJob:
    """The ``request`` job type."""

    name: ClassVar[str] = "request"
    spec: ClassVar[type[RequestKeys]] = RequestSpec
    timeouts: ClassVar[Timeouts] = Timeouts(total=120.0)

    def tasks(self, job: Job, sources: Sources) -> Iterator[Task | Misfit | Fetch]:
        """A task a URL or row, its key the ordinal, method and URL."""
        spec: RequestKeys = job.spec
        items: Iterator[Any]
        if spec.rows is not None:
            items = from_rows(job, spec.rows, sources, url=spec.url)
        else:
            items = from_list(spec.urls if spec.urls is not None else (spec.url or "",))
        return expand(job, items, _Builder(job).build)

    def awaits_needs(self, job: Job) -> bool:
        """The rows may be a file that an earlier job makes."""
        return rows_to_come(job, job.spec.rows)

    def portable(self, task: RequestTask) -> bool:
        """Not where values are captured, nor lists: both leave something that is kept where the run is."""
        return not task.captures and task.paging is None

    async def perform(self, task: RequestTask, tools: Tools) -> Result | GoesOn:
        """Send the request and hold its answer against what is expected of it; of a list, one page."""
        refuse_foreign(tools.files, task)
        if task.paging is not None:
            from crawler.job_types.paginate import turn  # most requests are no lists

            return await turn(task, task.paging, tools)
        async with tools.transport.open(task.request, slot=task.slot, hop=task.hop) as response:
            return await answer(response, task, task.expect, tools, task.captures)


class Post(RequestJob):
    """The ``post`` job type: ``request`` with POST."""

    name: ClassVar[str] = "post"
    spec: ClassVar[type[RequestKeys]] = PostSpec


class _Builder:
    def __init__(self, job: Job) -> None:
        spec: RequestKeys = job.spec
        self._job = job
        self._spec = spec
        repeatable = spec.method in IDEMPOTENT or spec.idempotency_key is not None
        self._requests = Requests(job, method=spec.method, idempotent=repeatable)
        self._body = body_maker(spec, job.folder)
        self._expect = spec.expect.expectations()
        self._captures = captures_of(spec.capture)
        self._paging = None if spec.paginate is None else spec.paginate.paging()

    def build(self, item: Item) -> RequestTask:
        """Raises ``TemplateFailed`` or ``UnsafePath``."""
        job, spec, values = self._job, self._spec, item.values
        url, auth = self._requests.url(item)
        headers = _idempotency(spec.idempotency_key, values)
        if isinstance(item.own, Row) and spec.rows is not None:
            headers = own_of(item.own, spec.rows, values).headers + headers
        return RequestTask(
            job=job.name,
            key=f"{item.ordinal} {spec.method} {self._requests.name(item, url)}",
            ordinal=item.ordinal,
            slot=urls.slot(url),
            request=self._requests.make(url, values, auth, self._body(values), own_headers=headers),
            target=None if spec.save is None else safe_target(text(spec.save, values)),
            retry=job.retry,
            expect=self._expect(values),
            captures=self._captures,
            paging=self._paging,
        )


def _idempotency(given: Text | None, values: Values) -> Pairs:
    """The header that lets a server recognise a repeated request (draft-ietf-httpapi-idempotency-key)."""
    if given is None:
        return ()
    key = text(given, values)
    problem = header_value_problem(key) or (None if key.strip() else "it is empty")
    if problem is not None:
        raise TemplateFailed(f"idempotency_key: {problem}")
    return ((IDEMPOTENCY_KEY, key),)
