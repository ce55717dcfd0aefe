"""What libyaml's syntax errors mean, in words for a person who edits the file."""

from __future__ import annotations

from typing import Any

_HINTS = (
    ("mapping values are not allowed", "a ':' where no key can stand; quote the text if it belongs to it"),
    ("could not find expected ':'", "this line has no ':'; expected 'key: value'"),
    ("did not find expected key", "expected a key here; check the indentation and the line before"),
    ("did not find expected '-' indicator", "expected '- ' here; check the indentation of this list"),
    ("did not find expected <document start>", "expected the end of the file; more follows the value"),
    ("found unknown escape character", "unknown escape in a double-quoted text; use single quotes or '\\\\'"),
    ("found undefined tag handle", "tags are not accepted; quote the text if it begins with '!'"),
)


def explain(error: Any, text: str) -> tuple[Any, str]:
    """Where a ``MarkedYAMLError`` about ``text`` is best looked for, and what is wrong there."""
    mark = error.problem_mark or error.context_mark
    problem = str(error.problem)
    char = text[mark.index] if mark is not None and mark.index < len(text) else ""
    if "cannot start any token" in problem:
        return (
            mark,
            "a tab cannot indent; use spaces"
            if char == "\t"
            else f"no value can begin with {char!r}; quote it",
        )
    if "did not find expected ',' or" in problem:
        closing = problem.rsplit("'", 2)[-2]
        opened = error.context_mark
        since = f" since line {opened.line + 1}, column {opened.column + 1}" if opened else ""
        return mark, f"expected ',' or '{closing}' (open{since}); quote a text that holds any of , [ ] {{ }}"
    if "found unexpected end of stream" in problem:
        return error.context_mark or mark, "this quote is never closed"
    for known, message in _HINTS:
        if known in problem:
            return mark, message
    context = f"{error.context}: " if error.context else ""
    return mark, f"not valid YAML: {context}{problem}"
