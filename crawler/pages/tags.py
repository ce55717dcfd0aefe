"""The start tags of an HTML text in one linear pass, as the WHATWG tokenizer sees them, whatever the text.

There is no tree: a tree of hostile HTML may take memory and time that grow with the square of the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# WHATWG HTML §13.2.5.32-40, from before-attribute-name to after-attribute-value-quoted. Each part takes all
# it can and gives nothing back, and the end of the text ends everything: no input is read twice.
SPACE = r" \t\n\f\r"
_VALUE = (
    rf"[{SPACE}]*+=[{SPACE}]*+"
    rf"(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|(?=>|\Z)|[^{SPACE}>][^{SPACE}>]*+)"
)
ATTRIBUTES = rf"(?:[{SPACE}/]++|(?:=[^{SPACE}/>=]*+|[^{SPACE}/>=]++)(?:{_VALUE})?+)*+"
_ATTRIBUTE = re.compile(
    rf"(=[^{SPACE}/>=]*+|[^{SPACE}/>=]++)"
    rf"(?:[{SPACE}]*+=[{SPACE}]*+(?:\"([^\"]*+)(?:\"|\Z)|'([^']*+)(?:'|\Z)|(?=>|\Z)|([^{SPACE}>][^{SPACE}>]*+)))?+"
)

# Elements whose content is text up to their end tag (§13.2.5.2-4). The content of iframe, noembed, noframes
# and noscript is read like any other: links in it serve readers, and crawlers, that do not run the rest.
_TEXT_ELEMENTS = {
    name: re.compile(rf"</{name}(?=[{SPACE}/>])", re.IGNORECASE)
    for name in ("style", "textarea", "title", "xmp")
}
_SCRIPT_TURN = re.compile(rf"<!--(?!-?>)|-->|<(/?)script(?=[{SPACE}/>])", re.IGNORECASE)
_COMMENT_END = re.compile(r"--!?>")

HIDING = frozenset({*_TEXT_ELEMENTS, "script", "plaintext"})
STYLE_TEXT = "#style"

# Attributes that name nothing and change nothing of what others name, in the order of their number.
_INERT = (
    *(
        "class",
        "id",
        "title",
        "alt",
        "name",
        "width",
        "height",
        "align",
        "valign",
        "type",
        "role",
        "lang",
        "dir",
    ),
    *("target", "border", "colspan", "rowspan", "summary", "tabindex", "accesskey", "hreflang"),
    *("aria-[a-z]++", "on[a-z]++", "data-(?!src)[a-z]++"),
)
INERT = rf"(?: (?:{'|'.join(_INERT)})=\"[^\"]*+\")*+"


def cased(word: str) -> str:
    """A pattern for the word in either case: several times as fast as IGNORECASE for all of a pattern."""
    return "".join(f"[{letter}{letter.upper()}]" for letter in word)


HIDES = "|".join(sorted(cased(name[:3]) for name in HIDING))
"""How the names begin that hide text, and few others."""

# What stands most often and tells nothing, with the text behind it: nine tags of ten are skipped by it, in a
# third of the time that it takes to read them.
BARE = rf"(?:/[a-zA-Z0-9]++|(?!{HIDES})[a-zA-Z][a-zA-Z0-9]*+{INERT} ?/?)>[^<]*+<"
START = rf"(/?[a-zA-Z][^{SPACE}/>]*+)({ATTRIBUTES})"
# They may end with nothing after their last "<": else the next search would go over the same tags again.
_TELLING = re.compile(f"<(?:{BARE})*+(?:{START}>?|(!--)|[!?/][^>]*+|)")
_EVERY = re.compile(f"<(?:{START}>?|(!--)|[!?/][^>]*+|)")

Tag = tuple[str, int, int]
"""A name in lower case, and where its attributes begin and end; ``STYLE_TEXT`` and where that text does."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute as written: its name in lower case, its place in the text, and its value's."""

    name: str
    start: int
    end: int
    value_start: int
    value_end: int
    quoted: bool


def tags(text: str, *, every: bool = False, xml: bool = False) -> Iterator[Tag]:
    """The start tags that may name something, in the text's order, and those of ``HIDING``.

    Left out are tags without attributes or with ``INERT`` ones only. With ``every``, all come, and end tags
    too, as ``/name``. With ``xml``, ``<script/>`` is an element without content, as in
    ``application/xhtml+xml``.
    """
    pattern, size = _EVERY if every else _TELLING, len(text)
    position: int | None = 0
    while position is not None:
        start, position = position, None
        for match in pattern.finditer(text, start):
            name = match[1]
            if name is None:
                if match[3]:
                    position = comment_end(text, match.end())
                    break
                continue
            begin, end = match.span(2)
            if end == size:  # the text ended within the tag
                return
            name = name.lower()
            if every or name[0] != "/":
                yield name, begin, end
            if name in HIDING and not (xml and text[end - 1] == "/"):
                position = content_end(text, name, match.end())
                if name == "style":
                    yield STYLE_TEXT, match.end(), len(text) if position is None else position
                break


def comment_end(text: str, start: int) -> int | None:
    """Where a comment that begins with its text at ``start`` ends; ``None`` if it is the rest."""
    if text.startswith((">", "->"), start):
        return start
    found = _COMMENT_END.search(text, start)
    return found.end() if found else None


def content_end(text: str, name: str, start: int) -> int | None:
    """Where the end tag of an element that holds text begins; ``None`` if the rest is its text."""
    if name == "script":
        return _script_end(text, start)
    end_tag = _TEXT_ELEMENTS.get(name)
    found = end_tag.search(text, start) if end_tag else None
    return found.start() if found else None


def _script_end(text: str, start: int) -> int | None:
    """The end of a script, which may hold ``<!-- <script> </script> -->`` (§13.2.5.15-31)."""
    in_comment = in_inner_script = False
    for turn in _SCRIPT_TURN.finditer(text, start):
        found = turn.group()
        if found == "<!--":
            in_comment = True
        elif found == "-->":
            in_comment = in_inner_script = False
        elif turn.group(1):
            if not in_inner_script:
                return turn.start()
            in_inner_script = False
        elif in_comment:
            in_inner_script = True
    return None


def values(attributes: str) -> dict[str, str]:
    """The raw values of a tag's attributes by their lower-case names; the first of two wins (§13.2.5.33)."""
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(attributes):
        found.setdefault(name if name.islower() else name.lower(), double or single or bare)
    return found


def attributes(text: str, tag: Tag) -> dict[str, Attribute]:
    """The attributes of a tag with their places in the text, by their names; the first of two wins."""
    found: dict[str, Attribute] = {}
    for match in _ATTRIBUTE.finditer(text, tag[1], tag[2]):
        group = match.lastindex or 1
        name = match[1].lower()
        span = match.span(group) if group > 1 else (match.end(), match.end())
        found.setdefault(name, Attribute(name, match.start(), match.end(), *span, quoted=group in (2, 3)))
    return found
