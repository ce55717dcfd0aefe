"""How error messages word a value, a guess and a choice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def shown(value: object, limit: int = 60) -> str:
    """A value as an error message quotes it: escaped, on one line, cut at ``limit`` characters."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return repr(value if len(value) <= limit else value[:limit] + "…")
        case int() | float():
            return repr(value) if isinstance(value, float) or abs(value) < 10**limit else "a huge number"
        case dict():
            return "a mapping"
        case list() | tuple() | set() | frozenset():
            return "a list"
        case _:
            return f"a {type(value).__name__}"


def suggestion(word: str, known: Iterable[object]) -> str:
    """``; did you mean 'x'?`` for the closest known word, or an empty text."""
    close = closest(word, known)
    return f"; did you mean {close!r}?" if close is not None else ""


def closest(word: str, known: Iterable[object]) -> str | None:
    """The known word that was probably meant."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, [str(name) for name in known], n=1)), None)


def choice(options: Sequence[str]) -> str:
    """``a``, ``a or b``, ``a, b or c``."""
    *first, last = options
    return f"{', '.join(first)} or {last}" if first else last
