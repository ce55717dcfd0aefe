"""Whether a tree of an HTML text would be out of proportion to it.

The standard makes parsers look through all open elements at many tags, and open every formatting element
that was left open again in each block. Lexbor does so without bound: measured, 100 000 nested
``<ul><li>`` take 80 s, and 95 kB of unclosed ``<font>`` followed by ``<p>`` more than 3 GB.
"""

from __future__ import annotations

from crawler.pages.tags import tags

DEEPEST = 512
"""Open elements; browsers flatten what is deeper (Blink and WebKit at this depth)."""

_FEW = 1000  # tags that are harmless in any order: at worst 100 MB
_MOST_NODES = 500_000  # about 200 MB

# WHATWG HTML §13.2.4.3: formatting elements, and what limits where they are looked for.
_FORMATTING = frozenset(
    ("a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u")
)
_MARKERS = frozenset(("applet", "caption", "marquee", "object", "table", "td", "template", "th"))
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "frame", "hr", "img", "input", "link", "meta", "param", "source")
) | {"track", "wbr", "script", "style", "title", "textarea", "xmp"}
_CELLS = frozenset(("caption", "td", "th"))
# What ends by itself where another begins is not counted as open.
_IMPLIED = frozenset(
    ("p", "li", "dt", "dd", "option", "optgroup", "tr", "tbody", "thead", "tfoot", "colgroup", "rp", "rt")
)


def out_of_proportion(text: str) -> bool:
    """Whether to refuse to build a tree; errs on the side of refusing. Reads the text once."""
    if text.count("<") <= _FEW:
        return False
    opened: list[str] = []
    left_open = nodes = 0
    for tag, _, _ in tags(text, every=True):
        if tag[0] != "/":
            nodes += 1 + left_open
            if tag in _CELLS:
                left_open -= _formatting(_closed_cell(opened))
            if tag not in _VOID and tag not in _IMPLIED:
                opened.append(tag)
                left_open += tag in _FORMATTING
        elif (name := tag[1:]) in opened:
            left_open -= _formatting(_closed(opened, name))
        if len(opened) > DEEPEST or nodes > _MOST_NODES:
            return True
    return False


def _formatting(elements: list[str]) -> int:
    return sum(element in _FORMATTING for element in elements)


def _closed_cell(opened: list[str]) -> list[str]:
    """Takes off ``opened`` the cell of the same table that another cell's beginning ends, and returns it."""
    for position in range(len(opened) - 1, -1, -1):
        if opened[position] in _MARKERS:
            return _closed(opened, opened[position]) if opened[position] in _CELLS else []
    return []


def _closed(opened: list[str], name: str) -> list[str]:
    """Takes off ``opened`` what an end tag closes for certain, and returns it."""
    for position in range(len(opened) - 1, -1, -1):
        if opened[position] == name:
            if name in _FORMATTING:
                return [opened.pop(position)]
            inside = opened[position:]
            kept = [] if name in _MARKERS else [one for one in inside if one in _FORMATTING]
            if name in _CELLS and "table" not in opened[:position]:
                return []  # no cell without a table: such tags are ignored
            opened[position:] = kept
            return [one for one in inside if one not in kept]
        if opened[position] in _MARKERS:
            break
    return []
