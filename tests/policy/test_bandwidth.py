"""A cap in bytes a second, shared by several transfers."""

from __future__ import annotations

import heapq

from hypothesis import given
from hypothesis import strategies as st

from crawler.policy.bandwidth import CAPACITY, Bandwidth


def shares(rate: float, users: int, piece: int, seconds: float) -> list[int]:
    """What each of some greedy users has got after so many seconds."""
    bucket = Bandwidth(rate)
    got = [0] * users
    ready = [(0.0, user) for user in range(users)]
    while ready[0][0] < seconds:
        now, user = heapq.heappop(ready)
        got[user] += piece
        heapq.heappush(ready, (now + bucket.spend(now, piece), user))
    return got


def test_the_total_is_kept_within_five_percent() -> None:
    for users in (1, 8):
        total = sum(shares(10e6, users, 64 << 10, 5.0))
        assert abs(total - 50e6) <= 0.05 * 50e6


def test_every_user_gets_an_even_share() -> None:
    got = shares(1e6, 8, 16 << 10, 5.0)
    assert max(got) - min(got) <= 16 << 10


def test_nobody_waits_below_the_cap() -> None:
    bucket = Bandwidth(1000.0)
    bucket.spend(0.0, 1)
    assert [bucket.spend(1.0 + number, 100) for number in range(3)] == [0.0, 0.0, 0.0]


@given(st.floats(10, 1e9), st.lists(st.tuples(st.floats(0, 5), st.integers(0, 10**7)), max_size=50))
def test_no_more_passes_than_the_rate_and_one_bucket_full(
    rate: float, spends: list[tuple[float, int]]
) -> None:
    bucket, now, total, start = Bandwidth(rate), 0.0, 0, None
    for passed, count in spends:
        now += passed
        start = now if start is None else start
        total += count
        paid_at = now + bucket.spend(now, count)
        assert total / rate <= (paid_at - start + CAPACITY) * (1 + 1e-9) + 1e-6
        now = paid_at
