"""What a sitemap lists of a crawl's URLs, and what of it could not be read or was left out."""

from __future__ import annotations

import gzip
import io
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from crawler.crawled import Found, Use
from crawler.job_types.crawling.following import Followed, Following
from crawler.pages.sitemap import SitemapProblem, SitemapUrl, sitemap

MOST_BYTES = 50 * 1024 * 1024  # of a sitemap, packed and unpacked (sitemaps.org: 50 MiB)
MOST_URLS = 50_000  # of one sitemap (sitemaps.org)
MOST_NESTED = 3  # an index may list indexes, though it should not; beyond this it is a ring
_MOST_TOLD = 3  # problems of one sitemap that are told in words
_GZIP = b"\x1f\x8b"
_STEP = 256 * 1024
_ENTRIES = "unreadable: entries of a sitemap"
_UNREADABLE = "unreadable: a sitemap, or the rest of it"
_TOO_LONG = "limit_reached: bytes of one sitemap"
_ENDS = {_UNREADABLE, _TOO_LONG}


@dataclass(slots=True)
class Listed:
    """What one sitemap gave. ``urls`` counts all that it names, whether or not they belong to the crawl."""

    followed: Followed = field(default_factory=Followed)
    urls: int = 0
    left_out: Counter[str] = field(default_factory=Counter)  # by reason
    problems: list[str] = field(default_factory=list)  # the first ones, in words

    @property
    def note(self) -> str | None:
        """What went wrong or was left out, if anything was."""
        return "; ".join([*self.problems, *self.left_out]) or None

    def leave_out(self, reason: str, problem: str | None = None) -> None:
        """Count it, and tell the first ones."""
        self.left_out[reason] += 1
        if problem is not None and len(self.problems) < _MOST_TOLD:
            self.problems.append(problem)


def listing(body: bytes, here: Found, following: Following) -> Listed:
    """Read a whole sitemap, packed or not. Never raises."""
    listed = Listed()
    found = listed.followed.found
    for entry in sitemap(_unpacked(body, listed)):
        if isinstance(entry, SitemapProblem):
            _note_problem(entry, listed)
            continue
        if len(found) >= MOST_URLS:
            listed.leave_out("limit_reached: URLs of one sitemap")
        elif (one := _follow(entry, here, following, listed)) is not None:
            found.append(one)
    listed.followed.all.extend(each.fingerprint for each in found)
    return listed


def _follow(entry: SitemapUrl, here: Found, following: Following, listed: Listed) -> Found | None:
    if (known := following.canonical(entry.url)) is None:
        listed.leave_out(_ENTRIES, f"line {entry.line}: no http or https URL: {entry.url[:100]!r}")
        return None
    url, mark = known
    listed.urls += 1
    if not entry.nested:
        return Found(url, mark, Use.PAGE, 1) if following.scope.decide(url, 1).allowed else None
    if here.depth < MOST_NESTED:
        return Found(url, mark, Use.SITEMAP, here.depth + 1)
    listed.leave_out("limit_reached: sitemaps within sitemaps")
    return None


def _note_problem(problem: SitemapProblem, listed: Listed) -> None:
    told = f"line {problem.line}: {problem.message}"
    if not problem.ends:
        listed.leave_out(_ENTRIES, told)
    elif not listed.left_out.keys() & _ENDS:  # else it ends there because its bytes did
        listed.leave_out(_UNREADABLE, told)


def _unpacked(body: bytes, listed: Listed) -> Iterator[bytes]:
    """The sitemap's own bytes, piece by piece, up to ``MOST_BYTES``; what is damaged ends it."""
    if not body.startswith(_GZIP):
        yield body
        return
    left = MOST_BYTES
    try:
        with gzip.open(io.BytesIO(body)) as file:
            # Whatever comes before the damage is given out: ``read`` would lose it.
            while piece := file.read1(min(_STEP, left) or 1):
                if not left:
                    listed.leave_out(_TOO_LONG, f"it has more than {MOST_BYTES >> 20} MiB")
                    return
                left -= len(piece)
                yield piece
    except EOFError:
        listed.leave_out(_UNREADABLE, "its gzip breaks off")
    except (OSError, zlib.error) as error:
        listed.leave_out(_UNREADABLE, f"its gzip is damaged: {error}")
