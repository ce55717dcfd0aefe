"""A node tree as plain values, with its templates resolved as far as known values go."""

from __future__ import annotations

from collections.abc import Mapping

from crawler.errors import Problem, TemplateFailed
from crawler.syntax.nodes import Node
from crawler.syntax.template import resolve


def resolved(
    node: Node, known: Mapping[str, object], deferred: frozenset[str], file: str
) -> tuple[object, list[Problem]]:
    """The value, and a problem for every template that cannot be resolved (its text stays as written).

    Keys are never templates.
    """
    problems: list[Problem] = []
    return _resolved(node, known, deferred, file, problems), problems


def _resolved(
    node: Node, known: Mapping[str, object], deferred: frozenset[str], file: str, problems: list[Problem]
) -> object:
    value = node.value
    if isinstance(value, dict):
        return {key: _resolved(item, known, deferred, file, problems) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item, known, deferred, file, problems) for item in value]
    if not isinstance(value, str):
        return value
    try:
        return resolve(value, known, deferred)
    except TemplateFailed as error:
        problems.append(Problem(file, node.line, node.column, str(error)))
        return value
