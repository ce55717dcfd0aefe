"""All hosts of which something waits, is active or is known; the others are forgotten."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from crawler.policy.heard import HostMemory
from crawler.policy.limits import Limits
from crawler.policy.slot import Slot

# Idle hosts that are kept only for what was learned of them; beyond it the longest idle ones go. What
# is kept of them across runs stays known, since the next slot of that key remembers it.
MOST_IDLE = 4096

W = TypeVar("W")


class Rules(Protocol):
    """What holds for a slot; ``HostRules``."""

    def key(self, slot: str) -> str:
        """The slot's group, or itself."""

    def limits(self, slot: str, *, gentle: bool = False) -> Limits:
        """The limits of the slot; the same object while they are the same."""


class Slots(Generic[W]):
    """Makes slots, finds them, and lets go of idle ones as soon as a new one would do as well.

    Hosts are "host:port", ``now`` is in seconds.
    """

    def __init__(self, rules: Rules, remembered: Callable[[str], HostMemory | None]) -> None:
        self._rules = rules
        self._remembered = remembered
        self._slots: dict[str, Slot[W]] = {}
        self._resting: list[tuple[float, int, Slot[W]]] = []  # idle ones whose times have not passed
        self._learned: OrderedDict[str, Slot[W]] = OrderedDict()  # idle ones of which we know something
        self._changed: dict[str, Slot[W]] = {}
        self._sequence = 0

    def of(self, host: str) -> Slot[W]:
        """The slot of a host that has an active task."""
        return self._slots[self._rules.key(host)]

    def find(self, host: str) -> Slot[W] | None:
        """The host's slot, if there is one."""
        return self._slots.get(self._rules.key(host))

    def all(self) -> list[Slot[W]]:
        """Every slot there is."""
        return list(self._slots.values())

    def keyed(self, key: str) -> Slot[W] | None:
        """The slot of that key, if there is one."""
        return self._slots.get(key)

    def heeding(self, host: str, now: float, *, gentle: bool = False) -> Slot[W]:
        """The host's slot, made if need be, with these limits taken in."""
        limits = self._rules.limits(host, gentle=gentle)
        key = self._rules.key(host)
        slot = self._slots.get(key)
        if slot is None:
            slot = self._changed.get(key)  # let go, but not yet told to ``memories``
            if slot is None:
                memory = self._remembered(key) or HostMemory(key)
                slot = Slot(limits, memory, now=now)
            self._slots[key] = slot
        slot.heed(limits, now)
        return slot

    def note(self, slot: Slot[W]) -> None:
        """What is known of the slot has changed."""
        self._changed[slot.key] = slot

    def memories(self, now: float) -> Iterator[HostMemory]:
        """What to keep of each slot that was noted since the last call; also that it is neutral again."""
        changed, self._changed = self._changed, {}
        for slot in changed.values():
            yield slot.memory(now)

    def rest(self, slot: Slot[W], now: float) -> None:
        """The slot is idle: forget it, or keep it for as long as it differs from a new one."""
        if slot.rested_at > now:
            if not slot.resting:
                slot.resting = True
                self._sequence += 1
                heapq.heappush(self._resting, (slot.rested_at, self._sequence, slot))
        elif slot.neutral:
            self._slots.pop(slot.key, None)
            self._learned.pop(slot.key, None)
        else:
            self._learned[slot.key] = slot
            self._learned.move_to_end(slot.key)
            self._forget_some()

    def pass_time(self, now: float) -> None:
        """Look again at idle slots whose times have passed."""
        while self._resting and self._resting[0][0] <= now:
            slot = heapq.heappop(self._resting)[2]
            slot.resting = False
            if slot.idle and self._slots.get(slot.key) is slot:
                self.rest(slot, now)

    def _forget_some(self) -> None:
        while len(self._learned) > MOST_IDLE:
            key, slot = self._learned.popitem(last=False)
            if slot.idle and not slot.resting:
                self._slots.pop(key, None)
