"""A request over a connection that is open already is the same request, and ends in the same ways."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from crawler.errors import ConnectFailed, ProtocolBroken, TimedOut, Truncated
from crawler.policy import urls
from crawler.request import Request, Timeouts
from tests.net.client import Client, Fetched, scripted
from tests.server import Server

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def second(
    client: Client, answers: Sequence[bytes], *, stay: bool = True, **request: Any
) -> tuple[Fetched, list[int]]:
    """What a request comes to whose connection has served one before; on which connections they came."""
    came: list[int] = []
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        here = connections
        while True:
            await reader.readuntil(b"\r\n\r\n")
            came.append(here)
            answer = OK if len(came) == 1 or len(came) > len(answers) + 1 else answers[len(came) - 2]
            writer.write(answer)
            if not answer or not stay:
                return

    async with scripted(talk) as base:
        await client.fetch(base + "/first")
        return await client.fetch(base + "/second", **request), came


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"headers": (("X-One", "1"), ("x-one", "2"), ("Accept", "a/b"), ("User-Agent", "ü"))},
        {"headers": (("Host", "elsewhere.test"), ("If-None-Match", '"v"'), ("Content-Length", "7"))},
        {"cookies": (("a", "b"),), "params": (("q", "ä ö"), ("r", ""))},
        {"identity": True},
    ],
)
async def test_the_bytes_that_leave_are_the_same(
    client: Client, server: Server, method: str, more: dict[str, Any]
) -> None:
    url = server.url("/echo/%41b;c=d,e/ü?x=1&y=%20#fragment")
    for _ in range(3):
        await client.fetch(url, method=method, **more)
    first, *others = server.log
    assert {request.connection for request in server.log} == {1}
    for other in others:
        assert (other.method, other.target) == (first.method, first.target)
        assert sorted(other.headers) == sorted(first.headers)


async def test_cookies_are_kept_and_come_back(client: Client, server: Server) -> None:
    await client.fetch(server.url("/file/1"))
    await client.fetch(server.url("/cookies/set?a=b"), redirects=False)
    await client.fetch(server.url("/echo"))
    assert server.log[-1].header("Cookie") == "a=b"
    assert server.connections == 1


async def test_an_answer_behind_interim_ones_is_the_answer(client: Client) -> None:
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    fetched, came = await second(client, [hint + hint + OK])
    assert (fetched.status, fetched.body, came) == (200, b"ok", [1, 1])


async def test_a_connection_that_the_server_closed_meanwhile_costs_one_more_request(client: Client) -> None:
    fetched, came = await second(client, [b"", OK])
    assert (fetched.body, came) == (b"ok", [1, 1, 2])
    assert client.transport.requests == 3


async def test_a_server_that_never_answers_is_given_up(client: Client) -> None:
    with pytest.raises(ConnectFailed, match="closed the connection without an answer") as caught:
        await second(client, [b""] * 10)
    assert caught.value.sent


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (b"gibberish\r\n\r\n", ProtocolBroken, "did not answer in HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", Truncated, "5 of 9 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", ProtocolBroken, "transfer coding 'gzip'"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            ProtocolBroken,
            "Invalid character in chunk size",
        ),
    ],
)
async def test_a_broken_answer_is_told_as_on_a_new_connection(
    client: Client, answer: bytes, kind: type[Exception], says: str
) -> None:
    async with asyncio.timeout(5):
        with pytest.raises(kind, match=says):
            await second(client, [answer], stay=False)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 200", r"no answer for 0\.1 s \(timeout sock_read\)"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", r"no byte of the body for 0\.1 s"),
    ],
)
async def test_silence_ends_it(client: Client, answer: bytes, says: str) -> None:
    async with asyncio.timeout(5):
        with pytest.raises(TimedOut, match=says):
            await second(client, [answer], timeouts=Timeouts(sock_read=0.1))


async def test_a_cancelled_request_takes_its_connection_along(client: Client, server: Server) -> None:
    await client.fetch(server.url("/file/1"))
    assert server.open_connections == 1
    waiting = asyncio.create_task(client.fetch(server.url("/stall-before")))
    while len(server.log) < 2:
        await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(5):
        while server.open_connections:
            await asyncio.sleep(0.01)
    assert server.connections == 1


async def test_an_answer_that_is_left_early_takes_its_connection_along(
    client: Client, server: Server
) -> None:
    await client.fetch(server.url("/file/1"))
    url = server.url("/endless")
    async with client.transport.open(Request(url=url), slot=urls.slot(url)) as response:
        assert response.status == 200
    async with asyncio.timeout(5):
        while server.open_connections:
            await asyncio.sleep(0.01)
