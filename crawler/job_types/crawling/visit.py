"""One attempt at one URL of a crawl: asked for, kept, read for its links, and written down in that order."""

from __future__ import annotations

import time
from collections.abc import Sequence

from msgspec import structs

from crawler.crawled import Found, Page, Use
from crawler.errors import BadStatus, TooLarge, UnexpectedContent
from crawler.job_types import reading
from crawler.job_types.crawling.archiving import archive_exchange
from crawler.job_types.crawling.content import MOST_PARSED, Content
from crawler.job_types.crawling.documents import Document
from crawler.job_types.crawling.earlier import Earlier
from crawler.job_types.crawling.following import Followed, Following
from crawler.job_types.crawling.media import TOO_LARGE, Media, refusal
from crawler.job_types.crawling.moving import MOST_HOPS, REDIRECTS, led_to
from crawler.job_types.crawling.placing import PageFile
from crawler.job_types.crawling.task import CrawlTask
from crawler.job_types.crawling.validators import NOT_MODIFIED
from crawler.job_types.saving import kept
from crawler.job_types.tools import Site, Tools
from crawler.model import Outcome, Result
from crawler.net.transport import Response
from crawler.policy import urls

AT_ONCE = 2000  # links that are looked at before others get their turn: 20 ms
_LARGEST_REDIRECT = 1024 * 1024  # bytes of a redirect's own body that are archived


class Visit:
    """The URL between its answer's head and its last record."""

    def __init__(self, task: CrawlTask, tools: Tools, following: Following) -> None:
        assert tools.site is not None
        self._task = task
        self._tools = tools
        self._site: Site = tools.site
        self._following = following
        self._rules = task.rules
        self._page = self._site.earlier(task.found.fingerprint)
        self._earlier = Earlier(task, self._page, tools.files)
        self._began = time.time()

    async def run(self) -> Result:
        """Raises ``TaskError`` and ``StorageFailed``."""
        task, most = self._task, self._rules.max_bytes
        if most is not None and self._site.moved >= most:
            return self._left_out("limit_reached: max_bytes")
        conditions, recalled = self._earlier.conditions(self._following), None
        if conditions and self._page is not None:
            recalled = await self._following.recall(self._page, task.found.depth, self._site)
        request = task.request
        if recalled is not None:
            request = structs.replace(request, headers=request.headers + conditions)
        async with self._tools.transport.open(request, slot=task.slot, hop=task.hop) as response:
            if response.status == NOT_MODIFIED and recalled is not None:
                return await self._unchanged(response, recalled)
            if response.status in REDIRECTS and response.headers.get("Location"):
                return await self._moved(response)
            if not 200 <= response.status < 300:
                raise self._refused(response)
            reading.refuse_part(response)
            media = Media.of(response.headers.get("Content-Type"), task.found.url)
            if (why := refusal(self._rules, media, response.length)) is not None:
                return self._left_out(why, response.status)
            try:
                return await self._take(response, media)
            except TooLarge:
                return self._left_out(TOO_LARGE, response.status)

    def _left_out(self, why: str, status: int | None = None) -> Result:
        self._site.leave_out(why)
        return Result(outcome=Outcome.SKIPPED, status=status, note=why)

    async def _unchanged(self, response: Response, followed: Followed) -> Result:
        """The page is as it was, and so is what it led to."""
        task, page = self._task, self._page
        assert page is not None
        assert task.known is not None
        self._add_sitemaps(followed)
        archived = await archive_exchange(task, self._tools, response, None, page.archived, self._began)
        page = structs.replace(page, key=task.key, archived=archived or page.archived, limits=followed.limits)
        self._record(page, followed)
        return kept(task, task.known, response)

    async def _moved(self, response: Response) -> Result:
        """A redirect is no page: what it leads to is found, and fetched once however many lead there."""
        found = self._task.found
        if found.hops >= MOST_HOPS and found.depth:
            return self._left_out("limit_reached: redirects", response.status)
        goal, target = led_to(response.headers["Location"], self._task, self._following, self._site)
        followed = Followed()
        if target is not None:
            followed.found.append(target)
            followed.all.append(target.fingerprint)
        moved_to = goal if target is None else target.url
        page = Page(
            fingerprint=found.fingerprint,
            key=self._task.key,
            url=found.url,
            moved_to=moved_to,
            links=self._following.links(followed, found),
            archived=await self._archived_redirect(response),
        )
        self._record(page, followed)
        return Result(outcome=Outcome.SKIPPED, status=response.status, note=f"moved to {moved_to}")

    async def _archived_redirect(self, response: Response) -> str | None:
        if self._rules.warc is None:
            return None
        content = Content(None, parsed=False, archived=True)
        try:
            await content.receive(response, self._tools.gauge, _LARGEST_REDIRECT)
            return await archive_exchange(self._task, self._tools, response, content, None, self._began)
        finally:
            content.close()

    def _refused(self, response: Response) -> BadStatus:
        gone = response.status in (404, 410) and self._page is not None and self._page.digest is not None
        return reading.bad_status(response, "what an earlier run fetched; that is kept" if gone else "")

    async def _take(self, response: Response, media: Media) -> Result:
        """A page: every byte to its file, then its links and its record, then the file's name."""
        task, rules, files = self._task, self._rules, self._tools.files
        file = await PageFile.open(task, media, self._site, files) if rules.files else None
        content = Content(
            file.part if file is not None else None,
            parsed=media.parsed(rules),
            archived=rules.warc is not None,
        )
        try:
            await content.receive(response, self._tools.gauge, rules.max_file_bytes)
            self._site.moved += content.size
            self._tools.leave_host()
            document = await self._read(content, media, response)
            followed = await self._follow(document)
            self._add_sitemaps(followed)
            earlier = None if self._page is None else self._page.archived
            archived = await archive_exchange(task, self._tools, response, content, earlier, self._began)
            same = self._earlier.holds(content.digest())
            standing = file.standing(same, files) if file is not None else None
            page = self._told(content, media, document, followed, archived)
            if standing is not None and self._page is not None:
                page = structs.replace(page, converted=self._page.converted)
            if document.problems:  # it is not kept, and neither is what an earlier run kept taken away
                before = self._page.target if self._page is not None else None
                self._record(structs.replace(page, target=before, digest=None, extracted=None), followed)
                raise UnexpectedContent("; ".join(document.problems[:5]), sent=True, answered=True)
            self._record(structs.replace(page, target=file.target if file is not None else None), followed)
            if file is None:
                return self._result(response, content)
            finishing, file = file, None  # ``finish`` gives it up, whatever happens
            return await finishing.finish(same, standing, response)
        finally:
            content.close()
            if file is not None:
                await file.part.discard()

    async def _follow(self, document: Document) -> Followed:
        """What the document leads to; of very many links the first are recorded before the last are read."""
        task, site, urls, kinds = self._task, self._site, document.urls, document.kinds
        pages = document.pages and task.found.use is Use.PAGE
        depth = task.found.depth
        if len(urls) <= AT_ONCE:
            return self._following.follow(urls, kinds, depth, site, pages=pages, cut=document.cut)
        followed = self._following.follow((), b"", depth, site, cut=document.cut)
        for start in range(0, len(urls), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            some = self._following.follow(urls[part], kinds[part], depth, site, pages=pages)
            followed.all.extend(some.all)
            followed.left_out.update(some.left_out)
            site.record(None, some.found, most_pages=self._rules.max_pages)
            await site.keep_up()
        return followed

    async def _read(self, content: Content, media: Media, response: Response) -> Document:
        tags: Sequence[str] = ()
        if "X-Robots-Tag" in response.headers:  # which may stand there for each robot
            tags = [value for name, value in response.headers.items() if name.lower() == "x-robots-tag"]
        body = content.whole
        if body is None and media.parsed(self._rules):
            self._site.leave_out(
                f"limit_reached: a document of more than {MOST_PARSED >> 20} MiB is not read"
            )
        document = await self._following.reader.read(
            body, self._task.url, media, tags, shown=self._task.found.url, aside=self._tools.aside
        )
        content.know_digest(document.digest)
        return document

    def _told(
        self, content: Content, media: Media, document: Document, followed: Followed, archived: str | None
    ) -> Page:
        found, extract = self._task.found, self._rules.extract
        return Page(
            fingerprint=found.fingerprint,
            key=self._task.key,
            url=found.url,
            digest=content.digest(),
            media=media.header or media.type,
            links=self._following.links(followed, found),
            extracted=document.extracted or (extract.recipe if extract is not None else None),
            archived=archived,
            limits=followed.limits,
        )

    def _result(self, response: Response, content: Content) -> Result:
        """Of a page that is kept in the archive only."""
        outcome, page = Outcome.NEW, self._page
        if page is not None and page.digest is not None and self._task.known is not None:
            outcome = Outcome.UNCHANGED if page.digest == content.digest() else Outcome.CHANGED
        return Result(
            outcome=outcome,
            status=response.status,
            bytes=content.size,
            etag=response.headers.get("ETag"),
            last_modified=response.headers.get("Last-Modified"),
            note=None if response.verified_length else "unverified_length",
        )

    def _add_sitemaps(self, followed: Followed) -> None:
        """A start URL's robots.txt may name sitemaps."""
        found = self._task.found
        if not (self._rules.sitemaps and found.depth == 0 and found.use is Use.PAGE):
            return
        for url in self._tools.sitemaps(urls.origin(found.url)):
            if (known := self._following.canonical(url)) is not None:
                followed.found.append(Found(known[0], known[1], Use.SITEMAP, 0))

    def _record(self, page: Page, followed: Followed) -> None:
        self._site.record(page, followed.found, most_pages=self._rules.max_pages)
