"""The text of an element, as a reader sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_VERBATIM = frozenset(("pre", "textarea", "listing", "xmp"))
_UNSEEN = frozenset(("script", "style", "template", "noscript", "head"))
# Elements that begin a line in browsers (WHATWG HTML §15.3), and br.
_BREAKING = (
    frozenset(
        (
            "address",
            "article",
            "aside",
            "blockquote",
            "br",
            "center",
            "dd",
            "details",
            "dialog",
            "dir",
            "div",
            "dl",
        )
    )
    | frozenset(
        (
            "dt",
            "fieldset",
            "figcaption",
            "figure",
            "footer",
            "form",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "header",
        )
    )
    | frozenset(
        (
            "hr",
            "legend",
            "li",
            "main",
            "menu",
            "nav",
            "ol",
            "option",
            "p",
            "pre",
            "search",
            "section",
            "summary",
        )
    )
    | frozenset(("table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul", "listing", "xmp"))
)


def node_text(node: LexborNode) -> str:
    """White space runs become one space, blocks and ``<br>`` part words; a ``pre`` keeps all of its own.

    Scripts and styles are no text, unless the node itself is one.
    """
    if node.tag in _VERBATIM or node.tag in _UNSEEN:
        return node.text()
    pieces: list[str] = []
    plain: list[str] = []
    for text, verbatim in _pieces(node):
        if not verbatim:
            plain.append(text)
            continue
        pieces += (" ".join("".join(plain).split()), text)
        plain = []
    pieces.append(" ".join("".join(plain).split()))
    return "\n".join(piece for piece in pieces if piece)


def _pieces(node: LexborNode) -> Iterator[tuple[str, bool]]:
    """The texts below a node in order, each with whether its white space counts."""
    waiting: list[LexborNode | str | None] = [node.first_child]
    while waiting:
        current = waiting.pop()
        if current is None:
            continue
        if isinstance(current, str):
            yield current, False
            continue
        waiting.append(current.next)
        tag = current.tag or ""
        if tag == "-text":
            yield current.text_content or "", False
        elif tag in _VERBATIM:
            yield current.text(), True
        elif tag not in _UNSEEN and not tag.startswith("-"):
            if tag in _BREAKING:
                yield " ", False
                waiting.append(" ")
            waiting.append(current.first_child)
