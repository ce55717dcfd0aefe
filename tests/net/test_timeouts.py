"""Every limit ends its own kind of waiting, and says which one it was."""

from __future__ import annotations

import asyncio
import socket

import pytest

from crawler.errors import TimedOut, TooSlow
from crawler.net.timeouts import client_timeout, left_of
from crawler.policy import urls
from crawler.request import BytesBody, Request, Timeouts
from tests.net.client import Client, scripted
from tests.server import Server

NONE = Timeouts(total=None, connect=None, sock_connect=None, sock_read=None, min_rate=None)


@pytest.mark.parametrize(
    ("path", "limits", "says", "answered"),
    [
        ("/stall-before", Timeouts(sock_read=0.1), r"no answer for 0\.1 s \(timeout sock_read\)", False),
        (
            "/stall/100",
            Timeouts(sock_read=0.1),
            r"no byte of the body for 0\.1 s \(timeout sock_read\)",
            True,
        ),
        ("/stall-before", Timeouts(total=0.1), r"not finished within 0\.1 s \(timeout total\)", False),
        ("/stall/100", Timeouts(total=0.1), r"not finished within 0\.1 s \(timeout total\)", True),
        ("/drip/1000/20", Timeouts(total=0.1, min_rate=None), r"within 0\.1 s \(timeout total\)", True),
    ],
)
async def test_a_limit_names_itself_and_its_seconds(
    client: Client, server: Server, path: str, limits: Timeouts, says: str, answered: bool
) -> None:
    async with asyncio.timeout(5):
        with pytest.raises(TimedOut, match=says) as caught:
            await client.fetch(server.url(path), timeouts=limits)
    assert (caught.value.sent, caught.value.answered) == (True, answered)
    async with asyncio.timeout(5):
        while server.open_connections:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (Timeouts(connect=0.1), r"no connection within 0\.1 s \(timeout connect\)"),
        (Timeouts(connect=None, sock_connect=0.1), r"no connection within 0\.1 s \(timeout sock_connect\)"),
        (Timeouts(connect=5, sock_connect=0.1), r"no connection within 0\.1 s \(timeout sock_connect\)"),
        (Timeouts(connect=0.1, sock_connect=5), r"no connection within 0\.1 s \(timeout connect\)"),
    ],
)
async def test_a_server_that_takes_no_connection_is_given_up(
    client: Client, limits: Timeouts, says: str
) -> None:
    # A listener whose queue is full drops what knocks, as a dead host does.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        knocking = []
        for _ in range(4):
            knock = socket.socket()
            knock.setblocking(False)
            knock.connect_ex(("127.0.0.1", port))
            knocking.append(knock)
        async with asyncio.timeout(5):
            with pytest.raises(TimedOut, match=says) as caught:
                await client.fetch(f"http://127.0.0.1:{port}/", timeouts=limits)
        for knock in knocking:
            knock.close()
    assert not caught.value.sent


async def test_total_counts_over_all_hops(client: Client) -> None:
    answers = [b"HTTP/1.1 302 Found\r\nLocation: /next\r\n", b"HTTP/1.1 200 OK\r\n"]

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while answers:
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(0.2)
            writer.write(answers.pop(0) + b"Content-Length: 0\r\n\r\n")

    async with scripted(talk) as base, asyncio.timeout(5):
        with pytest.raises(TimedOut, match=r"0\.3 s \(timeout total\)"):
            await client.fetch(base + "/", timeouts=Timeouts(total=0.3))
    assert len(answers) == 1


def test_what_is_left_of_total_never_becomes_no_limit() -> None:
    assert left_of(Timeouts(total=0.3), 0.2).total == pytest.approx(0.1)
    assert left_of(Timeouts(total=0.3), 9).total == 0.001
    assert left_of(NONE, 9) is NONE


def test_zero_and_none_mean_no_limit() -> None:
    zero = client_timeout(Timeouts(total=0, connect=0, sock_connect=0, sock_read=0, min_rate=0))
    assert zero == client_timeout(NONE)
    assert (zero.total, zero.connect, zero.sock_connect, zero.sock_read) == (None, None, None, None)


@pytest.mark.parametrize("sock_read", [None, 60.0])
async def test_a_drip_is_too_slow_whatever_sock_read_says(
    client: Client, server: Server, sock_read: float | None
) -> None:
    limits = Timeouts(sock_read=sock_read, min_rate=1000)
    async with asyncio.timeout(5):
        with pytest.raises(TooSlow, match=r"expected 1000 bytes/s \(min_rate\)"):
            await client.fetch(server.url("/drip/100000/10"), timeouts=limits)


async def test_silence_is_too_slow_too(client: Client, server: Server) -> None:
    async with asyncio.timeout(5):
        with pytest.raises(TooSlow, match="only 0 bytes"):
            await client.fetch(server.url("/stall"), timeouts=Timeouts(sock_read=None, min_rate=1))


async def test_a_drip_above_the_rate_arrives(server: Server) -> None:
    async with Client(rate_window=0.05) as client:
        fetched = await client.fetch(server.url("/drip/25/10"), timeouts=Timeouts(min_rate=5))
    assert len(fetched.body) == 25


async def test_a_reader_that_takes_its_time_is_not_held_against_the_server(server: Server) -> None:
    url = server.url("/file/3000000")
    request = Request(url=url, timeouts=Timeouts(min_rate=1e9))
    size = 0
    async with (
        Client(rate_window=0.05) as client,
        client.transport.open(request, slot=urls.slot(url)) as response,
    ):
        async for chunk in response.chunks():
            size += len(chunk)
            if size < 700_000:
                await asyncio.sleep(0.1)  # longer than the window
    assert size == 3_000_000


async def test_interim_answers_without_an_end_are_given_up(client: Client, server: Server) -> None:
    async with asyncio.timeout(5):
        with pytest.raises(TimedOut, match="without an end") as caught:
            await client.fetch(server.url("/early-hints-flood"))
    assert (caught.value.sent, caught.value.answered) == (True, False)


async def test_a_server_that_thinks_long_is_waited_for_if_no_limit_is_set(
    server: Server,
) -> None:
    async with Client(head_limit=0.05, rate_window=0.05) as client:
        fetched = await client.fetch(server.url("/slow/0.25"), timeouts=NONE)
    assert fetched.status == 200


async def test_a_slow_upload_is_not_taken_for_a_slow_head(client: Client) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        left = 8_000_000
        while left:
            await asyncio.sleep(0.05 if left > 6_500_000 else 0)
            left -= len(await reader.read(500_000))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with scripted(talk) as base, Client(head_limit=0.1) as client:
        body = BytesBody(bytes(8_000_000), "application/octet-stream")
        assert (await client.fetch(base + "/", method="PUT", body=body)).status == 200
