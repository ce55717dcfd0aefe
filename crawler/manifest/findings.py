"""Every problem of a manifest, gathered before any is shown."""

from __future__ import annotations

from collections.abc import Iterable

from crawler.errors import ManifestInvalid, Problem
from crawler.syntax.nodes import Node


class Findings:
    """Problems with their places; a value that could not be rendered is not complained about twice."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._problems: dict[Problem, None] = {}  # keeps each once, in order
        self._unrendered: set[tuple[int, int]] = set()

    def __len__(self) -> int:
        return len(self._problems) + len(self._unrendered)

    def add(self, node: Node | None, message: str) -> None:
        """A problem at a node, or without a place."""
        self.at((node.line, node.column) if node else (0, 0), message)

    def at(self, place: tuple[int, int], message: str) -> None:
        """A problem at a line and column."""
        self._problems[Problem(self.file, *place, message)] = None

    def unrendered(self, problem: Problem, *, consequence: bool) -> None:
        """A template failed; a ``consequence`` of a problem already reported is only remembered."""
        self._unrendered.add((problem.line, problem.column))
        if not consequence:
            self._problems[problem] = None

    def extend(self, problems: Iterable[Problem]) -> None:
        """What a model's check found, without what it says of values that could not be rendered."""
        for problem in problems:
            if (problem.line, problem.column) not in self._unrendered:
                self._problems[problem] = None

    def refuse_if_any(self) -> None:
        """Raise ``ManifestInvalid`` in the order of the file, problems without a place last."""
        if self._problems or self._unrendered:
            raise ManifestInvalid(sorted(self._problems, key=_place))


def _place(problem: Problem) -> tuple[bool, int, int]:
    return problem.line == 0, problem.line, problem.column
