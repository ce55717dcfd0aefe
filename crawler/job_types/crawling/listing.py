"""A sitemap as a step of a crawl: fetched, read for its URLs, and not kept."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from dataclasses import replace

from msgspec import structs

from crawler.crawled import Found, Page, Use
from crawler.job_types import reading
from crawler.job_types.crawling.following import Followed, Following
from crawler.job_types.crawling.task import CrawlTask
from crawler.job_types.crawling.validators import NOT_MODIFIED, validators
from crawler.job_types.saving import kept
from crawler.job_types.tools import Site, Tools
from crawler.model import Outcome, Result
from crawler.request import Pairs

MOST_BYTES = 50 * 1024 * 1024  # of a sitemap, packed and unpacked (sitemaps.org: 50 MiB)
MOST_URLS = 50_000  # of one sitemap (sitemaps.org)
MOST_NESTED = 3  # an index may list indexes, though it should not; beyond this it is a ring
_GZIP = b"\x1f\x8b"
_STEP = 256 * 1024


async def read_listing(task: CrawlTask, tools: Tools, following: Following) -> Result:
    """Find what the sitemap lists. Raises as every request does; a broken one gives what could be read."""
    site, found, known = tools.site, task.found, task.known
    assert site is not None
    page = site.earlier(found.fingerprint)
    request, conditions = task.request, await _conditions(task, page, following, site)
    if conditions:
        request = structs.replace(request, headers=request.headers + conditions)
    async with tools.transport.open(request, slot=task.slot, hop=task.hop) as response:
        if response.status == NOT_MODIFIED and conditions and known is not None and page is not None:
            again = following.again(page, found.depth, site)
            page = replace(page, key=task.key, limits=again.limits)
            site.record(page, again.found, most_pages=task.rules.max_pages)
            return kept(task, known, response)
        if not 200 <= response.status < 300:
            if found.depth == 0 and task.rules.sitemaps and response.status in (404, 410):
                # robots.txt promised what is not there: nobody who runs this crawl can mend that.
                return Result(outcome=Outcome.SKIPPED, status=response.status, note="no such sitemap")
            raise reading.bad_status(response)
        reading.refuse_part(response)
        body = await reading.whole_body(response, tools.gauge, MOST_BYTES)
        tools.leave_host()
    followed = await asyncio.to_thread(_found, body, found, following)
    digest = hashlib.sha256(body).hexdigest()
    links = following.links(followed, found)
    now = Page(fingerprint=found.fingerprint, key=task.key, url=found.url, digest=digest, links=links)
    fresh = [each for each in followed.found if not site.knows(each.fingerprint)]
    site.record(now, fresh, most_pages=task.rules.max_pages)
    outcome = Outcome.NEW
    if page is not None and known is not None:
        outcome = Outcome.UNCHANGED if page.digest == digest else Outcome.CHANGED
    headers = response.headers
    return Result(
        outcome=outcome,
        status=response.status,
        bytes=len(body),
        etag=headers.get("ETag"),
        last_modified=headers.get("Last-Modified"),
    )


async def _conditions(task: CrawlTask, page: Page | None, following: Following, site: Site) -> Pairs:
    """What makes the server answer 304, where what the sitemap listed the last time is still known."""
    known = task.known
    if not task.rules.conditional or known is None or page is None or page.current:
        return ()
    if not following.chosen_alike(page.links, task.found) or not await following.recalls(page.links, site):
        return ()
    return validators(known)


def _found(body: bytes, here: Found, following: Following) -> Followed:
    from crawler.pages.sitemap import SitemapProblem, sitemap

    followed = Followed()
    found = followed.found
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
    followed.all.extend(each.fingerprint for each in found)
    return followed


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
