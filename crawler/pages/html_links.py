"""The links of an HTML document, each once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from crawler.pages import attribute_text, css_links, refresh, srcset
from crawler.pages.charset import ASCII_BELOW_128, encoding
from crawler.pages.distinct import PLAIN, Distinct, distinct
from crawler.pages.link import NOFOLLOW, PageLinks
from crawler.pages.link_places import BOTH, FORM, PAGE, REQUISITE, Form, concerned, places
from crawler.pages.references import Base, base, clean, rebased, resolve
from crawler.pages.robots_meta import Directives, concerns, meta_directives
from crawler.pages.tags import STYLE_TEXT, tags, values

MAX_BYTES = 16 * 1024 * 1024
"""Beyond this a document is no page for readers; 16 MiB take about half a second."""

MOST_LINKS = 100_000
"""References of one document; a sitemap, which is made for machines, may list half as many (sitemaps.org)."""

# A character a byte. A text with one character beyond Latin-1 takes twice the memory, and regular expressions
# twice the time; and most of what they find is ASCII.
_BYTES = "latin-1"

# In larger documents tags are taken one by one: to hold them all, each once, takes ten times their memory.
_DISTINCT = 2 * 1024 * 1024
_UNWANTED = 8  # beside the bits of LinkKind: named as a page, but not to be followed
_KINDS = [
    bits & BOTH | (bits & _UNWANTED and (PAGE if bits & PAGE else PAGE | NOFOLLOW)) for bits in range(16)
]
# Characters of a tag that is remembered: all of them together, 2 MiB at most.
_SHORT = 512
# Nine tags of ten are anchors, and most differ from another in their fragment only, or in what follows it;
# unless that holds an attribute that matters.
_MORE = re.compile("href|rel|style", re.IGNORECASE)


def html_links(
    body: bytes,
    url: str,
    content_type: str | None = None,
    *,
    agent: str = "",
    forms: bool = False,
    max_bytes: int = MAX_BYTES,
) -> PageLinks:
    """The links of the HTML document at the absolute ``url``.

    ``agent`` is our product token in robots ``<meta>``s; ``forms`` adds the targets of GET forms. A body of
    more than ``max_bytes`` is not read, nor more than ``MOST_LINKS`` references. Takes time and memory in
    proportion to the body, whatever it holds. Raises ValueError for a ``url`` that is not http or https.
    """
    if len(body) > max_bytes:
        return PageLinks(base(url).url, too_large=True)
    page, codec = _Page(agent, forms), encoding(body, content_type)
    here = base(url, codec)
    xml = "xhtml" in (content_type or "")
    if codec in ASCII_BELOW_128:
        page.read(body.decode(_BYTES), xml=xml, codec=codec)
    else:
        page.read(body.decode(codec, "replace"), xml=xml)
    return page.resolved(here)


class _Page:
    """The references of one document, as they are found."""

    def __init__(self, agent: str, forms: bool) -> None:
        self._agent = agent
        self._forms = forms
        self._found: dict[str, int] = {}
        self._cut = 0
        self._base: str | None = None
        self._canonical: str | None = None
        self._refresh: str | None = None
        self._directives = Directives()

    def read(self, text: str, *, xml: bool, codec: str = "") -> None:
        """``codec`` is for what is not ASCII, where the text's characters are the document's bytes."""
        seen: set[str] = set()
        for name, written in _tags(text, xml):
            if codec and not written.isascii():
                written = written.encode(_BYTES).decode(codec, "replace")
            if name == PLAIN:
                self._add(written, PAGE)
            elif name == "a":
                head, _, fragment = written.partition("#")
                if head[-1:] == "&" or ("=" in fragment and _MORE.search(fragment)):
                    self._anchor(values(written))
                elif head not in seen:
                    if not self._cut:
                        seen.add(head)
                    self._anchor(values(written))
            elif name == STYLE_TEXT:
                self._style(written)
            elif concerned(name, written):
                self._tag(name, written)

    def _anchor(self, attributes: dict[str, str]) -> None:
        href = attributes.get("href")
        if href is None:
            href = attributes.get("xlink:href")  # SVG 2 §16.1.2: of both, href counts
        if href and href[0] != "#":
            self._add(attribute_text.read(href), _UNWANTED if _unwanted(attributes) else PAGE)
        if "style" in attributes:
            self._style(attribute_text.read(attributes["style"]))

    def _tag(self, name: str, written: str) -> None:
        references, attributes = (_told_before if len(written) <= _SHORT else _told)(name, written)
        for reference, bits in references:
            if bits != FORM:
                self._add(reference, bits)
            elif self._forms:
                self._add(reference, PAGE)
        if name == "meta":
            self._meta(attributes)
        elif name == "base":
            if self._base is None:
                self._base = attributes.get("href")
        elif name == "link" and self._canonical is None and "canonical" in _rel(attributes):
            self._canonical = attributes.get("href")

    def _meta(self, attributes: dict[str, str]) -> None:
        content = attribute_text.read(attributes.get("content", ""))
        if concerns(attributes.get("name", ""), self._agent):
            self._directives |= meta_directives(content)
        elif attributes.get("http-equiv", "").strip().lower() == "refresh":
            span = refresh.target(content)
            if span and self._refresh is None:
                self._refresh = content[slice(*span)]
                self._add(self._refresh, PAGE)

    def _style(self, css: str) -> None:
        for reference, kind in _in_style(css):
            self._add(reference, kind)

    def _add(self, reference: str, bits: int) -> None:
        bits_before = self._found.get(reference)
        if bits_before is not None:
            self._found[reference] = bits_before | bits
        elif len(self._found) < MOST_LINKS:
            self._found[reference] = bits
        else:
            self._cut += 1

    def resolved(self, here: Base) -> PageLinks:
        """The references as URLs, relative to the document's ``<base>`` if it has one."""
        if self._base is not None:
            here = rebased(here, attribute_text.read(self._base))
        urls: dict[str, int] = {}
        for reference, bits in self._found.items():
            if url := _url(here, reference):
                urls[url] = urls.get(url, 0) | bits
        return PageLinks(
            base=here.url,
            urls=tuple(urls),
            kinds=bytes([_KINDS[bits] for bits in urls.values()]),
            nofollow=self._directives.nofollow,
            noindex=self._directives.noindex,
            canonical=_url(here, attribute_text.read(self._canonical or "")),
            refresh=_url(here, self._refresh or ""),
            cut=self._cut,
        )


def _tags(text: str, xml: bool) -> Iterable[Distinct]:
    found = None if xml or len(text) > _DISTINCT else distinct(text)
    if found is not None:
        return found
    return ((name, text[start:end]) for name, start, end in tags(text, xml=xml))


def _told(name: str, written: str) -> tuple[tuple[tuple[str, int], ...], dict[str, str]]:
    """What a tag refers to, and as what; and its attributes."""
    attributes = values(written)
    method = attributes.get("formmethod") or attributes.get("method", "")
    found: list[tuple[str, int]] = []
    for place, form, kind in places(name, attributes, attributes.get("rel", ""), method):
        value = attribute_text.read(attributes[place])
        if form is Form.SRCSET:
            found += [(value[start:end], kind) for start, end in srcset.urls(value)]
        elif form is Form.STYLE:
            found += _in_style(value)
        elif kind:
            found.append((value, _UNWANTED if kind == PAGE and _unwanted(attributes) else kind))
    return tuple(found), attributes


# Most tags that are no anchors stand on every page of a site.
_told_before = lru_cache(maxsize=1024)(_told)


def _in_style(css: str) -> list[tuple[str, int]]:
    return [(found.reference, REQUISITE) for found in css_links.references(css)]


def _unwanted(attributes: dict[str, str]) -> bool:
    return "rel" in attributes and "nofollow" in _rel(attributes)


def _rel(attributes: dict[str, str]) -> list[str]:
    return attributes.get("rel", "").lower().split()


def _url(here: Base, reference: str) -> str | None:
    """The URL of another document; ``None`` for a place in this one, and what is not http or https."""
    reference = clean(reference)
    return resolve(here, reference) if reference and reference[0] != "#" else None
