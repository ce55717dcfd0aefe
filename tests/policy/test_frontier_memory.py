"""What is kept of a host: for the next run, and in this one."""

from __future__ import annotations

import pytest

from crawler.policy import slots
from crawler.policy.heard import Heard, HostMemory, Kind
from crawler.policy.host_rule import HostRule
from crawler.policy.standing import FORGIVEN
from tests.policy.driving import Item, delayed, frontier, ran, started, troubled


def test_what_was_learned_is_told_once_and_taken_up_by_the_next_run() -> None:
    waiting = troubled()
    task = waiting.take(0.0)
    assert task is not None
    ran(waiting, task, Kind.TURNED_AWAY, 0.0, retry_after=30.0)
    [memory] = waiting.memories(10.0)
    assert memory == HostMemory("a:1", pause=20.0, window=2.0)
    assert list(waiting.memories(11.0)) == []
    later = frontier(4, remembered=lambda key: memory)
    later.add(Item("a:1", 0), now=100.0)
    assert later.take(119.9) is None
    assert later.take(120.0) == Item("a:1", 0)


def test_that_a_host_is_well_again_is_told_too() -> None:
    waiting = troubled(30, concurrency=1)
    now = 0.0
    for kind in [Kind.TURNED_AWAY, *[Kind.ANSWERED] * FORGIVEN]:
        task = waiting.take(now)
        assert task is not None
        ran(waiting, task, kind, now, own_delay=1.0)
        now += 10.0
    [memory] = waiting.memories(now)
    assert memory == HostMemory("a:1")


def test_the_last_request_of_a_timed_host_is_remembered() -> None:
    waiting = frontier(1, delayed(5.0))
    waiting.add(Item("a:1", 0), now=0)
    started(waiting, 3.0)
    assert list(waiting.memories(4.0)) == [HostMemory("a:1", age=1.0)]


def test_a_host_of_which_nothing_is_left_is_asked_for_anew() -> None:
    asked: list[str] = []

    def remembered(key: str) -> HostMemory | None:
        asked.append(key)
        return None

    waiting = frontier(1, HostRule(pattern="slow", delay=5.0), remembered=remembered)
    for slot, again in (("a:1", 1.0), ("slow:1", 4.0), ("slow:1", 60.0)):
        waiting.add(Item(slot, 0), now=0)
        task = started(waiting, again)
        if task is not None:
            waiting.release(task, again)
        list(waiting.memories(again))
    assert asked.count("a:1") == 1
    waiting.add(Item("a:1", 1), now=61.0)
    assert asked.count("a:1") == 2


def test_a_forgotten_host_does_not_take_its_successor_along() -> None:
    waiting = frontier(1, delayed(1.0))
    one, two = Item("a:1", 1), Item("a:1", 2)
    waiting.add(one, now=0)
    assert started(waiting, 0.0) == one
    waiting.release(one, 0.5)
    waiting.report(one, Heard(Kind.NEUTRAL, began=0.0), 1.5)
    list(waiting.memories(1.5))
    waiting.add(two, now=2.0)
    assert started(waiting, 2.0) == two
    waiting.release(two, 2.0)


def test_of_idle_hosts_only_a_bounded_number_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "MOST_IDLE", 2)
    asked: list[str] = []
    waiting = frontier(1, remembered=lambda key: asked.append(key))
    for name in ("a:1", "b:1", "c:1"):
        waiting.report(Item(name, 0), Heard(Kind.TURNED_AWAY, began=0.0, retry_after=1.0), 0.0)
    waiting.take(5.0)
    list(waiting.memories(5.0))
    for name in ("c:1", "b:1", "a:1"):
        waiting.add(Item(name, 1), now=5.0)
    assert asked == ["a:1", "b:1", "c:1", "a:1"]
