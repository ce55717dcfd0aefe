"""Single settings from ``CRAWLER_*`` variables and flags, each checked under the name a person gave it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from inspect import isclass
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from crawler.config.model import Config
from crawler.errors import ManifestInvalid, Problem
from crawler.syntax import yaml
from crawler.syntax.checked import check
from crawler.syntax.nodes import Node, node_of
from crawler.syntax.spec import Spec

PREFIX = "CRAWLER_"
_OTHERS = frozenset({"CRAWLER_CONFIG"})  # known variables that are no setting
_CLOSE = 0.85  # of 1.0; so near a known name that it must be a typing error

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """One value for one key; ``source`` is the variable or flag that holds it."""

    source: str
    path: Path
    node: Node

    def layer(self) -> Config:
        """A config with this key alone set. Raises ``ManifestInvalid`` naming the source."""
        node = self.node
        for key in reversed(self.path):
            node = Node({key: node}, 0, 0)
        try:
            return check(Config, node, yaml.plain(node), self.source)
        except ManifestInvalid as error:
            raise _without_place(error, self.source) from None


def environment_settings(environ: Mapping[str, str]) -> tuple[list[Setting], list[Problem]]:
    """Every ``CRAWLER_*`` variable that names a setting, the broader ones first; empty ones count as unset.

    A value is YAML, except where text is wanted. A variable that names none is a problem if it is
    nearly a known name, and not ours to judge otherwise.
    """
    settings: list[Setting] = []
    problems: list[Problem] = []
    known = variables()
    for name, (path, is_text) in known.items():
        if not (value := environ.get(name, "")):
            continue
        try:
            node = _text_node(value) if is_text else yaml.parse(value, name)
        except ManifestInvalid as error:
            problems += _without_place(error, name).problems
        else:
            settings.append(Setting(name, path, node))
    for name in sorted(name for name in environ if name.startswith(PREFIX)):
        if name not in known and name not in _OTHERS and (close := _close(name, known)):
            problems.append(Problem(name, 0, 0, f"unknown variable; did you mean {close}?"))
    return settings, problems


def flag_settings(overrides: Mapping[str, object], prefix: Path = ()) -> list[Setting]:
    """A nested mapping of config keys as the settings that flags gave."""
    settings: list[Setting] = []
    for key, value in overrides.items():
        path = (*prefix, key)
        if isinstance(value, Mapping):
            settings += flag_settings(value, path)
        else:
            settings.append(Setting("--" + "-".join(path).replace("_", "-"), path, node_of(value)))
    return settings


def variables() -> dict[str, tuple[Path, bool]]:
    """Variable names to config keys, and whether the value is text that is not read as YAML."""
    found = {"_".join(path).upper(): (path, is_text) for path, is_text in _keys(Config)}
    return {PREFIX + name: found[name] for name in sorted(found, key=lambda name: len(found[name][0]))}


def _keys(model: type[Spec], prefix: Path = ()) -> Iterator[tuple[Path, bool]]:
    for name, field in model.model_fields.items():
        path = (*prefix, name)
        kinds = _kinds(field.annotation)
        yield path, kinds <= {str, NoneType}
        for kind in kinds:
            if isclass(kind) and issubclass(kind, Spec):
                yield from _keys(kind, path)


def _kinds(annotation: Any) -> set[Any]:
    """The types at an annotation's top level, out of its ``Annotated`` and unions."""
    if hasattr(annotation, "__metadata__"):
        return _kinds(annotation.__origin__)
    if get_origin(annotation) in (Union, UnionType):
        return set().union(*map(_kinds, get_args(annotation)))
    return {annotation}


def _text_node(value: str) -> Node:
    return Node(None if value == "null" else value, 0, 0)


def _close(name: str, known: Mapping[str, object]) -> str | None:
    from difflib import get_close_matches

    rest = {other.removeprefix(PREFIX): other for other in (*known, *_OTHERS)}
    close = get_close_matches(name.removeprefix(PREFIX), rest, n=1, cutoff=_CLOSE)
    return rest[close[0]] if close else None


def _without_place(error: ManifestInvalid, source: str) -> ManifestInvalid:
    return ManifestInvalid([Problem(source, 0, 0, problem.message) for problem in error.problems])
