"""Sitemaps (sitemaps.org 0.9), their indexes, and what else may stand in their place: text, RSS, Atom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from crawler.pages.xml import Element, XmlBroken, elements

LONGEST_URL = 1 << 16  # bytes of a line in a text sitemap; sitemaps.org allows 2048 characters
_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\0<", b"<")  # how XML begins: UTF-16, or a bracket
_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"

_URL = {("urlset", "url"), ("rss", "channel", "item"), ("feed", "entry")}
_SITEMAP = ("sitemapindex", "sitemap")
_ROOTS = {path[0] for path in (*_URL, _SITEMAP)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SitemapUrl:
    """One URL as written, and what stands beside it; ``nested`` if it is another sitemap's."""

    url: str
    line: int
    nested: bool = False
    lastmod: str | None = None
    changefreq: str | None = None
    priority: str | None = None


@dataclass(frozen=True, slots=True)
class SitemapProblem:
    """A place that names no URL, or, if it ``ends`` there, from which on the rest cannot be read."""

    line: int
    message: str
    ends: bool = False


def sitemap(chunks: Iterable[bytes]) -> Iterator[SitemapUrl | SitemapProblem]:
    """Every URL of a sitemap that is read piece by piece, decompressed; never raises.

    By its first character it is XML (sitemap, index, RSS 2.0 or Atom, told by the root) or one URL a line.
    """
    pieces = iter(chunks)
    start = b""
    while len(start.strip(_SPACE)) < len(_BOM) and len(start) < LONGEST_URL and (piece := next(pieces, b"")):
        start += piece
    whole = chain([start], pieces)
    if start.removeprefix(_BOM).lstrip(_SPACE).startswith(_MARKS):
        return _from_xml(whole)
    return _from_text(whole)


def _from_xml(chunks: Iterable[bytes]) -> Iterator[SitemapUrl | SitemapProblem]:
    found: dict[str, str] = {}
    try:
        for element in elements(chunks):
            path = element.path
            if path[0] not in _ROOTS:
                expected = "expected a sitemap (urlset, sitemapindex, rss or feed)"
                yield SitemapProblem(element.line, f"{expected}, found <{path[0]}>", ends=True)
                return
            if path in _URL or path == _SITEMAP:
                yield _told(element, found)
                found = {}
            elif path[:-1] in _URL or path[:-1] == _SITEMAP:
                _note(element, found)
    except XmlBroken as error:
        yield SitemapProblem(error.line, str(error), ends=True)


def _note(element: Element, found: dict[str, str]) -> None:
    """Keep what a URL's element says; of an Atom entry the link that is the page itself."""
    name, text = element.path[-1], element.text
    if name == "link" and element.path[0] == "feed":
        if element.attributes.get("rel", "alternate") == "alternate":
            found.setdefault("loc", element.attributes.get("href", "").strip())
    elif name in ("loc", "link"):
        found.setdefault("loc", text)
    elif name in ("lastmod", "updated", "pubDate"):
        found.setdefault("lastmod", text)
    elif name in ("changefreq", "priority"):
        found.setdefault(name, text)


def _told(element: Element, found: dict[str, str]) -> SitemapUrl | SitemapProblem:
    url = found.get("loc")
    if not url:
        return SitemapProblem(element.line, f"<{element.path[-1]}> names no URL")
    return SitemapUrl(
        url=url,
        line=element.line,
        nested=element.path == _SITEMAP,
        lastmod=found.get("lastmod"),
        changefreq=found.get("changefreq"),
        priority=found.get("priority"),
    )


def _from_text(chunks: Iterable[bytes]) -> Iterator[SitemapUrl | SitemapProblem]:
    for number, raw in enumerate(_lines(chunks), start=1):
        if len(raw) > LONGEST_URL:
            yield SitemapProblem(number, f"the line is longer than {LONGEST_URL} bytes")
            continue
        try:
            url = raw.removeprefix(_BOM).decode().strip()
        except UnicodeDecodeError as error:
            yield SitemapProblem(number, f"not UTF-8 (0x{raw[error.start]:02x}), and not XML")
            continue
        if url and not url.startswith("#"):
            yield SitemapUrl(url=url, line=number)


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines; of one that is too long no more than shows that it is."""
    rest = b""
    for chunk in chunks:
        *whole, last = chunk.split(b"\n")
        for line in whole:
            yield rest + line[: LONGEST_URL + 1]
            rest = b""
        rest = (rest + last)[: LONGEST_URL + 1]
    if rest:
        yield rest
