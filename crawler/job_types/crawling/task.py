"""One URL of a crawl as a task."""

from __future__ import annotations

from crawler.crawled import Found
from crawler.job_types.crawling.rules import CrawlRules
from crawler.model import Task


class CrawlTask(Task, frozen=True, kw_only=True):
    """A found URL to fetch. ``layout`` is where its file belongs, if it has one and nobody else is there."""

    found: Found
    rules: CrawlRules
    layout: str | None = None
    seeds: tuple[str, ...] = ()  # canonical, and where they were moved to

    @property
    def likely_target(self) -> str | None:
        """As a mirror lays it out; its media type may add an extension."""
        return self.target or self.layout
