"""Host rules: of each key the most specific pattern that sets it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from crawler.model import RetryRule
from crawler.policy import hosts
from crawler.policy.host_rule import HostRule
from crawler.policy.hosts import HostRules
from crawler.policy.limits import Limits
from crawler.request import Auth, Request, Timeouts


def table(*rules: HostRule) -> HostRules:
    return HostRules(rules, concurrency=4)


def rules(*pairs: tuple[str, int | None]) -> HostRules:
    return table(*(HostRule(pattern=pattern, concurrency=number) for pattern, number in pairs))


def concurrency(of: HostRules, slot: str) -> int:
    return of.limits(slot).concurrency


def of_job(name: str, **more: Any) -> HostRule:
    return HostRule(pattern="a.org", job=name, place=f"job {name!r}", strength=2, **more)


def test_a_host_that_no_pattern_fits_gets_the_default() -> None:
    assert rules(("*.example.org", 1)).limits("example.com:443") == Limits(concurrency=4, rule="the defaults")


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
    assert concurrency(rules(*pairs), slot) == expected
    assert concurrency(rules(*reversed(pairs)), slot) == expected


def test_of_equal_patterns_of_one_place_the_earlier_one_wins() -> None:
    assert concurrency(rules(("a.org", 7), ("A.org", 2)), "a.org:80") == 7


def test_a_rule_that_says_nothing_leaves_it_to_the_next_one() -> None:
    assert concurrency(rules(("a.org", None), ("*.org", 2)), "a.org:80") == 2


def test_each_key_comes_from_the_most_specific_rule_that_sets_it() -> None:
    both = table(
        HostRule(pattern="*.org", delay=2.0, rate=5.0), HostRule(pattern="a.org", concurrency=1, rate=9.0)
    )
    assert both.limits("a.org:80") == Limits(
        concurrency=1,
        rate=9.0,
        delay=2.0,
        rule="concurrency by 'a.org' (manifest), rate by 'a.org' (manifest), "
        "delay by '*.org' (manifest), else the defaults",
    )


def test_specificity_comes_before_strength() -> None:
    both = table(
        HostRule(pattern="*", strength=2, concurrency=9), HostRule(pattern="a.org", strength=0, concurrency=1)
    )
    assert concurrency(both, "a.org:80") == 1
    assert concurrency(both, "b.org:80") == 9


def test_of_equal_patterns_a_jobs_beats_the_manifests_and_that_the_configs() -> None:
    config, manifest = (HostRule(pattern="a.org", strength=number, delay=1.0 + number) for number in (0, 1))
    assert table(config, manifest).limits("a.org:80").delay == 2.0
    assert table(config, manifest, of_job("x", delay=0.0)).limits("a.org:80").delay == 0.0


def test_of_two_jobs_the_more_careful_value_counts_key_by_key() -> None:
    one = of_job("one", concurrency=1, rate=9.0, burst=4, delay=1.0, bandwidth=5.0, robots=False)
    two = of_job("two", concurrency=2, rate=3.0, burst=2, delay=7.0, bandwidth=9.0, robots=True)
    expected = Limits(concurrency=1, rate=3.0, burst=2, delay=7.0, bandwidth=5.0, robots=True)
    for both in (table(one, two), table(two, one)):
        found = both.limits("a.org:80")
        assert [
            getattr(found, name) for name in ("concurrency", "rate", "burst", "delay", "bandwidth", "robots")
        ] == [
            getattr(expected, name)
            for name in ("concurrency", "rate", "burst", "delay", "bandwidth", "robots")
        ]
    assert "rate by 'a.org' (job 'two')" in table(one, two).limits("a.org:80").rule


def test_an_explicit_no_limit_overrides_a_broader_rule() -> None:
    free = HostRule(pattern="a.org", rate=math.inf, bandwidth=math.inf)
    limits = table(HostRule(pattern="*", rate=1.0, bandwidth=1.0), free).limits("a.org:80")
    assert (limits.rate, limits.bandwidth) == (None, None)


def test_a_crawl_is_gentle_only_where_no_rule_speaks() -> None:
    plain = table(
        HostRule(pattern="many", concurrency=3),
        HostRule(pattern="quick", delay=0.0),
        HostRule(pattern="rated", rate=5.0),
    )
    found = {name: plain.limits(f"{name}:80", gentle=True) for name in ("other", "many", "quick", "rated")}
    assert {name: (each.concurrency, each.delay) for name, each in found.items()} == {
        "other": (1, 1.0),
        "many": (3, 1.0),
        "quick": (1, 0.0),
        "rated": (1, 0.0),
    }
    assert found["other"].rule == "the defaults of a crawl"


def test_limits_are_worked_out_once_a_slot_and_for_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "MOST_SLOTS", 2)
    one = rules(("*", 1))
    assert one.limits("a:1") is one.limits("a:1")
    for number in range(5):
        one.limits(f"{number}:1")
    assert len(one._limits) <= 2


# Groups.


def test_names_of_one_group_have_one_key() -> None:
    grouped = table(HostRule(pattern="*.a.org", group="farm"), HostRule(pattern="b.org", group="farm"))
    keys = [grouped.key(slot) for slot in ("x.a.org:80", "y.a.org:443", "b.org:80", "c.org:80")]
    assert keys == ["group:farm"] * 3 + ["c.org:80"]


# Patterns.


def test_a_pattern_with_a_port_fits_that_port_only() -> None:
    both = rules(("a.org:8080", 1), ("a.org", 2))
    assert concurrency(both, "a.org:8080") == 1
    assert concurrency(both, "a.org:80") == 2


def test_a_star_crosses_dots_but_a_subdomain_pattern_leaves_the_domain_itself() -> None:
    star = rules(("*.a.org", 1))
    assert concurrency(star, "x.y.a.org:80") == 1
    assert concurrency(star, "a.org:80") == 4
    assert concurrency(star, "xa.org:80") == 4


@pytest.mark.parametrize("pattern", ["::1", "[::1]", "[::1]:8080", "[::1]:*"])
def test_ipv6_addresses_are_written_with_or_without_brackets(pattern: str) -> None:
    assert concurrency(rules((pattern, 1)), "[::1]:8080") == 1


def test_international_names_fit_in_either_spelling() -> None:
    assert concurrency(rules(("*.bücher.example", 1)), "www.xn--bcher-kva.example:443") == 1


def test_brackets_and_dots_in_a_pattern_are_literal() -> None:
    assert concurrency(rules(("a.org", 1)), "axorg:80") == 4
    assert concurrency(rules(("[ab].org", 1)), "a.org:80") == 4


# Requests.


def test_where_no_rule_changes_requests_nothing_is_changed() -> None:
    assert rules(("*", 1)).request("a.org:80", "x") is None
    assert table(HostRule(pattern="b.org", headers=(("A", "b"),))).request("a.org:80", "x") is None


def test_rules_change_headers_key_by_key_and_the_rest_as_a_whole() -> None:
    broad = HostRule(
        pattern="*.org",
        headers=(("X-One", "broad"), ("X-Two", "broad")),
        request=(("auth", Auth("basic", "broad", "b")), ("proxy", "http://p:1")),
        timeouts=(("total", 5.0), ("connect", 1.0)),
        retry=(("attempts", 2),),
    )
    narrow = HostRule(
        pattern="a.org",
        headers=(("x-one", "narrow"),),
        request=(("proxy", None),),
        timeouts=(("total", None),),
        retry=(("attempts", 9),),
    )
    asked = table(narrow, broad).request("a.org:80", "x")
    assert asked is not None
    own = Request(url="http://a.org/", headers=(("X-TWO", "own"), ("Own", "own")), proxy="http://own:1")
    changed = asked.over(own)
    assert changed.headers == (("Own", "own"), ("X-Two", "broad"), ("x-one", "narrow"))
    assert changed.auth == Auth("basic", "broad", "b")
    assert changed.proxy is None
    assert changed.timeouts == Timeouts(total=None, connect=1.0)
    assert asked.retry_over(RetryRule(backoff=3.0)) == RetryRule(attempts=9, backoff=3.0)


def test_a_jobs_own_rule_changes_no_other_jobs_requests() -> None:
    secret = of_job("one", headers=(("Authorization", "secret"),))
    both = table(secret)
    assert both.request("a.org:80", "two") is None
    asked = both.request("a.org:80", "one")
    assert asked is not None
    assert asked.headers == (("Authorization", "secret"),)


def test_credentials_of_rules_are_not_shown() -> None:
    secret = of_job("one", headers=(("X", "hidden"),), request=(("auth", Auth("bearer", secret="hidden")),))
    assert "hidden" not in repr(secret) + repr(table(secret).request("a.org:80", "one"))
