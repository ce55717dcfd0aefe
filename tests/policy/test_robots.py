"""robots.txt by RFC 9309: what an answer means, how much of it is read, and for whom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.policy.robots import FRESH_SECONDS, MOST_BYTES, RobotsAnswer, RobotsRules, product_token

AGENT = "acme-batch/1.0 (+mailto:ops@example.org)"
HERE = "http://h"


def rules(text: str | bytes) -> RobotsRules:
    body = text if isinstance(text, bytes) else text.encode()
    return RobotsRules(RobotsAnswer.of(200, body))


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599, 429, 100, 600, None])
def test_who_cannot_be_asked_disallows_everything_but_robots_txt(status: int | None) -> None:
    answer = RobotsAnswer.of(status, b"User-agent: *\nAllow: /")
    assert answer == RobotsAnswer("unreachable")
    assert not RobotsRules(answer).allowed(f"{HERE}/", AGENT)
    assert RobotsRules(answer).allowed(f"{HERE}/robots.txt", AGENT)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451, 301, 308])
def test_a_site_without_robots_txt_allows_everything(status: int) -> None:
    answer = RobotsAnswer.of(status, b"User-agent: *\nDisallow: /")
    assert answer == RobotsAnswer("allow")
    assert RobotsRules(answer).allowed(f"{HERE}/private", AGENT)


def test_rules_are_followed_by_the_longest_match() -> None:
    asked = rules(
        "User-agent: *\nDisallow: /a\nAllow: /a/b\nDisallow: /*.php$\nAllow: /same\nDisallow: /same\n"
    )
    answers = {
        path: asked.allowed(HERE + path, AGENT) for path in ("/", "/ax", "/a/b/c", "/x/y.php", "/y.php5")
    }
    assert answers == {"/": True, "/ax": False, "/a/b/c": True, "/x/y.php": False, "/y.php5": True}
    assert asked.allowed(f"{HERE}/same", AGENT)
    assert rules("User-agent: *\nDisallow: /").allowed(f"{HERE}/robots.txt", AGENT)


@pytest.mark.parametrize(
    ("group", "heard"),
    [
        ("acme-batch", True),
        ("ACME-Batch", True),
        ("acme-batch/2.0", True),
        ("acme-batch*", True),
        ("acme-batch # that one", True),
        ("acme", False),
        ("batch", False),
        ("acme-batch-images", False),
        ("ops", False),
        ("other", False),
    ],
)
def test_a_group_speaks_to_the_agent_whose_token_it_names(group: str, heard: bool) -> None:
    asked = rules(f"User-agent: {group}\nDisallow: /\n\nUser-agent: *\nAllow: /\n")
    assert asked.allowed(f"{HERE}/a", AGENT) is not heard


def test_our_group_is_heard_instead_of_everyones_and_groups_of_one_name_are_one() -> None:
    asked = rules(
        "User-agent: *\nDisallow: /every\n\nUser-agent: other\nUser-agent: acme-batch\nDisallow: /a\n\n"
        "User-agent: Acme-Batch\nDisallow: /b\n"
    )
    assert [asked.allowed(HERE + path, AGENT) for path in ("/every", "/a", "/b")] == [True, False, False]


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (AGENT, "acme-batch"),
        ("acme-batch", "acme-batch"),
        ("Mozilla/5.0 (compatible; acme-batch/1.0; +http://example.org)", "acme-batch"),
        ("Mozilla/5.0 (X11; Linux x86_64)", "Mozilla"),
        ("", ""),
        ("()", ""),
    ],
)
def test_the_product_token_is_the_name_of_the_product(header: str, token: str) -> None:
    assert product_token(header) == token


@pytest.mark.parametrize("agent", ["", "(+mailto:ops@example.org)"])
def test_an_agent_without_a_name_hears_what_is_said_to_everyone(agent: str) -> None:
    assert not rules("User-agent: *\nDisallow: /\nUser-agent: x\nAllow: /").allowed(f"{HERE}/a", agent)


def test_a_rule_within_500_kib_is_honoured_and_a_cut_one_forbids_nothing() -> None:
    head = b"User-agent: *\n"
    last = b"Disallow: /secret\n"
    padding = b"# 23456789\n" * 60_000
    body = head + padding[: MOST_BYTES - len(head) - len(last) - 1] + b"\n" + last
    assert len(body) == MOST_BYTES
    assert not rules(body + b"Disallow: /\n" * 10).allowed(f"{HERE}/secret", AGENT)
    assert rules(body + b"Disallow: /\n" * 10).allowed(f"{HERE}/else", AGENT)
    one_more = body[:-1] + b"-files\n"
    assert rules(one_more).allowed(f"{HERE}/secret", AGENT)
    assert len(RobotsAnswer.of(200, one_more).body) < MOST_BYTES


def test_a_file_full_of_agents_and_rules_costs_no_more_than_its_size() -> None:
    agents = "".join(f"User-agent: a{number}\n" for number in range(20_000))
    asked = rules(agents + "Disallow: /x\n" * 10_000)  # 200 million rules, were each kept for each agent
    assert not asked.allowed(f"{HERE}/x", "a19999")
    assert asked.allowed(f"{HERE}/x", AGENT)


def test_several_agents_may_ask_about_one_file() -> None:
    asked = rules("".join(f"User-agent: a{number}\nDisallow: /{number}$\n\n" for number in range(20)))
    for number in range(20):
        answers = [asked.allowed(f"{HERE}/{path}", f"A{number}/1.0") for path in range(20)]
        assert [path for path, allowed in enumerate(answers) if not allowed] == [number]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_end_and_a_byte_order_mark_are_understood(end: str) -> None:
    asked = rules("\ufeff" + end.join(["User-agent: *", "Disallow: /a", "Disallow: /b"]))
    assert [asked.allowed(HERE + path, AGENT) for path in ("/a", "/b", "/c")] == [False, False, True]


def test_escaped_and_plain_spellings_of_a_path_are_one() -> None:
    asked = rules("User-agent: *\nDisallow: /ü\nDisallow: /%7ejoe\n")
    assert not asked.allowed(f"{HERE}/%C3%BCber", AGENT)
    assert not asked.allowed(f"{HERE}/~joe/", AGENT)


def test_crawl_delay_is_ours_capped_and_sane() -> None:
    asked = rules("User-agent: *\nCrawl-delay: 5\n\nUser-agent: acme-batch\nCrawl-delay: 600\n")
    assert asked.crawl_delay("someone") == 5
    assert asked.crawl_delay(AGENT) == 60
    assert asked.crawl_delay(AGENT, most=1000) == 600
    assert rules("User-agent: *\nCrawl-delay: -1\n").crawl_delay(AGENT) is None
    assert rules("User-agent: *\nCrawl-delay: inf\n").crawl_delay(AGENT) is None
    assert RobotsRules(RobotsAnswer("allow")).crawl_delay(AGENT) is None


def test_sitemaps_are_absolute_http_urls_each_once() -> None:
    text = "Sitemap: http://h/a.xml\nSitemap: /b.xml\nSitemap: http://h/a.xml\nSitemap: ftp://h/c\nSitemap: http://[\n"
    assert rules(text).sitemaps("http://h/robots.txt") == ("http://h/a.xml", "http://h/b.xml")
    assert RobotsRules(RobotsAnswer("unreachable")).sitemaps("http://h/robots.txt") == ()


def test_an_answer_holds_for_a_day_and_a_failure_to_ask_not_at_all() -> None:
    assert RobotsAnswer("rules").fresh(1000.0, 1000.0 + FRESH_SECONDS - 1)
    assert not RobotsAnswer("allow").fresh(1000.0, 1000.0 + FRESH_SECONDS)
    assert not RobotsAnswer("unreachable").fresh(1000.0, 1000.0)
    assert not RobotsAnswer("rules").fresh(1000.0, 999.0)  # the clock was set back: nobody knows how far


@pytest.mark.parametrize(
    ("answer", "allowed", "words"),
    [
        (RobotsAnswer("rules", b"User-agent: *\nDisallow: /"), False, "it disallows this to acme-batch"),
        (RobotsAnswer("rules", b""), True, "it allows this to acme-batch"),
        (RobotsAnswer("allow"), True, "the site has none"),
        (RobotsAnswer("unreachable"), False, "could not be fetched"),
    ],
)
def test_the_verdict_says_why(answer: RobotsAnswer, allowed: bool, words: str) -> None:
    verdict = RobotsRules(answer).verdict(f"{HERE}/a", AGENT)
    assert (verdict.allowed, words in verdict.rule) == (allowed, True)


LINES = st.sampled_from(
    [
        "User-agent: *",
        "User-agent:",
        "user agent acme-batch",
        "Disallow: /*a*b$",
        "Disallow:",
        "Allow: /$",
        "%",
        "\x00",
    ]
)
BODIES = st.one_of(
    st.binary(), st.lists(LINES | st.text(max_size=9)).map(lambda some: "\n".join(some).encode())
)


@given(BODIES, st.text(max_size=20))
def test_no_body_breaks_it(body: bytes, agent: str) -> None:
    asked = rules(body)
    assert asked.allowed(f"{HERE}/robots.txt", agent)
    assert asked.verdict(f"{HERE}/a?b", agent).allowed is asked.allowed(f"{HERE}/a?b", agent)
    delay = asked.crawl_delay(agent)
    assert delay is None or 0 <= delay <= 60
    assert all(url.lower().startswith("http") for url in asked.sitemaps("http://h/robots.txt"))
