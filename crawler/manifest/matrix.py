"""One job for each combination of a job's ``matrix``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import prod

from crawler.manifest.findings import Findings
from crawler.manifest.names import Names
from crawler.syntax.nodes import Node
from crawler.syntax.template import as_text
from crawler.syntax.words import shown

MAX_COMBINATIONS = 10_000  # jobs; a matrix is for a handful, rows are for many


@dataclass(frozen=True, slots=True)
class Combination:
    """One value a key, and what they add to the job's name."""

    values: Mapping[str, object]
    suffix: str


ONE = Combination({}, "")


def combinations(node: Node | None, names: Names, findings: Findings) -> list[Combination]:
    """Every combination in the order written, the last key turning fastest; one if there is no matrix."""
    if node is None:
        return [ONE]
    value = names.render(node, findings, deferred=frozenset())
    if not isinstance(value, dict) or not isinstance(node.value, dict):
        findings.add(node, f"expected a mapping of names to lists of values, found {shown(value)}")
        return [ONE]
    before = len(findings)
    axes = {key: _axis(key, node.value[key], given, findings) for key, given in value.items()}
    if len(findings) > before:
        return [ONE]
    number = prod(map(len, axes.values()))
    if number > MAX_COMBINATIONS:
        findings.add(node, f"{number} combinations; at most {MAX_COMBINATIONS} are allowed, use rows instead")
        return [ONE]
    return [_combination(dict(zip(axes, chosen, strict=True))) for chosen in product(*axes.values())]


def _axis(key: str, node: Node, given: object, findings: Findings) -> list[object]:
    items = given if isinstance(given, list) else [given]
    if not items:
        findings.add(node, f"matrix.{key} is empty; expected at least one value")
    seen: set[str] = set()
    for at, item in enumerate(items):
        place = node.value[at] if isinstance(node.value, list) else node
        if not isinstance(item, str | int | float):
            findings.add(place, f"expected text or a number, found {shown(item)}")
        elif (text := as_text(item, key)) in seen:
            findings.add(place, f"matrix.{key} holds {shown(item)} twice")
        else:
            seen.add(text)
    return items


def _combination(values: dict[str, object]) -> Combination:
    inside = ", ".join(as_text(value, key) for key, value in values.items())
    return Combination(values, f" ({inside})" if inside else "")
