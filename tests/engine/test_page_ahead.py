"""Pages that come next are read many at a time, and none is told as it was before."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from crawler.crawled import Page
from crawler.engine.page_ahead import PageAhead

LARGE = range(3)  # that are left out where many are asked for
THERE = range(150)


def page(mark: int) -> Page:
    return Page(fingerprint=mark, key=str(mark), url="")


class Ledger:
    """Knows some pages, and what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def one(self, mark: int) -> Page | None:
        self.asked.append(1)
        return page(mark) if mark in THERE else None

    def some(self, marks: Sequence[int]) -> dict[int, Page | None]:
        self.asked.append(len(marks))
        return {mark: page(mark) if mark in THERE else None for mark in marks if mark not in LARGE}


@given(st.lists(st.integers(0, 400), unique=True, max_size=400), st.integers(1, 1000))
def test_each_page_is_what_the_ledger_says_in_whatever_order_they_come(marks: list[int], turn: int) -> None:
    ledger = Ledger()
    ahead = PageAhead(ledger.one, ledger.some)
    ahead.expect(marks)
    shuffled = sorted(marks, key=lambda mark: (mark * turn) % 101)
    for mark in (*shuffled, 999, *shuffled[:5]):
        assert ahead.page(mark) == (page(mark) if mark in THERE else None)


def test_what_is_expected_and_never_come_to_does_not_pile_up() -> None:
    ledger = Ledger()
    ahead = PageAhead(ledger.one, ledger.some)
    for start in range(0, 100_000, 500):
        ahead.expect(range(start, start + 500))
    assert ahead.expected == 2000
    assert ahead.page(7) == page(7)  # long forgotten, and asked for by itself
    assert ledger.asked == [1]


def test_many_are_asked_for_at_once_and_one_that_comes_again_is_asked_for_anew() -> None:
    ledger = Ledger()
    ahead = PageAhead(ledger.one, ledger.some)
    ahead.expect(range(10, 110))
    for mark in range(10, 110):
        assert ahead.page(mark) == page(mark)
    assert ledger.asked == [64, 36]
    assert ahead.page(50) == page(50)
    assert ledger.asked == [64, 36, 1]
