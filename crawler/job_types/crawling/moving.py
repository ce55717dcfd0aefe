"""Where a redirect of a crawled URL leads, and which redirects lead nowhere."""

from __future__ import annotations

from urllib.parse import urljoin

from crawler.crawled import Found
from crawler.errors import RedirectRefused
from crawler.job_types.crawling.following import Following
from crawler.job_types.crawling.task import CrawlTask
from crawler.job_types.tools import Site
from crawler.policy.fingerprints import fingerprint

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_HOPS = 10  # redirects in a row, as for every other request


def led_to(location: str, task: CrawlTask, following: Following, site: Site) -> tuple[str, Found | None]:
    """The absolute URL that ``Location`` names, and what of it belongs to the crawl.

    Raises ``RedirectRefused`` where nothing is to be found there: of a start URL that is a failure, as nobody
    would learn otherwise that its crawl fetched nothing.
    """
    found = task.found
    if found.hops >= MOST_HOPS:
        raise _refused(f"more than {MOST_HOPS} redirects in a row")
    try:
        goal = urljoin(task.url, location.strip())
        target = following.moved(goal, found, site)
    except ValueError as error:
        raise _refused(f"the redirect leads nowhere: {error}") from error
    if found.depth:
        return goal, target
    if target is None:
        if following.canonical(goal) is None:
            raise _refused(f"the start URL redirects to {goal[:200]}, which is no http or https URL")
    elif target.fingerprint == found.fingerprint:
        raise _refused(
            f"the start URL redirects to itself, at {target.url} (a site that first wants a cookie or a "
            "session id cannot be crawled from here)"
        )
    elif _comes_back(target.fingerprint, found.fingerprint, site):
        raise _refused(
            f"the start URL redirects in a ring: {target.url} leads back to it (a site that first wants a "
            "cookie or a login cannot be crawled from here)"
        )
    return goal, target


def _comes_back(mark: int, origin: int, site: Site) -> bool:
    """Whether redirects that this round has seen lead from one URL to the other."""
    for _ in range(MOST_HOPS):
        page = site.page(mark)
        if page is None or not page.current or page.moved_to is None:
            return False
        mark = fingerprint(page.moved_to)
        if mark == origin:
            return True
    return False


def _refused(why: str) -> RedirectRefused:
    return RedirectRefused(why, sent=True, answered=True)
