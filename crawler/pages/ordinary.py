"""The start tags of an ordinary HTML page, each once: what a crawl reads all day, in a third of the time.

Most tags of a page are anchors that say nothing but where they lead, most of those lead where others do, and
a regular expression can tell that without Python seeing any of them.
"""

from __future__ import annotations

import re

from crawler.pages import tags
from crawler.pages.tags import ATTRIBUTES, HIDING, SPACE, STYLE_TEXT

# An anchor with nothing but an href that counts; what is captured is that without its fragment.
_INERT = r'(?: (?!href|rel|style)[a-z\-]++="[^"<>]*+")*+'
_ANCHOR = rf'a{_INERT} href="([^"#<>&]*+)(?:#[^"<>]*+)?+"{_INERT} ?>'

PLAIN = ""
"""The name of an anchor without anything but its reference, which stands for its attributes."""

Distinct = tuple[str, str]
"""A name in lower case and its attributes as written; ``PLAIN`` or ``STYLE_TEXT`` and a text."""


class OrdinaryReader:
    """Reads the start tags of ``names`` in texts where ``link_places.hides`` is not true.

    That is, where no other tag matters, and no value holds a ``<``.
    """

    def __init__(self, names: frozenset[str]) -> None:
        begins, wanted = tags.any_case(names - HIDING)
        general = rf"{begins}({wanted})(?=[{SPACE}/>])({ATTRIBUTES})(>?)"
        self._wanted = re.compile(rf"<(?:{_ANCHOR}|{general}|[!?][^>]*+)")
        begins, hiding = tags.any_case(HIDING)
        self._hiding = re.compile(rf"<(?:{begins}({hiding})(?=[{SPACE}/>])({ATTRIBUTES})>?|!--)")

    def distinct(self, text: str, *, xml: bool) -> list[Distinct] | None:
        """The tags and styles in the text's order, of those that come again perhaps only the first.

        ``None`` for a text that is not ordinary after all. ``xml`` is as for ``TagReader.tags``.
        """
        found: list[Distinct] = []
        position: int | None = 0
        while position is not None:
            start, hides = position, self._hiding.search(text, position)
            end = hides.start() if hides else len(text)
            for href, name, written, closed in dict.fromkeys(self._wanted.findall(text, start, end)):
                if name and closed:
                    found.append((name.lower(), written))
                elif href:
                    found.append((PLAIN, href))
            if hides is None:
                break
            if hides.end() == len(text) or _within_tag(text, start, end):
                return None
            position = _go_on(text, hides, xml, found)
        return found


def _go_on(text: str, hides: re.Match[str], xml: bool, found: list[Distinct]) -> int | None:
    """Where the hidden text ends, or ``None`` if it is the rest; takes down what hides it."""
    if hides[1] is None:
        return tags.comment_end(text, hides.end())
    name, written = hides[1].lower(), hides[2]
    found.append((name, written))
    if xml and written.endswith("/"):
        return hides.end()
    end = tags.content_end(text, name, hides.end())
    if name == "style":
        found.append((STYLE_TEXT, text[hides.end() : end]))
    return end


def _within_tag(text: str, start: int, end: int) -> bool:
    """Whether ``end``, a ``<``, may be part of a tag or a declaration, as an unquoted value, say."""
    before = text.rfind("<", start, end)
    if before < 0:
        return False
    if text[before + 1] in "/!?":
        return text.find(">", before, end) < 0
    after = tags.tag_end(text, before)
    return after == before or after > end
