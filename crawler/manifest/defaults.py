"""A job with the manifest's ``defaults`` laid under it, every value still knowing where it stands."""

from __future__ import annotations

from crawler.syntax.nodes import Node

MERGED = frozenset({"headers", "params", "cookies", "timeout", "retry"})
REPLACED = frozenset({"auth", "proxy"})


def with_defaults(job: Node, defaults: Node | None) -> Node:
    """The job's own keys win; maps are merged key by key, ``auth`` and ``proxy`` as a whole."""
    if defaults is None or not isinstance(job.value, dict) or not isinstance(defaults.value, dict):
        return job
    values = dict(job.value)
    positions = dict(job.key_positions)
    for key, given in defaults.value.items():
        if key not in MERGED | REPLACED:
            continue
        if key not in values:
            values[key] = given
            positions[key] = defaults.key_positions[key]
        elif key in MERGED:
            values[key] = _merged(key, values[key], given)
    return Node(values, job.line, job.column, positions)


def _merged(key: str, own: Node, under: Node) -> Node:
    if key == "timeout":
        own, under = _as_map(own), _as_map(under)
    if not isinstance(own.value, dict) or not isinstance(under.value, dict):
        return own
    same = str.lower if key == "headers" else str  # header names have no case (RFC 9110 §5.1)
    taken = {same(name) for name in own.value}
    left = {name: node for name, node in under.value.items() if same(name) not in taken}
    positions = {name: under.key_positions[name] for name in left} | dict(own.key_positions)
    return Node({**left, **own.value}, own.line, own.column, positions)


def _as_map(timeout: Node) -> Node:
    """``timeout: 30`` is short for ``timeout: {total: 30}``."""
    if isinstance(timeout.value, dict | list):
        return timeout
    place = (timeout.line, timeout.column)
    return Node({"total": timeout}, *place, {"total": place})
