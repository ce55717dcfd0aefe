"""After the crawl: links in the files lead to the other files, and what was extracted becomes one file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

from msgspec import structs

from crawler.crawled import NEVER_CONVERTED, OUTDATED, SOMEHOW, Page
from crawler.errors import TargetExists
from crawler.job_types.base import Job
from crawler.job_types.crawling.documents import PARSED_AT_ONCE
from crawler.job_types.crawling.following import Following
from crawler.job_types.crawling.media import Media
from crawler.job_types.crawling.mirror import Mirror
from crawler.job_types.crawling.rules import ExtractRules
from crawler.job_types.saving import saved_of
from crawler.job_types.tools import Site, Tools
from crawler.model import Known, Outcome
from crawler.policy.fingerprints import fingerprint
from crawler.policy.layout import relative_link
from crawler.store.files import Origin

_WHOLE = frozenset({Outcome.NEW, Outcome.CHANGED, Outcome.UNCHANGED})
_AT_ONCE = 16  # files under way, so that their waits for the disk are shared
_LOOKED_UP = 100  # URLs, before others get their turn: 2 ms


@dataclass(frozen=True, slots=True)
class _Work:
    """A file whose links are to lead to where they ought to."""

    page: Page
    known: Known
    target: str
    leads: int  # a mark of where that is

    @property
    def becomes(self) -> int:
        """What is to be kept of it once it was rewritten.

        Of links that were rewritten before, those that led to the site can be, now that there is a file.
        Those that led to another file cannot, for it is not written there what they said: the next crawl
        fetches the page.
        """
        return self.leads if self.page.converted in (NEVER_CONVERTED, SOMEHOW) else OUTDATED


class Converter:
    """Rewrites the links of one crawl's files, and again where they have come to lead elsewhere."""

    def __init__(self, job: Job, site: Site, tools: Tools, following: Following) -> None:
        self._job = job
        self._site = site
        self._tools = tools
        self._mirror = Mirror(site, following)
        self._large = asyncio.Lock()  # one large page at a time is in memory, several times over

    async def convert(self) -> int:
        """How many files were looked into, several at a time. Raises ``StorageFailed``."""
        room, converted = asyncio.Semaphore(_AT_ONCE), 0
        try:
            async with asyncio.TaskGroup() as group:
                for number, page in enumerate(self._site.pages()):
                    if number % _LOOKED_UP == 0:
                        await asyncio.sleep(0)
                    work = self._work(page)
                    if work is None:
                        continue
                    await room.acquire()
                    group.create_task(self._convert(work)).add_done_callback(lambda _: room.release())
                    converted += 1
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return converted

    def _work(self, page: Page) -> _Work | None:
        """The page's file and where its links lead, if it is to be converted, or once more."""
        media = Media.of(page.media, page.url)
        target = page.target
        if target is None or page.converted == OUTDATED or not (media.html or media.css):
            return None
        known = self._site.known(page)
        # Of any other file it is not known that it is what the page's body was.
        if known is None or known.outcome not in _WHOLE or not self._tools.files.is_intact(known):
            return None
        leads = self._mirror.leads(page)
        if page.converted == NEVER_CONVERTED and known.sha256 != page.digest:
            if page.digest is None or (saved := saved_of(known)) is None:
                return None
            # The last run rewrote it and was ended before it could say so.
            page = structs.replace(page, converted=SOMEHOW)
            self._site.converted(page, saved, SOMEHOW)
        return None if page.converted == leads else _Work(page, known, target, leads)

    async def _convert(self, work: _Work) -> None:
        async with self._large if (work.known.size or 0) > PARSED_AT_ONCE else nullcontext():
            await self._rewrite(work)

    async def _rewrite(self, work: _Work) -> None:
        page, known = work.page, work.known
        body = await asyncio.to_thread(self._tools.files.read, work.target)
        changed = await self._rewritten(body, page, work.target)
        if changed == body:
            if page.converted != NEVER_CONVERTED and (saved := saved_of(known)) is not None:
                self._site.converted(page, saved, work.becomes)
            return
        part = await self._tools.files.open(work.target, job=self._job.name, key=page.key)
        try:
            await part.write(changed)
        except BaseException:
            await part.discard()
            raise
        mtime = known.mtime_ns / 1e9 if known.mtime_ns is not None else None
        origin = Origin(page.url, known.etag, known.last_modified)
        saved = await part.finish(replace=True, mtime=mtime, origin=origin)
        self._site.converted(page, saved, work.becomes)

    async def _rewritten(self, body: bytes, page: Page, target: str) -> bytes:
        """The body with its links as the mirror has them.

        A large one would hold up every transfer. It is read on a thread, twice: the first time for what it
        refers to, for only the loop may ask the ledger.
        """
        from crawler.pages.rewriting import rewrite_css, rewrite_html

        rewrite = partial(
            rewrite_html if Media.of(page.media, page.url).html else rewrite_css,
            again=page.converted != NEVER_CONVERTED,
        )
        place = self._place(target)
        if len(body) <= PARSED_AT_ONCE:
            return rewrite(body, page.url, page.media, place)
        asked: dict[str, None] = {}
        await asyncio.to_thread(rewrite, body, page.url, page.media, asked.setdefault)
        places: dict[str, str | None] = {}
        for number, url in enumerate(asked):
            if number % _LOOKED_UP == 0:
                await asyncio.sleep(0)
            places[url] = place(url)
        return await asyncio.to_thread(rewrite, body, page.url, page.media, places.__getitem__)

    def _place(self, from_target: str) -> Callable[[str], str | None]:
        """Where a link of this file leads: to another file of the crawl, or to the site itself."""

        def place(url: str) -> str | None:
            to = self._mirror.file(url)
            return url if to is None else relative_link(from_target, to)

        return place


async def write_extracted(job: Job, rules: ExtractRules, site: Site, tools: Tools, *, overwrite: bool) -> int:
    """One JSON line a page, in the order in which the pages were found; how many. Raises ``StorageFailed``.

    The file is this job's alone and written anew at the end of each round. Raises ``TargetExists`` where
    one stands that this job has not written.
    """
    page = Page(fingerprint=fingerprint(f"extract {rules.to}"), key=rules.to, url="", target=rules.to)
    if not overwrite and site.page(page.fingerprint) is None and tools.files.exists(rules.to):
        raise TargetExists(
            f"{rules.to!r} exists and no earlier run of this job made it; it was left alone "
            "(move it away, or choose another target)"
        )
    site.record(page, ())
    part = await tools.files.open(rules.to, job=job.name, key=rules.to)
    lines = 0
    try:
        for page in site.pages():
            extracted = page.extracted or b""
            if extracted.startswith(rules.recipe) and len(extracted) > len(rules.recipe):
                await part.write(extracted[len(rules.recipe) :] + b"\n")
                lines += 1
    except BaseException:
        await part.discard()
        raise
    await part.finish(replace=True)
    site.named(rules.to)
    return lines
