"""What can be requested, and how it goes out."""

from __future__ import annotations

import pytest

from crawler.syntax import urls


@pytest.mark.parametrize("url", ["http://a/%27?x=a+b", "https://a/b;c=(d)", "http://[::1]:8080/x"])
def test_an_encoded_url_is_sent_as_written(url: str) -> None:
    assert urls.wire(url) == url


def test_a_raw_url_is_quoted_and_loses_its_fragment() -> None:
    assert urls.wire("http://a.example/ö b#c") == "http://a.example/%C3%B6%20b"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://a.example:65535", "HTTPS://a/", "http://[::1]/"]
)
def test_a_good_url_has_no_problem(url: str) -> None:
    assert urls.problem(url) is None


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://a:0/", "port 0"),
        ("http://127.1/", "no dotted IPv4 address"),
        ("http://0x7f000001/", "no dotted IPv4 address"),
        ("//a/b", "not an absolute URL"),
        ("http://[::1/", "not a URL"),
        ("javascript:alert(1)", "not an absolute URL"),
        ("http://a\tb/", "control character"),
    ],
)
def test_a_bad_url_says_why(url: str, reason: str) -> None:
    assert reason in (urls.problem(url) or "")


@pytest.mark.parametrize("url", ["http://user:hunter2", "http://user:hunter2\u2100@a.example/"])
def test_a_password_is_never_part_of_the_reason(url: str) -> None:
    assert (reason := urls.problem(url)) is not None
    assert "hunter2" not in reason
