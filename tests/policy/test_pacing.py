"""Delay and rate of one host, by themselves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crawler.policy.pacing import JITTER, NEVER, SLACK, Pace


@given(
    st.floats(0.1, 1000),
    st.integers(1, 10),
    st.lists(st.floats(0, 2), min_size=1, max_size=60),
)
def test_a_bucket_never_lets_more_through_than_its_capacity_and_the_rate(
    rate: float, burst: int, lates: list[float]
) -> None:
    pace = Pace(0.0, rate, burst)
    begins: list[float] = []
    for late in lates:
        now = max(pace.next_at, begins[-1] if begins else 0.0) + late / rate
        pace.begin(object(), now, 0.0)
        begins.append(now)
    for first, start in enumerate(begins):
        for count, end in enumerate(begins[first:], start=1):
            assert count <= burst + rate * (SLACK + end - start) + 1e-6


@given(st.floats(0.01, 100), st.floats(0, 0.999), st.floats(0, 1e6))
def test_a_delay_is_never_shortened_and_at_most_a_fifth_longer(
    delay: float, chance: float, now: float
) -> None:
    pace = Pace(delay, None, 1)
    task = object()
    pace.begin(task, now, chance)
    pace.sent(task, now + 1, chance)
    assert now + 1 + delay <= pace.next_at <= now + 1 + delay * (1 + JITTER)


def test_a_late_start_loses_no_rate() -> None:
    pace = Pace(0.0, 10.0, 1)
    pace.begin(object(), 0.0, 0.0)
    pace.begin(object(), 0.14, 0.0)  # 40 ms late
    assert abs(pace.next_at - 0.2) < 1e-9


def test_who_was_idle_catches_up_nothing() -> None:
    pace = Pace(0.0, 10.0, 1)
    pace.begin(object(), 0.0, 0.0)
    pace.begin(object(), 9.0, 0.0)
    assert abs(pace.next_at - 9.1) < 1e-9


def test_half_a_token_lets_nothing_begin() -> None:
    pace = Pace(0.0, 10.0, 1)
    pace.begin(object(), 0.0, 0.0)
    pace.begin(object(), 0.15, 0.0)
    assert abs(pace.next_at - 0.2) < 1e-9


def test_a_longer_delay_counts_from_the_last_request() -> None:
    pace = Pace(1.0, None, 1)
    pace.begin(object(), 10.0, 0.0)
    pace.tighten(5.0, None, 1)
    assert pace.next_at == 15.0
    pace.tighten(2.0, None, 1)
    assert pace.delay == 5.0


def test_a_slower_rate_replaces_a_quicker_one() -> None:
    pace = Pace(0.0, 100.0, 9)
    pace.tighten(0.0, 1.0, 1)
    pace.begin(object(), 0.0, 0.0)
    assert abs(pace.next_at - (1.0 - SLACK)) < 1e-9  # what slack there was is spent


def test_the_last_request_of_an_earlier_run_holds_up_the_first_of_this() -> None:
    pace = Pace(4.0, 0.1, 1)
    assert pace.next_at == NEVER
    pace.resume(100.0)
    assert pace.next_at == 110.0


def test_a_host_is_at_rest_when_the_delay_is_over_and_the_bucket_full() -> None:
    pace = Pace(1.0, 0.5, 2)
    assert pace.rested_at() == NEVER
    pace.begin(object(), 0.0, 0.0)
    assert 2.0 <= pace.rested_at() <= 2.0 + SLACK
