"""Which task may start now: one slot a host, round-robin between hosts, time and chance as arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from crawler.policy.heard import GivenUp, Heard, HostMemory, Kind, Paused
from crawler.policy.pacing import NEVER
from crawler.policy.rotation import Rotation
from crawler.policy.slot import Slot
from crawler.policy.slots import Rules, Slots

_PUT_BACK = 1 << 62  # what was taken once goes ahead of all that goes first


class Waiting(Protocol):
    """Anything that waits for a host's slot."""

    @property
    def slot(self) -> str:
        """The host whose limits apply, "host:port"; it must not change while the task is active."""

    @property
    def gentle(self) -> bool:
        """Whether the careful defaults of a crawl apply."""


W = TypeVar("W", bound=Waiting)


def nothing_remembered(key: str) -> HostMemory | None:
    """For a run that knows of no earlier one."""
    return None


class Frontier(Generic[W]):
    """Tasks that wait. Every operation costs O(log n) at worst, whatever the number of hosts.

    A task's way: ``add``, ``take``, ``begin`` (the attempt starts), ``sent`` (a request has left), ``report``
    (what it showed of the host) and ``release``; ``put_back`` instead of all after ``take``. Times are
    seconds of one clock that never runs backwards; ``chance`` draws from [0, 1).

    A slot is forgotten when nothing waits, nothing is active and a new one would do as well, so
    memory follows what waits, not what was seen. ``remembered`` is asked once for each slot made, and
    by its key.
    """

    def __init__(
        self,
        rules: Rules,
        *,
        chance: Callable[[], float],
        remembered: Callable[[str], HostMemory | None] = nothing_remembered,
    ) -> None:
        self._chance = chance
        self._slots: Slots[W] = Slots(rules, remembered)
        self._rotation: Rotation[W] = Rotation()
        self._sequence = 0
        self._waiting = 0
        self._now = NEVER  # the last time that was told

    def __len__(self) -> int:
        """Tasks that wait, the postponed ones included, the active ones not."""
        return self._waiting

    def add(self, task: W, *, now: float, not_before: float | None = None, first: bool = False) -> str | None:
        """Admit a task behind its host's others; or say why the host was given up, and do not.

        ``first`` puts it ahead of them, behind others that go first; ``not_before`` does so at that time.
        """
        self._now = now
        slot = self._slots.heeding(task.slot, now, gentle=task.gentle)
        if slot.given_up is not None:
            self._settle(slot)
            return slot.given_up
        if first or not_before is not None:
            self._sequence += 1
            slot.line.push_first(task, NEVER if not_before is None else not_before, self._sequence)
        else:
            slot.line.push(task)
        self._waiting += 1
        self._rotation.enter(slot, now)
        return None

    def take(self, now: float) -> W | None:
        """The next task that may start at ``now``, active from here until ``release`` or ``put_back``."""
        self._now = now
        rotation = self._rotation
        rotation.wake(now)
        self._slots.pass_time(now)
        ready = rotation.ready
        while ready:
            slot = ready.popleft()
            slot.listed = False
            at = slot.next_at()
            if at is not None and at <= now:
                slot.active += 1
                self._waiting -= 1
                task = slot.line.pop(now)
                rotation.enter(slot, now)
                return task
            rotation.enter(slot, now)
        return None

    def begin(self, task: W, now: float) -> bool:
        """Count a taken task's attempt as begun; ``False`` if it must not begin now: then ``put_back``.

        Between ``take`` and here its host may have been paused, given up or found to bear less.
        """
        self._now = now
        slot = self._slots.of(task.slot)
        if not slot.begin(task, now, self._chance() if slot.pace is not None else 0.0):
            return False
        if slot.pace is not None:
            self._slots.note(slot)
            self._rotation.enter(slot, now)
        return True

    @property
    def startable(self) -> bool:
        """Whether a task may start now, without waiting for time or for another's end."""
        return bool(self._rotation.ready)

    def timed(self, task: W) -> bool:
        """Whether requests of an active task are to be told by ``sent``: its host has a delay or a rate."""
        return self._slots.of(task.slot).pace is not None

    def withdraw(self, task: W) -> None:
        """A taken task is not to begin at all."""
        slot = self._slots.of(task.slot)
        slot.active -= 1
        self._settle(slot)

    def put_back(self, task: W) -> str | None:
        """A taken task cannot begin: it waits again, ahead of its host's others; see ``add``."""
        slot = self._slots.of(task.slot)
        slot.active -= 1
        if slot.given_up is not None:
            self._settle(slot)
            return slot.given_up
        self._sequence += 1
        slot.line.push_first(task, NEVER, self._sequence - _PUT_BACK)
        self._waiting += 1
        self._rotation.enter(slot, self._now)
        return None

    def sent(self, task: W, now: float) -> None:
        """A request of the task has left; a delay counts from here. May be told of each of several."""
        self._now = now
        slot = self._slots.find(task.slot)
        if slot is not None and slot.pace is not None:
            slot.sent(task, now, self._chance())
            self._rotation.enter(slot, now)

    def release(self, task: W, now: float) -> None:
        """An attempt that had begun needs its host no longer."""
        self._now = now
        slot = self._slots.of(task.slot)
        slot.end(task)
        self._settle(slot)

    def borrow(self, task: W, wanted: int) -> int:
        """Count up to ``wanted`` more as under way for a task that has begun; how many, at once.

        Only what the limit and those who wait for the host leave free, none of a host with a delay or
        a rate; ``give_back`` returns them, before ``release``.
        """
        return self._slots.of(task.slot).lend(wanted)

    def give_back(self, task: W, count: int = 1) -> None:
        """Return so many of the borrowed."""
        slot = self._slots.of(task.slot)
        slot.active -= count
        slot.under_way -= count
        self._rotation.enter(slot, self._now)

    def report(self, task: W, heard: Heard, now: float) -> Paused | GivenUp | None:
        """Take in what an attempt showed of its host, before or after ``release``; what follows from it.

        After ``GivenUp`` the host's tasks are no longer taken: ``drain`` gives out those that wait.
        """
        self._now = now
        slot = self._slots.find(task.slot)
        bad = heard.kind is Kind.TURNED_AWAY or heard.kind is Kind.UNREACHABLE
        if slot is None:
            if not bad:
                return None
            slot = self._slots.heeding(task.slot, now, gentle=task.gentle)
        if bad or not slot.neutral:
            self._slots.note(slot)
        event = slot.hear(task, heard, now, self._chance() if bad else 0.0)
        self._settle(slot)
        return event

    def given_up(self, task: W) -> str | None:
        """Why the task's host was given up, or ``None``."""
        slot = self._slots.find(task.slot)
        return None if slot is None else slot.given_up

    def drain(self, key: str) -> Iterator[W]:
        """The tasks that wait for a slot, the postponed ones included, taken out one by one."""
        slot = self._slots.keyed(key)
        if slot is not None:
            for task in slot.line.drain():
                self._waiting -= 1
                yield task
            self._settle(slot)

    def take_out(self, wanted: Callable[[W], bool]) -> list[W]:
        """The waiting tasks that are ``wanted``, taken out of every slot; looks at all that wait."""
        out: list[W] = []
        for slot in self._slots.all():
            found = slot.line.take_out(wanted)
            if found:
                self._waiting -= len(found)
                out += found
                self._settle(slot)
        return out

    def ask_delay(self, host: str, seconds: float, now: float, age: float = 0.0) -> None:
        """A host's own wish (robots.txt) for the delay between requests: it lengthens, never shortens.

        ``age`` is how many seconds ago it was asked for that.
        """
        self._now = now
        slot = self._slots.find(host) or self._slots.heeding(host, now)
        slot.ask_delay(seconds, now, age)
        self._settle(slot)

    def wakes_at(self) -> float | None:
        """After ``take`` gave nothing: when time alone may let a task start; ``None`` if only events can."""
        return self._rotation.wakes_at()

    def memories(self, now: float) -> Iterator[HostMemory]:
        """What to keep of each slot that has changed since the last call; also that it is neutral again."""
        return self._slots.memories(now)

    def _settle(self, slot: Slot[W]) -> None:
        """After a task has left: the next one's turn, or rest, or oblivion."""
        if not slot.idle:
            self._rotation.enter(slot, self._now)
        else:
            self._slots.rest(slot, self._now)
