"""What a crawled document says: its links, whether they may be followed, and the fields to extract.

The child on the second core imports this and no more than it needs to read: every ms of that is CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from crawler.job_types.crawling.media import Media
from crawler.job_types.crawling.rules import CrawlRules, ExtractRules
from crawler.pages.link import Link, LinkKind
from crawler.policy.url_patterns import UrlPattern

if TYPE_CHECKING:
    from crawler.job_types.base import Aside

# A larger document is no work for another core: others would wait behind it, and it is copied on the way.
MOST_SENT = 1024 * 1024
# Without another core, a larger document is parsed on a thread: the 4 ms that it takes would hold up every
# other transfer. Fields take a tree, which takes three times as long.
PARSED_AT_ONCE = 256 * 1024
EXTRACTED_AT_ONCE = 64 * 1024

PAGE, REQUISITE, NOFOLLOW = LinkKind.PAGE.value, LinkKind.REQUISITE.value, 4
"""What a link is, as bits: its ``LinkKind``, and whether it asks not to be followed."""


@dataclass(frozen=True, slots=True)
class Document:
    """``pages``: links to pages may be followed. ``problems``: what the manifest asked for in vain.

    The links are two objects, not thousands: a document may come from another process.
    """

    urls: tuple[str, ...] = ()  # of its links, absolute and each once
    kinds: bytes = b""  # and what each is, in bits
    pages: bool = True
    extracted: bytes | None = None
    problems: tuple[str, ...] = ()
    cut: int = 0  # links beyond those that are taken from one document


@dataclass(frozen=True, slots=True)
class Reader:
    """How the documents of one crawl are read."""

    rules: CrawlRules

    async def read(
        self,
        body: bytes | None,
        url: str,
        media: Media,
        robots_tags: Sequence[str],
        *,
        shown: str,
        aside: Aside,
    ) -> Document:
        """The document, off the event loop if it is large; nothing is known of one without ``body``.

        ``shown`` is its URL as it may be written down.
        """
        if body is None:
            return Document()
        if (media.html or self.rules.extract is not None) and len(body) <= MOST_SENT and aside.ready():
            document: Document = await aside.run(self, body, url, media, robots_tags, shown)
            return document
        if len(body) > (PARSED_AT_ONCE if self.rules.extract is None else EXTRACTED_AT_ONCE):
            import asyncio

            return await asyncio.to_thread(self, body, url, media, robots_tags, shown)
        return self(body, url, media, robots_tags, shown)

    def __call__(
        self, body: bytes, url: str, media: Media, robots_tags: Sequence[str], shown: str
    ) -> Document:
        """The document; as ``read``, but at once."""
        document = Document()
        if media.html:
            document = self._html(body, url, media, robots_tags)
        elif media.css:
            document = _linking(_css(body, url, media))
        if self.rules.extract is not None and (media.html or media.json):
            document = _with_fields(document, self.rules.extract, body, url, media, shown)
        return document

    def _html(self, body: bytes, url: str, media: Media, robots_tags: Sequence[str]) -> Document:
        from crawler.pages.html_links import html_links  # imported here: only crawls need it
        from crawler.pages.robots_meta import header_directives

        found = html_links(body, url, media.header, agent=self.rules.agent, forms=self.rules.forms)
        asked = found.nofollow or (
            bool(robots_tags) and header_directives(robots_tags, self.rules.agent).nofollow
        )
        return _linking(found.links, pages=not (asked and self.rules.robots), cut=found.cut)


def _linking(links: Sequence[Link], *, pages: bool = True, cut: int = 0) -> Document:
    kinds = bytes([link.kind.value | (NOFOLLOW if link.nofollow else 0) for link in links])
    return Document(tuple([link.url for link in links]), kinds, pages=pages, cut=cut)


def _css(body: bytes, url: str, media: Media) -> list[Link]:
    from crawler.pages.charset import decoded
    from crawler.pages.css_links import references
    from crawler.pages.references import base, clean, resolve

    here = base(url)
    found: dict[str, None] = {}
    for each in references(decoded(body, media.header)):
        reference = clean(each.reference)
        if reference and (target := resolve(here, reference)):
            found[target] = None
    return [Link(target, LinkKind.REQUISITE) for target in found]


def _with_fields(
    document: Document, rules: ExtractRules, body: bytes, url: str, media: Media, shown: str
) -> Document:
    if rules.pages and not any(UrlPattern.of(each).fits(url) for each in rules.pages):
        return document
    from crawler.pages.extraction import extract

    found = extract(body, media.header, url, rules.fields)
    line = msgspec.json.encode({"url": shown, **found.values})
    return replace(document, extracted=rules.recipe + line, problems=found.problems)
