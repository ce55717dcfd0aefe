"""Every URL gets in or stays out by one rule, and that rule is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.policy.canonical import canonical
from crawler.policy.scope import Scope, ScopeRules
from crawler.policy.url_patterns import url_pattern_problem

SEED = "https://docs.example.org/3.11/index.html"


def scope(rules: ScopeRules | None = None, *seeds: str) -> Scope:
    return Scope(rules or ScopeRules(), seeds or (SEED,))


def allowed(rules: ScopeRules, url: str, depth: int = 1) -> bool:
    return scope(rules).decide(url, depth).allowed


@pytest.mark.parametrize(
    ("hosts", "url", "expected"),
    [
        (("same-host",), "https://docs.example.org/x", True),
        (("same-host",), "http://docs.example.org/x", True),
        (("same-host",), "https://docs.example.org:8443/x", False),
        (("same-host",), "https://www.example.org/x", False),
        (("same-domain",), "http://www.example.org:8080/x", True),
        (("same-domain",), "https://example.org/x", True),
        (("same-domain",), "https://badexample.org/x", False),
        (("any",), "http://203.0.113.7/x", True),
        (("*.example.org",), "https://docs.example.org/x", True),
        (("*.example.org",), "https://example.org/x", False),
        (("docs.example.org:443",), "https://docs.example.org/x", True),
        (("docs.example.org:443",), "http://docs.example.org/x", False),
        (("same-host", "cdn.*"), "https://cdn.example.net:8080/x", True),
        (("same-host", "cdn.*"), "https://docs.example.org/x", True),
        (("BÜCHER.de",), "https://xn--bcher-kva.de/", True),
        (("::1",), "http://[::1]:8080/", True),
        (("docs.*:*",), "http://docs.example.net:8080/", True),
    ],
)
def test_hosts(hosts: tuple[str, ...], url: str, expected: bool) -> None:
    verdict = scope(ScopeRules(hosts=hosts)).decide(url, 1)
    assert verdict.allowed is expected
    assert verdict.rule.startswith("hosts: ")


def test_two_sites_of_one_public_suffix_are_not_one_domain() -> None:
    here = Scope(ScopeRules(hosts=("same-domain",)), ["https://a.github.io/"])
    assert not here.decide("https://b.github.io/", 1).allowed
    assert here.decide("https://x.a.github.io/", 1).allowed
    assert (
        not Scope(ScopeRules(hosts=("same-domain",)), ["http://10.0.0.1/"])
        .decide("http://10.0.0.2/", 1)
        .allowed
    )


def test_a_start_url_is_always_fetched_even_where_its_host_and_a_pattern_say_no() -> None:
    rules = ScopeRules(hosts=("other.example",), deny=("*",), depth=0)
    assert scope(rules).decide(SEED, 0).rule == "it is a start URL"
    assert not scope(rules).decide("https://docs.example.org/other", 0).allowed


def test_where_a_start_url_was_redirected_to_is_a_start_url_too() -> None:
    here = scope(None, "http://example.org/")
    assert not here.decide("https://www.example.org/a", 1).allowed
    here.add_seed("https://www.example.org/")
    assert here.decide("https://www.example.org/a", 1).allowed
    assert here.decide("http://example.org/a", 1).allowed


def test_a_url_must_fit_one_allow_pattern_if_there_are_any() -> None:
    rules = ScopeRules(allow=("*/3.11/*", r"re:\.pdf$"))
    assert allowed(rules, "https://docs.example.org/3.11/a")
    assert allowed(rules, "https://docs.example.org/x.pdf")
    verdict = scope(rules).decide("https://docs.example.org/3.12/a", 1)
    assert (verdict.allowed, "no allow pattern fits it" in verdict.rule) == (False, True)


def test_deny_beats_allow_and_says_which_pattern_it_was() -> None:
    rules = ScopeRules(allow=("*/3.11/*",), deny=("*.pdf", r"re:/c-api/"))
    verdict = scope(rules).decide("https://docs.example.org/3.11/c-api/a", 1)
    assert (verdict.allowed, verdict.rule) == (False, "deny pattern 're:/c-api/' fits it")


def test_an_allow_pattern_does_not_open_other_hosts() -> None:
    assert not allowed(ScopeRules(allow=("*",)), "https://example.com/")


@pytest.mark.parametrize(
    ("pattern", "url", "expected"),
    [
        ("https://docs.example.org/a", "https://docs.example.org/ab", False),
        ("https://docs.example.org/a?b", "https://docs.example.org/a?b", True),
        ("*/a", "https://docs.example.org/a/b", False),
        ("*[1]", "https://docs.example.org/1", False),
        ("http*://docs*/a*z", "https://docs.example.org/a/b/z", True),
        ("re:org/a", "https://docs.example.org/ab", True),
    ],
)
def test_a_glob_covers_the_whole_url_and_an_expression_is_searched_for(
    pattern: str, url: str, expected: bool
) -> None:
    assert allowed(ScopeRules(allow=(pattern,)), url) is expected


@pytest.mark.parametrize("pattern", ["", "/private/*", "docs.example.org/*", "ftp://h/*", "re:("])
def test_a_pattern_that_nothing_could_fit_is_refused(pattern: str) -> None:
    assert url_pattern_problem(pattern) is not None
    with pytest.raises(ValueError, match=r"expected it to begin|no regular expression"):
        scope(ScopeRules(deny=(pattern,)))


@pytest.mark.parametrize("pattern", [" ", "https://example.org", "a b", "example.org/x"])
def test_a_host_pattern_that_nothing_could_fit_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        scope(ScopeRules(hosts=(pattern,)))


def test_a_glob_of_many_stars_takes_no_long_time() -> None:
    rules = ScopeRules(deny=("*a" * 30 + "*b",))
    assert allowed(rules, "https://docs.example.org/" + "a" * 2000)


def test_below_keeps_to_the_folders_of_the_start_urls() -> None:
    here = scope(ScopeRules(below=True, hosts=("any",)), SEED, "https://docs.example.org/faq/")
    assert here.decide("https://docs.example.org/3.11/library/a", 1).allowed
    assert here.decide("https://docs.example.org/faq/?x=/", 1).allowed
    assert here.decide(
        "https://example.com/anywhere", 1
    ).allowed  # wget's --no-parent speaks of one host, too
    verdict = here.decide("https://docs.example.org/3.12/", 1)
    assert (verdict.allowed, "/3.11/, /faq/" in verdict.rule) == (False, True)


def test_depth_counts_links_from_a_start_url() -> None:
    rules = ScopeRules(depth=2)
    assert [allowed(rules, "https://docs.example.org/x", depth) for depth in (1, 2, 3)] == [True, True, False]


def test_what_a_page_needs_may_lie_outside_but_not_behind_deny_or_a_trap() -> None:
    here = scope(ScopeRules(depth=1, below=True, allow=("*/3.11/*",), deny=("*/ads/*",)))
    assert here.decide("https://cdn.example.net/style.css", 2, requisite=True).allowed
    assert here.decide("https://cdn.example.net/font", 4, requisite=True).allowed
    assert not here.decide("https://cdn.example.net/endless", 5, requisite=True).allowed
    assert not here.decide("https://cdn.example.net/ads/x.js", 1, requisite=True).allowed
    assert not here.decide("https://cdn.example.net/a/a/a/a.png", 1, requisite=True).allowed


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://docs.example.org/" + "a" * 2024, "max_url_length"),
        ("https://docs.example.org/a/b/a/b/a/b", "max_repeats"),
        ("https://docs.example.org/?" + "&".join("abcdefghijklmnopqrstu"), "max_parameters"),
    ],
)
def test_traps_are_named_and_may_be_switched_off(url: str, key: str) -> None:
    verdict = scope().decide(url, 1)
    assert (verdict.allowed, verdict.rule.partition(":")[0]) == (False, key)
    open_rules = ScopeRules(max_url_length=None, max_repeats=None, max_parameters=None)
    assert scope(open_rules).decide(url, 1).allowed
    assert scope().decide(url[:-1].removesuffix("&"), 1).allowed


def test_only_canonical_urls_are_judged() -> None:
    with pytest.raises(ValueError, match="no canonical URL"):
        scope().decide("docs.example.org", 1)


RULES = st.builds(
    ScopeRules,
    hosts=st.lists(st.sampled_from(["same-host", "same-domain", "any", "*.org", "h:80"]), min_size=1).map(
        tuple
    ),
    allow=st.lists(st.sampled_from(["*", "*/a*", "re:b"]), max_size=2).map(tuple),
    deny=st.lists(st.sampled_from(["*/c*", "re:d"]), max_size=2).map(tuple),
    below=st.booleans(),
    depth=st.none() | st.integers(0, 3),
    max_repeats=st.none() | st.integers(1, 3),
)
FOUND = st.text().map(lambda text: canonical(f"http://{text}"))
NEAR = st.lists(st.sampled_from("/abcd?&"), max_size=20).map(
    lambda some: canonical(f"http://h/{''.join(some)}")
)


@given(RULES, FOUND | NEAR, st.integers(0, 5), st.booleans())
def test_every_canonical_url_gets_a_sentence(
    rules: ScopeRules, url: str | None, depth: int, requisite: bool
) -> None:
    if url is None:
        return
    here = Scope(rules, ["http://h/a/"])
    first = here.decide(url, depth, requisite=requisite)
    assert len(first.rule) > 10
    assert "\n" not in first.rule
    assert here.decide(url, depth, requisite=requisite) == first
    if rules.depth is None or depth <= rules.depth:
        assert not first.allowed or here.decide(url, depth, requisite=True).allowed
