"""Jobs that grow: found URLs come back from the ledger, one after the other, as tasks."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from msgspec import structs

from crawler.crawled import Found, Page, Queued, Use
from crawler.engine.naming import Names
from crawler.engine.page_ahead import PageAhead
from crawler.errors import TaskError
from crawler.job_types import base
from crawler.job_types.base import Misfit
from crawler.model import Known, Saved, Task
from crawler.policy.fingerprints import Fingerprints
from crawler.policy.names import akin, apart, fold
from crawler.store.files import Files
from crawler.store.ledger import Ledger

if TYPE_CHECKING:
    from crawler.job_types.crawling.rules import WarcRules
    from crawler.store.warc.archive import Archive

    OpenArchive = Callable[[WarcRules], Coroutine[None, None, Archive]]

_MOST_BEHIND = 100  # records on their way to the ledger, for whoever has very many


class JobSite:
    """Implements ``Site`` for one job. ``grown`` is called when newly found URLs are committed.

    ``conceals`` says whether a URL holds a secret of the manifest, ``redact`` takes secrets out.
    """

    def __init__(
        self,
        job: str,
        ledger: Ledger,
        files: Files,
        conceals: Callable[[str], bool],
        redact: Callable[[str], str],
        grown: Callable[[], None],
        open_archive: OpenArchive,
    ) -> None:
        self.uncommitted = 0  # records on their way to the ledger
        self.left_out: Counter[str] = Counter()
        self._job = job
        self._ledger = ledger
        self._files = files
        self._conceals = conceals
        self._redact = redact
        self._names = Names(job, ledger)
        self._caught_up = asyncio.Event()
        self._grown = grown
        self._open_archive = open_archive
        self._archive: asyncio.Future[Archive] | None = None
        self.moved = ledger.sites.moved(job)
        self._remembers = ledger.sites.remembers(job)
        sites = ledger.sites
        self._ahead = PageAhead(partial(sites.page, job), partial(sites.small_pages, job))
        self._seen = Fingerprints()  # spares the ledger what it was given in this run already

    def page(self, fingerprint: int) -> Page | None:
        """What is remembered of a URL."""
        return self._ledger.sites.page(self._job, fingerprint)

    def earlier(self, fingerprint: int) -> Page | None:
        """What is remembered of a URL from earlier rounds or runs; not asked for where there were none."""
        return self._ahead.page(fingerprint) if self._remembers else None

    def expect(self, queued: Iterable[Queued]) -> None:
        """These URLs will be come to next."""
        if self._remembers:
            self._ahead.expect(each.found.fingerprint for each in queued)

    def knows(self, fingerprint: int) -> bool:
        """Whether the URL was recorded in this run already."""
        return fingerprint in self._seen

    def found(self, fingerprints: Sequence[int]) -> Sequence[Found]:
        """Those of the URLs that were found before."""
        return self._ledger.sites.found(self._job, fingerprints)

    def full(self, most_pages: int | None) -> bool:
        """Whether no more pages are taken in this round."""
        return most_pages is not None and self._ledger.sites.reached(self._job) >= most_pages

    def record(self, page: Page | None, found: Sequence[Found], *, most_pages: int | None = None) -> None:
        """Queue what a URL is and what it led to, before anything that is queued later."""
        refused = 0
        if most_pages is not None and self._ledger.sites.refused(self._job):  # no more pages are taken
            refused = sum(each.use is Use.PAGE for each in found)
            found = [each for each in found if each.use is not Use.PAGE] if refused else found
        fresh = [each for each in found if self._seen.add(each.fingerprint)]
        kept = [each for each in fresh if not self._conceals(each.url)]
        if len(kept) < len(fresh):  # the server has sent a secret back to us; it must not be stored
            self.left_out["holds a secret of the manifest"] += len(fresh) - len(kept)
        if page is not None and page.moved_to is not None:
            page = structs.replace(page, moved_to=self.shown(page.moved_to))
        if page is None and not kept and not refused:
            return
        self.uncommitted += 1
        self._ledger.sites.record(
            self._job, page, kept, most_pages=most_pages, refused=refused, done=self._committed
        )

    def claim(self, target: str, owner: Page) -> str:
        """The target, or another name for it where it, or a folder on the way, belongs to another URL.

        ``owner`` has the key and the fingerprint of the URL that it is for, and the target that an earlier
        run gave it: that one is kept if it is one for ``target``.
        """
        if owner.target is not None and akin(owner.target, target) and self._take(owner.target, owner):
            return owner.target
        target = self._names.below(target)
        for name in (target, apart(target, owner.key)):
            if self._take(name, owner):
                return name
        return apart(target, f"{owner.key}\0{target}")

    def _take(self, name: str, owner: Page) -> bool:
        if self._names.belongs(name, owner.fingerprint) or self._files.is_folder(name):
            return False
        return self._ledger.claim_target(fold(name), self._job, owner.key, name) is None

    def shown(self, text: str) -> str:
        """The text without any secret of the manifest."""
        return self._redact(text) if self._conceals(text) else text

    def without_secrets(self, url: str) -> str:
        """The URL without any secret of the manifest, or what looks like one."""
        return self._redact(url)

    def known(self, page: Page) -> Known | None:
        """What the ledger knows of the page's task and its file."""
        return self._ledger.find(self._job, page.key)

    async def archive(self, rules: WarcRules) -> Archive:
        """The job's archive, opened at the first call."""
        if self._archive is None:
            self._archive = asyncio.ensure_future(self._open_archive(rules))
        return await asyncio.shield(self._archive)

    async def close(self) -> None:
        """Finish the archive, if there is one. Raises ``StorageFailed``."""
        archive, self._archive = self._archive, None
        if archive is not None:
            await (await archive).close()

    def leave_out(self, reason: str, count: int = 1) -> None:
        """Count what was not followed, and why."""
        self.left_out[reason] += count

    def pages(self) -> Iterator[Page]:
        """Every page that this round has answered."""
        return self._ledger.sites.pages(self._job)

    def converted(self, page: Page, saved: Saved, leads: int) -> None:
        """The links in the page's file were rewritten."""
        self._ledger.sites.converted(self._job, page, saved, leads)

    def named(self, key: str) -> None:
        """A file that is nobody's task has its name."""
        self._ledger.sites.forget(self._job, key)

    def notes(self) -> list[str]:
        """What was not followed, and why, as sentences."""
        left_out = self.left_out + self._ledger.sites.limits(self._job)
        return [
            f"{reason} ({count:,} link{'' if count == 1 else 's'})"
            for reason, count in left_out.most_common()
        ]

    async def keep_up(self) -> None:
        """Wait while the ledger is far behind, and give others their turn in any case."""
        await asyncio.sleep(0)
        while self.uncommitted > _MOST_BEHIND:
            self._caught_up.clear()
            await self._caught_up.wait()

    def _committed(self) -> None:
        self.uncommitted -= 1
        self._caught_up.set()
        self._grown()


class Growth:
    """The tasks of a growing job. Goes on after ``StopIteration``, once more was found."""

    def __init__(
        self,
        growth: base.Growth,
        job: str,
        ledger: Ledger,
        redact: Callable[[str], str],
        expect: Callable[[Iterable[Queued]], None],
    ) -> None:
        """``expect`` is told what comes next."""
        self._growth = growth
        self._expect = expect
        self._job = job
        self._ledger = ledger
        self._redact = redact
        self._after = 0
        self._read: deque[Queued] = deque()
        self._secret: dict[int, str] = {}  # start URLs that the ledger must not hold as they are

    def plant(self) -> Iterable[Misfit]:
        """Commit where the job begins; gives what is no good to begin with."""
        misfits: list[Misfit] = []
        seeds: list[Found] = []
        for seed in self._growth.seeds():
            if isinstance(seed, Misfit):
                misfits.append(seed)
                continue
            if (shown := self._redact(seed.url)) != seed.url:
                self._secret[seed.fingerprint] = seed.url
                seed = structs.replace(seed, url=shown)
            seeds.append(seed)
        self._ledger.sites.plant(self._job, seeds)
        return misfits

    def __iter__(self) -> Growth:
        return self

    def __next__(self) -> Task | Misfit:
        if not self._read:
            self._read.extend(self._ledger.sites.queued(self._job, self._after))
            if not self._read:
                raise StopIteration
            self._after = self._read[-1].place
            self._expect(self._read)
        queued = self._read.popleft()
        if (url := self._secret.get(queued.found.fingerprint)) is not None:
            queued = replace(queued, secret=url)
        try:
            return self._growth.task(queued)
        except TaskError as error:
            return Misfit(
                job=self._job, ordinal=queued.place - 1, url=queued.found.url, failure=error.failure()
            )
