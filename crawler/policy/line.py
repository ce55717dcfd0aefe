"""Who waits for one host, in which order."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

W = TypeVar("W")


class Line(Generic[W]):
    """A queue, and those who go ahead of it, each from its time on."""

    __slots__ = ("_first", "_others")

    def __init__(self) -> None:
        self._others: deque[W] = deque()
        self._first: list[tuple[float, int, W]] = []

    def __len__(self) -> int:
        return len(self._others) + len(self._first)

    def push(self, task: W) -> None:
        """Behind all others."""
        self._others.append(task)

    def push_first(self, task: W, not_before: float, order: int) -> None:
        """Ahead of the others from ``not_before`` on; ``order`` ranks those of one time."""
        heapq.heappush(self._first, (not_before, order, task))

    def opens(self, otherwise: float) -> float | None:
        """When somebody may go: ``otherwise`` if that takes no time of its own, ``None`` if nobody waits."""
        if self._others:
            return otherwise
        return max(otherwise, self._first[0][0]) if self._first else None

    def pop(self, now: float) -> W:
        """The next one; ``opens`` has said that there is one at ``now``."""
        if self._first and (self._first[0][0] <= now or not self._others):
            return heapq.heappop(self._first)[2]
        return self._others.popleft()

    def take_out(self, wanted: Callable[[W], bool]) -> list[W]:
        """Those who are ``wanted``, no longer waiting; the others keep their places."""
        out = [task for task in self._others if wanted(task)]
        out += [entry[2] for entry in self._first if wanted(entry[2])]
        if out:
            self._others = deque(task for task in self._others if not wanted(task))
            self._first = [entry for entry in self._first if not wanted(entry[2])]
            heapq.heapify(self._first)
        return out

    def drain(self) -> Iterator[W]:
        """Everyone, each no longer waiting once it is given out."""
        while self._first or self._others:
            yield heapq.heappop(self._first)[2] if self._first else self._others.popleft()
