"""Cookies go back to the host that set them, and nowhere else."""

from __future__ import annotations

import pytest
from yarl import URL

from crawler.net.cookies import MOST_A_HOST, MOST_BYTES, HostCookies
from tests.net.client import Client
from tests.server import Server

HOST = URL("http://shop.attacker.co.uk/a/b")


async def test_a_cookie_comes_back(client: Client, server: Server) -> None:
    await client.fetch(server.url("/cookies/set?session=1"))
    await client.fetch(server.url("/echo"))
    assert server.log[-1].header("Cookie") == "session=1"


async def test_manifest_cookies_join_those_of_the_server(client: Client, server: Server) -> None:
    await client.fetch(server.url("/cookies/set?session=1"))
    await client.fetch(server.url("/echo"), cookies=(("mine", "2"),))
    sent = server.log[-1].header("Cookie") or ""
    assert sorted(sent.split("; ")) == ["mine=2", "session=1"]
    await client.fetch(server.url("/echo"))
    assert server.log[-1].header("Cookie") == "session=1"


async def test_a_cookie_stays_with_its_host(client: Client, server: Server, stranger: Server) -> None:
    await client.fetch(server.url("/cookies/set?session=1"))
    await client.fetch(stranger.url("/echo"))
    assert stranger.log[-1].header("Cookie") is None


async def test_a_cookie_set_by_a_redirect_is_kept(client: Client, server: Server) -> None:
    headers = [("Location", "/echo"), ("Set-Cookie", "seen=1")]
    server.set_answer("/login", b"", status=303, headers=headers)
    await client.fetch(server.url("/login"), method="POST")
    assert server.log[-1].header("Cookie") == "seen=1"


@pytest.mark.parametrize(
    "attribute", ["Domain=co.uk", "domain=.attacker.co.uk", "DOMAIN = uk", "Domain", "Domain="]
)
async def test_a_domain_attribute_widens_nothing(attribute: str) -> None:
    jar = HostCookies()
    jar.update_cookies_from_headers([f"a=1; Path=/; {attribute}; HttpOnly"], HOST)
    assert "a" in jar.filter_cookies(HOST)
    for host in ("victim.co.uk", "attacker.co.uk", "sub.shop.attacker.co.uk", "co.uk"):
        assert not jar.filter_cookies(URL(f"http://{host}/a/b"))


async def test_a_value_that_mentions_a_domain_is_kept_as_it_is() -> None:
    jar = HostCookies()
    jar.update_cookies_from_headers(["a=domain=co.uk; Path=/"], HOST)
    assert jar.filter_cookies(HOST)["a"].value == "domain=co.uk"


async def test_secure_cookies_and_paths_are_respected() -> None:
    jar = HostCookies()
    jar.update_cookies_from_headers(["s=1; Secure; Path=/", "p=1; Path=/a"], HOST)
    assert set(jar.filter_cookies(HOST)) == {"p"}
    assert set(jar.filter_cookies(HOST.with_scheme("https").with_path("/"))) == {"s"}


async def test_a_flood_leaves_the_newest_of_a_host_and_spares_the_others() -> None:
    jar = HostCookies()
    other = URL("http://other.example/")
    jar.update_cookies_from_headers(["kept=1"], other)
    for index in range(500):
        jar.update_cookies_from_headers([f"c{index}=1; Path=/"], HOST)
    assert set(jar.filter_cookies(HOST)) == {f"c{index}" for index in range(500 - MOST_A_HOST, 500)}
    assert "kept" in jar.filter_cookies(other)


async def test_an_oversized_cookie_is_dropped() -> None:
    jar = HostCookies()
    jar.update_cookies_from_headers(["big=" + "x" * MOST_BYTES, "small=1"], HOST)
    assert set(jar.filter_cookies(HOST)) == {"small"}
