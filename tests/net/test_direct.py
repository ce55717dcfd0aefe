"""A large plain body is received past aiohttp's parser, and everything that holds for others holds for it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from crawler.errors import TaskError, TimedOut, TooSlow, Truncated
from crawler.net.response import AiohttpResponse
from crawler.net.traffic import TRAFFIC, Traffic
from crawler.policy import urls
from crawler.request import Request, Timeouts
from tests.net.client import Client, scripted
from tests.server import Server, file_bytes

CA = trustme.CA()
SIZE = 9_000_001
BODY = file_bytes(SIZE)
NONE = Timeouts(total=None, connect=None, sock_connect=None, sock_read=None, min_rate=None)


@asynccontextmanager
async def opened(client: Client, url: str, timeouts: Timeouts = NONE) -> AsyncIterator[AiohttpResponse]:
    request = Request(url=url, timeouts=timeouts, identity=True)
    async with client.transport.open(request, slot=urls.slot(url)) as response:
        yield response


async def received(response: AiohttpResponse, into: bytearray, room: int = 1_000_003) -> bytes:
    """Everything, in rooms of that size; ``into`` has it even if an error ends it."""
    assert response.direct()
    block = bytearray(room)
    while count := await response.read_into(memoryview(block)):
        into += block[:count]
    return bytes(into)


def answer(body: bytes, declared: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (declared, body)


@pytest.mark.parametrize("room", [65_536, 1 << 20, SIZE + 5])
async def test_the_body_is_whole_and_the_connection_serves_again(
    client: Client, server: Server, room: int
) -> None:
    for _ in range(2):
        async with opened(client, server.url(f"/file/{SIZE}")) as response:
            assert await received(response, bytearray(), room) == BODY
            assert await response.read_into(memoryview(bytearray(10))) == 0
    assert (await client.fetch(server.url("/file/10"))).body == file_bytes(10)
    assert server.connections == 1


async def test_the_same_over_tls(tmp_path: Path) -> None:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CA.issue_cert("127.0.0.1").configure_cert(made)
    CA.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with Server(tls=made) as server, Client(tls_ca=str(tmp_path / "ca.pem")) as client:
        for _ in range(2):
            async with opened(client, server.url(f"/file/{SIZE}")) as response:
                assert await received(response, bytearray()) == BODY
        assert server.connections == 1


async def test_a_reader_that_takes_its_time_loses_nothing(client: Client, server: Server) -> None:
    """Limits run only while somebody waits for the network."""
    limits = Timeouts(sock_read=0.1, min_rate=1e9)
    async with opened(client, server.url(f"/file/{SIZE}"), limits) as response:
        assert response.direct()
        got, block = bytearray(), bytearray(5 << 20)
        await asyncio.sleep(0.25)
        while count := await response.read_into(memoryview(block)):
            got += block[:count]
            await asyncio.sleep(0.1)
    assert got == BODY


@pytest.mark.parametrize("path", ["/gzip", "/file/1000", "/endless", "/close-delimited"])
async def test_other_bodies_are_read_as_ever(client: Client, server: Server, path: str) -> None:
    async with opened(client, server.url(path)) as response:
        assert not response.direct()
        async for chunk in response.chunks():
            assert chunk
            break


async def test_a_paced_body_is_read_as_ever(client: Client, server: Server) -> None:
    traffic = Traffic()
    traffic.pace = lambda _: 0.0
    TRAFFIC.set(traffic)
    async with opened(client, server.url(f"/file/{SIZE}")) as response:
        assert not response.direct()


@pytest.mark.parametrize("kept", [5_000_000, 300])
@pytest.mark.parametrize("reset", [True, False])
async def test_a_cut_body_gives_what_came_and_then_says_so(client: Client, kept: int, reset: bool) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(BODY[:kept], SIZE))
        await writer.drain()
        await asyncio.sleep(0.1)
        if reset:
            writer.transport.abort()

    got = bytearray()
    async with scripted(talk) as base:
        with pytest.raises(
            Truncated, match=rf"cut after {kept} of {SIZE} bytes" if not reset else "cut after"
        ):
            async with opened(client, base + "/") as response:
                await received(response, got)
    assert got == BODY[: len(got)]
    assert len(got) == kept or reset


async def test_what_follows_the_body_is_nobodys(client: Client) -> None:
    served = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        while True:
            await reader.readuntil(b"\r\n\r\n")
            served += 1
            if served == 1:
                writer.write(answer(BODY, SIZE) + answer(b"poison", 6))
            else:
                writer.write(answer(b"mine", 4))

    async with scripted(talk) as base:
        async with opened(client, base + "/") as response:
            assert await received(response, bytearray()) == BODY
        await asyncio.sleep(0.05)
        assert (await client.fetch(base + "/")).body == b"mine"


@pytest.mark.parametrize(
    ("limits", "kind", "says"),
    [
        (Timeouts(sock_read=0.1), TimedOut, r"no byte of the body for 0\.1 s"),
        (Timeouts(total=0.2, min_rate=None), TimedOut, r"within 0\.2 s \(timeout total\)"),
        (Timeouts(min_rate=1e9), TooSlow, r"expected 1e\+09 bytes/s"),
    ],
)
async def test_every_limit_ends_the_wait_and_leaves_what_came(
    client: Client, limits: Timeouts, kind: type[TaskError], says: str
) -> None:
    gone = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(BODY[:200_000], SIZE))
        await reader.read()
        gone.set()

    got = bytearray()
    async with scripted(talk) as base, asyncio.timeout(5):
        with pytest.raises(kind, match=says) as caught:
            async with opened(client, base + "/", limits) as response:
                await received(response, got)
        assert (caught.value.sent, caught.value.answered) == (True, True)
        await gone.wait()
    assert got == BODY[:200_000]


async def test_a_slow_body_shows_after_a_second(client: Client) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(BODY[:10], SIZE))
        await asyncio.sleep(0.1)
        writer.write(BODY[10:200])
        await reader.read()

    async with scripted(talk) as base, opened(client, base + "/") as response, asyncio.timeout(5):
        assert response.direct()
        block, count = bytearray(1 << 20), 0
        while count < 200:
            count += await response.read_into(memoryview(block)[count:])
    assert block[:200] == BODY[:200]


async def test_after_a_cancellation_the_memory_is_left_alone(client: Client, server: Server) -> None:
    block = bytearray(1 << 20)
    async with opened(client, server.url(f"/file/{SIZE}?throttle=1000000")) as response:
        assert response.direct()
        reading = asyncio.create_task(response.read_into(memoryview(block)))
        await asyncio.sleep(0.1)
        if not reading.done():
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
        before = bytes(block)
        await asyncio.sleep(0.1)
        assert block == before
        block.clear()  # raises BufferError while anybody still has a view of it
    async with asyncio.timeout(5):
        while server.open_connections:
            await asyncio.sleep(0.01)
