"""Where references of a document lead in its mirror, and the values of attributes written anew with that."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

from crawler.pages import css_links, refresh, srcset
from crawler.pages.link_places import Form
from crawler.pages.references import Base, clean, resolve

Place = Callable[[str], str | None]
"""From an absolute URL without fragment to what a link to it is to say, percent-encoded: a path relative
to the document's file, as ``policy.layout.relative_link`` writes it, or an absolute URL; or ``None``."""

Edit = tuple[int, int, str]

# RFC 3986 §2: what a URL may hold. What `place` gives is percent-encoded; anything else in it is made so.
_IN_URL = "%/:=&?~#+!$,;@()*[]'"
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:|//")


class Moves:
    """Where references lead: the document's base and the mirror's answers.

    ``again``: the document was rewritten before. What is relative in it leads to a file, not to a URL.
    """

    def __init__(self, here: Base, place: Place, *, rebased: bool, again: bool) -> None:
        self._again = again
        self._here = here
        self._place = place
        self._rebased = rebased
        self.local = False  # whether one led to a file of the mirror since this was last unset

    def nowhere(self) -> Moves:
        """The same for a mirror that has no file."""
        return Moves(self._here, lambda _: None, rebased=self._rebased, again=self._again)

    def moved(self, reference: str, *, empty: bool = False) -> str | None:
        """What to write instead, ``None`` to leave it as it is.

        An ``empty`` reference may be one, which leads to the base (RFC 3986 §5.2.2); else it is none.
        """
        reference = clean(reference)
        if self._again and _ABSOLUTE.match(reference) is None:
            return None
        path, mark, fragment = reference.partition("#")
        if not path and not (self._rebased and (mark or empty)):
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


def rewritten_url(value: str, moves: Moves) -> str:
    """One URL."""
    new = moves.moved(value)
    return value if new is None else new


def rewritten_link(value: str, moves: Moves) -> str:
    """The URL of an anchor, which is one even if it is empty."""
    new = moves.moved(value, empty=True)
    return value if new is None else new


def rewritten_srcset(value: str, moves: Moves) -> str:
    """Image candidates."""
    edits: list[Edit] = []
    for start, end in srcset.urls(value):
        new = moves.moved(value[start:end])
        if new is not None:
            edits.append((start, end, new.replace(",", "%2C")))
    return edited(value, edits)


def rewritten_refresh(value: str, moves: Moves) -> str:
    """The content of ``<meta http-equiv="refresh">``."""
    span = refresh.target(value)
    if span is None:
        return value
    new = moves.moved(value[slice(*span)])
    return value if new is None else edited(value, [(*span, new.replace("'", "%27").replace('"', "%22"))])


def rewritten_declarations(value: str, moves: Moves) -> str:
    """CSS declarations, as in a ``style`` attribute."""
    return rewritten_style(value, moves, str)


def rewritten_style(text: str, moves: Moves, read: Callable[[str], str]) -> str:
    """CSS; ``read`` gives what a part of it says."""
    edits: list[Edit] = []
    for found in css_links.references(text):
        old = css_links.unescaped(read(text[found.start : found.end]))
        new = moves.moved(old)
        if new is not None and new != old:
            edits.append((found.start, found.end, css_links.escaped(new)))
    return edited(text, edits)


REWRITERS = {
    Form.URL: rewritten_url,
    Form.SRCSET: rewritten_srcset,
    Form.STYLE: rewritten_declarations,
}


def edited(text: str, edits: list[Edit]) -> str:
    """The text with each span, in ascending order, replaced."""
    pieces: list[str] = []
    position = 0
    for start, end, new in edits:
        pieces += (text[position:start], new)
        position = end
    return "".join([*pieces, text[position:]])
