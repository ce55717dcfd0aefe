"""Whose turn it is: hosts of which a task may start now, one after another, and when others join them."""

from __future__ import annotations

import heapq
from collections import deque
from typing import Generic, TypeVar

from crawler.policy.slot import Slot

W = TypeVar("W")


class Rotation(Generic[W]):
    """Slots that have their turn, in ``ready``, and those that sleep until their time has come.

    Who takes a slot from the left of ``ready`` clears its ``listed`` and lets it ``enter`` again. Times are
    the frontier's seconds. Every operation costs O(log n) at worst.
    """

    def __init__(self) -> None:
        self.ready: deque[Slot[W]] = deque()  # those of which a task may start now
        self._sleeping: list[tuple[float, int, Slot[W]]] = []  # those whose time is still to come
        self._sequence = 0

    def enter(self, slot: Slot[W], now: float) -> None:
        """Let the slot have its turn: now, or when its time has come; else an event will bring it here."""
        if slot.listed:
            return
        at = slot.next_at()
        if at is None:
            return
        if at <= now:
            slot.listed = True
            self.ready.append(slot)
        elif slot.wakes is None or at < slot.wakes:
            slot.wakes = at
            self._sequence += 1
            heapq.heappush(self._sleeping, (at, self._sequence, slot))

    def wake(self, now: float) -> None:
        """Let those enter whose time has come."""
        while self._sleeping and self._sleeping[0][0] <= now:
            at, _, slot = heapq.heappop(self._sleeping)
            if at == slot.wakes:
                slot.wakes = None
                self.enter(slot, now)

    def wakes_at(self) -> float | None:
        """When the first of those that sleep has its turn; ``None`` if time alone wakes nobody."""
        while self._sleeping and self._sleeping[0][0] != self._sleeping[0][2].wakes:
            heapq.heappop(self._sleeping)
        return self._sleeping[0][0] if self._sleeping else None
