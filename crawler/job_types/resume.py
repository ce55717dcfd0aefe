"""Whether bytes from an earlier attempt may be continued: validators and ``Content-Range``, purely."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from crawler.model import Checkpoint, Known, Task
from crawler.policy.retry_after import http_date

_CONTENT_RANGE = re.compile(
    r"bytes[ \t]+(?:(\d{1,19})-(\d{1,19})|(\*))/(?:(\d{1,19})|(\*))", re.ASCII | re.IGNORECASE
)
_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')

# RFC 9110 §8.8.2.2: a Last-Modified is a strong validator only when it is clearly older than the
# answer that carried it, for a file may change twice within one second. 60 s is the margin that
# RFC 7232 §2.2.2 named, wide enough for two clocks that disagree a little.
SETTLED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ContentRange:
    """A parsed ``Content-Range`` (RFC 9110 §14.4); ``first`` is ``None`` for ``bytes */total``."""

    first: int | None
    last: int | None
    total: int | None


def version_url(url: str) -> str:
    """The final URL as a checkpoint remembers it: its query hashed, for that is where signatures are."""
    base, mark, query = url.partition("?")
    return f"{base}?{hashlib.sha256(query.encode()).hexdigest()[:32]}" if mark else url


def beginning(
    url: str, headers: Mapping[str, str], *, length: int | None, encoded: bool
) -> Checkpoint | None:
    """The version that a whole answer belongs to, at offset 0; ``None`` if it can never be continued.

    It takes a strong validator, a declared length, bytes as stored (a coding cannot be entered half
    way) and a server that does not rule ranges out. A date is one only where there is no entity tag, not
    even a weak one (RFC 9110 §13.1.5).
    """
    etag, modified = strong_etag(headers.get("ETag")), settled_last_modified(headers)
    strong = etag is not None or (modified is not None and "ETag" not in headers)
    ranges = headers.get("Accept-Ranges", "").strip().lower() != "none"
    if not strong or length is None or encoded or not ranges:
        return None
    return Checkpoint(offset=0, etag=etag, last_modified=modified, url=version_url(url), total=length)


def nothing(url: str) -> Checkpoint:
    """What to commit before bytes of another version are written: nothing may be continued."""
    return Checkpoint(offset=0, etag=None, last_modified=None, url=version_url(url), total=None)


def usable(known: Known | None, target: str) -> Checkpoint | None:
    """The checkpoint of ``target``'s part file, if there is something to continue from it."""
    checkpoint = known.checkpoint if known is not None else None
    if known is None or checkpoint is None or known.part not in (None, target):
        return None
    if checkpoint.offset <= 0 or checkpoint.total is None or if_range(checkpoint) is None:
        return None
    return checkpoint


def of_another(task: Task) -> bool:
    """Whether the part file came from another source of the task than the one that is asked now."""
    checkpoint = task.known.checkpoint if task.known is not None else None
    if checkpoint is None or not task.mirrors:
        return False
    others = (request for request in (task.request, *task.mirrors) if request is not task.asked)
    return checkpoint.url in [version_url(request.url) for request in others]


def content_range(value: str | None) -> ContentRange | None:
    """The header's meaning, or ``None`` where it is missing, malformed or contradicts itself."""
    match = _CONTENT_RANGE.fullmatch(value.strip()) if value else None
    if match is None:
        return None
    first, last, unsatisfied, total, _ = match.groups()
    size = int(total) if total is not None else None
    if unsatisfied:
        return ContentRange(None, None, size) if size is not None else None
    start, end = int(first), int(last)
    if start > end or (size is not None and end >= size):
        return None
    return ContentRange(start, end, size)


def strong_etag(value: str | None) -> str | None:
    """The entity tag if it is a strong one (RFC 9110 §8.8.3); weak and malformed ones give ``None``."""
    return value if value is not None and _STRONG_ETAG.fullmatch(value) else None


def settled_last_modified(headers: Mapping[str, str]) -> str | None:
    """``Last-Modified`` if it may serve as a strong validator, judged by the answer's own ``Date``."""
    value, date = headers.get("Last-Modified"), headers.get("Date")
    if value is None or date is None:
        return None
    modified, answered = http_date(value), http_date(date)
    if modified is None or answered is None or answered - modified < SETTLED_SECONDS:
        return None
    return value


def if_range(checkpoint: Checkpoint) -> str | None:
    """The validator to send in ``If-Range`` (RFC 9110 §13.1.5), or ``None``: start over."""
    return checkpoint.etag or checkpoint.last_modified


def same_version(checkpoint: Checkpoint, headers: Mapping[str, str]) -> bool:
    """Whether an answer confirms, by its own headers, the version that the checkpoint belongs to.

    A server that ignores ``If-Range`` can send a fitting range of another version, so the condition
    that we sent is not taken as proof: RFC 9110 §15.3.7 has a 206 repeat the ETag that a 200 would
    carry. An answer that names no validator, or another one besides, starts the file over, which costs
    bytes, never truth.
    """
    etag, modified = headers.get("ETag"), headers.get("Last-Modified")
    if checkpoint.etag is None:
        return etag is None and modified is not None and modified == checkpoint.last_modified
    other_date = None not in (modified, checkpoint.last_modified) and modified != checkpoint.last_modified
    return etag == checkpoint.etag and not other_date


def holds(checkpoint: Checkpoint, start: int, end: int, url: str, headers: Mapping[str, str]) -> bool:
    """Whether a 206 from ``url`` holds exactly ``start`` to before ``end`` of the checkpoint's file."""
    span = content_range(headers.get("Content-Range"))
    return (
        span is not None
        and span.first == start
        and span.total is not None
        and span.total == checkpoint.total
        and span.last == end - 1
        and version_url(url) == checkpoint.url
        and same_version(checkpoint, headers)
    )


def already_whole(checkpoint: Checkpoint, url: str, headers: Mapping[str, str]) -> bool:
    """Whether a 416 says that the bytes we have are the whole file, and of the same version."""
    span = content_range(headers.get("Content-Range"))
    return (
        span is not None
        and span.first is None
        and span.total == checkpoint.offset
        and version_url(url) == checkpoint.url
        and same_version(checkpoint, headers)
    )
