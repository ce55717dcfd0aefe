"""A document whose links lead where its mirror has them; every other byte stays as it was."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import quote

from crawler.pages import attribute_text, css_links, refresh, srcset
from crawler.pages.exact_text import ExactText
from crawler.pages.link_places import Form, concerned, places
from crawler.pages.references import Base, base, clean, rebased, resolve
from crawler.pages.tags import STYLE_TEXT, Attribute, Tag, attributes, tags

Place = Callable[[str], str | None]
"""From an absolute URL without fragment to what a link to it is to say, percent-encoded: a path relative
to the document's file, as ``policy.layout.relative_link`` writes it, or an absolute URL; or ``None``."""

Edit = tuple[int, int, str]

# RFC 3986 §2: what a URL may hold. What `place` gives is percent-encoded; anything else in it is made so.
_IN_URL = "%/:=&?~#+!$,;@()*[]'"
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:|//")
# What would keep a browser from a changed or local file: its digest, and the wish for a CORS request.
_GUARDS = ("integrity", "crossorigin")


def rewrite_html(
    body: bytes, url: str, content_type: str | None, place: Place, *, again: bool = False
) -> bytes:
    """The HTML document of ``url``, as bytes in its own encoding, with its links as ``place`` says.

    The links are those of ``html_links`` and the targets of forms. Fragments are kept. A ``<base>`` loses its
    ``href``, and links that ``place`` leaves are made absolute then. Rewritten again with the same ``url``,
    it stays as it is, unless a relative path read as a URL is that of another page that ``place`` knows.
    ``again`` leaves such paths alone, of what was rewritten before. Raises ValueError for a ``url`` that is
    not http or https.
    """
    here = base(url)
    script = ExactText.of(body, content_type)
    if script is None:
        return body
    edits = _HtmlEdits(script, here, place, again).edits(xml="xhtml" in (content_type or ""))
    return script.written(_edited(script.text, edits)) if edits else body


def rewrite_css(
    body: bytes, url: str, content_type: str | None, place: Place, *, again: bool = False
) -> bytes:
    """The style sheet of ``url`` with its ``url(…)`` and ``@import`` as ``place`` says; ``again`` as above.

    Raises ValueError for a ``url`` that is not http or https.
    """
    here = base(url)
    script = ExactText.of(body, content_type)
    if script is None:
        return body
    moves = _Moves(here, place, rebased=False, again=again)
    text = _rewritten_style(script.text, moves, script.read)
    return body if text == script.text else script.written(text)


class _Moves:
    """Where references lead: the document's base and the mirror's answers."""

    def __init__(self, here: Base, place: Place, *, rebased: bool, again: bool) -> None:
        self._again = again
        self._here = here
        self._place = place
        self._rebased = rebased
        self.local = False  # whether one led to a file of the mirror since this was last unset

    def nowhere(self) -> _Moves:
        """The same for a mirror that has no file."""
        return _Moves(self._here, lambda _: None, rebased=self._rebased, again=self._again)

    def moved(self, reference: str) -> str | None:
        """What to write instead, ``None`` to leave it as it is."""
        reference = clean(reference)
        if self._again and _ABSOLUTE.match(reference) is None:
            return None
        path, mark, fragment = reference.partition("#")
        if not path and not (mark and self._rebased):
            return None
        url = resolve(self._here, path)
        if url is None:
            return None
        place = self._place(url)
        if place is None:
            return url + mark + fragment if self._rebased and url != path else None
        if _ABSOLUTE.match(place) is None:
            self.local = True
        return quote(place, safe=_IN_URL) + mark + fragment


class _HtmlEdits:
    """What to change in one HTML document."""

    def __init__(self, script: ExactText, here: Base, place: Place, again: bool) -> None:
        self._again = again
        self._script = script
        self._here = here
        self._place = place

    def edits(self, *, xml: bool) -> list[Edit]:
        text = self._script.text
        told = [
            (tag, attributes(text, tag) if tag[0] != STYLE_TEXT else {})
            for tag in tags(text, xml=xml)
            if tag[0] == STYLE_TEXT or concerned(tag[0], text[tag[1] : tag[2]])
        ]
        href = next((found["href"] for tag, found in told if tag[0] == "base" and "href" in found), None)
        there = rebased(self._here, self._value(href)) if href else self._here
        moves = _Moves(there, self._place, rebased=there.url != self._here.url, again=self._again)
        edits: list[Edit] = []
        for tag, found in told:
            edits += self._in_tag(tag, found, moves)
        return edits

    def _in_tag(self, tag: Tag, found: dict[str, Attribute], moves: _Moves) -> list[Edit]:
        name, start, end = tag
        text = self._script.text
        if name == STYLE_TEXT:
            old = text[start:end]
            new = _rewritten_style(old, moves, self._script.read)
            return [(start, end, new)] if new != old else []
        if name == "base":
            return [_removal(found["href"])] if "href" in found else []
        moves.local = False
        edits = list(self._values(name, found, moves))
        if moves.local:
            edits += [_removal(found[guard]) for guard in _GUARDS if guard in found]
        return sorted(edits)

    def _values(self, name: str, found: dict[str, Attribute], moves: _Moves) -> Iterator[Edit]:
        rel = self._value(found.get("rel"))
        if name == "link" and "canonical" in rel.lower().split():
            moves = moves.nowhere()  # it names the original, wherever it stands
        for place, form, _ in places(name, found, rel):
            yield from self._changed(found[place], _REWRITERS[form], moves)
        refreshes = name == "meta" and self._value(found.get("http-equiv")).strip().lower() == "refresh"
        if refreshes and "content" in found:
            yield from self._changed(found["content"], _rewritten_refresh, moves)

    def _changed(
        self, attribute: Attribute, rewriter: Callable[[str, _Moves], str], moves: _Moves
    ) -> Iterator[Edit]:
        old = self._value(attribute)
        new = rewriter(old, moves) if old else old
        if new != old:
            written = self._script.attribute(new)
            yield (
                attribute.value_start,
                attribute.value_end,
                written if attribute.quoted else f'"{written}"',
            )

    def _value(self, attribute: Attribute | None) -> str:
        if attribute is None:
            return ""
        written = self._script.text[attribute.value_start : attribute.value_end]
        return attribute_text.read(self._script.read(written))


def _removal(attribute: Attribute) -> Edit:
    return attribute.start, attribute.end, ""


def _rewritten_url(value: str, moves: _Moves) -> str:
    new = moves.moved(value)
    return value if new is None else new


def _rewritten_srcset(value: str, moves: _Moves) -> str:
    edits: list[Edit] = []
    for start, end in srcset.urls(value):
        new = moves.moved(value[start:end])
        if new is not None:
            edits.append((start, end, new.replace(",", "%2C")))
    return _edited(value, edits)


def _rewritten_refresh(value: str, moves: _Moves) -> str:
    span = refresh.target(value)
    if span is None:
        return value
    new = moves.moved(value[slice(*span)])
    return value if new is None else _edited(value, [(*span, new.replace("'", "%27").replace('"', "%22"))])


def _rewritten_declarations(value: str, moves: _Moves) -> str:
    return _rewritten_style(value, moves, str)


def _rewritten_style(text: str, moves: _Moves, read: Callable[[str], str]) -> str:
    edits: list[Edit] = []
    for found in css_links.references(text):
        old = css_links.unescaped(read(text[found.start : found.end]))
        new = moves.moved(old)
        if new is not None and new != old:
            edits.append((found.start, found.end, css_links.escaped(new)))
    return _edited(text, edits)


_REWRITERS = {
    Form.URL: _rewritten_url,
    Form.SRCSET: _rewritten_srcset,
    Form.STYLE: _rewritten_declarations,
}


def _edited(text: str, edits: list[Edit]) -> str:
    """The text with each span, in ascending order, replaced."""
    pieces: list[str] = []
    position = 0
    for start, end, new in edits:
        pieces += (text[position:start], new)
        position = end
    return "".join([*pieces, text[position:]])
