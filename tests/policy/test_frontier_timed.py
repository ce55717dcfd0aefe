"""Hosts with a delay or a rate."""

from __future__ import annotations

import pytest

from crawler.policy.frontier import nothing_remembered
from crawler.policy.heard import HostMemory
from crawler.policy.host_rule import HostRule
from tests.policy.driving import Item, all_that_may_start, delayed, frontier, started


def test_a_host_is_timed_once_it_has_a_delay_be_it_its_own_wish() -> None:
    waiting = frontier(1)
    task = Item("a:1", 0)
    waiting.add(task, now=0)
    assert waiting.take(0.0) == task
    assert not waiting.timed(task)
    waiting.ask_delay("a:1", 1.0, 0.0)
    assert waiting.timed(task)
    assert not waiting.begin(task, 0.5)


def test_a_delay_counts_from_when_the_request_has_left() -> None:
    waiting = frontier(4, delayed(1.0))
    for number in range(3):
        waiting.add(Item("a:1", number), now=0)
    first = started(waiting, 10.0)
    assert first is not None
    assert waiting.take(12.0) is None  # not yet sent
    waiting.sent(first, 12.0)
    assert waiting.take(12.9) is None
    assert waiting.wakes_at() == 13.0
    assert started(waiting, 13.0) == Item("a:1", 1)


def test_a_delay_counts_from_the_start_of_an_attempt_that_ends_without_sending() -> None:
    waiting = frontier(4, delayed(1.0))
    for number in range(2):
        waiting.add(Item("a:1", number), now=0)
    first = started(waiting, 10.0)
    assert first is not None
    waiting.release(first, 10.5)
    assert waiting.take(10.9) is None
    assert waiting.take(11.0) == Item("a:1", 1)


def test_a_delay_is_measured_where_a_worker_begins_and_not_where_the_queue_is_filled() -> None:
    waiting = frontier(4, delayed(1.0))
    for number in range(3):
        waiting.add(Item("a:1", number), now=0)
    first = waiting.take(0.0)
    assert first is not None
    assert waiting.take(100.0) is None  # one of a timed host is on its way to a worker
    assert waiting.begin(first, 100.0)
    waiting.sent(first, 100.0)
    assert waiting.take(100.9) is None
    assert waiting.take(101.0) == Item("a:1", 1)


def test_a_delay_outlives_the_moment_in_which_nothing_waits() -> None:
    waiting = frontier(4, delayed(1.0))
    waiting.add(Item("a:1", 0), now=0)
    first = started(waiting, 0.0)
    assert first is not None
    waiting.sent(first, 0.1)
    waiting.release(first, 0.2)
    assert len(list(waiting.memories(0.2))) == 1
    waiting.add(Item("a:1", 1), now=0.3)
    assert waiting.take(0.3) is None
    assert waiting.wakes_at() == 1.1


def test_jitter_lengthens_a_delay_by_at_most_a_fifth() -> None:
    waiting = frontier(4, delayed(1.0), chance=0.999)
    for number in range(2):
        waiting.add(Item("a:1", number), now=0)
    first = started(waiting, 0.0)
    assert first is not None
    waiting.sent(first, 0.0)
    assert waiting.take(1.19) is None
    assert waiting.take(1.2) == Item("a:1", 1)


@pytest.mark.parametrize("late", [0.0, 0.03])
def test_a_rate_is_kept_within_two_percent_over_thirty_seconds_though_starts_are_late(late: float) -> None:
    waiting = frontier(1000, HostRule(pattern="*", rate=10.0))
    for number in range(400):
        waiting.add(Item("a:1", number), now=0)
    begins: list[float] = []
    now = 0.0
    while now < 31:
        task = started(waiting, now)
        if task is not None:
            begins.append(now)
            waiting.release(task, now)
        at = waiting.wakes_at()
        now = max(now, at if at is not None else now) + late
    within = sum(1 for at in begins if 0.5 <= at < 30.5)
    assert abs(within - 300) <= 6


def test_a_burst_lets_that_many_begin_at_once_and_then_the_rate_holds() -> None:
    waiting = frontier(10, HostRule(pattern="*", rate=1.0, burst=3))
    for number in range(5):
        waiting.add(Item("a:1", number), now=0)
    assert sum(started(waiting, 0.0) is not None for _ in range(5)) == 3
    assert waiting.wakes_at() == pytest.approx(1.0)


def test_nothing_is_lent_on_a_timed_host() -> None:
    waiting = frontier(8, HostRule(pattern="*", rate=5.0))
    waiting.add(Item("a:1", 0), now=0)
    assert waiting.borrow(started(waiting, 0.0) or Item("", 0), 3) == 0


def test_a_host_that_asks_for_a_longer_delay_gets_it_and_never_a_shorter_one() -> None:
    waiting = frontier(4, delayed(2.0))
    waiting.ask_delay("a:1", 1.0, 0.0)
    waiting.ask_delay("b:1", 9.0, 0.0)
    for slot in ("a:1", "b:1"):
        for number in range(2):
            waiting.add(Item(slot, number), now=100.0)
        first = started(waiting, 200.0)
        assert first is not None
        assert first.slot == slot
        waiting.sent(first, 200.0)
    assert [waiting.take(202.0), waiting.take(208.9)] == [Item("a:1", 1), None]
    assert waiting.take(209.0) == Item("b:1", 1)


def test_a_host_s_own_delay_counts_from_the_last_request_of_an_earlier_run() -> None:
    known = {"a:1": HostMemory("a:1", age=2.0), "b:1": HostMemory("b:1", age=50.0)}
    for gentle in (False, True):
        waiting = frontier(4, remembered=known.get)
        for place, slot in enumerate(known):
            waiting.ask_delay(slot, 5.0, 100.0, age=60.0)  # robots.txt came before that
            waiting.add(Item(slot, place, gentle=gentle), now=100.0)
        assert started(waiting, 100.0) == Item("b:1", 1, gentle=gentle)  # it has waited long enough
        assert waiting.take(102.9) is None
        assert waiting.take(103.0) == Item("a:1", 0, gentle=gentle)


def test_a_host_s_own_delay_counts_from_when_it_was_asked_for_robots_txt() -> None:
    known = {"a:1": HostMemory("a:1", age=5000.0)}
    for remembered in (known.get, nothing_remembered):
        waiting = frontier(4, remembered=remembered)
        waiting.ask_delay("a:1", 5.0, 100.0, age=1.0)
        waiting.add(Item("a:1", 0), now=100.0)
        assert waiting.take(103.9) is None
        assert waiting.take(104.0) == Item("a:1", 0)


def test_a_host_s_own_delay_counts_from_now_where_nobody_counted_its_requests() -> None:
    waiting = frontier(4)
    for number in range(2):
        waiting.add(Item("a:1", number), now=0.0)
    assert started(waiting, 50.0) == Item("a:1", 0)
    waiting.ask_delay("a:1", 5.0, 100.0, age=60.0)
    assert waiting.take(104.9) is None
    assert waiting.take(105.0) == Item("a:1", 1)


def test_a_crawl_is_gentle_where_no_rule_speaks() -> None:
    waiting = frontier(4)
    for number in range(2):
        waiting.add(Item("a:1", number, gentle=True), now=0)
    first = started(waiting, 0.0)
    assert first is not None
    waiting.sent(first, 0.0)
    assert waiting.take(5.0) is None  # one at a time
    waiting.release(first, 0.5)
    assert waiting.take(0.9) is None  # a second apart
    assert waiting.take(1.0) is not None


def test_the_delay_is_kept_across_runs() -> None:
    known = {name: HostMemory(name, age=age) for name, age in (("a:1", 1.0), ("b:1", 5.0), ("plain:1", 0.0))}
    waiting = frontier(1, delayed(4.0), HostRule(pattern="plain", delay=0.0), remembered=known.get)
    for slot in (*known, "new:1"):
        waiting.add(Item(slot, 0), now=0.0)
    taken = {now: [task.slot for task in all_that_may_start(waiting, now)] for now in (0.0, 2.9, 3.0)}
    assert taken == {0.0: ["b:1", "plain:1", "new:1"], 2.9: [], 3.0: ["a:1"]}


def test_a_host_that_becomes_timed_counts_from_that_moment() -> None:
    waiting = frontier(4)
    for number in range(2):
        waiting.add(Item("a:1", number), now=0)
    assert started(waiting, 0.0) == Item("a:1", 0)
    waiting.add(Item("a:1", 2, gentle=True), now=5.0)
    waiting.release(Item("a:1", 0), 5.0)
    assert waiting.take(5.9) is None
    assert waiting.take(6.0) == Item("a:1", 1)
