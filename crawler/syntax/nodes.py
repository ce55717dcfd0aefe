"""A YAML value that knows where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

NO_KEYS: Mapping[str, tuple[int, int]] = MappingProxyType({})

Scalar = None | bool | int | float | str


@dataclass(slots=True)
class Node:
    """One value and where it stands (from 1); ``written`` is an unquoted scalar's own spelling."""

    value: Scalar | dict[str, Node] | list[Node]
    line: int
    column: int
    key_positions: Mapping[str, tuple[int, int]] = field(default_factory=lambda: NO_KEYS)  # mappings only
    plain: bool = False  # an unquoted scalar
    written: str = ""


def plain(node: Node) -> Any:
    """The ordinary Python value of a node; its depth is bounded by ``parse``."""
    value = node.value
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def node_of(value: object) -> Node:
    """A node without a place, for a value that was read from no file."""
    if isinstance(value, dict):
        return Node({str(key): node_of(item) for key, item in value.items()}, 0, 0)
    if isinstance(value, list | tuple):
        return Node([node_of(item) for item in value], 0, 0)
    if value is None or isinstance(value, bool | int | float | str):
        return Node(value, 0, 0)
    return Node(str(value), 0, 0)
