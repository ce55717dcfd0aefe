"""A sitemap as a step of a crawl: fetched, read for its URLs, and not kept."""

from __future__ import annotations

import asyncio
import hashlib

from msgspec import structs

from crawler.crawled import Page
from crawler.errors import UnexpectedContent
from crawler.job_types import reading
from crawler.job_types.crawling.following import Following
from crawler.job_types.crawling.listed import MOST_BYTES, listing
from crawler.job_types.crawling.task import CrawlTask
from crawler.job_types.crawling.validators import NOT_MODIFIED, validators
from crawler.job_types.saving import kept
from crawler.job_types.tools import Tools
from crawler.model import Outcome, Result
from crawler.net.transport import Response
from crawler.request import Pairs


async def read_listing(task: CrawlTask, tools: Tools, following: Following) -> Result:
    """Find what the sitemap lists. Raises as every request does; a broken one gives what could be read.

    Of one that gives nothing at all, ``UnexpectedContent`` is raised where the manifest itself names it.
    """
    site, found, known = tools.site, task.found, task.known
    assert site is not None
    page = site.earlier(found.fingerprint)
    request, conditions, recalled = task.request, _conditions(task, page, following), None
    if conditions and page is not None:
        recalled = await following.recall(page, found.depth, site)
    if recalled is not None:
        request = structs.replace(request, headers=request.headers + conditions)
    async with tools.transport.open(request, slot=task.slot, hop=task.hop) as response:
        if (
            response.status == NOT_MODIFIED
            and recalled is not None
            and known is not None
            and page is not None
        ):
            page = structs.replace(page, key=task.key, limits=recalled.limits)
            site.record(page, recalled.found, most_pages=task.rules.max_pages)
            return kept(task, known, response)
        if not 200 <= response.status < 300:
            if found.depth == 0 and task.rules.sitemaps and response.status in (404, 410):
                # robots.txt promised what is not there: nobody who runs this crawl can mend that.
                return Result(outcome=Outcome.SKIPPED, status=response.status, note="no such sitemap")
            raise reading.bad_status(response)
        reading.refuse_part(response)
        body = await reading.whole_body(response, tools.gauge, MOST_BYTES)
        tools.leave_host()
    return await _read(body, response, task, tools, following, page)


async def _read(
    body: bytes, response: Response, task: CrawlTask, tools: Tools, following: Following, page: Page | None
) -> Result:
    """Find what the body lists, and write it down; ``page`` is what earlier runs left of it."""
    site, found = tools.site, task.found
    assert site is not None
    listed = await asyncio.to_thread(listing, body, found, following)
    if listed.problems and not listed.urls and found.depth == 0 and not task.rules.sitemaps:
        raise UnexpectedContent(f"no sitemap to be read: {listed.note}", sent=True, answered=True)
    followed = listed.followed
    digest = hashlib.sha256(body).hexdigest()
    links = following.links(followed, found)
    now = Page(
        fingerprint=found.fingerprint,
        key=task.key,
        url=found.url,
        digest=digest,
        links=links,
        limits=tuple(listed.left_out.items()),
    )
    fresh = [each for each in followed.found if not site.knows(each.fingerprint)]
    site.record(now, fresh, most_pages=task.rules.max_pages)
    outcome = Outcome.NEW
    if page is not None and task.known is not None:
        outcome = Outcome.UNCHANGED if page.digest == digest else Outcome.CHANGED
    return Result(
        outcome=outcome,
        status=response.status,
        bytes=len(body),
        etag=response.headers.get("ETag"),
        last_modified=response.headers.get("Last-Modified"),
        note=listed.note,
    )


def _conditions(task: CrawlTask, page: Page | None, following: Following) -> Pairs:
    """What makes the server answer 304, where what the sitemap listed the last time is still known."""
    known = task.known
    if not task.rules.conditional or known is None or page is None or page.current:
        return ()
    return validators(known) if following.chosen_alike(page.links, task.found) else ()
