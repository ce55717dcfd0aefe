"""One page, one URL: RFC 3986 normalisation, and what does not tell pages apart."""

from __future__ import annotations

import pickle
import re
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.policy.canonical import LONGEST_URL, CanonicalRules, canonical
from crawler.policy.parameters import name_problem
from crawler.syntax.urls import problem, wire

KEEP_ALL = CanonicalRules(dropped=(), sessions=())
WIRE = re.compile(r"https?://[^/?#]+/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-F]{2})*\Z")

PIECES = st.sampled_from(
    [
        *(
            "/",
            "//",
            ".",
            "..",
            "/..",
            "/./",
            "?",
            "&",
            "=",
            "#",
            ";",
            "%",
            "%2",
            "%2e",
            "%2F",
            "%7e",
            "%%34",
            "%zz",
        ),
        *(
            ";jsessionid=",
            "utm_a=1",
            "PHPSESSID=x",
            "sid=0123456789abcdef0123",
            "é",
            "[]",
            " ",
            "\\",
            "\t",
            "@",
            ":",
        ),
    ]
)
TAILS = st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=12).map("".join)
HOSTS = st.sampled_from(
    ["h", "A.Example.", "h:80", "h:443", "h:8080", "u:p@h", "[::1]", "[0:0::1]:80", "bücher.de", ""]
)
URLS = st.one_of(
    st.builds("{}://{}/{}".format, st.sampled_from(["http", "HTTPS"]), HOSTS, TAILS),
    st.builds("http://{}".format, TAILS),
    st.text(),
)


@given(URLS)
def test_a_canonical_url_is_a_fixed_point_and_is_sent_as_it_is(url: str) -> None:
    once = canonical(url)
    if once is not None:
        assert canonical(once) == once
        assert WIRE.match(once)
        assert problem(once) is None
        assert wire(once) == once


@given(TAILS)
def test_escapes_are_rewritten_without_a_change_of_meaning(tail: str) -> None:
    before = f"http://h/x{tail}"
    after = canonical(before, KEEP_ALL)
    if after is not None:
        query = urlsplit(before.replace("\\", "%5C").strip("".join(map(chr, range(33))))).query
        assert unquote_to_bytes(urlsplit(after).query) == unquote_to_bytes(query)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTP://Example.ORG", "http://example.org/"),
        ("http://example.org?a", "http://example.org/?a"),
        ("http://h:80/", "http://h/"),
        ("https://h:80/", "https://h:80/"),
        ("https://h:0443/", "https://h/"),
        ("http://h:/", "http://h/"),
        ("http://h./", "http://h/"),
        ("http://[0:0::0:1]:80/", "http://[::1]/"),
        ("http://b%C3%BCcher.de/", None),
        ("http://Bücher.DE/ü", "http://xn--bcher-kva.de/%C3%BC"),
        ("http://user:secret@h/", "http://h/"),
        ("http://h/a/./b/../c/.", "http://h/a/c/"),
        ("http://h/../../a", "http://h/a"),
        ("http://h/a/%2e%2E/b", "http://h/b"),
        ("http://h/a//b", "http://h/a//b"),
        ("http://h/.well-known/...", "http://h/.well-known/..."),
        ("http://h/%7euser%2fx%2Dy", "http://h/~user%2Fx-y"),
        ("http://h/%27'%2C,", "http://h/%27'%2C,"),
        ("http://h/100%", "http://h/100%25"),
        ('http://h/a b"<>', "http://h/a%20b%22%3C%3E"),
        ("http://h/?a[]=1&b=x+y", "http://h/?a%5B%5D=1&b=x+y"),
        ("http://h/?", "http://h/"),
        ("http://h/#top", "http://h/"),
        ("http://h/?z=1&a=2&z=1", "http://h/?z=1&a=2&z=1"),
        ("  http://h/a\n b ", "http://h/a%20b"),
        ("http://h/a\\b", "http://h/a%5Cb"),
    ],
)
def test_known_forms(url: str, expected: str | None) -> None:
    assert canonical(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/a",
        "a.html",
        "ftp://h/",
        "javascript:alert(1)",
        "mailto:a@b",
        "http:/h/",
        "http:///a",
        "http://h:0/",
        "http://h:65536/",
        "http://h:x/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://a..b/",
        "http://good\\@evil/",
        "http://a b/",
        "http://[::1/",
        "http://h/\x00x",
        "http://h/\ud800",
        "http://h/" + "a" * LONGEST_URL,
    ],
)
def test_what_cannot_be_fetched_has_no_canonical_form(url: str) -> None:
    assert canonical(url) is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h/?utm_source=x&id=1&UTM_medium=y", "http://h/?id=1"),
        ("http://h/?utm%5Fsource=x", "http://h/"),
        ("http://h/?gclid=1&fbclid", "http://h/"),
        ("http://h/?my_utm_source=x", "http://h/?my_utm_source=x"),
        ("http://h/?gclids=1", "http://h/?gclids=1"),
        ("http://h/?q=utm_source=x", "http://h/?q=utm_source=x"),
        ("http://h/a;jsessionid=1A2B.node1?x=1", "http://h/a?x=1"),
        ("http://h/a;v=1;JSESSIONID=2;w=3/b", "http://h/a;v=1;w=3/b"),
        ("http://h/?PHPSESSID=abc&x=1", "http://h/?x=1"),
        ("http://h/?ASPSESSIONIDQQ=AB", "http://h/"),
        ("http://h/?sid=12", "http://h/?sid=12"),
        ("http://h/?sid=0123456789abcdef0123456789abcdef", "http://h/"),
    ],
)
def test_campaigns_and_sessions_do_not_tell_pages_apart(url: str, expected: str) -> None:
    assert canonical(url) == expected
    assert canonical(url, KEEP_ALL) != expected or url == expected


def test_a_job_may_name_its_own_parameters() -> None:
    rules = CanonicalRules(dropped=("ref*", "a.b"), sessions=())
    assert canonical("http://h/?referrer=1&a.b=2&axb=3&utm_source=4", rules) == "http://h/?axb=3&utm_source=4"


@pytest.mark.parametrize("name", ["", "*", "a*b", "a=b", "a&b", "sid:", "sid:x"])
def test_what_is_no_parameter_name_is_refused(name: str) -> None:
    assert "expected one such as gclid" in (name_problem(name) or "")
    with pytest.raises(ValueError, match="is no parameter name"):
        CanonicalRules(dropped=(name,))


def test_rules_travel_to_another_process() -> None:
    rules = CanonicalRules(dropped=("x",))
    assert pickle.loads(pickle.dumps(rules)) == rules
    assert canonical("http://h/?x=1", pickle.loads(pickle.dumps(rules))) == "http://h/"
