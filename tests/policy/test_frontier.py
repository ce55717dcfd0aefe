"""Which task may start now: hosts take turns, none above its limit."""

from __future__ import annotations

from crawler.policy.host_rule import HostRule
from tests.policy.driving import Item, frontier, started


def test_a_host_never_has_more_active_tasks_than_its_limit() -> None:
    waiting = frontier(2)
    for number in range(5):
        waiting.add(Item("a:1", number), now=0)
    assert [started(waiting, 0.0) for _ in range(3)] == [Item("a:1", 0), Item("a:1", 1), None]
    waiting.release(Item("a:1", 0), 0.0)
    assert waiting.take(0.0) == Item("a:1", 2)
    assert waiting.take(0.0) is None


def test_hosts_take_turns() -> None:
    waiting = frontier(10)
    for slot in ("a:1", "b:1"):
        for number in range(3):
            waiting.add(Item(slot, number), now=0)
    taken = [waiting.take(0.0) for _ in range(6)]
    assert [item.slot for item in taken if item] == ["a:1", "b:1", "a:1", "b:1", "a:1", "b:1"]


def test_a_full_host_does_not_hold_up_the_ones_behind_it() -> None:
    waiting = frontier(1)
    for number in range(100):
        waiting.add(Item("slow:1", number), now=0)
    waiting.add(Item("fast:1", 0), now=0)
    assert waiting.take(0.0) == Item("slow:1", 0)
    assert waiting.take(0.0) == Item("fast:1", 0)


def test_a_postponed_task_starts_at_its_time_and_ahead_of_its_host() -> None:
    waiting = frontier(1)
    waiting.add(Item("a:1", 0), now=0, not_before=5.0)
    assert waiting.take(4.9) is None
    assert waiting.wakes_at() == 5.0
    waiting.add(Item("a:1", 1), now=4.9)
    assert len(waiting) == 2
    assert waiting.take(5.0) == Item("a:1", 0)


def test_a_postponed_task_does_not_hold_up_those_behind_it() -> None:
    waiting = frontier(1)
    waiting.add(Item("a:1", 0), now=0, not_before=5.0)
    waiting.add(Item("a:1", 1), now=0)
    assert waiting.take(0.0) == Item("a:1", 1)


def test_a_nearer_time_wakes_earlier_than_one_that_was_known_before() -> None:
    waiting = frontier(1)
    waiting.add(Item("a:1", 0), now=0, not_before=5.0)
    waiting.add(Item("a:1", 1), now=0, not_before=2.0)
    assert waiting.wakes_at() == 2.0
    assert waiting.take(2.0) == Item("a:1", 1)


def test_what_goes_first_keeps_its_order_and_what_is_put_back_goes_before_it() -> None:
    waiting = frontier(9)
    waiting.add(Item("a:1", 0), now=0)
    taken = waiting.take(0.0)
    assert taken is not None
    waiting.add(Item("a:1", 1), now=0)
    waiting.add(Item("a:1", 2), now=0, first=True)
    waiting.add(Item("a:1", 3), now=0, first=True)
    assert waiting.put_back(taken) is None
    order = [waiting.take(0.0) for _ in range(4)]
    assert [item.number for item in order if item] == [0, 2, 3, 1]


def test_only_what_the_limit_and_the_waiting_leave_free_is_lent() -> None:
    waiting = frontier(5)
    first, second = Item("a:1", 0), Item("a:1", 1)
    waiting.add(first, now=0)
    assert started(waiting, 0.0) == first
    waiting.add(second, now=0)
    assert waiting.borrow(first, 9) == 3
    assert waiting.borrow(first, 1) == 0
    assert started(waiting, 0.0) == second
    waiting.add(Item("a:1", 2), now=0)
    assert waiting.take(0.0) is None
    waiting.give_back(first, 1)
    assert waiting.take(0.0) == Item("a:1", 2)


def test_what_is_on_its_way_to_a_worker_is_not_lent() -> None:
    waiting = frontier(2)
    for number in range(2):
        waiting.add(Item("a:1", number), now=0)
    first = started(waiting, 0.0)
    assert first is not None
    assert waiting.take(0.0) == Item("a:1", 1)
    assert waiting.borrow(first, 1) == 0


def test_several_names_of_one_group_count_as_one_host() -> None:
    waiting = frontier(1, HostRule(pattern="*.a", group="farm"))
    for name in ("x.a:1", "y.a:1", "b:1"):
        waiting.add(Item(name, 0), now=0)
    assert [waiting.take(0.0) for _ in range(3)] == [Item("x.a:1", 0), Item("b:1", 0), None]


def test_in_a_group_the_most_careful_members_limits_hold_for_all() -> None:
    group = HostRule(pattern="*.a", group="farm")
    waiting = frontier(4, group, HostRule(pattern="y.a", concurrency=1))
    waiting.add(Item("x.a:1", 0), now=0)
    waiting.add(Item("y.a:1", 0), now=0)
    assert waiting.take(0.0) == Item("x.a:1", 0)
    assert waiting.take(0.0) is None


def test_a_task_that_is_withdrawn_makes_room_for_the_next() -> None:
    waiting = frontier(1)
    for number in range(2):
        waiting.add(Item("a:1", number), now=0)
    assert waiting.startable
    first = waiting.take(0.0)
    assert first is not None
    assert not waiting.startable
    waiting.withdraw(first)
    assert waiting.take(0.0) == Item("a:1", 1)
