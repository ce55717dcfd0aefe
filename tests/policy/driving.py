"""Driving a frontier by hand: no event loop, no sleep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from crawler.policy.frontier import Frontier, nothing_remembered
from crawler.policy.heard import GivenUp, Heard, HostMemory, Kind, Paused
from crawler.policy.host_rule import HostRule
from crawler.policy.hosts import HostRules


@dataclass(frozen=True)
class Item:
    slot: str
    number: int
    gentle: bool = False


def frontier(
    concurrency: int = 1,
    *rules: HostRule,
    chance: float = 0.0,
    remembered: Callable[[str], HostMemory | None] = nothing_remembered,
) -> Frontier[Item]:
    table = HostRules(rules, concurrency=concurrency)
    return Frontier(table, chance=lambda: chance, remembered=remembered)


def delayed(delay: float) -> HostRule:
    return HostRule(pattern="*", delay=delay)


def started(waiting: Frontier[Item], now: float) -> Item | None:
    """The next task, begun."""
    task = waiting.take(now)
    assert task is None or waiting.begin(task, now)
    return task


def all_that_may_start(waiting: Frontier[Item], now: float) -> Iterator[Item]:
    while (task := waiting.take(now)) is not None:
        yield task


def ran(waiting: Frontier[Item], task: Item, kind: Kind, now: float, **more: Any) -> Paused | GivenUp | None:
    """What follows from an attempt that began and ended at ``now``."""
    assert waiting.begin(task, now)
    event = waiting.report(task, Heard(kind, began=now, **more), now)
    waiting.release(task, now)
    return event


def troubled(count: int = 8, concurrency: int = 4) -> Frontier[Item]:
    waiting = frontier(concurrency)
    for number in range(count):
        waiting.add(Item("a:1", number), now=0)
    return waiting
