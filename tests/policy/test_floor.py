from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crawler.policy.floor import Load, floor
from crawler.policy.limits import Limits
from crawler.policy.pacing import Pace

RATES = st.none() | st.floats(0.01, 1000)
LIMITS = st.builds(
    Limits,
    concurrency=st.integers(1, 16),
    rate=RATES,
    burst=st.integers(1, 20),
    delay=st.just(0.0) | st.floats(0.01, 100),
)


def test_a_rate_and_a_delay_take_time_and_concurrency_takes_none() -> None:
    assert floor(3_100_000, Limits(rate=1.0)) / 86400 > 35.8
    assert floor(11, Limits(delay=2.0)) == 20.0
    assert floor(110, Limits(rate=10.0, burst=10)) == 10.0
    assert floor(1_000_000, Limits(concurrency=1)) == 0.0
    assert floor(0, Limits(delay=2.0, rate=1.0)) == 0.0


@given(limits=LIMITS, tasks=st.integers(1, 60))
def test_a_slots_own_pace_never_beats_the_floor(limits: Limits, tasks: int) -> None:
    pace, now, task = Pace(limits.delay, limits.rate, limits.burst), 0.0, object()
    for number in range(tasks):
        if number:
            now = max(now, pace.next_at)
        pace.begin(task, now, 0.0)
        pace.sent(task, now, 0.0)
    assert now >= floor(tasks, limits) * (1 - 1e-9) - 1e-6


@given(one=LIMITS, other=LIMITS, first=st.integers(0, 1000), second=st.integers(0, 1000))
def test_what_shares_a_host_takes_no_less_than_each_alone(
    one: Limits, other: Limits, first: int, second: int
) -> None:
    both = Load("h", first, one).more(second, other)
    assert both.tasks == first + second
    assert both.floor >= max(Load("h", first, one).floor, Load("h", second, other).floor)
