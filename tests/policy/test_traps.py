"""Repeated folders and endless queries are recognised; memory stays bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.policy.traps import QueryCounts, repeated_segments


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/b/a/b/a/b", "a/b"),
        ("/x/a/b/a/b/a/b/index.html", "a/b"),
        ("/a/a/a", "a"),
        ("/a/b/c/a/b/c/a/b/c/", "a/b/c"),
        ("//////", ""),
        ("/a/b/a/b", None),
        ("/a/b/a/c/a/d/a", None),
        ("/2024/11/11", None),
        ("/aa/a/aa", None),
        ("/", None),
    ],
)
def test_three_times_in_a_row_is_a_trap(path: str, expected: str | None) -> None:
    assert repeated_segments(path, 3) == expected


SEGMENTS = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=24)


@given(SEGMENTS, st.integers(2, 4))
def test_it_finds_what_a_search_of_all_sequences_finds(segments: list[str], times: int) -> None:
    path = "/" + "/".join(segments)
    found = path.split("/")[1:]
    everywhere = {
        "/".join(found[start : start + period])
        for period in range(1, 17)
        for start in range(len(found) - period * times + 1)
        if found[start : start + period] * times == found[start : start + period * times]
    }
    repeated = repeated_segments(path, times)
    assert repeated in everywhere if everywhere else repeated is None


@given(
    st.lists(st.sampled_from("ab"), max_size=4), st.lists(st.text("xyz", min_size=1), min_size=1, max_size=5)
)
def test_whatever_is_repeated_three_times_is_found(before: list[str], period: list[str]) -> None:
    assert repeated_segments("/" + "/".join([*before, *period * 3]), 3) is not None


def test_a_path_has_its_number_of_queries_and_no_more() -> None:
    counts = QueryCounts(2)
    verdicts = [counts.admit(f"http://h/calendar?month={month}") for month in range(4)]
    assert [verdict.allowed for verdict in verdicts] == [True, True, False, False]
    assert (
        verdicts[2].rule
        == "max_queries: http://h/calendar has had 2 different queries, the most for one path"
    )
    assert counts.admit("http://h/other?month=1").allowed
    assert counts.admit("http://h/calendar").allowed


def test_no_limit_counts_nothing() -> None:
    counts = QueryCounts(None)
    assert all(counts.admit(f"http://h/?{number}").allowed for number in range(100))


def test_paths_that_were_seen_last_are_counted_and_others_forgotten() -> None:
    counts = QueryCounts(1, paths=10)
    for number in range(100):
        counts.admit(f"http://h/{number}?x")
        counts.admit(f"http://h/trap?{number}")
    assert not counts.admit("http://h/trap?y").allowed
    assert counts.admit("http://h/0?y").allowed
    assert len(counts) <= 10
