"""What is remembered of a crawled page, as a row of the ledger and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crawler.crawled import Page
from crawler.policy.fingerprints import fingerprint
from crawler.policy.names import fold
from crawler.store.statements import text

_COLUMNS = (
    *("job", "fingerprint", "round", "key", "url", "digest", "media", "target", "name", "moved_to"),
    *("links", "extracted", "converted", "archived", "limits"),
)
RECORD = f"INSERT OR REPLACE INTO page ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
REMEMBERED = """
SELECT fingerprint, key, url, digest, media, target, moved_to, links, extracted, converted, archived,
    limits, round
FROM page WHERE job = ?
"""
_SMALL = 8192  # bytes of links and extracted fields


def small(count: int) -> str:
    """The question for so many pages of a job, without those that take much memory."""
    return f"{REMEMBERED} {_among(count)} AND length(links) + coalesce(length(extracted), 0) <= {_SMALL}"


def there(count: int) -> str:
    """The question which of so many pages of a job there are."""
    return f"SELECT fingerprint FROM page WHERE job = ? {_among(count)}"


def _among(count: int) -> str:
    return f"AND fingerprint IN ({', '.join('?' * count)})"


def row(job: str, page: Page, number: int, limits: Sequence[tuple[str, int]]) -> tuple[object, ...]:
    """The values of ``RECORD`` in the round with this number."""
    return (
        *(text(job), page.fingerprint, number, text(page.key), text(page.url), page.digest),
        *(text(page.media), text(page.target)),
        None if page.target is None else name(fold(page.target)),
        *(text(page.moved_to), page.links, page.extracted, page.converted, page.archived),
        "\n".join(f"{reason}\t{count}" for reason, count in limits) or None,
    )


def page_of(found: Sequence[Any], number: int) -> Page:
    """The page of a row that ``REMEMBERED`` gave, in the round with this number."""
    (mark, key, url, digest, media, target, moved_to, links) = found[:8]
    (extracted, converted, archived, limits, last) = found[8:]
    return Page(
        fingerprint=mark,
        key=key,
        url=url,
        digest=digest,
        media=media,
        target=target,
        moved_to=moved_to,
        links=links,
        extracted=extracted,
        converted=converted,
        archived=archived,
        limits=limits_of(limits),
        current=last == number,
    )


def limits_of(written: str | None) -> tuple[tuple[str, int], ...]:
    """What links were left out for, and how many, as ``row`` wrote it."""
    lines = (line.partition("\t") for line in (written.split("\n") if written else ()))
    return tuple((reason, int(count)) for reason, _, count in lines)


def name(folded: str) -> int:
    """64 bits that stand for a folded target."""
    return fingerprint(folded)
