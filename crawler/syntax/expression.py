"""One expression of a template: read once, compiled when first needed, evaluated for each task."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from crawler.errors import TemplateFailed
from crawler.syntax.environ import Environ
from crawler.syntax.words import suggestion

if TYPE_CHECKING:
    from jinja2 import nodes
    from jinja2.environment import TemplateExpression

    from crawler.syntax.sandbox import Environment

_PATH = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)\s*")
_KEYWORDS = frozenset(
    {"true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if", "else"}
)
_MAX_LENGTH = 2000  # characters; a longer one is a mistake, and deep nesting would exhaust the parser
_SHOWN = 60  # characters of an expression that a message quotes
_QUOTED = "; a job whose name is no plain word is written needs['my-job'].NAME"
_ABSENT: Any = object()


@dataclass(frozen=True, slots=True)
class Expression:
    """``source`` as written, the root ``names`` it reads, and its ``path`` if it is only a dotted name."""

    source: str  # with its ${…}, cut for messages
    code: str
    names: frozenset[str]
    path: tuple[str, ...]

    def evaluate(self, values: Mapping[str, object]) -> object:
        """The native value. Raises ``TemplateFailed`` naming the expression and the reason."""
        if self.path:
            value: Any = values
            for part in self.path:
                if type(value) is not dict:
                    break
                value = value.get(part, _ABSENT)
            else:
                if value is not _ABSENT:
                    return value
            return self._walk(values)
        return self._run(values)

    def demand(self, known: Iterable[str]) -> None:
        """Raise ``TemplateFailed`` for a root name that is not among the ``known`` ones."""
        names = frozenset(known)
        for name in sorted(self.names - names):
            hint = _QUOTED if "needs" in self.names and name != "needs" else ""
            raise TemplateFailed(f"{self.source}: {_unknown(name, names)}{hint}")

    def _walk(self, values: Mapping[str, object]) -> object:
        """The dotted path by the same rules as any other expression."""
        self.demand(values)
        environment = _environment()
        value: Any = values[self.path[0]]
        for part in self.path[1:]:
            value = environment.getattr(value, part)
        return self._checked(value)

    def _run(self, values: Mapping[str, object]) -> object:
        self.demand(values)
        try:
            return self._checked(_compiled(self.code)({name: values[name] for name in self.names}))
        except TemplateFailed:
            raise
        except Exception as error:
            raise TemplateFailed(f"{self.source}: {_reason(error)}") from None

    def _checked(self, value: Any) -> object:
        if hasattr(value, "__next__"):  # filters such as map are lazy; a value must outlive its task
            value = list(value)
        if why := _unusable(value):
            raise TemplateFailed(f"{self.source}: {why}")
        return value


def _unusable(value: Any) -> str | None:
    """Why a result is no data, looking into what it holds."""
    from crawler.syntax.sandbox import Missing

    if isinstance(value, Missing):
        return value.why
    if callable(value):
        return "a method must be called; add ()"
    if isinstance(value, list | tuple):
        return next(filter(None, map(_unusable, value)), None)
    if isinstance(value, Mapping) and not isinstance(value, Environ):
        return next(filter(None, map(_unusable, value.values())), None)
    return None


@lru_cache(maxsize=4096)
def expression(code: str) -> Expression:
    """Read one expression. Raises ``TemplateFailed`` for bad syntax and unknown filters or tests."""
    source = f"${{{code}}}" if len(code) <= _SHOWN else f"${{{code[:_SHOWN]}…}}"
    if match := _PATH.fullmatch(code):
        path = tuple(match[1].split("."))
        if _KEYWORDS.isdisjoint(path[:1]):
            return Expression(source, code, frozenset(path[:1]), path)
    if not code.strip():
        raise TemplateFailed(f"{source}: the expression is empty")
    if len(code) > _MAX_LENGTH:
        raise TemplateFailed(f"{source}: the expression is longer than {_MAX_LENGTH} characters")
    return Expression(source, code, _names(source, code), ())


def _names(source: str, code: str) -> frozenset[str]:
    from jinja2 import nodes

    try:
        tree = _tree(code)
    except Exception as error:
        raise TemplateFailed(f"{source}: {_reason(error)}") from None
    environment = _environment()
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        known = environment.filters if isinstance(node, nodes.Filter) else environment.tests
        if node.name not in known:
            kind = type(node).__name__.lower()
            raise TemplateFailed(f"{source}: {_unknown(node.name, known, f'unknown {kind}')}")
    return frozenset(node.name for node in tree.find_all(nodes.Name))


def chains(piece: Expression, root: str, known: Mapping[str, object]) -> Iterator[tuple[str | None, ...]]:
    """The keys by which the expression goes on from each place where it names ``root``.

    ``known`` are values that keys may be made of; a key that needs others is ``None``.
    """
    if piece.path:
        yield piece.path[1:]
        return
    from jinja2 import nodes
    from jinja2.visitor import NodeTransformer

    class Known(NodeTransformer):
        def visit_Name(self, node: nodes.Name) -> nodes.Node:  # noqa: N802  # jinja2 looks it up by this name
            return nodes.Const(known[node.name]) if node.name in known and node.name != root else node

    waiting: list[nodes.Node] = [Known().visit(_tree(piece.code))]
    while waiting:
        node = waiting.pop(0)
        keys: list[str | None] = []
        while isinstance(node, nodes.Getattr | nodes.Getitem):
            keys.append(node.attr if isinstance(node, nodes.Getattr) else _constant(node.arg))
            if isinstance(node, nodes.Getitem):
                waiting.append(node.arg)
            node = node.node
        if isinstance(node, nodes.Name) and node.name == root:
            yield tuple(reversed(keys))
        else:
            waiting += node.iter_child_nodes()


def _constant(node: nodes.Expr) -> str | None:
    """The text that the expression is, whatever the task; ``None`` if that cannot be told."""
    from jinja2 import nodes

    try:
        value = node.as_const(nodes.EvalContext(_environment()))
    except Exception:  # whatever is wrong with it is told when it is rendered
        return None
    return value if isinstance(value, str) else None


def _tree(code: str) -> nodes.Node:
    from jinja2 import nodes
    from jinja2.exceptions import TemplateSyntaxError
    from jinja2.parser import Parser

    parser = Parser(_environment(), code, state="variable")
    tree = parser.parse_expression()
    if not parser.stream.eos:
        found = parser.stream.current.value
        raise TemplateSyntaxError(f"unexpected {str(found)[:60]!r} after the expression", 1)
    return nodes.Output([tree])  # a parent, so that a search finds the expression itself too


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from crawler.syntax.sandbox import Environment

    return Environment()


@lru_cache(maxsize=1024)
def _compiled(code: str) -> TemplateExpression:
    return _environment().compile_expression(code, undefined_to_none=False)


def _unknown(name: str, known: Iterable[str], what: str = "unknown name") -> str:
    names = sorted(known)
    if what == "unknown name" and "env" in names and name.isupper():
        return f"unknown name {name!r}; environment variables are written ${{env.{name}}}"
    listed = f"; expected one of {', '.join(names)}" if 0 < len(names) <= 12 else ""
    return f"{what} {name!r}{suggestion(name, names) or listed}"


def _reason(error: Exception) -> str:
    """Why an expression failed, without values that could be secret."""
    from jinja2.exceptions import TemplateError

    if isinstance(error, TemplateError):
        return str(error.message)
    if isinstance(error, RecursionError | MemoryError | SyntaxError):
        return "the expression is too deeply nested"
    if isinstance(error, TypeError | ZeroDivisionError | OverflowError):
        return str(error)
    return type(error).__name__
