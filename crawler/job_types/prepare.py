"""What all tasks of a job have in common is worked out once; what differs, for each task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from pydantic import BaseModel

from crawler.syntax.environ import Environ
from crawler.syntax.template import Template

Values = dict[str, object]
Built = TypeVar("Built")


def prepare(given: object, build: Callable[[Values], Built]) -> Callable[[Values], Built]:
    """``build`` for each task if a template anywhere in ``given`` waits for its values, else its one result.

    A failing ``build`` fails each time, never here: a problem belongs to a task.
    """
    if names_in(given):
        return build
    kept: list[Built] = []

    def same(values: Values) -> Built:
        if not kept:
            kept.append(build(values))
        return kept[0]

    return same


def names_in(given: object) -> frozenset[str] | None:
    """The names that the templates in ``given`` still need; ``None`` if there are no templates."""
    if isinstance(given, Template):
        return given.names
    inside: Iterable[object]
    if isinstance(given, BaseModel):
        inside = [getattr(given, name) for name in type(given).model_fields]
    elif isinstance(given, Mapping) and not isinstance(given, Environ):
        inside = given.values()
    elif isinstance(given, list | tuple):
        inside = given
    else:
        return None
    found: frozenset[str] | None = None
    for item in inside:
        names = names_in(item)
        if names is not None:
            found = names if found is None else found | names
    return found
