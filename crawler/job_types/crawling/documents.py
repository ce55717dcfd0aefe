"""What a crawled document says: its links, whether they may be followed, and the fields to extract."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from crawler.job_types.crawling.media import Media
from crawler.job_types.crawling.rules import CrawlRules, ExtractRules
from crawler.pages.link import Link, LinkKind
from crawler.policy.url_patterns import UrlPattern

# A larger document is parsed on a thread: what it takes would hold up every other transfer for too long.
PARSED_AT_ONCE = 512 * 1024


@dataclass(frozen=True, slots=True)
class Document:
    """``pages``: links to pages may be followed. ``problems``: what the manifest asked for in vain."""

    links: Sequence[Link] = ()
    pages: bool = True
    extracted: bytes | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reader:
    """How the documents of one crawl are read."""

    rules: CrawlRules

    async def read(self, body: bytes | None, url: str, media: Media, robots_tags: Sequence[str]) -> Document:
        """The document, off the event loop if it is large; nothing is known of one without ``body``."""
        if body is None:
            return Document()
        if len(body) > PARSED_AT_ONCE:
            return await asyncio.to_thread(self._read, body, url, media, robots_tags)
        return self._read(body, url, media, robots_tags)

    def _read(self, body: bytes, url: str, media: Media, robots_tags: Sequence[str]) -> Document:
        document = Document()
        if media.html:
            document = self._html(body, url, media, robots_tags)
        elif media.css:
            document = Document(_css(body, url, media))
        if self.rules.extract is not None and (media.html or media.json):
            document = _with_fields(document, self.rules.extract, body, url, media)
        return document

    def _html(self, body: bytes, url: str, media: Media, robots_tags: Sequence[str]) -> Document:
        from crawler.pages.html_links import html_links  # imported here: only crawls need it
        from crawler.pages.robots_meta import header_directives

        found = html_links(body, url, media.header, agent=self.rules.agent, forms=self.rules.forms)
        asked = found.nofollow or (
            bool(robots_tags) and header_directives(robots_tags, self.rules.agent).nofollow
        )
        return Document(found.links, pages=not (asked and self.rules.robots))


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


def _with_fields(document: Document, rules: ExtractRules, body: bytes, url: str, media: Media) -> Document:
    if rules.pages and not any(UrlPattern.of(each).fits(url) for each in rules.pages):
        return document
    from crawler.pages.extraction import extract

    found = extract(body, media.header, url, rules.fields)
    line = msgspec.json.encode({"url": url, **found.values})
    return replace(document, extracted=rules.recipe + line, problems=found.problems)
