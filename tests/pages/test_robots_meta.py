"""``X-Robots-Tag`` and robots ``<meta>`` contents."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.pages.robots_meta import Directives, header_directives, meta_directives


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], Directives()),
        (["noindex"], Directives(noindex=True)),
        (["NoIndex", "nofollow"], Directives(noindex=True, nofollow=True)),
        (["none"], Directives(noindex=True, nofollow=True)),
        (["all", "noarchive, max-snippet: 0"], Directives()),
        (["acme: nofollow"], Directives(nofollow=True)),
        (["Acme : nofollow, noindex"], Directives(noindex=True, nofollow=True)),
        (["other: noindex, nofollow"], Directives()),
        (["other: noindex, nofollow, acme: nofollow"], Directives(nofollow=True)),
        (["other: none", "noindex"], Directives(noindex=True)),
        (["unavailable_after: 25 Jun 2010 15:00:00 PST, noindex"], Directives(noindex=True)),
        (["robots: noindex"], Directives(noindex=True)),
    ],
)
def test_a_header_speaks_to_all_robots_or_to_one(values: list[str], expected: Directives) -> None:
    assert header_directives(values, "acme") == expected


def test_directives_may_stand_apart_by_spaces_or_commas() -> None:
    assert (
        meta_directives("noindex nofollow")
        == meta_directives(" noindex ,,nofollow")
        == Directives(True, True)
    )


@given(st.lists(st.text(max_size=20), max_size=3), st.text(max_size=5))
def test_any_header_has_directives(values: list[str], agent: str) -> None:
    assert isinstance(header_directives(values, agent), Directives)
