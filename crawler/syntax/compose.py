"""From PyYAML's events to nodes, with a stack of its own and every bound that hostile input needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from crawler.errors import ManifestInvalid, Problem
from crawler.syntax.nodes import NO_KEYS, Node, Scalar
from crawler.syntax.scalars import core_scalar
from crawler.syntax.words import shown
from crawler.syntax.yaml_errors import explain

MAX_DEPTH = 64
MAX_ALIASED = 10_000  # nodes that aliases may add to the written ones
_MAX_PROBLEMS = 1000


@dataclass(slots=True)
class _Anchored:
    """What an alias stands for; ``size`` and ``height`` count the nodes and levels it brings along."""

    node: Node
    size: int
    height: int


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not come yet."""

    node: Node
    anchor: str | None
    items: dict[str, Node] | list[Node]
    positions: dict[str, tuple[int, int]]
    key: str | None = None  # the key whose value comes next
    size: int = 1
    height: int = 1


class _TooManyProblemsError(Exception):
    pass


class Composer:
    """Builds nodes from PyYAML's events with a stack of its own, so that depth costs no recursion."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._problems: list[Problem] = []
        self._readable = True  # in spite of them, so that the rest can be checked as well
        self._anchors: dict[str, _Anchored | None] = {}  # None: still open
        self._stack: list[_Open] = []
        self._aliased = 0
        self._root: Node | None = None

    def compose(self, text: str, allow_empty: bool) -> tuple[Node, list[Problem]]:
        """The document's root node, and what is wrong in single places of it.

        Raises ``ManifestInvalid`` with every problem found where more is wrong than that.
        """
        import yaml  # imported here: it costs 30 ms, and most modules only need Node

        try:
            self._read(_events(text))
        except yaml.MarkedYAMLError as error:
            self._note(*explain(error, text))
        except yaml.YAMLError as error:
            self._refuse(Problem(self._file, 0, 0, str(error)))
        except _TooManyProblemsError:
            self._refuse(Problem(self._file, 0, 0, "too many problems; the rest is not shown"))
        root = self._root
        if root is None or (root.value is None and not root.written):
            if allow_empty and not self._problems:
                return Node(None, 1, 1), []
            if not self._problems:
                self._refuse(Problem(self._file, 1, 1, "the file is empty"))
        if root is None or not self._readable:
            raise ManifestInvalid(in_order(self._problems))
        return root, self._problems

    def _read(self, events: Iterator[Any]) -> None:
        documents = 0
        for event in events:
            kind = type(event).__name__
            if kind == "ScalarEvent":
                self._scalar(event)
            elif kind in ("MappingStartEvent", "SequenceStartEvent"):
                if not self._open(event, kind == "MappingStartEvent"):
                    return
            elif kind in ("MappingEndEvent", "SequenceEndEvent"):
                self._close()
            elif kind == "AliasEvent":
                if not self._alias(event):
                    return
            elif kind == "DocumentStartEvent":
                documents += 1
                if documents > 1:
                    self._note(event.start_mark, "a second document starts here; expected only one")
                    return

    def _scalar(self, event: Any) -> None:
        self._refuse_tag(event)
        text: str = event.value
        unquoted = event.style in (None, "")
        if self._wants_key():
            self._key(text, event.start_mark, unquoted)
            if event.anchor:
                self._anchors[event.anchor] = _Anchored(_node(event, text, unquoted), 1, 0)
            return
        try:
            node = _node(event, core_scalar(text) if unquoted else text, unquoted)
        except ValueError as error:
            self._note(event.start_mark, str(error), readable=True)
            node = _node(event, None, unquoted)
        node.written = text if unquoted else ""
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(node, 1, 0)
        self._add(node, 1, 0)

    def _open(self, event: Any, mapping: bool) -> bool:
        self._refuse_tag(event)
        if self._wants_key():
            self._note(
                event.start_mark, "a key must be text, found a mapping or list; quote it if it is text"
            )
            return False
        if len(self._stack) >= MAX_DEPTH:
            self._note(event.start_mark, f"nested deeper than {MAX_DEPTH} levels")
            return False
        if event.anchor:
            self._anchors[event.anchor] = None
        items: dict[str, Node] | list[Node] = {} if mapping else []
        positions: dict[str, tuple[int, int]] = {}
        mark = event.start_mark
        node = Node(items, mark.line + 1, mark.column + 1, positions if mapping else NO_KEYS)
        self._stack.append(_Open(node, event.anchor, items, positions))
        return True

    def _close(self) -> None:
        done = self._stack.pop()
        if done.anchor:
            self._anchors[done.anchor] = _Anchored(done.node, done.size, done.height)
        self._add(done.node, done.size, done.height)

    def _alias(self, event: Any) -> bool:
        name, mark = event.anchor, event.start_mark
        target = self._anchors.get(name)
        if target is None:
            inside = name in self._anchors
            reason = "stands inside its own anchor" if inside else "has no anchor before it"
            self._note(mark, f"the alias '*{name}' {reason}", readable=True)
            target = _Anchored(Node(None, 0, 0), 1, 0)
        if self._wants_key():
            if isinstance(target.node.value, dict | list):
                self._note(mark, f"a key must be text, found the alias '*{name}' of a mapping or list")
                return False
            self._key(target.node.written or _text(target.node.value), mark, False)
            return True
        self._aliased += target.size - 1
        if self._aliased > MAX_ALIASED:
            self._note(mark, f"aliases repeat more than {MAX_ALIASED} values")
            return False
        if len(self._stack) + target.height > MAX_DEPTH:
            self._note(mark, f"nested deeper than {MAX_DEPTH} levels through the alias '*{name}'")
            return False
        node = replace(target.node, line=mark.line + 1, column=mark.column + 1)
        self._add(node, target.size, target.height)
        return True

    def _wants_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].items, dict) and self._stack[-1].key is None

    def _key(self, text: str, mark: Any, unquoted: bool) -> None:
        top = self._stack[-1]
        if text == "<<" and unquoted:
            self._note(mark, "YAML 1.2 has no merge keys; write the keys out, or alias a whole value")
        elif text in top.positions:
            line, column = top.positions[text]
            message = f"duplicate key {shown(text)}; it already stands at line {line}, column {column}"
            self._note(mark, message, readable=True)
        top.key = text
        top.positions.setdefault(text, (mark.line + 1, mark.column + 1))

    def _add(self, node: Node, size: int, height: int) -> None:
        if not self._stack:
            self._root = node
            return
        top = self._stack[-1]
        top.size += size
        top.height = max(top.height, height + 1)
        if isinstance(top.items, list):
            top.items.append(node)
        elif top.key is not None:
            top.items.setdefault(top.key, node)
            top.key = None

    def _refuse_tag(self, event: Any) -> None:
        if event.tag is not None:
            tag = str(event.tag).replace("tag:yaml.org,2002:", "!!", 1)
            message = f"tags are not accepted, found {shown(tag)}; remove it"
            self._note(event.start_mark, message, readable=True)

    def _refuse(self, problem: Problem) -> None:
        self._readable = False
        self._problems.append(problem)

    def _note(self, mark: Any, message: str, *, readable: bool = False) -> None:
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
        self._problems.append(Problem(self._file, line, column, message))
        self._readable = self._readable and readable
        if len(self._problems) >= _MAX_PROBLEMS:
            raise _TooManyProblemsError


def _node(event: Any, value: Scalar, unquoted: bool) -> Node:
    return Node(value, event.start_mark.line + 1, event.start_mark.column + 1, NO_KEYS, unquoted)


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """As they stand in the file, those without a place last."""
    return sorted(problems, key=lambda problem: (problem.line == 0, problem.line, problem.column))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _events(text: str) -> Iterator[Any]:
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return iter(yaml.parse(text, Loader=loader))
