"""Requests tell their worker what happened to them, and go no faster than it lets them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from crawler.errors import TimedOut
from crawler.net.traffic import LARGEST_PACED, TRAFFIC, Traffic
from crawler.net.transport import MovedAway
from crawler.policy import urls
from crawler.request import BytesBody, FileBody, Request, Timeouts
from tests.net.client import Client, scripted
from tests.server import Server, file_bytes

SIZE = 300_000


@pytest.fixture
async def traffic() -> Traffic:
    return Traffic()


async def test_a_request_is_announced_before_its_answer_and_timed(
    client: Client, server: Server, traffic: Traffic
) -> None:
    TRAFFIC.set(traffic)
    log: list[str] = []
    traffic.on_sent = lambda: log.append("sent")
    server.on_request = lambda _: log.append("arrived")
    await client.fetch(server.url("/redirect/1"))
    assert log == ["sent", "sent", "arrived"] * 2  # as it gets its connection, and once it has left
    assert traffic.requests == 2
    await client.fetch(server.url("/slow/0.1"))
    assert traffic.head_seconds is not None
    assert 0.1 <= round(traffic.head_seconds, 6) < 5  # uvloop makes seconds of milliseconds


@pytest.mark.parametrize("path", [f"/file/{SIZE}", "/gzip", "/close-delimited", "/file/10"])
async def test_every_piece_received_is_paced(
    client: Client, server: Server, traffic: Traffic, path: str
) -> None:
    plain = await client.fetch(server.url(path))
    pieces: list[int] = []

    def pace(size: int) -> float:
        pieces.append(size)
        return 0.0

    TRAFFIC.set(traffic)
    traffic.pace = pace
    paced = await client.fetch(server.url(path))
    assert paced.body == plain.body
    assert max(pieces) <= LARGEST_PACED
    if not path.startswith("/gzip"):
        assert sum(pieces) == len(plain.body)


async def test_a_small_answer_is_paced_too(client: Client, server: Server, traffic: Traffic) -> None:
    pieces: list[int] = []
    TRAFFIC.set(traffic)
    traffic.pace = lambda size: pieces.append(size) or 0.0  # type: ignore[func-returns-value]
    asked = Request(url=server.url("/file/100"))
    async with client.transport.open(asked, slot=urls.slot(asked.url)) as response:
        await asyncio.sleep(0.05)
        assert response.arrived
        assert response.small_body() is None
        assert b"".join([chunk async for chunk in response.chunks()]) == file_bytes(100)
    assert pieces == [100]


async def test_a_rest_is_no_silence_of_the_server(client: Client, server: Server, traffic: Traffic) -> None:
    """The server has nothing more to send before the rest is over; no limit of ours runs meanwhile."""
    TRAFFIC.set(traffic)
    rests = iter([0.25])
    traffic.pace = lambda _: next(rests, 0.0)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        await asyncio.sleep(0.2)
        writer.write(b"cd")
        await asyncio.sleep(1)

    async with scripted(talk) as base:
        limits = Timeouts(sock_read=0.15, min_rate=None)
        assert (await client.fetch(base + "/", timeouts=limits)).body == b"abcd"
        traffic.pace = lambda _: 0.0
        with pytest.raises(TimedOut):
            await client.fetch(base + "/", timeouts=limits)


@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_every_piece_sent_is_paced(
    client: Client, server: Server, traffic: Traffic, tmp_path: Path, kind: str
) -> None:
    pieces: list[int] = []

    def pace(size: int) -> float:
        pieces.append(size)
        return 0.001

    path = tmp_path / "body"
    path.write_bytes(file_bytes(SIZE))
    body = BytesBody(file_bytes(SIZE), "a/b") if kind == "memory" else FileBody(str(path), "a/b")
    TRAFFIC.set(traffic)
    traffic.pace = pace
    await client.fetch(server.url("/status/200"), method="PUT", body=body)
    assert server.log[-1].body == file_bytes(SIZE)
    assert max(pieces) <= LARGEST_PACED
    assert sum(pieces) >= SIZE


async def test_a_redirect_that_is_not_to_be_followed_is_an_answer(client: Client, server: Server) -> None:
    answer = await client.fetch(server.url("/redirect/2"), redirects=False)
    assert answer.status == 302
    assert len(server.log) == 1


async def test_whoever_may_not_stay_waits_for_the_same_slot_again(client: Client, server: Server) -> None:
    traffic = Traffic()
    traffic.strict = True
    TRAFFIC.set(traffic)
    asked = Request(url=server.url("/redirect/2"))
    slot = urls.slot(asked.url)
    with pytest.raises(MovedAway) as first:
        async with client.transport.open(asked, slot=slot):
            pass
    assert first.value.slot == slot
    with pytest.raises(MovedAway) as second:
        async with client.transport.open(asked, slot=slot, hop=first.value.hop):
            pass
    async with client.transport.open(asked, slot=slot, hop=second.value.hop) as response:
        assert response.status == 200
    assert (first.value.hop.hops, second.value.hop.hops) == (1, 2)
    assert len(server.log) == 3
    assert server.connections == 1
