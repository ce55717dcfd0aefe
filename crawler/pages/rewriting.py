"""A document whose links lead where its mirror has them; every other byte stays as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from crawler.pages import attribute_text
from crawler.pages.exact_text import ExactText
from crawler.pages.link_places import concerned, places
from crawler.pages.moves import (
    REWRITERS,
    Edit,
    Moves,
    Place,
    edited,
    rewritten_link,
    rewritten_refresh,
    rewritten_style,
)
from crawler.pages.references import Base, base, rebased
from crawler.pages.tags import STYLE_TEXT, Attribute, Tag, attributes, tags

# What would keep a browser from a changed or local file: its digest, and the wish for a CORS request.
# In these an empty reference leads to the base; elsewhere it is no reference, or the document itself.
_ANCHORS = frozenset({"a", "area"})
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
    script = ExactText.of(body, content_type)
    here = base(url, "" if script is None else script.codec)
    if script is None:
        return body
    edits = _HtmlEdits(script, here, place, again).edits(xml="xhtml" in (content_type or ""))
    return script.written(edited(script.text, edits)) if edits else body


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
    moves = Moves(here, place, rebased=False, again=again)
    text = rewritten_style(script.text, moves, script.read)
    return body if text == script.text else script.written(text)


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
        moves = Moves(there, self._place, rebased=there.url != self._here.url, again=self._again)
        edits: list[Edit] = []
        for tag, found in told:
            edits += self._in_tag(tag, found, moves)
        return edits

    def _in_tag(self, tag: Tag, found: dict[str, Attribute], moves: Moves) -> list[Edit]:
        name, start, end = tag
        text = self._script.text
        if name == STYLE_TEXT:
            old = text[start:end]
            new = rewritten_style(old, moves, self._script.read)
            return [(start, end, new)] if new != old else []
        if name == "base":
            return [_removal(found["href"])] if "href" in found else []
        moves.local = False
        edits = list(self._values(name, found, moves))
        if moves.local:
            edits += [_removal(found[guard]) for guard in _GUARDS if guard in found]
        return sorted(edits)

    def _values(self, name: str, found: dict[str, Attribute], moves: Moves) -> Iterator[Edit]:
        rel = self._value(found.get("rel"))
        if name == "link" and "canonical" in rel.lower().split():
            moves = moves.nowhere()  # it names the original, wherever it stands
        for place, form, _ in places(name, found, rel):
            anchor = place == "href" and name in _ANCHORS
            yield from self._changed(found[place], rewritten_link if anchor else REWRITERS[form], moves)
        refreshes = name == "meta" and self._value(found.get("http-equiv")).strip().lower() == "refresh"
        if refreshes and "content" in found:
            yield from self._changed(found["content"], rewritten_refresh, moves)

    def _changed(
        self, attribute: Attribute, rewriter: Callable[[str, Moves], str], moves: Moves
    ) -> Iterator[Edit]:
        old = self._value(attribute)
        new = rewriter(old, moves)
        if new == old:
            return
        written = self._script.attribute(new)
        if not attribute.quoted:
            bare = "=" not in self._script.text[attribute.start : attribute.end]
            written = f'="{written}"' if bare else f'"{written}"'
        yield attribute.value_start, attribute.value_end, written

    def _value(self, attribute: Attribute | None) -> str:
        if attribute is None:
            return ""
        written = self._script.text[attribute.value_start : attribute.value_end]
        return attribute_text.read(self._script.read(written))


def _removal(attribute: Attribute) -> Edit:
    return attribute.start, attribute.end, ""
