"""Which keys a model knows at a place that an error names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel


def keys_at(model: type[BaseModel], loc: Iterable[str | int]) -> list[str]:
    """Keys of the model (or of a union's models) found by following ``loc`` from ``model``."""
    kinds: list[Any] = [model]
    for step in loc:
        leaves = [leaf for kind in kinds for leaf in _leaves(kind)]
        inside = [child for leaf in leaves for child in _inside(leaf, step)]
        kinds = inside or [leaf for leaf in leaves if _is_tagged(leaf, step)] or kinds
    models = [leaf for kind in kinds for leaf in _leaves(kind) if _is_model(leaf)]
    return list(dict.fromkeys(key for found in models for key in _keys(found)))


def _keys(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield field.alias or name


def _leaves(kind: Any) -> Iterator[Any]:
    """The kinds that an annotation is made of, out of its ``Annotated`` and unions."""
    if hasattr(kind, "__metadata__"):
        yield from _leaves(kind.__origin__)
    elif hasattr(kind, "__value__"):
        yield from _leaves(kind.__value__)
    elif _is_model(kind) or get_origin(kind) in (dict, list, tuple, frozenset, set):
        yield kind
    else:
        for part in get_args(kind):
            yield from _leaves(part)


def _inside(leaf: Any, step: str | int) -> Iterator[Any]:
    if _is_model(leaf):
        for name, field in leaf.model_fields.items():
            if step in (name, field.alias):
                yield field.annotation
    elif get_origin(leaf) is dict:
        if isinstance(step, str):
            yield get_args(leaf)[1]
    elif isinstance(step, int):
        yield from get_args(leaf)


def _is_tagged(leaf: Any, tag: str | int) -> bool:
    if not _is_model(leaf):
        return False
    literals = [get_args(field.annotation) for field in leaf.model_fields.values() if _is_literal(field)]
    return leaf.__name__ == tag or any(tag in values for values in literals)


def _is_literal(field: Any) -> bool:
    return get_origin(field.annotation) is Literal


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
