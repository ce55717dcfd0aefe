"""Every problem of a manifest, gathered before any is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from crawler.errors import ManifestInvalid, Problem
from crawler.syntax.compose import in_order
from crawler.syntax.nodes import Node


class Findings:
    """Problems with their places; a value that could not be rendered is not complained about twice."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._problems: dict[Problem, None] = {}  # keeps each once, in order
        self._messages: set[str] = set()
        self._unrendered: set[tuple[int, int]] = set()

    def __len__(self) -> int:
        return len(self._problems) + len(self._unrendered)

    def add(self, node: Node | None, message: str) -> None:
        """A problem at a node, or without a place."""
        self.at((node.line, node.column) if node else (0, 0), message)

    def at(self, place: tuple[int, int], message: str) -> None:
        """A problem at a line and column, unless what stands there is no good already."""
        if place not in self._unrendered:
            self._keep(Problem(self.file, *place, message))

    def holds(self, message: str) -> bool:
        """Whether this has been said already, wherever."""
        return message in self._messages

    def unrendered(self, problem: Problem, *, consequence: bool) -> None:
        """A template failed; a ``consequence`` of a problem already reported is only remembered."""
        self._unrendered.add((problem.line, problem.column))
        if not consequence:
            self._keep(problem)

    def extend(self, problems: Iterable[Problem]) -> None:
        """What a model's check found, without what it says of values that could not be rendered."""
        for problem in problems:
            if (problem.line, problem.column) not in self._unrendered:
                self._keep(problem)

    def _keep(self, problem: Problem) -> None:
        self._problems[problem] = None
        self._messages.add(problem.message)

    def refuse_if_any(self, hidden: Callable[[str], str]) -> None:
        """Raise ``ManifestInvalid`` in the order of the file, problems without a place last.

        ``hidden`` takes out of a message what must not be shown.
        """
        if self._problems or self._unrendered:
            shown = [replace(problem, message=hidden(problem.message)) for problem in self._problems]
            raise ManifestInvalid(in_order(shown))
