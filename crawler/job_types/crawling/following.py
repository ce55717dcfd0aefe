"""Which links of a document are followed, and what they are followed for."""

from __future__ import annotations

import asyncio
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from msgspec import structs

from crawler.crawled import MOST_PAGES, Found, Page, Use
from crawler.job_types.crawling.documents import PAGE, REQUISITE, Reader
from crawler.job_types.crawling.rules import CrawlRules
from crawler.job_types.tools import Site
from crawler.pages.link import NOFOLLOW
from crawler.policy.canonical import canonical
from crawler.policy.fingerprints import fingerprint
from crawler.policy.scope import Scope
from crawler.policy.traps import QueryCounts

# Links of which it is kept what they came to: the pages of a site link to the same ones over and over.
_REMEMBERED = 50_000
_ASKED_AT_ONCE = 500  # URLs that the ledger is asked for, before others get their turn: 1 ms
_Container = TypeVar("_Container", dict[str, Any], set[tuple[str, int]])


@dataclass(slots=True)
class Followed:
    """What a document leads to: what is new, and the fingerprints of all that belongs to the crawl.

    Those of links that a bound of the crawl refused are among them: it is not known yet where they lead.
    """

    found: list[Found] = field(default_factory=list)
    all: array[int] = field(default_factory=lambda: array("q"))
    left_out: Counter[str] = field(default_factory=Counter)  # links, by the bound that refused them

    @property
    def limits(self) -> tuple[tuple[str, int], ...]:
        """The last for a ``Page``."""
        return tuple(self.left_out.items())


class Following:
    """The scope of one crawl at work; it lives as long as the run."""

    def __init__(self, rules: CrawlRules) -> None:
        self.scope = Scope(rules.scope, ())
        self._seeds: set[str] = set()
        self.reader = Reader(rules.agent, rules.forms, rules.robots, rules.extract)
        self._rules = rules
        self._queries = QueryCounts(rules.scope.max_queries)
        self._known: dict[str, tuple[str, int] | None] = {}
        self._taken: dict[str, int] = {}  # links that the crawl has already, with their fingerprints
        self._sure: set[int] = set()  # fingerprints of URLs that were recorded in this run
        self._outside: set[tuple[str, int]] = set()  # links, and kinds, that no page leads on by

    def begin_at(self, seeds: Sequence[str]) -> None:
        """Take start URLs, and where they were moved to, into the scope."""
        for seed in seeds:
            if seed not in self._seeds:
                self._seeds.add(seed)
                self.scope.add_seed(seed)
                self._outside.clear()

    def mark(self, found: Found) -> int:
        """What the links of a document are chosen by, beside what it says: its place, where that counts."""
        depth = "" if self._rules.scope.depth is None else found.depth
        return fingerprint(f"{self._rules.reading} {found.use} {depth}")

    def canonical(self, url: str) -> tuple[str, int] | None:
        """The canonical form of an absolute URL and its fingerprint; ``None`` for what no crawl fetches."""
        try:
            return self._known[url]
        except KeyError:
            form = canonical(url, self._rules.canonical)
            known = None if form is None else (form, fingerprint(form))
            _with_room(self._known)[url] = known
            return known

    def follow(
        self, urls: Iterable[str], kinds: bytes, depth: int, site: Site, *, pages: bool = True, cut: int = 0
    ) -> Followed:
        """What a document at ``depth`` leads to. ``pages`` says whether its links are followed as pages.

        ``urls`` and ``kinds`` are of a ``Document``. A requisite within the scope is a page like any other:
        what it is depends on its URL alone, not on the page that was read first.
        """
        followed, taken, outside = Followed(), self._taken, self._outside
        if cut:
            followed.left_out["limit_reached: links of one document"] = cut
        for link in zip(urls, kinds, strict=True):
            if (there := taken.get(link[0])) is not None:
                followed.all.append(there)
            elif link not in outside and (known := self.canonical(link[0])) is not None:
                url, mark = known
                if site.knows(mark):
                    followed.all.append(mark)
                    _with_room(taken)[link[0]] = mark
                elif (use := self._use(url, link, depth + 1, followed, pages)) is not None:
                    followed.all.append(mark)
                    if use is Use.PAGE and not self._queries.admit(url).allowed:
                        followed.left_out["limit_reached: max_queries"] += 1
                    else:
                        followed.found.append(Found(url, mark, use, depth + 1))
        return followed

    async def recall(self, page: Page, depth: int, site: Site) -> Followed | None:
        """What a document at ``depth`` led to the last time, as far as it still belongs to the crawl.

        ``None`` if not all of that is known: its links may have been refused, or forgotten since then. They
        are not needed where ``max_pages`` is reached, for they would be refused now.
        """
        followed, sure = Followed(all=marks(page.links), left_out=Counter(dict(page.limits))), self._sure
        del followed.left_out[MOST_PAGES]
        fresh = [mark for mark in dict.fromkeys(followed.all) if mark not in sure and not site.knows(mark)]
        if len(sure) < _REMEMBERED:
            sure.update(followed.all)
            sure.difference_update(fresh)
        known: list[Found] = []
        for start in range(0, len(fresh), _ASKED_AT_ONCE):
            known += site.found(fresh[start : start + _ASKED_AT_ONCE])
            await asyncio.sleep(0)
        if missing := len(fresh) - len(known):
            if not site.full(self._rules.max_pages):
                return None
            followed.left_out[MOST_PAGES] = missing
        for each in known:
            if each.use is Use.SITEMAP:
                followed.found.append(structs.replace(each, depth=depth + 1, hops=0))
                continue
            as_page = self.scope.decide(each.url, depth + 1).allowed
            if as_page or (each.use is Use.REQUISITE and self._rules.requisites):
                use = Use.PAGE if as_page else each.use
                followed.found.append(Found(each.url, each.fingerprint, use, depth + 1))
        return followed

    def chosen_alike(self, links: bytes, found: Found) -> bool:
        """Whether the links of a ``Page`` were chosen by the very rules that hold now."""
        return links[:_MARK] == array("q", (self.mark(found),)).tobytes()

    def links(self, followed: Followed, found: Found) -> bytes:
        """What ``Page`` keeps of them."""
        return array("q", (self.mark(found),)).tobytes() + followed.all.tobytes()

    def moved(self, url: str, found: Found, site: Site) -> Found | None:
        """Where a redirect of a found URL leads, if that belongs to the crawl; a start URL's always does."""
        known = self.canonical(url)
        if known is None:
            return None
        target, mark = known
        if found.depth == 0:
            self.begin_at((target,))
        verdict = self.scope.decide(target, found.depth)
        use = found.use
        if not verdict.allowed and use is Use.PAGE:
            site.leave_out(f"scope: {_short(verdict.rule)}")
            return None
        if verdict.allowed and use is Use.REQUISITE:
            use = Use.PAGE
        return Found(target, mark, use, found.depth, found.hops + 1)

    def _use(
        self, url: str, link: tuple[str, int], depth: int, followed: Followed, pages: bool
    ) -> Use | None:
        _, kind = link
        page = kind & PAGE and not (kind & NOFOLLOW and self._rules.robots)
        requisite = kind & REQUISITE
        if not (page and pages) and not requisite:
            return None
        verdict = self.scope.decide(url, depth)
        if verdict.allowed:
            return Use.PAGE
        needed = requisite and self._rules.requisites
        if needed and self.scope.decide(url, depth, requisite=True).allowed:
            return Use.REQUISITE
        if verdict.rule.startswith(_LIMITS):
            followed.left_out[f"limit_reached: {_short(verdict.rule)}"] += 1
        elif not needed:  # hosts, folders and patterns say the same at every depth
            _with_room(self._outside).add(link)
        return None


def marks(links: bytes) -> array[int]:
    """The fingerprints in the ``links`` of a ``Page``."""
    return array("q", links[_MARK:])


def _with_room(remembered: _Container) -> _Container:
    """The same, emptied if it holds as much as it may."""
    if len(remembered) >= _REMEMBERED:
        remembered.clear()
    return remembered


_LIMITS = ("depth", "max_")
_MARK = 8  # bytes


def _short(rule: str) -> str:
    """The rule's name, so that what was left out is counted by rule and not by URL."""
    return rule.partition(":")[0]
