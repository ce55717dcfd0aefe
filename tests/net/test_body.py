"""A body is whole and decoded, or an error of the right class."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
from pathlib import Path

import pytest

from crawler.errors import (
    ConnectFailed,
    DecodeFailed,
    ProtocolBroken,
    TaskError,
    Truncated,
)
from crawler.policy import urls
from crawler.request import Request
from tests.net.client import Client, scripted
from tests.server import Server, encoded_body, file_bytes


@pytest.mark.parametrize("path", ["/gzip", "/deflate", "/br", "/gzip-members"])
async def test_every_coding_is_undone(client: Client, server: Server, path: str) -> None:
    assert (await client.fetch(server.url(path))).body == encoded_body()


async def test_a_large_body_comes_whole_and_byte_for_byte(client: Client, server: Server) -> None:
    fetched = await client.fetch(server.url("/file/3000000"))
    assert fetched.body == file_bytes(3_000_000)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/short", Truncated),
        ("/cut-chunk", Truncated),
        ("/cut-in-chunk", Truncated),
        ("/reset-after/300000", Truncated),
        ("/cut-gzip", DecodeFailed),
        ("/cut-br", DecodeFailed),
        ("/bad-crc", DecodeFailed),
        ("/not-gzip", DecodeFailed),
        ("/reset", ConnectFailed),
        ("/hangup", ConnectFailed),
        ("/garbage", ProtocolBroken),
        ("/two-lengths", ProtocolBroken),
        ("/length-and-chunked", ProtocolBroken),
        ("/bad-length", ProtocolBroken),
        ("/bad-chunk", ProtocolBroken),
        ("/big-header", ProtocolBroken),
    ],
)
async def test_a_broken_answer_is_an_error_of_its_class_and_its_connection_is_dropped(
    client: Client, server: Server, path: str, kind: type[TaskError]
) -> None:
    with pytest.raises(kind) as caught:
        await client.fetch(server.url(path))
    assert caught.value.sent
    before = server.connections
    await client.fetch(server.url("/file/1"))
    reusable = kind is DecodeFailed  # HTTP itself went well there
    assert server.connections == before + (not reusable)


async def test_a_cut_body_says_how_much_of_how_much_came(client: Client, server: Server) -> None:
    with pytest.raises(Truncated, match="600 of 1000 bytes") as caught:
        await client.fetch(server.url("/short/600/1000"))
    assert caught.value.answered


async def test_a_malformed_chunk_after_a_pause_does_not_hang(client: Client) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await asyncio.sleep(0.05)
        writer.write(b"zebra\r\nhello\r\n0\r\n\r\n")
        await reader.read()

    async with scripted(talk) as base, asyncio.timeout(5):
        with pytest.raises(ProtocolBroken, match="chunk size"):
            await client.fetch(base + "/")


async def test_a_close_delimited_body_is_whole_but_unverified(client: Client, server: Server) -> None:
    url = server.url("/close-delimited")
    async with client.transport.open(Request(url=url), slot=urls.slot(url)) as response:
        body = b"".join([chunk async for chunk in response.chunks()])
        assert not response.verified_length
        assert response.length is None
    assert len(body) == 10_000


async def test_a_reset_does_not_end_a_close_delimited_body(client: Client) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
        await asyncio.sleep(0.05)
        reset(writer)

    async with scripted(talk) as base:
        with pytest.raises(Truncated, match="without its end"):
            await client.fetch(base + "/")


@pytest.mark.parametrize("coding", ["nonsense", "gzip, nonsense", "gzip,gzip,gzip,gzip,gzip"])
async def test_a_coding_that_cannot_be_undone_is_refused(client: Client, server: Server, coding: str) -> None:
    server.set_answer("/x", b"body", headers=[("Content-Encoding", coding)])
    with pytest.raises(DecodeFailed, match="content coding"):
        await client.fetch(server.url("/x"))


@pytest.mark.parametrize("coding", ["identity", "", "Identity"])
async def test_identity_is_no_coding(client: Client, server: Server, coding: str) -> None:
    server.set_answer("/x", b"body", headers=[("Content-Encoding", coding)])
    url = server.url("/x")
    async with client.transport.open(Request(url=url), slot=urls.slot(url)) as response:
        assert not response.encoded
        assert response.small_body() == b"body"


@pytest.mark.parametrize(
    "lines", [("gzip", "gzip"), ("identity", "gzip, gzip"), ("gzip", "", "x-gzip")], ids=str
)
async def test_codings_on_several_lines_are_one_list(
    client: Client, server: Server, lines: tuple[str, ...]
) -> None:
    body = gzip.compress(gzip.compress(b"hello"))
    server.set_answer("/twice", body, headers=[("Content-Encoding", line) for line in lines])
    url = server.url("/twice")
    assert (await client.fetch(url)).body == b"hello"
    async with client.transport.open(Request(url=url), slot=urls.slot(url)) as response:
        assert response.encoded


async def test_an_empty_body_may_claim_any_coding(client: Client, server: Server) -> None:
    server.set_answer("/x", b"", headers=[("Content-Encoding", "gzip")])
    assert (await client.fetch(server.url("/x"))).body == b""


async def test_a_bomb_inflates_in_pieces_and_never_in_memory(client: Client, server: Server) -> None:
    url = server.url("/bomb/100")
    before = peak_kib(anew=True)
    async with client.transport.open(Request(url=url), slot=urls.slot(url)) as response:
        assert response.small_body() is None
        sizes = [len(chunk) async for chunk in response.chunks()]
    assert sum(sizes) == 100 << 20
    assert max(sizes) <= 1 << 20
    assert peak_kib() - before < 48 * 1024


async def test_leaving_a_body_unread_closes_the_connection(client: Client, server: Server) -> None:
    url = server.url("/file/5000000")
    async with client.transport.open(Request(url=url), slot=urls.slot(url)) as response:
        assert response.status == 200
    await client.fetch(server.url("/file/1"))
    assert server.connections == 2


async def test_breaking_out_of_the_chunks_closes_the_connection(client: Client, server: Server) -> None:
    url = server.url("/endless")
    async with client.transport.open(Request(url=url), slot=urls.slot(url)) as response:
        async for chunk in response.chunks():
            assert chunk
            break
    await client.fetch(server.url("/file/1"))
    assert server.connections == 2


async def test_cancelling_a_read_passes_through_and_closes_the_connection(
    client: Client, server: Server
) -> None:
    reading = asyncio.ensure_future(client.fetch(server.url("/stall/100")))
    while not server.log:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    async with asyncio.timeout(5):
        while server.open_connections:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("method", "path"), [("HEAD", "/file/1000"), ("GET", "/status/204"), ("GET", "/status/304")]
)
async def test_what_has_no_body_is_whole_at_once(
    client: Client, server: Server, method: str, path: str
) -> None:
    url = server.url(path)
    async with client.transport.open(Request(url=url, method=method), slot=urls.slot(url)) as response:
        assert response.small_body() == b""
        assert response.length == 0
        assert response.verified_length
    await client.fetch(server.url("/file/1"))
    assert server.connections == 1


async def test_a_transfer_coding_nobody_asked_for_is_refused(client: Client, server: Server) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello")

    async with scripted(talk) as base:
        with pytest.raises(ProtocolBroken, match="transfer coding 'gzip'"):
            await client.fetch(base + "/")


async def test_headers_and_reason_are_safe_to_print_and_store(client: Client) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b'HTTP/1.1 200 O\xff\x1b[31mK\r\nETag: "\xe9"\r\nX-Up: \xc3\xa9\r\nContent-Length: 0\r\n\r\n'
        )

    async with (
        scripted(talk) as base,
        client.transport.open(Request(url=base + "/"), slot=urls.slot(base)) as response,
    ):
        assert response.reason.isprintable()
        assert response.headers["etag"] == '"é"'
        assert response.headers["X-UP"] == "é"
        assert all(value.encode() for value in response.headers.values())


def reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def peak_kib(*, anew: bool = False) -> int:
    """The largest resident set, which ``anew`` forgets first: earlier tests may have had a larger one."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
