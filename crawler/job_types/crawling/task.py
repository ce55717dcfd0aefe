"""One URL of a crawl as a task."""

from __future__ import annotations

from dataclasses import dataclass, field

from crawler.crawled import Found
from crawler.job_types.crawling.rules import CrawlRules
from crawler.model import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlTask(Task):
    """A found URL to fetch. ``layout`` is where its file belongs, if it has one and nobody else is there."""

    found: Found
    rules: CrawlRules
    layout: str | None = None
    seeds: tuple[str, ...] = field(default=(), repr=False)  # canonical, and where they were moved to
