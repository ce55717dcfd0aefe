"""One turn at a list that comes in pages: a page is asked for, taken in, and says where the list goes on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from msgspec import structs

from crawler.errors import BadStatus, TaskError, UnexpectedContent
from crawler.job_types import paging as pages
from crawler.job_types import reading
from crawler.job_types.expect import LARGEST_IN_MEMORY, Expectation
from crawler.job_types.gathering import Gathering, Page
from crawler.job_types.page_requests import next_url, request_for
from crawler.job_types.paging import At, Lost, Paging, Place, Way
from crawler.job_types.tools import Tools
from crawler.model import GoesOn, Result
from crawler.net.transport import Response
from crawler.policy import retry, urls
from crawler.policy.links import next_page

if TYPE_CHECKING:
    from crawler.job_types.request import RequestTask

# What servers say of a cursor that they have forgotten meanwhile.
FORGOTTEN = frozenset({400, 404, 410, 422})


@dataclass(frozen=True, slots=True)
class Content:
    """What a page holds: its lines, how many items those are, and where it says that the list goes on."""

    lines: bytes
    held: int
    at: At
    digest: bytes


async def turn(task: RequestTask, paging: Paging, tools: Tools) -> Result | GoesOn:
    """Ask for one page: the list, if it was the last; else what is left of it, for the host's next turn.

    Raises as ``answer`` does, and ``UnexpectedContent`` for a list that does not go on as it should.
    """
    gathering = tools.carried
    if not isinstance(gathering, Gathering):
        gathering = await Gathering.open(task, paging, tools)
        tools.carry(gathering)
        onward = _onward(task, paging, gathering.place)
        if onward.task.slot != task.slot:
            return onward  # an earlier run was led to another host: it is that one's turn
    if not await gathering.wake(tools):
        return _onward(task, paging, gathering.place)
    try:
        return await _turned(task, paging, gathering, tools)
    except TaskError as error:
        if gathering.place.number > 1:
            error.args = (f"page {gathering.place.number}: {error}",)
        idempotent = task.request.idempotent
        if retry.retryable(error.failure(), task.retry, idempotent=idempotent):
            raise
        if gathering.continued and idempotent and _of_no_use(error):
            await gathering.begin_again()
            return _onward(task, paging, gathering.place)
        await gathering.fail()
        raise


def _of_no_use(error: TaskError) -> bool:
    """Whether where an earlier run has come to seems to be nothing to the server any more."""
    return isinstance(error, UnexpectedContent) or (
        isinstance(error, BadStatus) and error.status in FORGOTTEN
    )


async def _turned(task: RequestTask, paging: Paging, gathering: Gathering, tools: Tools) -> Result | GoesOn:
    request = request_for(paging, task.request, gathering.place)
    async with tools.transport.open(request, slot=task.slot, hop=task.hop) as response:
        page = await _page(response, task.expect, tools)
    place = gathering.place
    try:
        content = _content(page, task, paging)
        following = pages.following(paging, place, content.at, content.held, content.digest)
        cut = following is not None and paging.max_pages is not None and place.number >= paging.max_pages
        if following is not None and not cut:
            onward = _onward(task, paging, following)
    except (Lost, ValueError) as error:
        raise UnexpectedContent(str(error), sent=True, answered=True) from None
    await gathering.take(page, content.lines)
    if following is None or cut:
        return await gathering.finish(page, content.held, tools, cut=cut)
    await gathering.turn_to(following)
    return onward


async def _page(response: Response, expect: Expectation, tools: Tools) -> Page:
    """The page in memory, as it is expected to be."""
    expect.check_head(response)
    tools.gauge.start(response.length)
    cap = LARGEST_IN_MEMORY if expect.max_bytes is None else expect.max_bytes
    body = await reading.whole_body(response, tools.gauge, cap)
    reading.refuse_short(len(body), expect.min_bytes)
    content_type = response.headers.get("Content-Type")
    expect.check_body(body, content_type)
    link = next_page(_link_lines(response), response.url) if "Link" in response.headers else None
    return Page(response.status, response.url, link, body, content_type, response.verified_length)


def _link_lines(response: Response) -> list[str]:
    """Each Link header, as the bytes that it is: percent-encoded where they are no ASCII."""
    lines = [value for name, value in response.heads.response_headers if name.lower() == b"link"]
    return [quote(line, safe="".join(map(chr, range(128)))) for line in lines]


def _content(page: Page, task: RequestTask, paging: Paging) -> Content:
    """Raises ``Lost``, and ValueError for a page that is no JSON where it must be."""
    from crawler.pages import exact_json

    wants_lines = task.target is not None
    document: object = None
    if wants_lines or paging.reads:
        document = exact_json.parse(page.body, page.content_type)
    lines, held, alike = b"", 0, page.body
    if paging.items is not None:
        items = pages.items_of(exact_json.search(paging.items, document), paging.items)
        lines, held = exact_json.lines(items), len(items)
        # A map tells one item from another; numbers and words may well repeat for a page's length.
        alike = lines if any(isinstance(item, dict) for item in items) else page.body
    elif wants_lines:
        lines = exact_json.line(document)
    at: At = None
    if paging.way is Way.LINK:
        at = page.link
    elif not paging.counts:
        found = exact_json.search(paging.expression, document)
        at = pages.cursor(found) if paging.way is Way.CURSOR else pages.reference(found)
    if at is not None and paging.way is not Way.CURSOR:
        at = next_url(str(at), page.url, task.url)
    digest = hashlib.blake2b(alike, digest_size=8).digest() if paging.counts else b""
    return Content(lines, held, at, digest)


def _onward(task: RequestTask, paging: Paging, place: Place) -> GoesOn:
    """The task with the request for this page. Raises ``Lost``."""
    request = request_for(paging, task.request, place)
    return GoesOn(structs.replace(task, turned=request, slot=urls.slot(request.url), hop=None))
