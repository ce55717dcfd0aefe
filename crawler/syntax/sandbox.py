"""A Jinja2 environment for single expressions that can reach nothing but data and cannot blow up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from types import BuiltinMethodType
from typing import Any

from jinja2 import StrictUndefined, filters
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from crawler.syntax.words import suggestion

MAX_TEXT = 1 << 20  # characters that one operation may make; no URL, header or path comes near it
_MAX_BITS = 4096  # of an integer product or power
_MAX_DIGITS = 15  # decimal places that a double can hold

# Text methods whose result is never longer than the text itself.
_METHODS = frozenset(
    {"count", "endswith", "find", "index", "isalnum", "isalpha", "isdigit", "startswith"}
    | {"capitalize", "lower", "title", "upper", "strip", "lstrip", "rstrip"}
    | {"partition", "rpartition", "removeprefix", "removesuffix", "split", "rsplit", "splitlines"}
)
_PADDING = frozenset({"zfill", "ljust", "rjust"})

# Jinja2 filters that are bounded by their input; the ones that can multiply it are guarded below.
_PLAIN_FILTERS = frozenset(
    {"abs", "count", "d", "default", "float", "int", "length", "list", "max", "min", "string", "sum"}
    | {"capitalize", "lower", "title", "trim", "upper", "urlencode"}
    | {"dictsort", "first", "items", "last", "map", "reverse", "sort", "unique"}
    | {"reject", "rejectattr", "select", "selectattr"}
)


class Missing(StrictUndefined):
    """A name, key or index that is not there; using it raises, ``default`` and ``is defined`` may ask."""

    @property
    def why(self) -> str:
        """What was looked for, as a sentence."""
        return self._undefined_message


class Environment(ImmutableSandboxedEnvironment):
    """Attribute access reads mappings by key; calls reach a short list of text methods only."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(undefined=Missing, autoescape=False)
        self.globals.clear()
        self.filters = {name: filters.FILTERS[name] for name in _PLAIN_FILTERS} | _GUARDED_FILTERS

    def getattr(self, obj: Any, attribute: str) -> Any:
        """``obj.attribute``: a mapping's key or one of the allowed text methods."""
        if isinstance(obj, Missing):
            return obj  # so that ${row.a.b | default("x")} works when there is no a
        if isinstance(obj, Mapping):
            return look_up(obj, attribute)
        if type(obj) is str and (attribute in _METHODS or attribute in _PADDING):
            return getattr(obj, attribute)
        return Missing(f"{_kind(obj)} has no attribute {attribute!r}")

    def getitem(self, obj: Any, argument: Any) -> Any:
        """``obj[argument]``: a mapping's key, or an index or slice of a text or list."""
        if isinstance(obj, Missing):
            return obj
        if isinstance(obj, Mapping):
            return look_up(obj, argument)
        if isinstance(obj, str | list | tuple) and isinstance(argument, int | slice):
            try:
                return obj[argument]
            except IndexError:
                return Missing(f"{_kind(obj)} of length {len(obj)} has no item {argument}")
        return Missing(f"{_kind(obj)} has no item {str(argument)[:60]!r}")

    def call(self, context: Any, function: Any, /, *args: Any, **keywords: Any) -> Any:
        """Call a text method that ``getattr`` gave; refuse everything else."""
        if isinstance(function, Missing):
            raise SecurityError(function.why)
        if not isinstance(function, BuiltinMethodType) or type(function.__self__) is not str:
            raise SecurityError("only methods of text can be called")
        if function.__name__ in _PADDING:
            _within(args[0] if args and isinstance(args[0], int) else 0)
        return function(*args, **keywords)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """The operators that can make much out of little, within bounds."""
        if isinstance(left, str) and operator == "*" and isinstance(right, int):
            _within(len(left) * right)
        elif not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise SecurityError(f"{operator!r} needs numbers, found {_kind(left)} and {_kind(right)}")
        elif isinstance(left, int) and isinstance(right, int) and operator != "%":
            bits = left.bit_length() * abs(right) if operator == "**" else _bits(left, right)
            if bits > _MAX_BITS:
                raise SecurityError("the number would be too large")
        return self.binop_table[operator](left, right)


def look_up(mapping: Mapping[Any, Any], key: Any) -> Any:
    """``mapping[key]``, or ``Missing`` that says what is not there.

    A mapping that explains itself (its KeyError holds more than the key) is quoted.
    """
    try:
        return mapping[key]
    except KeyError as error:
        reason = error.args[0] if error.args else key
        if isinstance(reason, str) and reason != key:
            return Missing(reason)
        return Missing(f"there is no {str(key)[:60]!r}{suggestion(str(key), mapping)}")


def _bits(left: int, right: int) -> int:
    return left.bit_length() + right.bit_length()


def _within(length: int) -> None:
    if length > MAX_TEXT:
        raise SecurityError(f"the result would be longer than {MAX_TEXT} characters")


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case str():
            return "text"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "a mapping"
        case _:
            return f"a {type(value).__name__}"


def _join(values: Iterable[object], separator: str = "") -> str:
    texts = [str(value) for value in values]
    _within(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def _replace(text: object, old: str, new: str, count: int = -1) -> str:
    whole = str(text)
    _within((len(whole) + 1) * (len(new) + 1))
    return whole.replace(old, new, count)


def _round(value: float, precision: int = 0, method: Any = "common") -> float:
    if abs(precision) > _MAX_DIGITS:
        raise SecurityError(f"round takes at most {_MAX_DIGITS} places")
    return filters.do_round(value, precision, method)


def _tojson(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


_GUARDED_FILTERS: dict[str, Callable[..., Any]] = {
    "join": _join,
    "replace": _replace,
    "round": _round,
    "tojson": _tojson,
}
