"""One crawl job made ready: its rules and its requests worked out once for all of its URLs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from msgspec import structs

from crawler.crawled import Found, Queued, Use
from crawler.errors import TaskError, TemplateFailed
from crawler.job_types.base import Job, Misfit
from crawler.job_types.crawling.rules import CrawlRules
from crawler.job_types.crawling.spec import CrawlSpec
from crawler.job_types.crawling.task import CrawlTask
from crawler.job_types.expand import Item, Requests, misfit, requestable
from crawler.model import Robots
from crawler.net.redirects import CARRIED
from crawler.policy import urls
from crawler.policy.canonical import canonical
from crawler.policy.fingerprints import fingerprint
from crawler.policy.layout import mirror_target
from crawler.policy.names import safe_target
from crawler.policy.robots import product_token
from crawler.request import Auth, Request
from crawler.syntax.template import text


class Crawling:
    """Makes found URLs of where the crawl begins, and tasks of found URLs."""

    def __init__(self, job: Job, default_agent: str) -> None:
        spec: CrawlSpec = job.spec
        agents = [value for name, value in spec.headers.items() if name.lower() == "user-agent"]
        agent = next((value for value in agents if isinstance(value, str)), "")
        rules = spec.rules(job.name, product_token(agent or default_agent))
        self.rules = replace(rules, reading=_reading(rules, spec.start))
        self.seed_urls = tuple(
            form for url in spec.start if (form := canonical(url, self.rules.canonical)) is not None
        )
        self._job = job
        self._requests = Requests(job, identity=True)
        self._origins = frozenset(urls.origin(url) for url in self.seed_urls)
        self._credentials = _credentials(spec.start)

    def seeds(self) -> Iterator[Found | Misfit]:
        """The start URLs, and the sitemaps that the manifest names."""
        spec: CrawlSpec = self._job.spec
        begin = [(url, Use.PAGE) for url in spec.start]
        if not isinstance(spec.sitemaps, bool):
            begin += [(url, Use.SITEMAP) for url in spec.sitemaps]
        for ordinal, (url, use) in enumerate(begin):
            form = canonical(url, self.rules.canonical)
            if form is None:
                error = TemplateFailed(f"{url[:200]!r} cannot be crawled; expected an http or https URL")
                yield misfit(self._job, Item(ordinal, url, {}), error)
            else:
                yield Found(form, fingerprint(form), use, 0)

    def task(self, queued: Queued) -> CrawlTask:
        """The task of a found URL. Raises ``TemplateFailed`` or ``UnsafePath``."""
        job, found, rules = self._job, queued.found, self.rules
        item = Item(queued.place - 1, queued.secret or found.url, {"index": queued.place - 1})
        url, auth = self._requests.url(item)
        origin = urls.origin(url)
        request = self._requests.make(url, item.values, auth or self._credentials.get(origin))
        listing = found.use is Use.SITEMAP
        if found.depth == 0 and found.hops and found.url not in self.seed_urls:
            self.seed_urls += (found.url,)  # where a start URL was moved to
        if origin not in self._origins and (found.depth or found.hops):
            request = self._elsewhere(request)
        return CrawlTask(
            job=job.name,
            key=f"sitemap {item.url}" if listing else str(item.url),
            ordinal=queued.place - 1,
            slot=urls.slot(url),
            request=request if listing else structs.replace(request, redirects=False),
            retry=job.retry,
            gentle=True,
            robots=_robots(rules, found),
            found=found,
            rules=rules,
            layout=self._layout(found.url, item) if rules.files and not listing else None,
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

    def _elsewhere(self, request: Request) -> Request:
        """What may be sent to an origin that the manifest does not name, as after a redirect to it."""
        return structs.replace(
            request,
            headers=tuple(pair for pair in request.headers if pair[0].lower() in CARRIED),
            params=(),
            cookies=(),
            auth=None,
            named_by=urls.host(self.seed_urls[0]),
        )

    def _layout(self, url: str, item: Item) -> str:
        to = self._job.spec.to
        if to is None:
            return mirror_target(url)
        item.values.update(urls.fields(url))
        return safe_target(text(to, item.values))


def _credentials(start: tuple[str, ...]) -> dict[str, Auth]:
    """By origin, the credentials that start URLs have in their user info."""
    known: dict[str, Auth] = {}
    for url in start:
        if "@" in url:
            bare, auth = requestable(url)
            if auth is not None:
                known[urls.origin(bare)] = auth
    return known


def _reading(rules: CrawlRules, start: tuple[str, ...]) -> int:
    """A mark of all that says which links of a document are followed."""
    limits = rules.scope, rules.canonical, rules.max_pages
    return fingerprint(repr((start, limits, rules.forms, rules.robots, rules.agent, rules.requisites)))


def _robots(rules: CrawlRules, found: Found) -> Robots:
    """What robots.txt keeps us from is a failure only where the manifest itself asked for it."""
    if not rules.robots:
        return Robots.IGNORE
    named = found.use is not Use.SITEMAP or not rules.sitemaps  # else it was robots.txt that named it
    return Robots.OBEY if found.depth == 0 and named else Robots.SKIP
