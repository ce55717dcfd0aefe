"""Where the links of a crawl's files lead: to which other file, and whether that is where they led before."""

from __future__ import annotations

from crawler.crawled import NEVER_CONVERTED, OUTDATED, SOMEHOW, Page
from crawler.job_types.crawling.following import Following, marks
from crawler.job_types.tools import Site
from crawler.policy.fingerprints import fingerprint

_MOST_HOPS = 10
_REMEMBERED = 50_000  # files of URLs, which most pages of a site have in common
_TAKEN = frozenset({NEVER_CONVERTED, OUTDATED, SOMEHOW})


class Mirror:
    """The files of one crawl, by the URLs that are kept in them."""

    def __init__(self, site: Site, following: Following) -> None:
        self._site = site
        self._following = following
        self._files: dict[int, str | None] = {}

    def file(self, url: str) -> str | None:
        """The file of an absolute URL, after the redirects that it led through."""
        known = self._following.canonical(url)
        return None if known is None else self._file(known[1])

    def leads(self, page: Page) -> int:
        """A mark of where the page's links lead, for ``Page.converted``."""
        files = [self._file(mark) or "" for mark in dict.fromkeys(marks(page.links))]
        mark = fingerprint("\n".join(files))
        return mark if mark not in _TAKEN else mark + len(_TAKEN)

    def _file(self, mark: int) -> str | None:
        try:
            return self._files[mark]
        except KeyError:
            if len(self._files) >= _REMEMBERED:
                self._files.clear()
            found = self._files[mark] = self._look_up(mark)
            return found

    def _look_up(self, mark: int) -> str | None:
        for _ in range(_MOST_HOPS):
            page = self._site.page(mark)
            if page is None:
                return None
            if page.moved_to is None:
                return page.target
            known = self._following.canonical(page.moved_to)
            if known is None:
                return None
            mark = known[1]
        return None
