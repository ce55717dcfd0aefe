"""``crawl``: a site from its start URLs on, link by link, as files, as WARC and as extracted fields."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar
from weakref import WeakKeyDictionary

from crawler import __version__
from crawler.crawled import Use
from crawler.job_types.base import Job, Misfit, Sources
from crawler.job_types.crawling.converting import Converter, write_extracted
from crawler.job_types.crawling.crawling import Crawling
from crawler.job_types.crawling.following import Following
from crawler.job_types.crawling.listing import read_listing
from crawler.job_types.crawling.rules import CrawlRules
from crawler.job_types.crawling.spec import CrawlSpec
from crawler.job_types.crawling.task import CrawlTask
from crawler.job_types.crawling.visit import Visit
from crawler.job_types.tools import Site, Tools
from crawler.model import Result, Task
from crawler.policy.scope import Scope
from crawler.request import Timeouts

_AGENT = f"crawler/{__version__}"


class Crawl:
    """The ``crawl`` job type; it grows."""

    name: ClassVar[str] = "crawl"
    spec: ClassVar[type[CrawlSpec]] = CrawlSpec
    timeouts: ClassVar[Timeouts] = Timeouts()

    def __init__(self) -> None:
        self._followings: WeakKeyDictionary[Site, Following] = WeakKeyDictionary()

    def tasks(self, job: Job, sources: Sources) -> Iterator[Task | Misfit]:
        """Those of the start URLs; what they lead to is found while the crawl goes on."""
        return Crawling(job, _AGENT).plan()

    def begin(self, job: Job) -> Crawling:
        """The job's start URLs, and tasks for what is found."""
        return Crawling(job, _AGENT)

    def awaits_needs(self, job: Job) -> bool:
        """Where it begins stands in the manifest."""
        return False

    async def perform(self, task: CrawlTask, tools: Tools) -> Result:
        """Fetch one URL and write down what it leads to."""
        following = self._following(task.rules, task.seeds, tools)
        if task.found.use is Use.SITEMAP:
            return await read_listing(task, tools, following)
        return await Visit(task, tools, following).run()

    async def conclude(self, job: Job, tools: Tools) -> Sequence[str]:
        """Make the links of the files lead to one another, and write what was extracted."""
        crawling = Crawling(job, _AGENT)
        rules, site = crawling.rules, tools.site
        assert site is not None
        if rules.files and rules.convert_links:
            following = self._following(rules, crawling.seed_urls, tools)
            await Converter(job, site, tools, following).convert()
        if rules.extract is not None:
            await write_extracted(job, rules.extract, site, tools, overwrite=rules.overwrite)
        if rules.warc is not None:
            # Opened, it closes what a killed run left open; this one may have nothing to add.
            await site.archive(rules.warc)
        return ()

    def _following(self, rules: CrawlRules, seeds: tuple[str, ...], tools: Tools) -> Following:
        """The crawl's scope at work, made once a run."""
        assert tools.site is not None
        following = self._followings.get(tools.site)
        if following is None:
            following = self._followings[tools.site] = Following(rules)
        following.begin_at(seeds)
        return following


def scope_of(job: Job) -> Scope:
    """The scope of a crawl, to ask about single URLs."""
    crawling = Crawling(job, _AGENT)
    return Scope(crawling.rules.scope, crawling.seed_urls)
