"""The frontier, driven by hand: no event loop, no sleep."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from crawler.policy.frontier import Frontier


@dataclass(frozen=True)
class Item:
    slot: str
    number: int


def frontier(limit: int = 1) -> Frontier[Item]:
    return Frontier(lambda slot: limit)


def test_a_host_never_has_more_active_tasks_than_its_limit() -> None:
    waiting = frontier(2)
    for number in range(5):
        waiting.add(Item("a", number))
    assert [waiting.take(0.0) for _ in range(3)] == [Item("a", 0), Item("a", 1), None]
    waiting.release("a")
    assert waiting.take(0.0) == Item("a", 2)
    assert waiting.take(0.0) is None


def test_hosts_take_turns() -> None:
    waiting = frontier(10)
    for slot in "ab":
        for number in range(3):
            waiting.add(Item(slot, number))
    taken = [waiting.take(0.0) for _ in range(6)]
    assert [item.slot for item in taken if item] == ["a", "b", "a", "b", "a", "b"]


def test_a_full_host_does_not_hold_up_the_ones_behind_it() -> None:
    waiting = frontier(1)
    for number in range(100):
        waiting.add(Item("slow", number))
    waiting.add(Item("fast", 0))
    assert waiting.take(0.0) == Item("slow", 0)
    assert waiting.take(0.0) == Item("fast", 0)


def test_a_postponed_task_starts_at_its_time_and_ahead_of_its_host() -> None:
    waiting = frontier(1)
    waiting.add(Item("a", 1))
    waiting.add(Item("a", 0), not_before=5.0)
    assert waiting.wakes_at() == 5.0
    assert len(waiting) == 2
    assert waiting.take(5.0) == Item("a", 0)
    assert waiting.wakes_at() is None


def test_only_what_the_limit_and_the_waiting_leave_free_is_lent() -> None:
    waiting = frontier(5)
    waiting.add(Item("a", 0))
    assert waiting.take(0.0) == Item("a", 0)
    waiting.add(Item("a", 1))
    assert waiting.borrow("a", 9) == 3
    assert waiting.borrow("a", 1) == 0
    assert waiting.take(0.0) == Item("a", 1)
    waiting.add(Item("a", 2))
    assert waiting.take(0.0) is None
    waiting.release("a")
    assert waiting.take(0.0) == Item("a", 2)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("add"), st.sampled_from("abc"), st.none() | st.floats(0, 10)),
            st.tuples(st.just("take"), st.just(""), st.none()),
            st.tuples(st.just("release"), st.sampled_from("abc"), st.none()),
            st.tuples(st.just("borrow"), st.sampled_from("abc"), st.none()),
        ),
        max_size=60,
    ),
    st.integers(1, 3),
)
def test_nothing_is_lost_doubled_early_or_above_the_limit(
    steps: list[tuple[str, str, float | None]], limit: int
) -> None:
    waiting = frontier(limit)
    active: dict[str, int] = dict.fromkeys("abc", 0)
    pending: dict[Item, float] = {}
    now = 0.0
    for number, (verb, slot, not_before) in enumerate(steps):
        now += 0.5
        if verb == "add":
            item = Item(slot, number)
            waiting.add(item, not_before=not_before)
            pending[item] = not_before or 0.0
        elif verb == "borrow" and active[slot]:
            active[slot] += waiting.borrow(slot, 2)
            assert active[slot] <= limit
        elif verb == "release" and active[slot]:
            active[slot] -= 1
            waiting.release(slot)
        elif verb == "take":
            taken = waiting.take(now)
            if taken is None:
                assert all(active[i.slot] >= limit for i, at in pending.items() if at <= now)
                continue
            assert pending.pop(taken) <= now
            active[taken.slot] += 1
            assert active[taken.slot] <= limit
        assert len(waiting) == len(pending)
