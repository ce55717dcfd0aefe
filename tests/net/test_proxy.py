"""Requests through a forward proxy."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import quote

import pytest

from crawler import __version__
from crawler.errors import BadStatus, BlockedAddress, ConnectFailed, TemplateFailed
from crawler.model import ErrorClass, RetryRule
from crawler.policy import retry
from crawler.request import Auth
from tests.net.client import Client, scripted
from tests.net.test_tls import CA, context
from tests.server import Server

USERINFO = "http://us%40er:se%3Acret@"


async def test_http_goes_through_the_proxy_as_an_absolute_url(
    client: Client, server: Server, other: Server
) -> None:
    proxy = other.base.replace("http://", USERINFO)
    fetched = await client.fetch(server.url("/echo?x=%27"), proxy=proxy, auth=Auth("bearer", "", "t"))
    assert fetched.status == 200
    (seen,) = other.log
    assert seen.target == server.url("/echo?x=%27")
    assert seen.header("Proxy-Authorization") == "Basic dXNAZXI6c2U6Y3JldA=="
    assert seen.header("Authorization") == "Bearer t"
    assert server.connections == 0


async def test_https_goes_through_a_tunnel_that_sees_no_secret(other: Server, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    CA.cert_pem.write_to_path(str(ca))
    proxy = other.base.replace("http://", USERINFO)
    async with Client(tls_ca=str(ca)) as client, Server(tls=context("127.0.0.1")) as secure:
        fetched = await client.fetch(secure.url("/file/100000"), proxy=proxy, auth=Auth("bearer", "", "t"))
        assert len(fetched.body) == 100_000
        (arrived,) = secure.log
        assert arrived.header("Proxy-Authorization") is None
        assert arrived.header("Authorization") == "Bearer t"
        await client.fetch(secure.url("/file/10"), proxy=proxy, headers=(("User-Agent", "acme/1"),))
        await client.fetch(secure.url("/file/10"), proxy=proxy)
        assert [request.connection for request in secure.log] == [1, 2, 1]
    tunnel, own = other.log
    assert (tunnel.method, tunnel.header("Authorization")) == ("CONNECT", None)
    assert [tunnel.header("User-Agent"), own.header("User-Agent")] == [f"crawler/{__version__}", "acme/1"]
    assert tunnel.header("Proxy-Authorization") == "Basic dXNAZXI6c2U6Y3JldA=="


async def test_websockets_go_through_a_tunnel(other: Server, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    CA.cert_pem.write_to_path(str(ca))
    async with (
        Client(tls_ca=str(ca)) as client,
        Server(tls=context("127.0.0.1")) as secure,
        client.websocket(secure.ws("/ws/echo"), proxy=other.base) as socket,
    ):
        await socket.send_text("through")
        assert (await socket.receive()).data == "through"
    assert other.log[0].method == "CONNECT"


async def test_a_proxy_that_cannot_be_used_is_named_without_its_password(client: Client) -> None:
    with pytest.raises(TemplateFailed, match=r"proxy socks5://h:1 cannot be used") as caught:
        await client.fetch("http://127.0.0.1:1/", proxy="socks5://user:hush@h:1")
    assert "hush" not in str(caught.value)


async def test_a_dead_proxy_is_named(client: Client, server: Server) -> None:
    with pytest.raises(ConnectFailed, match=r"to the proxy 127\.0\.0\.1:1: Connection refused") as caught:
        await client.fetch(server.url("/echo"), proxy="http://u:hush@127.0.0.1:1")
    assert not caught.value.sent
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 502 No Way\r\nContent-Length: 0\r\n\r\n", "opened no tunnel to a.test:443: 502 No Way"),
        (b"", "let go before a tunnel to a.test:443 was open"),
    ],
)
async def test_a_proxy_that_opens_no_tunnel_is_a_connect_failure(
    client: Client, answer: bytes, says: str
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    async with scripted(talk) as proxy:
        with pytest.raises(ConnectFailed, match=says) as caught:
            await client.fetch("https://a.test/", proxy=proxy)
    assert not caught.value.sent


async def test_a_proxy_that_refuses_a_tunnel_is_told_with_its_status(client: Client) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Who Are You\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n")

    async with scripted(talk) as proxy:
        with pytest.raises(BadStatus, match=r"refused a tunnel to a\.test:443: 407 Who Are You") as caught:
            await client.fetch("https://a.test/", proxy=proxy, method="POST", idempotent=False)
    failure = caught.value.failure()
    assert (failure.kind, failure.status, failure.retry_after) == (ErrorClass.HTTP_STATUS, 407, 7.0)
    assert (failure.sent, failure.answered) == (False, False)
    assert not retry.retryable(failure, RetryRule(), idempotent=True)


async def test_a_redirect_behind_a_proxy_reaches_no_address_spelt_out(server: Server, other: Server) -> None:
    target = quote("http://169.254.169.254/latest/", safe="")
    async with Client() as client:
        with pytest.raises(BlockedAddress, match=r"169\.254\.169\.254"):
            await client.fetch(server.url(f"/redirect-to?url={target}"), proxy=other.base)
    assert len(other.log) == 1
