"""What the server receives is what the manifest says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import TaskError, TemplateFailed
from crawler.net.transport import Transport
from crawler.net.wire import requested_url
from crawler.policy import urls
from crawler.request import Auth, BytesBody, Request
from tests.net.client import Client
from tests.server import Server

METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]


@pytest.mark.parametrize("method", METHODS)
async def test_every_method_arrives(client: Client, server: Server, method: str) -> None:
    fetched = await client.fetch(server.url("/echo"), method=method)
    assert fetched.status == 200
    assert server.log[-1].method == method
    assert server.log[-1].header("Content-Type") is None


@pytest.mark.parametrize("target", ["/echo/%27%2f%7E?a=%27&b=%2F", "/echo/a(b)'c;d=e,f", "/echo?x=1&&y"])
async def test_an_encoded_url_is_sent_as_written(client: Client, server: Server, target: str) -> None:
    fetched = await client.fetch(server.url(target))
    assert server.log[-1].target == target
    assert fetched.url == server.url(target)


@pytest.mark.parametrize(
    ("url", "params", "target"),
    [
        ("/echo", (("a", "b c"), ("d", "é&=")), "/echo?a=b+c&d=%C3%A9%26%3D"),
        ("/echo?x=%27", (("a", "1"), ("a", "2")), "/echo?x=%27&a=1&a=2"),
        ("/echo?", (("a", ""),), "/echo?a="),
    ],
)
async def test_params_go_behind_the_query(
    client: Client, server: Server, url: str, params: tuple[tuple[str, str], ...], target: str
) -> None:
    await client.fetch(server.url(url), params=params)
    assert server.log[-1].target == target


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))))
def test_any_params_give_a_url_that_needs_no_more_quoting(params: list[tuple[str, str]]) -> None:
    url = requested_url(Request(url="http://h.example/p?q=%27", params=tuple(params)))
    assert urls.wire(url) == url
    assert url.startswith("http://h.example/p?q=%27")


async def test_headers_arrive_in_the_order_and_case_given(client: Client, server: Server) -> None:
    headers = (("x-Zulu", "1"), ("X-alpha", "2"), ("x-Zulu", "3"))
    await client.fetch(server.url("/echo"), headers=(*headers[:2], ("x-zulu", "3")))
    assert [pair for pair in server.log[-1].headers if pair[0].lower() in ("x-zulu", "x-alpha")] == [*headers]


async def test_what_we_add_gives_way_to_what_is_written(client: Client, server: Server) -> None:
    written = (
        ("user-agent", "me/1"),
        ("Accept-Encoding", "br"),
        ("accept", "text/html"),
        ("Host", "v.example"),
    )
    await client.fetch(server.url("/echo"), headers=written)
    arrived = server.log[-1]
    assert {name: arrived.all(name) for name, _ in written} == {name: [value] for name, value in written}


async def test_we_introduce_ourselves_and_say_what_we_can_decode(client: Client, server: Server) -> None:
    await client.fetch(server.url("/echo"))
    await client.fetch(server.url("/echo"), identity=True)
    offered = server.log[0].header("Accept-Encoding") or ""
    assert offered.startswith("gzip, deflate")
    assert (server.log[0].header("User-Agent") or "").startswith("crawler/")
    assert server.log[1].header("Accept-Encoding") == "identity"


async def test_a_length_written_by_hand_gives_way_to_the_real_one(client: Client, server: Server) -> None:
    headers = (("Content-Length", "3"), ("Transfer-Encoding", "chunked"))
    await client.fetch(server.url("/echo"), method="PUT", headers=headers, body=BytesBody(b"12345", "a/b"))
    arrived = server.log[-1]
    assert (arrived.body, arrived.all("Content-Length")) == (b"12345", ["5"])
    assert arrived.header("Transfer-Encoding") is None


@pytest.mark.parametrize(
    "bad",
    [
        {"headers": (("X-A", "1\r\nX-Injected: 2"),)},
        {"headers": (("X-A", "\x00"),)},
        {"headers": (("X A", "1"),)},
        {"headers": (("", "1"),)},
        {"cookies": (("a", "1\n2"),)},
        {"auth": Auth("basic", "us:er", "x")},
        {"auth": Auth("digest", "us:er", "x")},
        {"auth": Auth("bearer", "", "x\ny")},
        {"url": "http://[::1/"},
        {"url": "http:///nohost"},
        {"url": "gopher://host/"},
        {"proxy": "socks5://127.0.0.1:1"},
        {"proxy": "nonsense"},
    ],
)
async def test_what_http_cannot_carry_is_never_sent(
    client: Client, server: Server, bad: dict[str, Any]
) -> None:
    with pytest.raises(TemplateFailed) as caught:
        async with client.transport.open(Request(**{"url": server.url("/echo"), **bad}), slot=""):
            raise AssertionError("it was sent")
    assert not caught.value.sent
    assert server.connections == 0


@pytest.mark.parametrize("scheme", ["basic", "bearer", "digest"])
async def test_credentials_of_every_scheme_are_accepted(client: Client, server: Server, scheme: str) -> None:
    url = server.url(f"/wants-auth/{scheme}")
    assert (await client.fetch(url, auth=Auth(scheme, "user", "secret"))).body == b"welcome\n"


async def test_a_digest_challenge_is_remembered(client: Client, server: Server) -> None:
    url = server.url("/wants-auth/digest")
    for _ in range(3):
        assert (await client.fetch(url, auth=Auth("digest", "user", "secret"))).status == 200
    assert (await client.fetch(url, auth=Auth("digest", "user", "wrong"))).status == 401
    assert len(server.log) == 1 + 3 + 2
    assert client.transport.requests == len(server.log)


async def test_digest_sends_a_body_again_after_the_challenge(client: Client, server: Server) -> None:
    fetched = await client.fetch(
        server.url("/wants-auth/digest"),
        method="POST",
        body=BytesBody(b"twice", "text/plain"),
        auth=Auth("digest", "user", "secret"),
        idempotent=False,
    )
    assert fetched.status == 200
    assert [request.body for request in server.log] == [b"twice", b"twice"]


async def test_credentials_in_the_url_are_used_and_kept_out_of_the_answers_url(
    client: Client, server: Server
) -> None:
    url = server.base.replace("//", "//us%C3%A9r:s%20t@") + "/echo"
    fetched = await client.fetch(url)
    assert fetched.url == server.url("/echo")
    assert server.log[-1].header("Authorization") == "Basic dXPDqXI6cyB0"


async def test_nothing_is_read_from_the_environment(
    client: Client, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert (await client.fetch(server.url("/echo"))).status == 200


async def test_an_unreadable_answer_counts_as_sent_but_not_answered(client: Client, server: Server) -> None:
    with pytest.raises(TaskError) as caught:
        await client.fetch(server.url("/hangup"), method="POST", idempotent=False)
    assert (caught.value.sent, caught.value.answered) == (True, False)


async def test_a_status_is_an_answer_and_no_error(client: Client, server: Server) -> None:
    for status in (200, 404, 500, 503):
        assert (await client.fetch(server.url(f"/status/{status}"))).status == status


async def test_a_bug_passes_through_unchanged(client: Client, server: Server) -> None:
    with pytest.raises(ValueError, match="auth scheme"):
        await client.fetch(server.url("/echo"), auth=Auth("kerberos"))
    assert server.connections == 0


async def test_it_is_a_transport(client: Client) -> None:
    transport: Transport = client.transport  # what mypy checks
    assert transport.requests == 0
