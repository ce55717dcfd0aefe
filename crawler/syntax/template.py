"""Text with ``${expression}`` in it: known values are put in once, the rest when a task needs them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from crawler.errors import TemplateFailed
from crawler.syntax.environ import Environ
from crawler.syntax.expression import Expression, expression

NEEDS = "needs"
"""Root name of what earlier jobs of the run captured; known when a job starts."""

TASK_NAMES = frozenset({"row", "host", "path", "name", "stem", "ext", "query_hash", "index", NEEDS})
"""Root names whose values are not known before the run, most of them different from task to task."""

_OPENING = re.compile(r"\$\$\{|\$\{")
_NONE: Mapping[str, object] = MappingProxyType({})

Pieces = tuple[str | Expression, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """A text whose expressions wait for values; immutable and picklable, never shows bound values.

    Raises ``TemplateFailed`` on construction when an expression cannot be read.
    """

    source: str
    names: frozenset[str] = field(init=False, compare=False, repr=False)  # still needed to render
    _pieces: Pieces = field(init=False, hash=False, repr=False)
    _bound: Mapping[str, object] = field(init=False, hash=False, repr=False)

    def __post_init__(self) -> None:
        self._set(_parsed(self.source), {})

    def _set(self, pieces: Pieces, bound: dict[str, object]) -> None:
        needed = frozenset().union(*(piece.names for piece in pieces if isinstance(piece, Expression)))
        object.__setattr__(self, "_pieces", pieces)
        object.__setattr__(self, "_bound", bound)
        object.__setattr__(self, "names", needed - bound.keys())

    def bind(self, values: Mapping[str, object]) -> Template:
        """The same template with ``values`` put in; expressions that need no others are final.

        Raises ``TemplateFailed`` when one of those fails.
        """
        bound = dict(self._bound) | {name: values[name] for name in self.names if name in values}
        pieces = self._pieces
        if len(pieces) > 1:
            pieces = tuple(
                as_text(piece.evaluate(bound), piece.source)
                if isinstance(piece, Expression) and piece.names <= bound.keys()
                else piece
                for piece in pieces
            )
        left = [piece.names for piece in pieces if isinstance(piece, Expression)]
        copy = replace(self)
        copy._set(pieces, {name: bound[name] for name in bound if any(name in names for names in left)})
        return copy

    @property
    def bound(self) -> Mapping[str, object]:
        """The values that are in it already and that some expression still waits for others with."""
        return self._bound

    def waiting(self, name: str) -> Iterator[Expression]:
        """Its expressions that name this root name and are not evaluated yet."""
        return (piece for piece in self._pieces if isinstance(piece, Expression) and name in piece.names)

    def supplied(self, values: Mapping[str, object]) -> Template:
        """The same with ``values`` to render it with; nothing is evaluated, so nothing can fail yet."""
        copy = replace(self)
        copy._set(
            self._pieces, {**self._bound, **{name: values[name] for name in self.names & values.keys()}}
        )
        return copy

    def as_written(self, name: str) -> Template:
        """The same with each expression that names ``name`` as the text that it is."""
        pieces = tuple(
            f"${{{piece.code}}}" if isinstance(piece, Expression) and name in piece.names else piece
            for piece in self._pieces
        )
        copy = replace(self)
        copy._set(pieces, dict(self._bound))
        return copy

    def render(self, values: Mapping[str, object]) -> object:
        """The native value if the whole text is one expression, else text.

        Raises ``TemplateFailed`` naming the expression and what is missing.
        """
        if self._bound:
            values = {**values, **self._bound}
        pieces = self._pieces
        if len(pieces) == 1:
            piece = pieces[0]
            return piece if isinstance(piece, str) else piece.evaluate(values)
        texts = []
        for piece in pieces:
            if isinstance(piece, str):
                texts.append(piece)
            else:
                value = piece.evaluate(values)
                texts.append(value if type(value) is str else as_text(value, piece.source))
        return "".join(texts)

    def texts(self) -> Iterator[str]:
        """Every text that is in it already, bound values included: what may have to be kept secret."""
        yield from (piece for piece in self._pieces if isinstance(piece, str))
        left = list(self._bound.values())
        while left:
            value = left.pop()
            if isinstance(value, str):
                yield value
            elif isinstance(value, dict):
                left += value.values()
            elif isinstance(value, list | tuple):
                left += value


Text = str | Template


def resolve(text: str, known: Mapping[str, object], deferred: frozenset[str]) -> object | Template:
    """Put ``known`` values into ``text``; what needs ``deferred`` names comes back as a ``Template``.

    A result is final: ``${`` inside a value is never looked at again. A deferred name hides a known
    one. Raises ``TemplateFailed`` for bad syntax, unknown names and values that are not there.
    """
    if "${" not in text:
        return text
    template = Template(text)
    now = {name: known[name] for name in template.names if name in known and name not in deferred}
    for piece in template._pieces:
        if isinstance(piece, Expression):
            piece.demand(known.keys() | deferred)
    if template.names & deferred:
        return template.bind(now)
    value = template.render(now)
    if isinstance(value, Mapping) and not isinstance(value, Environ):
        return dict(value)  # all vars as a whole: one of them without a value raises, and says why
    return value


def render(value: object, values: Mapping[str, object]) -> object:
    """A tree of dicts, lists and tuples with every ``Template`` in it rendered."""
    if isinstance(value, Template):
        return value.render(values)
    if isinstance(value, dict):
        return {key: render(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [render(item, values) for item in value]
    if isinstance(value, tuple):
        return tuple([render(item, values) for item in value])
    return value


def text(value: Text, values: Mapping[str, object]) -> str:
    """The value as text. Raises ``TemplateFailed`` if it gives null, a list or a mapping."""
    if isinstance(value, str):
        return value
    rendered = value.render(values)
    return rendered if type(rendered) is str else as_text(rendered, value.source)


def as_text(value: object, source: str) -> str:
    """How a value stands inside a text: numbers as written, booleans as ``true`` and ``false``."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    kind = {type(None): "null", list: "a list", tuple: "a list", dict: "a mapping"}
    found = kind.get(type(value), f"a {type(value).__name__}")
    raise TemplateFailed(f"{source}: expected text or a number, found {found}")


@lru_cache(maxsize=4096)
def _parsed(source: str) -> Pieces:
    pieces: list[str | Expression] = []
    literal: list[str] = []
    at = 0
    while match := _OPENING.search(source, at):
        literal.append(source[at : match.start()])
        if match[0] == "$${":
            literal.append("${")
            at = match.end()
            continue
        end = _end(source, match.end())
        if before := "".join(literal):
            pieces.append(before)
        literal.clear()
        pieces.append(expression(source[match.end() : end]))
        at = end + 1
    if rest := "".join(literal) + source[at:]:
        pieces.append(rest)
    return tuple(pieces) or ("",)


def _end(source: str, start: int) -> int:
    """Index of the ``}`` that closes the expression beginning at ``start``."""
    depth = 0
    quote = ""
    at = start
    while at < len(source):
        char = source[at]
        if quote:
            if char == "\\":
                at += 1
            elif char == quote:
                quote = ""
        elif char in "'\"":
            quote = char
        elif char in "{[(":
            depth += 1
        elif char == "}" and depth <= 0:
            return at
        elif char in "}])":
            depth -= 1
        at += 1
    shown: Any = source[start - 2 : start + 58]
    raise TemplateFailed(f"'${{' is never closed by '}}' in {shown!r} (write '$${{' for a literal '${{')")
