"""A sitemap as a step of a crawl: fetched, read for its URLs, and not kept."""

from __future__ import annotations

import asyncio
import gzip
import io
import zlib
from collections.abc import Iterator

from crawler.crawled import Found, Page, Use
from crawler.job_types import reading
from crawler.job_types.base import Tools
from crawler.job_types.crawling.following import Following
from crawler.job_types.crawling.task import CrawlTask
from crawler.model import Outcome, Result

MOST_BYTES = 50 * 1024 * 1024  # of a sitemap, packed and unpacked (sitemaps.org: 50 MiB)
MOST_URLS = 50_000  # of one sitemap (sitemaps.org)
MOST_NESTED = 3  # an index may list indexes, though it should not; beyond this it is a ring
_GZIP = b"\x1f\x8b"
_STEP = 256 * 1024


async def read_listing(task: CrawlTask, tools: Tools, following: Following) -> Result:
    """Find what the sitemap lists. Raises as every request does; a broken one gives what could be read."""
    site = tools.site
    assert site is not None
    async with tools.transport.open(task.request, slot=task.slot, hop=task.hop) as response:
        if not 200 <= response.status < 300:
            if task.found.depth == 0 and task.rules.sitemaps and response.status in (404, 410):
                # robots.txt promised what is not there: nobody who runs this crawl can mend that.
                return Result(outcome=Outcome.SKIPPED, status=response.status, note="no such sitemap")
            raise reading.bad_status(response)
        body = await reading.whole_body(response, tools.gauge, MOST_BYTES)
        tools.leave_host()
    found = await asyncio.to_thread(_found, body, task.found, following)
    page = Page(fingerprint=task.found.fingerprint, key=task.key, url=task.found.url)
    site.record(
        page, [each for each in found if not site.knows(each.fingerprint)], most_pages=task.rules.max_pages
    )
    return Result(outcome=Outcome.NEW, status=response.status, bytes=len(body))


def _found(body: bytes, here: Found, following: Following) -> list[Found]:
    from crawler.pages.sitemap import SitemapProblem, sitemap

    found: list[Found] = []
    for entry in sitemap(_unpacked(body)):
        if isinstance(entry, SitemapProblem):
            continue
        if (known := following.canonical(entry.url)) is None:
            continue
        url, mark = known
        if entry.nested:
            if here.depth < MOST_NESTED:
                found.append(Found(url, mark, Use.SITEMAP, here.depth + 1))
        elif following.scope.decide(url, 1).allowed:
            found.append(Found(url, mark, Use.PAGE, 1))
        if len(found) >= MOST_URLS:
            break
    return found


def _unpacked(body: bytes) -> Iterator[bytes]:
    """The sitemap's own bytes, piece by piece, up to ``MOST_BYTES``; what is damaged ends it."""
    if not body.startswith(_GZIP):
        yield body
        return
    left = MOST_BYTES
    try:
        with gzip.open(io.BytesIO(body)) as file:
            while left > 0 and (piece := file.read(min(_STEP, left))):
                left -= len(piece)
                yield piece
    except (OSError, EOFError, zlib.error):
        return
