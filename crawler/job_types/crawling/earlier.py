"""What earlier crawls left of a URL, and whether it is still what today's rules ask for."""

from __future__ import annotations

from dataclasses import dataclass

from crawler.crawled import NEVER_CONVERTED, OUTDATED, Page
from crawler.job_types.crawling.following import Following
from crawler.job_types.crawling.media import Media
from crawler.job_types.crawling.placing import layout
from crawler.job_types.crawling.task import CrawlTask
from crawler.job_types.crawling.validators import validators
from crawler.model import Known
from crawler.policy.names import akin
from crawler.request import Pairs
from crawler.store.files import Files


@dataclass(frozen=True, slots=True)
class Earlier:
    """The task, the page that is remembered of its URL, and the files that stand there now."""

    task: CrawlTask
    page: Page | None
    files: Files

    def conditions(self, following: Following) -> Pairs:
        """What makes the server answer 304, where that would leave nothing wanting."""
        known, page, rules = self.task.known, self.page, self.task.rules
        if not rules.conditional or known is None or page is None or page.digest is None:
            return ()
        # Recorded in this round and here again: an attempt was broken off, and what it saw may not be kept.
        if page.current or not following.chosen_alike(page.links, self.task.found):
            return ()
        if rules.files and not (self.holds(page.digest) and self._stays(known, page)):
            return ()
        if rules.warc is not None and page.archived is None:
            return ()
        if rules.extract is not None and not (page.extracted or b"").startswith(rules.extract.recipe):
            return ()
        return validators(known)

    def holds(self, digest: str) -> bool:
        """Whether the file that the ledger knows was made of a body with this sha256."""
        known, page = self.task.known, self.page
        if known is None or page is None or page.digest != digest or known.target is None:
            return False
        if page.converted == NEVER_CONVERTED:
            return known.sha256 == digest
        return self.task.rules.convert_links and page.converted != OUTDATED

    def _stays(self, known: Known, page: Page) -> bool:
        """Whether the file is intact, and where today's rules would have it."""
        wanted = layout(self.task, Media.of(page.media, self.task.found.url))
        return akin(known.target or "", wanted) and self.files.is_intact(known)
