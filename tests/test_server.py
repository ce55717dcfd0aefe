"""The test server does what its table says: a wrong fault would make every test above it prove nothing."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import subprocess
import sys
import urllib.request
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import ClientSession, ClientTimeout, WSMsgType

from tests.server import ROUTES, Server, encoded_body, file_bytes, file_sha256
from tests.server import __doc__ as table
from tests.serving.websocket import SCENES


async def raw(server: Server, target: str, headers: str = "", method: str = "GET") -> bytes:
    """Everything that comes back on a connection of its own, until it ends."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    lines = f"{method} {target} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n{headers}\r\n"
    writer.write(lines.encode())
    try:
        return await asyncio.wait_for(reader.read(-1), 5)
    finally:
        writer.close()


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession(timeout=ClientTimeout(total=10)) as client:
        yield client


def test_every_route_is_in_the_table() -> None:
    assert table is not None
    missing = [name for name in ROUTES if f"``/{name}" not in table]
    missing += [name for name in SCENES if f"``/ws/{name}" not in table]
    assert missing == []


async def test_a_request_is_logged_as_it_was_sent(server: Server) -> None:
    await raw(server, "/echo/%7Ea?b=%20c&b=", "X-Odd-CASE:  v \r\nContent-Length: 3\r\n\r\nabc", "PATCH")
    [seen] = server.log
    assert (seen.method, seen.target, seen.path) == ("PATCH", "/echo/%7Ea?b=%20c&b=", "/echo/~a")
    assert seen.query == [("b", " c"), ("b", "")]
    assert ("X-Odd-CASE", "v") in seen.headers
    assert (seen.body, seen.whole, seen.connection) == (b"abc", True, 1)


async def test_a_connection_is_kept_for_the_next_request(server: Server, session: ClientSession) -> None:
    for _ in range(3):
        async with session.post(server.url("/echo"), data=b"x" * 100_000) as answer:
            assert (await answer.json())["size"] == 100_000
    assert server.connections == 1
    assert len(server.requests("/echo")) == 3


async def test_a_chunked_request_body_is_read(server: Server, session: ClientSession) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    async with session.post(server.url("/echo"), data=pieces()) as answer:
        assert (await answer.json())["text"] == "one two"


async def test_generated_bytes_are_the_same_from_every_offset(server: Server, session: ClientSession) -> None:
    whole = file_bytes(200_000, "s")
    headers = {"Range": "bytes=65530-131080"}
    async with session.get(server.url("/file/200000/s"), headers=headers) as answer:
        assert answer.status == 206
        assert answer.headers["Content-Range"] == "bytes 65530-131080/200000"
        assert await answer.read() == whole[65530:131081]
    assert file_sha256(200_000, "s") != file_sha256(200_000, "t")


@pytest.mark.parametrize(
    ("switches", "if_range", "status", "start"),
    [
        ({}, "same", 206, 10),
        ({}, "other", 200, 0),
        ({"weak": True}, "same", 200, 0),
        ({"ignore_range": True}, "same", 200, 0),
        ({"ignore_if_range": True}, "other", 206, 10),
        ({"content_range_shift": 5}, "same", 206, 15),
        ({"content_range_shift": -10}, "same", 206, 0),
    ],
)
async def test_if_range_decides_between_a_part_and_the_whole(
    server: Server, session: ClientSession, switches: dict[str, Any], if_range: str, status: int, start: int
) -> None:
    data = file_bytes(1000)
    offer = server.set_file("v", data, **switches)
    tag = offer.etag if if_range == "same" else '"other"'
    assert tag is not None
    headers = {"Range": "bytes=10-", "If-Range": tag}
    async with session.get(server.url("/versions/v"), headers=headers) as answer:
        assert answer.status == status
        assert await answer.read() == data[start:]


async def test_conditional_requests_are_answered_304_until_the_file_changes(
    server: Server, session: ClientSession
) -> None:
    url = server.url("/versions/v")
    tag = server.set_file("v", b"one").etag
    assert tag is not None
    async with session.get(url, headers={"If-None-Match": tag}) as answer:
        assert (answer.status, await answer.read()) == (304, b"")
    server.set_file("v", b"two")
    async with session.get(url, headers={"If-None-Match": tag}) as answer:
        assert (answer.status, await answer.read()) == (200, b"two")
        dated = answer.headers["Last-Modified"]
    async with session.get(url, headers={"If-Modified-Since": dated}) as answer:
        assert answer.status == 304


async def test_a_range_beyond_the_end_is_416_with_the_size(server: Server) -> None:
    answer = await raw(server, "/file/100", "Range: bytes=100-\r\n")
    assert answer.startswith(b"HTTP/1.1 416 ")
    assert b"Content-Range: bytes */100\r\n" in answer


async def test_a_cut_ends_the_body_early_as_often_as_asked(server: Server) -> None:
    server.set_file("v", b"x" * 100, cut_after=40, cuts=1)
    assert len(body_of(await raw(server, "/versions/v"))) == 40
    assert len(body_of(await raw(server, "/versions/v"))) == 100


async def test_a_switch_that_does_not_exist_is_refused(server: Server) -> None:
    with pytest.raises(TypeError, match="no switch 'ignore_rang'"):
        server.set_file("v", b"", ignore_rang=True)


async def test_short_declares_more_than_it_sends(server: Server) -> None:
    answer = await raw(server, "/short/600/1000")
    assert b"Content-Length: 1000\r\n" in answer
    assert len(body_of(answer)) == 600


@pytest.mark.parametrize("path", ["/cut-chunk", "/cut-in-chunk"])
async def test_a_cut_chunked_body_has_no_terminator(server: Server, path: str) -> None:
    answer = await raw(server, path)
    assert b"Transfer-Encoding: chunked\r\n" in answer
    assert b"\r\n0\r\n\r\n" not in answer


async def test_cut_gzip_has_the_length_it_declares_and_no_end(server: Server) -> None:
    answer = await raw(server, "/cut-gzip")
    body = body_of(answer)
    assert f"Content-Length: {len(body)}\r\n".encode() in answer
    decoder = zlib.decompressobj(31)
    decoder.decompress(body)
    assert not decoder.eof


async def test_bad_crc_is_refused_by_a_decoder_and_good_gzip_is_not(server: Server) -> None:
    with pytest.raises(gzip.BadGzipFile, match="CRC"):
        gzip.decompress(body_of(await raw(server, "/bad-crc")))
    assert gzip.decompress(body_of(await raw(server, "/gzip"))) == encoded_body()
    assert gzip.decompress(body_of(await raw(server, "/gzip-members"))) == encoded_body()


async def test_reset_is_a_real_rst(server: Server) -> None:
    with pytest.raises(ConnectionResetError):
        await raw(server, "/reset")
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"GET /reset-after/1000 HTTP/1.1\r\nHost: h\r\n\r\n")
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.readexactly(1_000_000), 5)
    writer.close()


@pytest.mark.parametrize("path", ["/stall", "/stall/10", "/stall-before", "/ws/silent"])
async def test_a_stalled_request_ends_when_the_peer_leaves(server: Server, path: str) -> None:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    upgrade = "Upgrade: websocket\r\nSec-WebSocket-Key: x\r\n"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: h\r\n{upgrade}\r\n".encode())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.readexactly(100_000), 0.1)
    assert (len(server.log), server.open_connections) == (1, 1)
    writer.close()
    for _ in range(100):
        if not server.open_connections:
            break
        await asyncio.sleep(0.01)
    assert server.open_connections == 0


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/big-header", aiohttp.ClientResponseError),
        ("/garbage", aiohttp.ClientResponseError),
        ("/two-lengths", aiohttp.ClientResponseError),
        ("/length-and-chunked", aiohttp.ClientResponseError),
        ("/bad-length", aiohttp.ClientResponseError),
        ("/hangup", aiohttp.ServerDisconnectedError),
        ("/redirect-loop", aiohttp.TooManyRedirects),
    ],
)
async def test_a_plain_client_refuses_what_is_broken(
    server: Server, session: ClientSession, path: str, fault: type[Exception]
) -> None:
    with pytest.raises(fault):
        async with session.get(server.url(path)) as answer:
            await answer.read()


async def test_floods_go_on_for_ever(server: Server) -> None:
    for path in ("/early-hints-flood", "/endless"):
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        assert len(await asyncio.wait_for(reader.readexactly(500_000), 5)) == 500_000
        writer.close()


async def test_redirects_lead_where_they_say(server: Server, session: ClientSession) -> None:
    async with session.get(server.url("/redirect/3")) as answer:
        assert (answer.status, len(answer.history)) == (200, 3)
    there = server.url("/echo")
    async with session.get(
        server.url("/redirect-to"), params={"url": there, "status": "307"}, allow_redirects=False
    ) as answer:
        assert (answer.status, answer.headers["Location"]) == (307, there)


async def test_flaky_and_retry_after_give_in(server: Server, session: ClientSession) -> None:
    statuses = []
    for path in ["/flaky/a/2"] * 3 + ["/retry-after/7/429/1"] * 2:
        async with session.get(server.url(path)) as answer:
            statuses.append((answer.status, answer.headers.get("Retry-After")))
    assert statuses == [(503, None), (503, None), (200, None), (429, "7"), (200, None)]


async def test_a_counter_counts_what_it_does_not_answer(server: Server, session: ClientSession) -> None:
    with pytest.raises(aiohttp.ServerDisconnectedError):
        async with session.post(server.url("/counter/c?answer=no"), json={}):
            pass
    assert server.count("c") == 1
    async with session.get(server.url("/counter/c")) as answer:
        assert await answer.json() == {"count": 1}


async def test_credentials_are_checked(server: Server, session: ClientSession) -> None:
    for scheme in ("basic", "bearer", "digest"):
        async with session.get(server.url(f"/wants-auth/{scheme}")) as answer:
            assert answer.status == 401
    digest = aiohttp.DigestAuthMiddleware("user", "secret")
    async with session.get(server.url("/wants-auth/digest"), middlewares=[digest]) as answer:
        assert answer.status == 200
    basic = aiohttp.encode_basic_auth("user", "secret")
    async with session.get(server.url("/wants-auth/basic"), headers={"Authorization": basic}) as answer:
        assert answer.status == 200


async def test_cookies_are_set_and_echoed(session: ClientSession) -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    async with Server() as server, ClientSession(cookie_jar=jar) as client:
        await client.get(server.url("/cookies/set?a=1"))
        async with client.get(server.url("/cookies")) as answer:
            assert await answer.json() == {"cookie": ["a=1"]}


async def test_a_scripted_answer_comes_before_any_route(server: Server, session: ClientSession) -> None:
    server.set_answer("/robots.txt", b"Disallow: /", headers=[("X-Here", "yes")])
    async with session.get(server.url("/robots.txt")) as answer:
        assert (await answer.read(), answer.headers["X-Here"]) == (b"Disallow: /", "yes")


async def test_concurrent_requests_are_counted(server: Server, session: ClientSession) -> None:
    async def one() -> None:
        await (await session.get(server.url("/slow/0.1"))).read()

    await asyncio.gather(*(one() for _ in range(7)))
    assert server.most_in_flight == 7
    assert server.in_flight == 0


async def test_a_websocket_echoes_and_remembers(server: Server, session: ClientSession) -> None:
    async with session.ws_connect(server.url("/ws/echo"), protocols=["v2", "v1"]) as socket:
        assert socket.protocol == "v2"
        await socket.send_str("héllo")
        assert await socket.receive_str() == "héllo"
        await socket.send_bytes(b"\x00" * 70_000)
        assert await socket.receive_bytes() == b"\x00" * 70_000
    assert [kind for kind, _ in server.messages] == ["text", "binary", "close"]


async def test_websocket_scenes_end_as_they_say(server: Server, session: ClientSession) -> None:
    async with session.ws_connect(server.url("/ws/ticks/3")) as socket:
        ticks = [json.loads(message.data) async for message in socket]
        assert ticks == [{"tick": 0}, {"tick": 1}, {"tick": 2}]
        assert socket.close_code == 1000
    async with session.ws_connect(server.url("/ws/close/4004")) as socket:
        assert (await socket.receive()).type is WSMsgType.CLOSE
        assert socket.close_code == 4004
    async with session.ws_connect(server.url("/ws/drop/2")) as socket:
        kinds = [(await socket.receive()).type for _ in range(3)]
        assert kinds[:2] == [WSMsgType.TEXT] * 2
        assert kinds[2] is not WSMsgType.CLOSE
    async with session.ws_connect(server.url("/ws/big/300000")) as socket:
        assert await socket.receive_bytes() == file_bytes(300_000, "big")
    async with session.ws_connect(server.url("/ws/ping")) as socket:
        assert (await socket.receive()).type is WSMsgType.CLOSE
        assert ("pong", b"are you there") in server.messages
    for path in ("/ws/refuse", "/ws/wrong-accept"):
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(server.url(path))


async def test_it_speaks_tls(session: ClientSession) -> None:
    authority = trustme.CA()
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(ours)
    theirs = ssl.create_default_context()
    authority.configure_trust(theirs)
    async with Server(tls=ours) as server:
        async with session.get(server.url("/file/10"), ssl=theirs) as answer:
            assert await answer.read() == file_bytes(10)
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(server.url("/file/10"))
        assert len(server.log) == 1


async def test_it_forwards_as_a_proxy(session: ClientSession) -> None:
    async with Server() as proxy, Server("127.0.0.2") as origin:
        async with session.get("http://far.example/file/10", proxy=proxy.base) as answer:
            assert await answer.read() == file_bytes(10)
        assert proxy.log[0].target == "http://far.example/file/10"
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        writer.write(f"CONNECT 127.0.0.2:{origin.port} HTTP/1.1\r\n\r\n".encode())
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        writer.write(b"GET /file/10 HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert body_of(await asyncio.wait_for(reader.read(-1), 5)) == file_bytes(10)
        writer.close()


def test_blocking_tests_have_it_on_a_thread(threaded_server: Server) -> None:
    with urllib.request.urlopen(threaded_server.url("/file/1000")) as answer:
        assert answer.read() == file_bytes(1000)
    assert len(threaded_server.log) == 1


def test_it_runs_as_a_command_of_its_own() -> None:
    command = [sys.executable, "-m", "tests.server"]
    root = Path(__file__).parent.parent
    with subprocess.Popen(
        command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        base = process.stdout.readline().strip()
        with urllib.request.urlopen(f"{base}/status/204") as answer:
            assert answer.status == 204
        process.stdin.close()
        assert process.wait(10) == 0
