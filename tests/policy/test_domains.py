"""Which hosts belong together."""

from __future__ import annotations

import pytest

from crawler.policy.domains import host_of, registrable_domain


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("example.org", "example.org"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("co.uk", "co.uk"),
        ("user.github.io", "user.github.io"),
        ("www.city.kawasaki.jp", "city.kawasaki.jp"),
        ("x.xn--bcher-kva.de", "xn--bcher-kva.de"),
        ("localhost", "localhost"),
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:db8::1]", "[2001:db8::1]"),
    ],
)
def test_the_registrable_domain(host: str, domain: str) -> None:
    assert registrable_domain(host) == domain


@pytest.mark.parametrize(
    ("netloc", "host"), [("h", "h"), ("h:80", "h"), ("[::1]", "[::1]"), ("[::1]:8080", "[::1]")]
)
def test_a_host_is_its_netloc_without_the_port(netloc: str, host: str) -> None:
    assert host_of(netloc) == host
