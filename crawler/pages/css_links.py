"""The URLs of a style sheet: ``url(…)`` and ``@import``, and where each is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from crawler.pages.charset import decoded
from crawler.pages.link import Link, LinkKind
from crawler.pages.references import base, clean, resolve

# CSS Syntax 3 §4.3. Each part takes all it can and gives nothing back, so that no text is read twice.
_STRING = r"\"((?:[^\"\\\n]++|\\(?:.|\Z))*+)(?:\"|\Z)|'((?:[^'\\\n]++|\\(?:.|\Z))*+)(?:'|\Z)"
_BARE = r"((?:[^\s\"'()\\]++|\\(?:[0-9a-fA-F]{1,6}\s?|.|\Z))++)"
_TOKEN = re.compile(
    r"/\*(?:[^*]++|\*(?!/))*+(?:\*/|\Z)"
    r"|@(import)(?![\w-])"
    r"|@namespace(?![\w-])(?:[^;{\"'/]++|\"[^\"\n]*+[\"\n]|'[^'\n]*+['\n]|.)*?(?:[;{]|\Z)"
    rf"|(?<![\w-])(url)\(\s*+(?:{_STRING}|{_BARE})\s*+(?:\)|\Z)"
    rf"|{_STRING}",
    re.IGNORECASE | re.DOTALL | re.ASCII,
)
_SPACE = " \t\n\f\r"
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})(?:\r\n|[ \t\n\f\r])?|(\r\n|[\n\f\r])|(.)|\Z)", re.DOTALL)
_AWKWARD = re.compile(r"[\s\"'()\\]", re.ASCII)


@dataclass(frozen=True, slots=True)
class CssReference:
    """A reference as the sheet means it, and where its written form begins and ends, without its quotes."""

    reference: str
    start: int
    end: int
    imported: bool


def references(text: str) -> Iterator[CssReference]:
    """Each ``url(…)`` and each string or ``url(…)`` after ``@import``, in order; comments hide theirs."""
    if "url(" not in text and "@" not in text and "URL(" not in text.upper():
        return
    import_end = -1  # where an @import, and the white space and comments after it, ended
    for match in _TOKEN.finditer(text):
        if match[1]:
            import_end = match.end()
            continue
        imported = import_end >= 0 and not text[import_end : match.start()].strip(_SPACE)
        if match.lastindex is None:
            import_end = match.end() if imported else -1
            continue
        import_end = -1
        if match[2] or imported:
            start, end = match.span(match.lastindex)
            if reference := unescaped(match[match.lastindex]):
                yield CssReference(reference, start, end, imported)


def unescaped(written: str) -> str:
    """What a string or URL token says: its escapes replaced (CSS Syntax 3 §4.3.7), no space around it."""
    return (_ESCAPE.sub(_character, written) if "\\" in written else written).strip(_SPACE)


def _character(match: re.Match[str]) -> str:
    digits, _, plain = match.groups()
    if not digits:
        return plain or ""
    point = int(digits, 16)
    return "\ufffd" if point == 0 or 0xD800 <= point <= 0xDFFF or point > 0x10FFFF else chr(point)


def escaped(reference: str) -> str:
    """The reference as it may be written in a string of either quote, and bare in ``url(…)``."""
    return _AWKWARD.sub(lambda found: f"\\{ord(found[0]):x} ", reference)


def css_links(body: bytes, url: str, content_type: str | None = None) -> tuple[Link, ...]:
    """The requisites of the style sheet at the absolute ``url``, each once, in its order.

    Raises ValueError for a ``url`` that is not http or https.
    """
    here = base(url)
    found = (
        resolve(here, clean(link.reference))
        for link in references(decoded(body, content_type))
        if not link.reference.startswith("#")
    )
    return tuple(Link(target, LinkKind.REQUISITE) for target in dict.fromkeys(found) if target)
