"""From a job's URLs and rows to tasks: lazily, and with a located failure where a row is no good."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote, urlsplit

from crawler.errors import TaskError, TemplateFailed
from crawler.job_types.base import Fetch, Job, Misfit, Sources
from crawler.job_types.columns import names_columns
from crawler.job_types.prepare import Values, names_in, prepare
from crawler.job_types.spec import JobSpec, RowsSpec
from crawler.model import Row, Task
from crawler.policy import urls
from crawler.request import Auth, Body, Pairs, Request
from crawler.syntax.fields import header_pairs, param_pairs
from crawler.syntax.template import NEEDS, Template, Text, text

URL_FIELDS = frozenset({"host", "path", "name", "stem", "ext", "query_hash"})


@dataclass(slots=True)
class Item:
    """One thing to make a task of.

    ``row`` is where it comes from, for messages; ``own`` its entry or row, if that may say more.
    """

    ordinal: int
    url: Text
    values: Values
    row: Row | None = None
    own: object = None


def from_rows(
    job: Job, rows: RowsSpec, sources: Sources, url: Text | None = None
) -> Iterator[Item | Misfit | Fetch]:
    """An item a row; ``url`` where the rows do not name their URLs themselves."""
    given: Text | None = url
    column = str(rows.url)
    if given is None and isinstance(rows.url, Template):
        given = rows.url
    mapped = names_columns(rows)
    ordinal = -1
    for row in sources.rows(job):
        if isinstance(row, Fetch):
            yield row
            continue
        ordinal += 1
        if isinstance(row, Misfit):
            yield row
            continue
        fields = row.fields
        values: Values = {"index": ordinal, "row": fields if type(fields) is dict else dict(fields)}
        found = given if given is not None else fields.get(column)
        if isinstance(found, (str, Template)):  # a union would be made anew for each row
            yield Item(ordinal, found, values, row, row if mapped or row.own else None)
        else:
            error = TemplateFailed(_no_url(row, column))
            yield misfit(job, Item(ordinal, "", values, row), error)


def rows_to_come(job: Job, rows: RowsSpec | None) -> bool:
    """Whether the rows are a file that is not there yet, and that a job which runs before may make."""
    return rows is not None and bool(job.needs) and not (job.folder / rows.file).exists()


def _no_url(row: Row, column: str) -> str:
    if column not in row.fields:
        columns = ", ".join(map(str, list(row.fields)[:20]))
        return f"the row has no column {column!r} to take the URL from; it has {columns or 'none'}"
    return f"column {column!r} holds {row.fields[column]!r}; expected a URL"


def from_list(urls_: Sequence[Text]) -> Iterator[Item]:
    """An item a URL that the manifest itself holds."""
    for ordinal, url in enumerate(urls_):
        yield Item(ordinal, url, {"index": ordinal})


def expand(
    job: Job, items: Iterable[Item | Misfit | Fetch], build: Callable[[Item], Task]
) -> Iterator[Task | Misfit | Fetch]:
    """A task an item; whatever is wrong with one becomes its ``Misfit``."""
    for item in items:
        if not isinstance(item, Item):
            yield item
            continue
        try:
            task = build(item)
        except TaskError as error:
            yield misfit(job, item, error)
        else:
            yield task


def misfit(job: Job, item: Item, error: TaskError) -> Misfit:
    """The failure of an item, with its place."""
    url = item.url if isinstance(item.url, str) else item.url.source
    failure = error.failure()
    if item.row is not None:
        place = f"{item.row.source}:{item.row.line}"
        failure = replace(failure, message=f"{place}: {failure.message}", detail=place)
    return Misfit(job=job.name, ordinal=item.ordinal, url=url, failure=failure)


class Requests:
    """Makes the requests of one job."""

    def __init__(
        self,
        job: Job,
        *,
        method: str = "GET",
        schemes: frozenset[str] = urls.HTTP_SCHEMES,
        identity: bool = False,
        idempotent: bool = True,
        url_fields: bool = True,
    ) -> None:
        spec: JobSpec = job.spec
        self._headers = prepare(spec.headers, lambda values: header_pairs(spec.headers, values))
        params: Mapping[str, Any] = spec.params
        self._params = prepare(params, lambda values: param_pairs(params, values))
        self._cookies = prepare(spec.cookies, lambda values: param_pairs({**spec.cookies}, values))
        self._auth = prepare(spec.auth, lambda values: spec.auth.credentials(values) if spec.auth else None)
        self._proxy = prepare(spec.proxy, lambda values: text(spec.proxy, values) if spec.proxy else None)
        self._wants_fields = url_fields and bool((names_in(spec) or frozenset()) & URL_FIELDS)
        self._timeouts = job.timeouts
        self._method = method
        self._schemes = schemes
        self._identity = identity
        self._idempotent = idempotent

    def url(self, item: Item) -> tuple[str, Auth | None]:
        """The item's URL in wire form, without user info, and the credentials that the user info was.

        Fills in what templates may say of the URL. Raises ``TemplateFailed``.
        """
        url, auth = requestable(text(item.url, item.values), self._schemes)
        if self._wants_fields:
            item.values.update(urls.fields(url))
        return url, auth

    def name(self, item: Item, url: str) -> str:
        """What the ledger knows the item's URL by: as it is, but with captured values as written.

        The next run has others, and would take a request that must not be repeated for another one.
        """
        if not isinstance(item.url, Template) or NEEDS not in item.url.bound:
            return url
        written = text(item.url.as_written(NEEDS), item.values)
        return written if urls.problem(written, self._schemes) else requestable(written, self._schemes)[0]

    def make(
        self, url: str, values: Values, auth: Auth | None, body: Body | None = None, own_headers: Pairs = ()
    ) -> Request:
        """The request to ``url``; ``own_headers`` replace the job's. Raises ``TemplateFailed``."""
        headers = self._headers(values)
        if own_headers:
            replaced = {name.lower() for name, _ in own_headers}
            headers = tuple(pair for pair in headers if pair[0].lower() not in replaced) + own_headers
        return Request(
            method=self._method,
            url=url,
            headers=headers,
            params=self._params(values),
            cookies=self._cookies(values),
            auth=auth or self._auth(values),
            proxy=self._proxy(values),
            body=body,
            timeouts=self._timeouts,
            idempotent=self._idempotent,
            identity=self._identity,
        )


def source_request(job: Job, url: str) -> Request:
    """The request for a file of rows: as the job's own, without what only a row could fill in.

    Raises ``TemplateFailed``.
    """
    spec: JobSpec = job.spec
    known = {
        name: {key: value for key, value in getattr(spec, name).items() if not names_in(value)}
        for name in ("headers", "params", "cookies")
    }
    auth = None if names_in(spec.auth) else spec.auth
    bare = replace(job, spec=spec.model_copy(update={**known, "auth": auth}))
    requests = Requests(bare, identity=True, url_fields=False)
    found, own = requests.url(Item(0, url, {}))
    return requests.make(found, {}, own)


def requestable(found: str, schemes: frozenset[str] = urls.HTTP_SCHEMES) -> tuple[str, Auth | None]:
    """A URL in wire form without user info, and the credentials that the user info was.

    Raises ``TemplateFailed`` for what cannot be requested.
    """
    if schemes is urls.HTTP_SCHEMES and urls.plain(found):
        return found, None
    if (problem := urls.problem(found, schemes)) is not None:
        raise TemplateFailed(f"{_shown(found)}: {problem}")
    url = urls.wire(found)
    return _without_userinfo(url) if "@" in url else (url, None)


def _shown(url: str) -> str:
    return repr(url if len(url) <= 200 else f"{url[:199]}…")


def _without_userinfo(url: str) -> tuple[str, Auth | None]:
    """``https://user:pass@host/`` as the URL without credentials, and basic credentials."""
    parts = urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    user, _, password = userinfo.partition(":")
    bare = parts._replace(netloc=host).geturl()
    return bare, Auth("basic", unquote(user), unquote(password)) if userinfo else None
