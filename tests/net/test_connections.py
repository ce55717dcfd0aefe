"""Connections are reused where that is safe, and only there."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct

import pytest
from aiohttp.client_proto import ResponseHandler

from crawler.errors import ConnectFailed, DnsFailed, TaskError
from crawler.net.traffic import TRAFFIC, Traffic
from crawler.request import BytesBody
from tests.net.client import Client, scripted
from tests.server import Server

BODY = BytesBody(b"x", "text/plain")


async def test_a_hundred_gets_use_one_connection(client: Client, server: Server) -> None:
    for index in range(100):
        await client.fetch(server.url(f"/file/{index * 100}"))
    assert server.connections == 1
    assert client.transport.requests == 100


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_what_must_not_be_repeated_gets_a_fresh_connection(
    client: Client, server: Server, method: str
) -> None:
    await client.fetch(server.url("/file/1"))
    await client.fetch(server.url("/echo"), method=method, body=BODY, idempotent=False)
    await client.fetch(server.url("/echo"), method=method, body=BODY, idempotent=False)
    assert [request.connection for request in server.log] == [1, 2, 3]
    await client.fetch(server.url("/file/1"))
    assert server.log[-1].connection == 3


async def test_an_idempotency_key_lets_a_post_share_connections(client: Client, server: Server) -> None:
    await client.fetch(server.url("/file/1"))
    await client.fetch(server.url("/echo"), method="POST", body=BODY, idempotent=True)
    assert server.connections == 1


async def test_a_get_that_meets_a_dead_connection_is_sent_again_and_counted(client: Client) -> None:
    arrived = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal arrived
        for _ in range(2):
            await reader.readuntil(b"\r\n\r\n")
            arrived += 1
            if arrived == 2:
                return  # the second request on the first connection dies unanswered
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    counted = Traffic()
    TRAFFIC.set(counted)
    async with scripted(talk) as base:
        await client.fetch(base + "/")
        assert (await client.fetch(base + "/")).body == b"ok"
    assert arrived == 3
    assert client.transport.requests == counted.requests == 3


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
@pytest.mark.parametrize("ends", ["close", "reset"])
async def test_a_new_connection_that_is_lost_is_not_tried_again_behind_our_back(
    client: Client, method: str, ends: str
) -> None:
    arrived = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal arrived
        await reader.readuntil(b"\r\n\r\n")
        arrived += 1
        if ends == "reset":
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()

    body = BODY if method == "PUT" else None
    why = "reset by peer" if ends == "reset" else "closed the connection without an answer"
    async with scripted(talk) as base:
        with pytest.raises(ConnectFailed, match=why) as caught:
            await client.fetch(base + "/", method=method, body=body)
    assert (arrived, client.transport.requests) == (1, 1)
    assert caught.value.sent


async def test_a_put_that_meets_a_dead_connection_is_sent_again_whole_and_once(client: Client) -> None:
    arrived: list[tuple[int, bytes]] = []
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        here = connections
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            arrived.append((here, head[:3] + (await reader.readexactly(1) if head[:3] == b"PUT" else b"")))
            if len(arrived) > 1:
                return  # every PUT dies unanswered
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with scripted(talk) as base:
        await client.fetch(base + "/")
        with pytest.raises(ConnectFailed):
            await client.fetch(base + "/", method="PUT", body=BODY)
    assert arrived == [(1, b"GET"), (1, b"PUTx"), (2, b"PUTx")]
    assert client.transport.requests == 3


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
async def test_what_must_not_be_repeated_is_sent_once(client: Client, server: Server, method: str) -> None:
    with pytest.raises(ConnectFailed) as caught:
        await client.fetch(server.url("/counter/c?answer=no"), method=method, body=BODY, idempotent=False)
    assert server.count("c") == 1
    assert (caught.value.sent, caught.value.answered) == (True, False)


async def test_a_second_answer_nobody_asked_for_is_never_taken(client: Client) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine")
            await asyncio.sleep(0.02)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")

    async with scripted(talk) as base:
        assert (await client.fetch(base + "/")).body == b"mine"
        await asyncio.sleep(0.1)
        assert (await client.fetch(base + "/")).body == b"mine"


async def test_closed_connections_are_forgotten(client: Client, server: Server) -> None:
    for _ in range(20):
        await client.fetch(server.url("/then-close"))
        with pytest.raises(TaskError):
            await client.fetch(server.url("/short"))
    await asyncio.sleep(0.05)
    gc.collect()
    assert sum(isinstance(thing, ResponseHandler) for thing in gc.get_objects()) <= 2


async def test_a_refused_connection_says_where_and_that_nothing_was_sent(client: Client) -> None:
    async with scripted(lambda _reader, _writer: asyncio.sleep(0)) as base:
        pass
    port = base.rpartition(":")[2]
    with pytest.raises(ConnectFailed, match=rf"127\.0\.0\.1:{port}: .*[Rr]efused") as caught:
        await client.fetch(base + "/")
    assert not caught.value.sent
    assert client.transport.requests == 0


async def test_a_name_that_does_not_resolve_is_a_dns_failure(client: Client) -> None:
    with pytest.raises(DnsFailed, match=r"no-such-host\.invalid does not resolve") as caught:
        await client.fetch("http://no-such-host.invalid/")
    assert not caught.value.sent


async def test_an_answer_before_the_upload_is_over_is_an_answer(client: Client) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!")
        await writer.drain()
        await asyncio.sleep(0.2)

    async with scripted(talk) as base:
        body = BytesBody(bytes(50_000_000), "application/octet-stream")
        fetched = await client.fetch(base + "/", method="POST", body=body, idempotent=False)
        assert (fetched.status, fetched.body) == (413, b"no!")


async def test_many_at_once_do_not_mix_up_their_errors(client: Client, server: Server) -> None:
    async def one(path: str) -> str:
        try:
            return f"{len((await client.fetch(server.url(path))).body)}"
        except TaskError as error:
            return type(error).__name__

    paths = ["/file/10", "/hangup", "/short", "/file/200000", "/garbage"] * 8
    expected = ["10", "ConnectFailed", "Truncated", "200000", "ProtocolBroken"] * 8
    assert await asyncio.gather(*map(one, paths)) == expected
