"""Header fields and query parameters: checked when the manifest loads, and again once rendered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo, WithJsonSchema

from crawler.errors import TemplateFailed
from crawler.request import Pairs
from crawler.syntax.spec import TEXT_SCHEMA, Checked, TextField, as_text_field
from crawler.syntax.template import Text, text
from crawler.syntax.words import shown

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.6.2
_FRAMING = frozenset({"content-length", "transfer-encoding"})  # RFC 9112 §6
_BREAKS = re.compile(r"[\r\n\0]")  # RFC 9110 §5.5: these end a field early or worse


def header_name_problem(name: str) -> str | None:
    """Why ``name`` cannot be a header's name (RFC 9110 §5.1), or ``None``."""
    if _TOKEN.fullmatch(name):
        return None
    return f"{shown(name)} is no header name; expected letters, digits and -_.!#$%&'*+^`|~ only"


def header_value_problem(value: str) -> str | None:
    """Why ``value`` cannot be a header's value, without quoting it, or ``None``."""
    if bad := _BREAKS.search(value):
        kind = {"\r": "a carriage return", "\n": "a line break", "\0": "a NUL"}[bad[0]]
        return f"a header value must be one line, found {kind} at character {bad.start() + 1}"
    return None


def header_pairs(headers: Mapping[str, Text], values: Mapping[str, object]) -> Pairs:
    """The headers as sent. Raises ``TemplateFailed``, also for a value that would break the line."""
    pairs = tuple((name, text(value, values)) for name, value in headers.items())
    for name, value in pairs:
        if problem := header_value_problem(value):
            raise TemplateFailed(f"header {name}: {problem}")
    return pairs


def param_pairs(params: Mapping[str, Text | tuple[Text, ...]], values: Mapping[str, object]) -> Pairs:
    """The parameters in order, a list as one pair an item. Raises ``TemplateFailed``."""
    return tuple(
        (name, text(item, values))
        for name, given in params.items()
        for item in (given if isinstance(given, tuple) else (given,))
    )


def _header_name(name: str) -> str:
    if problem := header_name_problem(name):
        raise ValueError(problem)
    if name.lower() in _FRAMING:
        raise ValueError(f"{name} follows from the body that is sent and cannot be given")
    return name


def _header_value(value: Text) -> Text:
    if isinstance(value, str) and (problem := header_value_problem(value)):
        raise ValueError(problem)
    return value


def _once(headers: dict[str, Text]) -> dict[str, Text]:
    seen: dict[str, str] = {}
    for name in headers:
        first = seen.setdefault(name.lower(), name)
        if first != name:
            raise ValueError(f"{first!r} and {name!r} are the same header; expected it once")
    return headers


def _param_scalar(value: object, info: ValidationInfo) -> Text:
    if isinstance(value, bool):
        return "true" if value else "false"
    return as_text_field(value, info)


HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[TextField, AfterValidator(_header_value), WithJsonSchema(TEXT_SCHEMA)]

HeaderMap = Annotated[dict[HeaderName, HeaderValue], AfterValidator(_once)]
"""Header names to values; a name stands once whatever its case."""

ParamScalar = Annotated[
    Text, Checked(_param_scalar), WithJsonSchema({"type": ["string", "number", "boolean"]})
]
ParamMap = dict[str, ParamScalar | tuple[ParamScalar, ...]]
"""Parameter names to a value or a list of values."""
