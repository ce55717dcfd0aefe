"""Host rules: the most specific pattern wins."""

from __future__ import annotations

import pytest

from crawler.policy.hosts import HostLimits, HostRules


def rules(*pairs: tuple[str, int | None]) -> HostRules:
    return HostRules([HostLimits(pattern, number) for pattern, number in pairs], concurrency=4)


def test_a_host_that_no_pattern_fits_gets_the_default() -> None:
    assert rules(("*.example.org", 1)).concurrency("example.com:443") == 4


@pytest.mark.parametrize(
    ("slot", "expected"),
    [
        ("www.example.org:443", 3),  # exact over glob
        ("img.example.org:443", 2),  # more literal characters
        ("example.com:443", 1),
    ],
)
def test_the_most_specific_pattern_wins_whatever_the_order(slot: str, expected: int) -> None:
    pairs = [("*", 1), ("*.example.org", 2), ("www.example.org", 3)]
    assert rules(*pairs).concurrency(slot) == expected
    assert rules(*reversed(pairs)).concurrency(slot) == expected


def test_of_equal_patterns_the_stronger_one_wins() -> None:
    assert rules(("a.org", 7), ("A.org", 2)).concurrency("a.org:80") == 7


def test_a_rule_that_says_nothing_leaves_it_to_the_next_one() -> None:
    assert rules(("a.org", None), ("*.org", 2)).concurrency("a.org:80") == 2


def test_a_pattern_with_a_port_fits_that_port_only() -> None:
    both = rules(("a.org:8080", 1), ("a.org", 2))
    assert both.concurrency("a.org:8080") == 1
    assert both.concurrency("a.org:80") == 2


def test_a_star_crosses_dots_but_a_subdomain_pattern_leaves_the_domain_itself() -> None:
    star = rules(("*.a.org", 1))
    assert star.concurrency("x.y.a.org:80") == 1
    assert star.concurrency("a.org:80") == 4
    assert star.concurrency("xa.org:80") == 4


@pytest.mark.parametrize("pattern", ["::1", "[::1]", "[::1]:8080", "[::1]:*"])
def test_ipv6_addresses_are_written_with_or_without_brackets(pattern: str) -> None:
    assert rules((pattern, 1)).concurrency("[::1]:8080") == 1


def test_international_names_fit_in_either_spelling() -> None:
    assert rules(("*.bücher.example", 1)).concurrency("www.xn--bcher-kva.example:443") == 1


def test_brackets_and_dots_in_a_pattern_are_literal() -> None:
    assert rules(("a.org", 1)).concurrency("axorg:80") == 4
    assert rules(("[ab].org", 1)).concurrency("a.org:80") == 4
