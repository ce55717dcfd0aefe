"""What a crawled document says: its links, whether they may be followed, and the fields to extract.

The child on the second core imports this and no more than it needs to read: every ms of that is CPU.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from crawler.job_types.crawling.media import Media
from crawler.pages.link import LinkKind

if TYPE_CHECKING:
    from crawler.job_types.crawling.rules import ExtractRules
    from crawler.job_types.tools import Aside

# A larger document is no work for another core: others would wait behind it, 60 ms at most, and it is copied
# on the way.
MOST_SENT = 4 * 1024 * 1024
# Without another core, a larger document is parsed on a thread: the 4 ms that it takes would hold up every
# other transfer. Fields take a tree, which takes three times as long.
PARSED_AT_ONCE = 256 * 1024
EXTRACTED_AT_ONCE = 64 * 1024

PAGE, REQUISITE = LinkKind.PAGE.value, LinkKind.REQUISITE.value


@dataclass(frozen=True, slots=True)
class Document:
    """``pages``: links to pages may be followed. ``problems``: what the manifest asked for in vain.

    ``digest`` is the sha256 of the body, in hex: whoever reads all of it has it cheaply.
    """

    urls: tuple[str, ...] = ()  # of its links, absolute and each once
    kinds: bytes = b""  # and what each is, as in ``PageLinks``
    pages: bool = True
    extracted: bytes | None = None
    problems: tuple[str, ...] = ()
    cut: int = 0  # links beyond those that are taken from one document
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """How the documents of one crawl are read; ``agent`` is our product token."""

    agent: str
    forms: bool
    robots: bool
    extract: ExtractRules | None

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
        if (media.html or self.extract is not None) and len(body) <= MOST_SENT and aside.ready():
            document: Document = await aside.run(self, body, url, media, robots_tags, shown)
            return document
        if len(body) > (PARSED_AT_ONCE if self.extract is None else EXTRACTED_AT_ONCE):
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
            from crawler.pages.css_links import css_links

            urls = tuple(link.url for link in css_links(body, url, media.header))
            document = Document(urls, bytes([REQUISITE]) * len(urls))
        if self.extract is not None and (media.html or media.json):
            document = _with_fields(document, self.extract, body, url, media, shown)
        return replace(document, digest=hashlib.sha256(body).hexdigest())

    def _html(self, body: bytes, url: str, media: Media, robots_tags: Sequence[str]) -> Document:
        from crawler.pages.html_links import html_links  # imported here: only crawls need it
        from crawler.pages.robots_meta import header_directives

        found = html_links(body, url, media.header, agent=self.agent, forms=self.forms)
        asked = found.nofollow or (bool(robots_tags) and header_directives(robots_tags, self.agent).nofollow)
        return Document(found.urls, found.kinds, pages=not (asked and self.robots), cut=found.cut)


def _with_fields(
    document: Document, rules: ExtractRules, body: bytes, url: str, media: Media, shown: str
) -> Document:
    from crawler.policy.url_patterns import UrlPattern  # imported here: few crawls extract

    if rules.pages and not any(UrlPattern.of(each).fits(url) for each in rules.pages):
        return document
    import msgspec

    from crawler.pages.extraction import extract

    found = extract(body, media.header, url, rules.fields)
    line = msgspec.json.encode({"url": shown, **found.values})
    return replace(document, extracted=rules.recipe + line, problems=found.problems)
