from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.model import ErrorClass, Failure
from crawler.policy.mirrors import MOST_HOSTS, Scores, Sources

HOSTS = ["a:80", "b:80", "c:80"]


def failure(
    kind: ErrorClass = ErrorClass.CONNECT, status: int | None = None, retryable: bool = True
) -> Failure:
    return Failure(kind=kind, message=f"{kind} {status}", retryable=retryable, status=status)


GONE = failure(ErrorClass.HTTP_STATUS, 404, retryable=False)


def test_sources_are_asked_in_the_order_written() -> None:
    scores, sources = Scores(), Sources(HOSTS)
    for place in range(3):
        assert sources.next(scores) == place
        sources.failed(place, GONE)
    assert sources.next(scores) is None


def test_fewest_failures_come_first_and_then_the_fastest() -> None:
    scores = Scores()
    scores.failed("a:80", failure())
    assert scores.ranked(HOSTS) == [1, 2, 0]
    scores.served("c:80", 10, 1.0)
    assert scores.ranked(HOSTS) == [2, 1, 0]
    scores.served("b:80", 100, 1.0)
    assert scores.ranked(HOSTS) == [1, 2, 0]


def test_a_source_that_does_well_is_not_left_for_one_that_nobody_tried() -> None:
    scores = Scores()
    scores.served("a:80", 1, 100.0)
    assert scores.ranked(HOSTS)[0] == 0


@pytest.mark.parametrize(
    ("found", "counts"),
    [
        (GONE, False),
        (failure(ErrorClass.INTEGRITY), False),
        (failure(ErrorClass.TOO_LARGE), False),
        (failure(ErrorClass.HTTP_STATUS, 503), True),
        (failure(ErrorClass.HTTP_STATUS, 429), True),
        (failure(ErrorClass.DNS), True),
        (failure(ErrorClass.TLS), True),
        (failure(ErrorClass.TRUNCATED), True),
    ],
    ids=lambda value: getattr(value, "message", value),
)
def test_a_missing_file_is_not_held_against_its_host(found: Failure, counts: bool) -> None:
    scores = Scores()
    scores.failed("a:80", found)
    assert (scores.ranked(HOSTS)[0] != 0) is counts


def test_a_round_asks_each_source_once_and_the_next_only_those_that_may_get_better() -> None:
    scores, sources = Scores(), Sources(HOSTS)
    sources.failed(0, failure())
    sources.failed(1, GONE)
    sources.failed(2, failure(ErrorClass.HTTP_STATUS, 503))
    assert sources.next(scores) is None
    sources.next_round()
    assert sources.rounds == 2
    assert sources.next(scores) == 0
    sources.failed(0, GONE)
    assert sources.next(scores) == 2
    sources.failed(2, GONE)
    sources.next_round()
    assert sources.next(scores) is None


def test_the_verdict_names_every_source_and_hopes_for_the_best() -> None:
    sources = Sources(HOSTS)
    sources.failed(0, GONE)
    sources.failed(1, failure(ErrorClass.HTTP_STATUS, 503))
    told = sources.verdict(["http://a/f", "http://b/f", "http://c/f"])
    assert (told.status, told.retryable) == (503, True)
    assert told.message == "every source failed: http://a/f: http_status 404; http://b/f: http_status 503"


def test_memory_does_not_grow_with_the_number_of_hosts() -> None:
    scores = Scores()
    for number in range(MOST_HOSTS + 10):
        scores.failed(f"h{number}:80", failure())
    assert scores.ranked(["h0:80", f"h{MOST_HOSTS + 9}:80"]) == [0, 1]


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from([GONE, failure(), failure(ErrorClass.DNS)])), max_size=20
    )
)
def test_a_ranking_is_always_of_all_sources_and_none_is_asked_twice_a_round(
    told: list[tuple[int, Failure]],
) -> None:
    scores = Scores()
    for place, found in told:
        scores.failed(HOSTS[place], found)
    assert sorted(scores.ranked(HOSTS)) == [0, 1, 2]
    sources, asked = Sources(HOSTS), []
    while (following := sources.next(scores)) is not None:
        asked.append(following)
        sources.failed(following, failure())
    assert sorted(asked) == [0, 1, 2]
