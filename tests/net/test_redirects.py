"""Redirects: where they lead, what goes along, and what never crosses an origin."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import ConnectFailed, RedirectRefused
from crawler.net.redirects import Leg, next_leg
from crawler.net.transport import MovedAway
from crawler.policy import urls
from crawler.request import Auth, BytesBody, Hop, Request
from tests.net.client import Client
from tests.server import Server

BODY = BytesBody(b"payload", "text/plain")
SECRETS: dict[str, Any] = {
    "headers": (
        ("X-Api-Key", "hush"),
        ("Authorization", "Bearer hush"),
        ("Cookie", "hush=1"),
        ("Accept-Language", "de"),
        ("Range", "bytes=0-"),
    ),
    "cookies": (("session", "hush"),),
}


def to(server: Server, target: str, status: int = 302) -> str:
    return server.url(f"/redirect-to?status={status}&url={quote(target, safe='')}")


async def test_redirects_within_an_origin_keep_credentials_and_the_connection(
    client: Client, server: Server
) -> None:
    await client.fetch(to(server, "/echo"), **SECRETS)
    arrived = server.log[-1]
    assert arrived.header("X-Api-Key") == "hush"
    assert arrived.header("Authorization") == "Bearer hush"
    assert arrived.header("Cookie") == "hush=1; session=hush"
    assert server.connections == 1


@pytest.mark.parametrize("where", ["another port", "another host"])
async def test_nothing_secret_crosses_an_origin(
    client: Client, server: Server, other: Server, stranger: Server, where: str
) -> None:
    elsewhere = other if where == "another port" else stranger
    fetched = await client.fetch(to(server, elsewhere.url("/echo")), **SECRETS)
    (arrived,) = elsewhere.log
    assert "hush" not in str(arrived.headers)
    assert arrived.header("Accept-Language") == "de"
    assert arrived.header("Range") == "bytes=0-"
    assert fetched.slots == (urls.slot(server.base), urls.slot(elsewhere.base))


async def test_credentials_stay_dropped_on_the_way_back(
    client: Client, server: Server, other: Server
) -> None:
    await client.fetch(to(server, to(other, server.url("/echo"))), **SECRETS)
    assert server.log[-1].path == "/echo"
    assert "hush" not in str(server.log[-1].headers)


@pytest.mark.parametrize("scheme", ["basic", "bearer", "digest"])
async def test_auth_goes_to_its_own_origin_only(
    client: Client, server: Server, other: Server, scheme: str
) -> None:
    target = other.url(f"/wants-auth/{scheme}")
    fetched = await client.fetch(to(server, target), auth=Auth(scheme, "user", "secret"))
    assert fetched.status == 401
    assert other.log[0].header("Authorization") is None


@pytest.mark.parametrize("status", [307, 308])
async def test_no_body_is_replayed_to_another_origin(
    client: Client, server: Server, other: Server, status: int
) -> None:
    with pytest.raises(RedirectRefused, match="body to another origin"):
        await client.fetch(to(server, other.url("/echo"), status), method="POST", body=BODY, idempotent=False)
    assert other.connections == 0


@pytest.mark.parametrize(
    ("status", "method", "arrives_as", "with_body"),
    [
        (301, "POST", "GET", False),
        (302, "POST", "GET", False),
        (303, "POST", "GET", False),
        (303, "PUT", "GET", False),
        (303, "HEAD", "HEAD", False),
        (301, "PUT", "PUT", True),
        (302, "PATCH", "PATCH", True),
        (307, "POST", "POST", True),
        (308, "DELETE", "DELETE", True),
    ],
)
async def test_the_method_follows_the_status(
    client: Client, server: Server, status: int, method: str, arrives_as: str, with_body: bool
) -> None:
    body = None if method == "HEAD" else BODY
    headers = (("X-Kept", "1"), ("Content-Language", "de"))
    await client.fetch(to(server, "/echo", status), method=method, body=body, headers=headers)
    arrived = server.log[-1]
    assert (arrived.method, arrived.body) == (arrives_as, b"payload" if with_body else b"")
    assert arrived.header("X-Kept") == "1"
    if arrives_as == "GET":
        assert arrived.header("Content-Type") is None
        assert arrived.header("Content-Language") is None


async def test_a_redirect_out_of_the_slot_goes_back_to_the_engine(
    client: Client, server: Server, other: Server
) -> None:
    url = to(server, other.url("/echo"), 303)
    with pytest.raises(MovedAway) as moved:
        async with client.transport.open(Request(url=url, method="POST", body=BODY), slot=urls.slot(url)):
            raise AssertionError("there is no answer yet")
    assert moved.value.slot == urls.slot(other.base)
    assert moved.value.hop == Hop(other.url("/echo"), "GET", 1, crossed_origin=True)
    assert other.connections == 0


async def test_a_request_that_was_answered_by_a_redirect_counts_as_sent(
    client: Client, server: Server
) -> None:
    url = to(server, "http://127.0.0.1:1/", 303)
    with pytest.raises(ConnectFailed) as caught:
        await client.fetch(url, method="POST", body=BODY, idempotent=False)
    assert (caught.value.sent, caught.value.answered) == (True, True)


async def test_params_are_not_added_to_where_a_redirect_leads(client: Client, server: Server) -> None:
    await client.fetch(server.url("/redirect/1"), params=(("a", "b"),))
    assert [request.target for request in server.log] == ["/redirect/1?a=b", "/redirect/0"]


async def test_a_loop_ends_after_ten_hops(client: Client, server: Server) -> None:
    with pytest.raises(RedirectRefused, match="more than 10"):
        await client.fetch(server.url("/redirect-loop"))
    assert len(server.log) == 11
    assert client.transport.requests == 11


async def test_a_loop_between_hosts_ends_after_ten_hops(
    client: Client, server: Server, other: Server
) -> None:
    ways = {server: to(server, other.url("/back")), other: server.url("/there")}
    server.set_answer("/there", b"", status=302, headers=[("Location", other.url("/back"))])
    other.set_answer("/back", b"", status=302, headers=[("Location", ways[other])])
    with pytest.raises(RedirectRefused, match="more than 10"):
        await client.fetch(server.url("/there"))
    assert len(server.log) + len(other.log) == 11


@pytest.mark.parametrize("status", [300, 304, 305, 306])
async def test_other_3xx_are_answers(client: Client, server: Server, status: int) -> None:
    assert (await client.fetch(to(server, "/echo", status))).status == status


async def test_a_redirect_that_names_no_place_is_the_answer(client: Client, server: Server) -> None:
    assert (await client.fetch(server.url("/redirect-to"))).status == 302


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "data:,x",
        "javascript:1",
        "https://",
        "http://[::1",
        "ws://h/",
    ],
)
async def test_only_http_urls_are_followed(client: Client, server: Server, location: str) -> None:
    with pytest.raises(RedirectRefused):
        await client.fetch(to(server, location))
    assert len(server.log) == 1


@pytest.mark.parametrize("target", ["/echo/%27%2F?x=%27&y=a+b", "/echo/(a)'!*"])
async def test_a_location_is_sent_as_written(client: Client, server: Server, target: str) -> None:
    await client.fetch(to(server, target))
    assert server.log[-1].target == target


async def test_credentials_in_a_location_are_not_used(client: Client, server: Server, other: Server) -> None:
    await client.fetch(to(server, other.base.replace("//", "//user:secret@") + "/wants-auth/basic"))
    assert other.log[0].header("Authorization") is None


async def test_a_large_redirect_body_is_not_read(client: Client, server: Server) -> None:
    server.set_answer("/big", bytes(5_000_000), status=302, headers=[("Location", "/file/1")])
    fetched = await client.fetch(server.url("/big"))
    assert fetched.status == 200
    assert server.connections == 2


def leg(url: str = "https://a.example/x/y?q", **more: Any) -> Leg:
    return Leg(**{"url": url, "method": "GET", "body": None, **more})


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("z", "https://a.example/x/z"),
        ("?n", "https://a.example/x/y?n"),
        ("../w", "https://a.example/w"),
        ("//b.example/p", "https://b.example/p"),
        ("HTTPS://b.example/p#part", "https://b.example/p"),
        ("/é", "https://a.example/%C3%A9"),
        ("/\udce9", "https://a.example/%E9"),
        ("/a b", "https://a.example/a%20b"),
        ("https://u:p@b.example", "https://b.example"),
    ],
)
def test_locations_are_resolved_against_the_redirecting_url(location: str, target: str) -> None:
    following = next_leg(leg(), 302, location)
    assert following is not None
    assert following.url == target
    assert following.crossed == ("b.example" in target)


def test_a_downgrade_to_plain_http_is_refused() -> None:
    with pytest.raises(RedirectRefused, match="plain http"):
        next_leg(leg(), 302, "http://a.example/")


def test_an_upgrade_to_https_crosses_an_origin() -> None:
    following = next_leg(leg("http://a.example/"), 301, "https://a.example/")
    assert following is not None
    assert following.crossed


def test_a_signature_in_a_location_stays_out_of_the_message() -> None:
    with pytest.raises(RedirectRefused) as caught:
        next_leg(leg(hops=10), 302, "https://a.example/?signature=hush")
    assert "hush" not in str(caught.value)


@given(st.text(), st.sampled_from([301, 302, 303, 307, 308]))
def test_any_location_leads_to_http_or_is_refused(location: str, status: int) -> None:
    try:
        following = next_leg(leg(), status, location)
    except RedirectRefused:
        return
    assert following is None or urls.problem(following.url) is None
