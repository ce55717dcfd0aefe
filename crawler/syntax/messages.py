"""Pydantic's errors in words for the person who wrote the file."""

from __future__ import annotations

import re
from typing import Any

from pydantic_core import ErrorDetails

from crawler.syntax.template import NEEDS, Template
from crawler.syntax.words import shown, suggestion

_SECRET = re.compile(r"passw|token|secret|authorization|cookie|proxy|credential|api.?key", re.IGNORECASE)

# Error types that only say "this is another kind of thing", and the kind that was wanted.
_KINDS = {
    "text": "text",
    "string_type": "text",
    "string_sub_type": "text",
    "number_as_text": "text",
    "path_type": "text",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "iterable_type": "a list",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of usual size",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "none_required": "null",
}
_CHOICES = frozenset({"literal_error", "enum"})

_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
    "multiple_of": ("a multiple of", "multiple_of"),
}


def wanted_kind(error: ErrorDetails) -> str | None:
    """What kind of value was expected, if the error says no more than that it was another."""
    if error["type"] in _CHOICES:
        return str(error["ctx"]["expected"])
    return _KINDS.get(error["type"])


def found(error: ErrorDetails) -> str:
    """The offending value as a message may quote it."""
    value = error["input"]
    if isinstance(value, Template):
        known = "once a job has captured it" if value.names == {NEEDS} else "task by task"
        return f"the template {shown(value.source)}, whose value is known {known} only"
    if isinstance(value, str) and _is_secret(error):
        return "a text that is not shown"
    if isinstance(value, bool) and wanted_kind(error) == "text":
        return f"{shown(value)}; put it in quotes"
    return shown(value)


def message(error: ErrorDetails) -> str:
    """The error as a sentence: what was expected and what was found."""
    kind, context = error["type"], error.get("ctx", {})
    if (wanted := wanted_kind(error)) is not None:
        guess = suggestion(str(error["input"]), re.findall("'([^']*)'", wanted)) if kind in _CHOICES else ""
        return f"expected {wanted}, found {found(error)}{guess}"
    if kind in ("value_error", "assertion_error"):
        if isinstance(error["input"], Template):
            return f"expected a fixed value, found {found(error)}"
        return str(context["error"])
    if kind in _BOUNDS:
        relation, key = _BOUNDS[kind]
        return f"expected {relation} {context[key]}, found {found(error)}"
    if kind in ("too_short", "too_long"):
        return _count(context, "item", found_count=context["actual_length"])
    if kind in ("string_too_short", "string_too_long"):
        return _count(context, "character", found_count=len(str(error["input"])))
    if kind == "string_pattern_mismatch":
        return f"expected text that matches {context['pattern']}, found {found(error)}"
    if kind == "union_tag_invalid":
        return f"expected one of {context['expected_tags']}, found {shown(context['tag'])}"
    if kind == "union_tag_not_found":
        return f"missing key {context['discriminator']}"
    return re.sub(r"^Input should (be|have) ", "expected ", error["msg"])


def _count(context: dict[str, Any], thing: str, found_count: int) -> str:
    least, most = context.get("min_length"), context.get("max_length")
    bound, number = ("at least", least) if least is not None else ("at most", most)
    return f"expected {bound} {number} {thing}{'' if number == 1 else 's'}, found {found_count}"


def _is_secret(error: ErrorDetails) -> bool:
    keys = [part for part in error["loc"] if isinstance(part, str)]
    return any(_SECRET.search(key) for key in keys)
