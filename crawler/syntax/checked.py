"""A value checked against its model, every mistake with the place where it stands in the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from crawler.errors import ManifestInvalid, Problem
from crawler.syntax import messages
from crawler.syntax.known_keys import keys_at
from crawler.syntax.nodes import Node
from crawler.syntax.spec import EXACT
from crawler.syntax.words import choice, shown, suggestion

M = TypeVar("M", bound=BaseModel)

Step = str | int
_NOWHERE: Any = object()
_MOST_LISTED = 20  # keys that a message names when none is close
_NUMBER_FOR_TEXT = frozenset({"number_as_text", "string_type"})


def check(model: type[M], node: Node, value: object, file: str) -> M:
    """``value`` as a ``model``; ``node`` is where it was read from.

    A number where text is wanted becomes text as it was written: ``010`` stays ``010``. Raises
    ``ManifestInvalid`` with every problem.
    """
    try:
        return model.model_validate(value, context={EXACT: True})
    except ValidationError as error:
        try:
            return model.model_validate(_spelled(error, node, value))
        except ValidationError as left:
            raise ManifestInvalid(problems_of(left, node, file, model)) from None


def problems_of(
    error: ValidationError, node: Node, file: str, model: type[BaseModel] | None = None
) -> list[Problem]:
    """The errors in the order of the file; ``model`` makes "did you mean" possible for unknown keys."""
    findings = [_finding(details, node, model) for details in _uncounted(error.errors(include_url=False))]
    places = sorted({(found.line, found.column, found.message) for found in _settled(findings)})
    return [Problem(file, *place) for place in places]


def _uncounted(errors: list[ErrorDetails]) -> Iterator[ErrorDetails]:
    """Without "too few items" where items are there: pydantic does not count those that are wrong."""
    for details in errors:
        loc = details["loc"]
        if details["type"] != "too_short" or not any(
            len(other["loc"]) > len(loc) and other["loc"][: len(loc)] == loc for other in errors
        ):
            yield details


@dataclass(frozen=True, slots=True)
class _Finding:
    line: int
    column: int
    message: str
    path: tuple[Step, ...]
    branches: tuple[tuple[int, Step], ...]  # union tags in the loc: how deep they stand, and their name
    wanted: str | None  # set if only the kind of value was wrong
    found: str


def _finding(details: ErrorDetails, root: Node, model: type[BaseModel] | None) -> _Finding:
    loc, kind = details["loc"], details["type"]
    about_key = kind in ("missing", "extra_forbidden")
    steps = loc[:-1] if about_key else loc
    at = _walk(root, steps)
    place = (at.node.line, at.node.column)
    if kind == "missing":
        text = f"missing key {shown(loc[-1])}"
    elif kind == "extra_forbidden":
        place = at.node.key_positions.get(str(loc[-1]), place)
        text = _unknown_key(str(loc[-1]), keys_at(model, steps) if model else [])
    else:
        text = messages.message(details)
        if kind == "union_tag_invalid":
            tag = _child(at.node, str(details["ctx"]["discriminator"]).strip("'"))
            place = (tag.line, tag.column) if isinstance(tag, Node) else place
        elif steps and steps[-1] == "[key]":
            place = at.key
    path = (*at.path, loc[-1]) if about_key else at.path
    return _Finding(*place, text, path, at.branches, messages.wanted_kind(details), messages.found(details))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a loc leads: the steps that exist, the node there, its key's position, and union tags."""

    path: tuple[Step, ...]
    branches: tuple[tuple[int, Step], ...]
    node: Node
    key: tuple[int, int]


def _walk(node: Node, loc: Iterable[Step]) -> _Place:
    """Follow ``loc`` as far as it names what is there; what names nothing is a union's tag."""
    path: list[Step] = []
    branches: list[tuple[int, Step]] = []
    key = (node.line, node.column)
    for step in loc:
        child = _child(node, step)
        if child is _NOWHERE:
            branches.append((len(path), step))
            continue
        key = node.key_positions.get(str(step), (child.line, child.column))
        path.append(step)
        node = child
    return _Place(tuple(path), tuple(branches), node, key)


def _child(tree: Any, step: Step) -> Any:
    inside = tree.value if isinstance(tree, Node) else tree
    if isinstance(inside, dict) and isinstance(step, str):
        return inside.get(step, _NOWHERE)
    if isinstance(inside, list | tuple) and isinstance(step, int) and step < len(inside):
        return inside[step]
    return _NOWHERE


def _settled(findings: list[_Finding], level: int = 0) -> Iterator[_Finding]:
    """Of a union's branches only the one that the writer meant: right kind of value, fewest mistakes."""
    unions: dict[tuple[Step, ...], dict[Step, list[_Finding]]] = {}
    for finding in findings:
        if len(finding.branches) <= level:
            yield finding
            continue
        depth, tag = finding.branches[level]
        unions.setdefault(finding.path[:depth], {}).setdefault(tag, []).append(finding)
    for path, branches in unions.items():
        meant = [
            branch
            for branch in branches.values()
            if not any(finding.wanted and finding.path == path for finding in branch)
        ]
        if meant:
            yield from _settled(min(meant, key=len), level + 1)
        else:
            yield _merged([finding for branch in branches.values() for finding in branch])


def _merged(findings: list[_Finding]) -> _Finding:
    first = findings[0]
    wanted = list(dict.fromkeys(finding.wanted for finding in findings if finding.wanted))
    text = f"expected {choice(wanted)}, found {first.found}"
    return _Finding(first.line, first.column, text, first.path, (), None, first.found)


def _unknown_key(key: str, known: list[str]) -> str:
    listed = f"; expected one of {', '.join(known)}" if 0 < len(known) <= _MOST_LISTED else ""
    return f"unknown key {shown(key)}{suggestion(key, known) or listed}"


def _spelled(error: ValidationError, node: Node, value: object) -> object:
    """A copy of ``value`` with the written form of every number that was refused as text."""
    copy: Any = _copied(value)
    for details in error.errors(include_url=False):
        number = details["input"]
        if details["type"] in _NUMBER_FOR_TEXT and type(number) in (int, float):
            written = _text(_walk(node, details["loc"]).node, number)
            copy = _put(copy, details["loc"], written)
    return copy


def _put(tree: Any, loc: Iterable[Step], text: str) -> Any:
    """``tree`` with ``text`` at the place that ``loc`` names."""
    parent, last = None, None
    here = tree
    for step in loc:
        child = _child(here, step)
        if child is not _NOWHERE:
            parent, last, here = here, step, child
    if parent is None:
        return text
    parent[last] = text
    return tree


def _text(node: Node, number: float) -> str:
    return node.written if node.written and node.value == number else str(number)


def _copied(value: object) -> object:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return value
