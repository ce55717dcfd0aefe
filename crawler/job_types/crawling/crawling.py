"""One crawl job made ready: its rules and its requests worked out once for all of its URLs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from crawler.crawled import Found, Queued, Use
from crawler.errors import TaskError, TemplateFailed
from crawler.job_types.base import Job, Misfit
from crawler.job_types.crawling.rules import CrawlRules
from crawler.job_types.crawling.spec import CrawlSpec
from crawler.job_types.crawling.task import CrawlTask
from crawler.job_types.expand import Item, Requests, misfit
from crawler.model import Robots
from crawler.policy import urls
from crawler.policy.canonical import canonical
from crawler.policy.fingerprints import fingerprint
from crawler.policy.layout import mirror_target
from crawler.policy.names import safe_target
from crawler.policy.robots import product_token
from crawler.syntax.template import text


class Crawling:
    """Makes found URLs of where the crawl begins, and tasks of found URLs."""

    def __init__(self, job: Job, default_agent: str) -> None:
        spec: CrawlSpec = job.spec
        agent = next(
            (text(value, {}) for name, value in spec.headers.items() if name.lower() == "user-agent"), ""
        )
        self.rules = spec.rules(job.name, product_token(agent or default_agent))
        self.seed_urls = tuple(
            form for url in spec.start if (form := canonical(text(url, {}), self.rules.canonical)) is not None
        )
        self._job = job
        self._requests = Requests(job, identity=True)

    def seeds(self) -> Iterator[Found | Misfit]:
        """The start URLs, and the sitemaps that the manifest names."""
        spec: CrawlSpec = self._job.spec
        begin = [(url, Use.PAGE) for url in spec.start]
        if not isinstance(spec.sitemaps, bool):
            begin += [(url, Use.SITEMAP) for url in spec.sitemaps]
        for ordinal, (url, use) in enumerate(begin):
            form = canonical(text(url, {}), self.rules.canonical)
            if form is None:
                error = TemplateFailed(
                    f"{text(url, {})[:200]!r} cannot be crawled; expected an http or https URL"
                )
                yield misfit(self._job, Item(ordinal, url, {}), error)
            else:
                yield Found(form, fingerprint(form), use, 0)

    def task(self, queued: Queued) -> CrawlTask:
        """The task of a found URL. Raises ``TemplateFailed`` or ``UnsafePath``."""
        job, found, rules = self._job, queued.found, self.rules
        item = Item(queued.place - 1, found.url, {"index": queued.place - 1})
        url, auth = self._requests.url(item)
        request = self._requests.make(url, item.values, auth)
        listing = found.use is Use.SITEMAP
        return CrawlTask(
            job=job.name,
            key=f"sitemap {found.url}" if listing else found.url,
            ordinal=queued.place - 1,
            slot=urls.slot(url),
            request=request if listing else replace(request, redirects=False),
            retry=job.retry,
            gentle=True,
            robots=_robots(rules, found),
            found=found,
            rules=rules,
            layout=self._layout(url, item) if rules.files and not listing else None,
            seeds=self.seed_urls,
        )

    def plan(self) -> Iterator[CrawlTask | Misfit]:
        """The tasks of where the crawl begins."""
        for place, seed in enumerate(self.seeds(), 1):
            if isinstance(seed, Misfit):
                yield seed
                continue
            try:
                yield self.task(Queued(place, seed))
            except TaskError as error:
                yield misfit(self._job, Item(place - 1, seed.url, {}), error)

    def _layout(self, url: str, item: Item) -> str:
        to = self._job.spec.to
        if to is None:
            return mirror_target(url)
        item.values.update(urls.fields(url))
        return safe_target(text(to, item.values))


def _robots(rules: CrawlRules, found: Found) -> Robots:
    """What robots.txt keeps us from is a failure only where the manifest itself asked for it."""
    if not rules.robots:
        return Robots.IGNORE
    return Robots.OBEY if found.depth == 0 and found.hops == 0 else Robots.SKIP
