"""How the window of one host grows and shrinks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crawler.policy.adaptive import ENOUGH, Window


def answer(
    window: Window, seconds: float, times: int, *, now: float, limit: int = 8, full: bool = True
) -> None:
    for _ in range(times):
        window.answered(now, seconds, now, limit=limit, full=full)


def test_one_more_for_each_good_round() -> None:
    window = Window(2.0)
    answer(window, 0.1, 2, now=0.0)
    assert 2.8 < window.size < 3.0
    answer(window, 0.1, 100, now=0.0)
    assert window.size == 8


def test_all_attempts_of_one_time_halve_it_once() -> None:
    window = Window(8.0)
    for _ in range(8):
        window.cut(0.0, 5.0)
    assert window.size == 4
    window.cut(5.0, 6.0)
    assert window.size == 2


def test_it_never_falls_below_one() -> None:
    window = Window(1.0)
    window.cut(0.0, 1.0)
    assert window.size == 1


def test_latency_that_grows_with_load_halves_it() -> None:
    window = Window(8.0)
    answer(window, 0.5, ENOUGH, now=0.0)
    answer(window, 9.0, 1, now=1.0, full=False)  # not ours: there was room
    assert window.size == 8
    answer(window, 9.0, 20, now=1.0)
    assert window.size < 8


def test_below_a_second_no_host_is_slow() -> None:
    window = Window(8.0)
    answer(window, 0.01, ENOUGH, now=0.0)
    answer(window, 0.9, 50, now=1.0)
    assert window.size == 8


def test_a_host_that_is_slow_whatever_the_load_is_left_alone() -> None:
    window = Window(8.0)
    answer(window, 0.2, ENOUGH, now=0.0)
    for now in range(1, 400):
        answer(window, 3.0, 1, now=float(now))
    assert window.size == 8


def test_a_host_that_gets_quicker_with_less_load_keeps_the_smaller_window() -> None:
    window = Window(8.0)
    answer(window, 0.3, ENOUGH, now=0.0)
    sizes = []
    for now in range(1, 600):
        answer(window, 0.3 * 2 ** (int(window.size) / 2), 1, now=float(now))
        sizes.append(int(window.size))
    assert 1 < sum(sizes[100:]) / len(sizes[100:]) < 6


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 50), st.booleans(), st.floats(0, 3)), max_size=200))
def test_it_stays_between_one_and_its_limit(events: list[tuple[bool, float, bool, float]]) -> None:
    window, now = Window(4.0), 0.0
    for good, seconds, full, passed in events:
        began, now = now, now + passed
        if good:
            window.answered(began, seconds, now, limit=4, full=full)
        else:
            window.cut(began, now)
        assert 1 <= window.size <= 4
