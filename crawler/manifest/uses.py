"""Where a job uses what other jobs captured: each template of it that says ``${needs.JOB.NAME}``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from crawler.errors import TemplateFailed
from crawler.syntax.needs import Reference, references
from crawler.syntax.nodes import Node
from crawler.syntax.template import NEEDS, Template


@dataclass(frozen=True, slots=True)
class Use:
    """A template that names captured values, where it stands, and in which of the job's own keys."""

    template: Template
    node: Node
    key: str

    def named(self) -> tuple[list[Reference], str | None]:
        """The values that it names, or why that cannot be told."""
        try:
            return list(dict.fromkeys(references(self.template))), None
        except TemplateFailed as error:
            return [], str(error)


def uses_in(node: Node, value: object, key: str = "") -> Iterator[Use]:
    """Every use in a job; ``value`` is what ``node`` came to once what is known at load was put in."""
    if isinstance(value, Template):
        if NEEDS in value.names:
            yield Use(value, node, key)
    elif isinstance(node.value, dict) and isinstance(value, dict):
        for name, item in node.value.items():
            yield from uses_in(item, value.get(name), key or name)
    elif isinstance(node.value, list) and isinstance(value, list):
        for item, inner in zip(node.value, value, strict=True):
            yield from uses_in(item, inner, key)
