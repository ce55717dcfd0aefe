"""Which task may start now: one slot a host, round-robin between hosts, time as an argument."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar


class Waiting(Protocol):
    """Anything that waits for a host's slot."""

    @property
    def slot(self) -> str:
        """The host key whose limits apply."""


W = TypeVar("W", bound=Waiting)


@dataclass(slots=True)
class Slot(Generic[W]):
    """One host: who waits for it, how many are active, and whether the rotation lists it."""

    limit: int
    waiting: deque[W] = field(default_factory=deque)
    active: int = 0
    listed: bool = False


class Frontier(Generic[W]):
    """Tasks that wait. Every operation costs O(log tasks) at worst, whatever the number of hosts.

    ``concurrency`` gives the number of tasks that may be active on a slot at once. A slot with
    nothing waiting and nothing active is forgotten, so memory follows what waits, not what was seen.
    """

    def __init__(self, concurrency: Callable[[str], int]) -> None:
        self._concurrency = concurrency
        self._slots: dict[str, Slot[W]] = {}
        self._rotation: deque[str] = deque()
        self._postponed: list[tuple[float, int, W]] = []
        self._sequence = 0
        self._waiting = 0

    def __len__(self) -> int:
        """Tasks that wait, the postponed ones included, the active ones not."""
        return self._waiting + len(self._postponed)

    def add(self, task: W, *, not_before: float | None = None, first: bool = False) -> None:
        """Admit a task: now, or at ``not_before``; ``first`` puts it ahead of its host's others."""
        if not_before is not None:
            self._sequence += 1
            heapq.heappush(self._postponed, (not_before, self._sequence, task))
            return
        slot = self._slots.get(task.slot)
        if slot is None:
            slot = self._slots[task.slot] = Slot(limit=self._concurrency(task.slot))
        if first:
            slot.waiting.appendleft(task)
        else:
            slot.waiting.append(task)
        self._waiting += 1
        self._list(task.slot, slot)

    def take(self, now: float) -> W | None:
        """The next task that may start at ``now``, counted as active until ``release``."""
        while self._postponed and self._postponed[0][0] <= now:
            self.add(heapq.heappop(self._postponed)[2], first=True)
        if not self._rotation:
            return None
        key = self._rotation.popleft()
        slot = self._slots[key]
        slot.listed = False
        slot.active += 1
        self._waiting -= 1
        task = slot.waiting.popleft()
        self._list(key, slot)
        return task

    def borrow(self, key: str, wanted: int) -> int:
        """Count up to ``wanted`` more as active on a slot that has an active task; how many, at once.

        Only what the limit and those who wait for the slot leave free; each is given back by
        ``release``.
        """
        slot = self._slots[key]
        granted = max(0, min(wanted, slot.limit - slot.active - len(slot.waiting)))
        slot.active += granted
        return granted

    def release(self, key: str) -> None:
        """One of the slot's active tasks has ended its attempt, or returns what it borrowed."""
        slot = self._slots[key]
        slot.active -= 1
        if not slot.active and not slot.waiting:
            del self._slots[key]
        else:
            self._list(key, slot)

    def wakes_at(self) -> float | None:
        """When the next postponed task may start; ``None`` if none is postponed."""
        return self._postponed[0][0] if self._postponed else None

    def _list(self, key: str, slot: Slot[W]) -> None:
        if not slot.listed and slot.waiting and slot.active < slot.limit:
            slot.listed = True
            self._rotation.append(key)
