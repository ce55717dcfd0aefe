"""The start tags of an HTML text, each once, in one pass of one regular expression.

Most tags of a page say nothing, most others are anchors, and most of those lead where others do: all that is
decided without Python seeing any of them, in two thirds of the time that ``tags.tags`` takes with its tags.
"""

from __future__ import annotations

import re

from crawler.pages.tags import ATTRIBUTES, BARE, HIDES, HIDING, INERT, SPACE, START, STYLE_TEXT, cased

PLAIN = ""
"""The name of an anchor without anything but its reference, which stands for its attributes."""

Distinct = tuple[str, str]
"""A name in lower case and its attributes as written; ``PLAIN`` or ``STYLE_TEXT`` and a text."""

_END = rf"(?=[{SPACE}/>])"
# What is captured is the reference without its fragment, where it says what it means as it is written.
_ANCHOR = rf'a{INERT} href="([^"#&]*+)(?:#[^"]*+)?+"{INERT} ?>'
_COMMENT = r"!--(?:-?>|(?:[^\-]++|-(?!-!?>))*+(?:--!?>|\Z))"


def _up_to(end: str) -> str:
    return rf"(?:[^<]++|<(?!/{cased(end)}{_END}))*+"


# A script with `<!-- … -->` in it (WHATWG HTML §13.2.5.15-31). The one with a `<script>` in that is left to
# `tags.content_end`; it is told by its last group.
_SCRIPT = cased("script")
_IN_COMMENT = rf"(?:[^<\-]++|-(?!->)|<(?!/?{_SCRIPT}{_END}))*+(?:-->|(?=</{_SCRIPT}{_END})|\Z)"
_SCRIPT_TEXT = rf"(?:[^<]++|<(?!/{_SCRIPT}{_END}|!--)|<!--(?:-?>|{_IN_COMMENT}))*+(<!--)?+"
_TEXTS = {
    "script": _SCRIPT_TEXT,
    "style": f"({_up_to('style')})",
    "plaintext": r"[\s\S]*+",
    **{name: _up_to(name) for name in ("textarea", "title", "xmp")},
}
_NAMES = "|".join(cased(name) for name in sorted(HIDING))
_CONTENTS = "|".join(f"{cased(name)}{_END}{ATTRIBUTES}>{text}" for name, text in _TEXTS.items())
_HIDING = rf"(?={HIDES})(?=({_NAMES}){_END}({ATTRIBUTES})>)(?:{_CONTENTS})"

_TAGS = re.compile(f"<(?:{BARE})*+(?:{_ANCHOR}|{_HIDING}|{START}(>?)|{_COMMENT}|[!?/][^>]*+|)")


def distinct(text: str) -> list[Distinct] | None:
    """The tags that ``tags.tags`` tells, of those that come again the first, and the styles.

    ``None`` for a text with a script that only ``tags.tags`` reads.
    """
    found: list[Distinct] = []
    told = dict.fromkeys(_TAGS.findall(text))
    for href, hiding, its, inner_script, css, name, written, closed in told:
        if href:
            found.append((PLAIN, href))
        elif closed:
            if name[0] != "/":
                found.append((name.lower(), written))
        elif hiding:
            if inner_script:
                return None
            found.append((hiding.lower(), its))
            if css:
                found.append((STYLE_TEXT, css))
    return found
