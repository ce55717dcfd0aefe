"""Routes that break HTTP, the body or the connection, each in one way."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import zlib

from tests.serving.shelf import file_bytes
from tests.serving.state import Route, State
from tests.serving.wire import Exchange, Hangup, Pairs

try:
    import brotli
except ImportError:  # the speedups extra is not installed
    brotli = None

ENCODED_SIZE = 100_000
GZIPPED: Pairs = [("Content-Encoding", "gzip"), ("Content-Type", "application/octet-stream")]


def encoded_body(args: list[str] | None = None) -> bytes:
    """What the routes with a content coding send, decoded."""
    return file_bytes(int(args[0]) if args else ENCODED_SIZE, "encoded")


async def gzipped(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/gzip[/<size>]``."""
    await exchange.answer(200, gzip.compress(encoded_body(args), 1), GZIPPED)


async def deflated(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/deflate[/<size>]`` (zlib format, as RFC 9110 has it)."""
    await exchange.answer(200, zlib.compress(encoded_body(args)), [("Content-Encoding", "deflate")])


async def brotlied(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/br[/<size>]``; 501 where no brotli is installed."""
    if brotli is None:
        await exchange.answer(501, b"no brotli here\n")
        return
    body = brotli.compress(encoded_body(args), quality=1)
    await exchange.answer(200, body, [("Content-Encoding", "br")])


async def cut_brotli(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/cut-br``: brotli that ends early, its length declared accordingly."""
    if brotli is None:
        await exchange.answer(501, b"no brotli here\n")
        return
    body = brotli.compress(encoded_body(), quality=1)
    await exchange.answer(200, body[: len(body) // 2], [("Content-Encoding", "br")])


async def gzip_members(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/gzip-members``: two gzip members, which together are the body (RFC 1952 §2.2)."""
    body = encoded_body()
    half = len(body) // 2
    await exchange.answer(200, gzip.compress(body[:half]) + gzip.compress(body[half:]), GZIPPED)


async def cut_gzip(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/cut-gzip``: half a gzip body, its Content-Length declared accordingly."""
    body = gzip.compress(encoded_body(), 1)
    await exchange.answer(200, body[: len(body) // 2], GZIPPED)


async def bad_crc(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/bad-crc``: gzip whose checksum does not match."""
    body = gzip.compress(encoded_body(), 1)
    await exchange.answer(200, body[:-8] + bytes(byte ^ 0xFF for byte in body[-8:-4]) + body[-4:], GZIPPED)


async def not_gzip(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/not-gzip``: says gzip, sends something else."""
    await exchange.answer(200, b"plain after all\n", GZIPPED)


async def bomb(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/bomb/<MiB>``: gzip of so many MiB of zeros."""
    packer = zlib.compressobj(9, wbits=31)
    zeros = bytes(1 << 20)
    pieces = [packer.compress(zeros) for _ in range(int(args[0]))]
    await exchange.answer(200, b"".join([*pieces, packer.flush()]), GZIPPED)


async def short(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/short[/<sent>/<declared>]``: fewer bytes than Content-Length, then a clean close."""
    sent, declared = (int(args[0]), int(args[1])) if args else (600, 1000)
    await exchange.start(200, length=declared)
    await exchange.raw(file_bytes(sent, "short"))
    raise Hangup


async def cut_chunk(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/cut-chunk``: chunked, closed between two chunks without the terminator."""
    await exchange.chunked([b"a" * 1000, b"b" * 1000], end=False)
    raise Hangup


async def cut_in_chunk(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/cut-in-chunk``: chunked, closed in the middle of a chunk."""
    await exchange.chunked([b"a" * 1000], end=False)
    await exchange.raw(b"3e8\r\n" + b"b" * 10)
    raise Hangup


async def bad_chunk(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/bad-chunk``: a chunk size that is no number."""
    await exchange.chunked([b"a" * 1000], end=False)
    await exchange.raw(b"zebra\r\n" + b"b" * 1000 + b"\r\n0\r\n\r\n")
    raise Hangup


async def reset(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/reset``: a TCP RST instead of an answer."""
    await exchange.reset()


async def reset_after(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/reset-after/<n>``: n bytes of a body declared twice as long, then RST."""
    sent = int(args[0])
    await exchange.start(200, length=2 * sent + 1000)
    await exchange.raw(file_bytes(sent, "reset"))
    await exchange.reset()


async def hangup(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/hangup``: the request is read, the connection closed without an answer."""
    raise Hangup


async def stall(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/stall[/<n>]``: headers and n bytes of a body, then nothing."""
    await exchange.start(200, length=1_000_000)
    await exchange.raw(file_bytes(int(args[0]) if args else 0, "stall"))
    await exchange.until_peer_leaves()


async def stall_before(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/stall-before``: takes the request, never answers."""
    await exchange.until_peer_leaves()


async def drip(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/drip/<bytes>/<ms>``: one byte every so many milliseconds, whole in the end."""
    count, pause = int(args[0]), int(args[1]) / 1000
    await exchange.start(200, length=count)
    for byte in file_bytes(count, "drip"):
        await exchange.raw(bytes([byte]))
        await asyncio.sleep(pause)


async def endless(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/endless``: a chunked body without an end."""
    await exchange.chunked(itertools.repeat(b"endless " * 1024))


async def close_delimited(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/close-delimited``: no length at all; the close is the end (RFC 9112 §6.3)."""
    await exchange.start(200, [("Connection", "close")])
    await exchange.raw(file_bytes(10_000, "close"))
    raise Hangup


async def big_header(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/big-header``: one header field of 100 KB."""
    await exchange.answer(200, b"big\n", [("X-Big", "x" * 100_000)])


async def early_hints_flood(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/early-hints-flood``: 103 for ever."""
    while True:
        await exchange.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n")
        await asyncio.sleep(0)


async def garbage(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/garbage``: an answer that is no HTTP."""
    await exchange.raw(b"\x16\x03\x01 220 mail.example.org ESMTP ready\r\n\r\n")
    raise Hangup


async def two_lengths(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/two-lengths``: two Content-Length fields that differ (RFC 9112 §6.3)."""
    await exchange.start(200, [("Content-Length", "5"), ("Content-Length", "11")])
    await exchange.raw(b"hello world")
    raise Hangup


async def length_and_chunked(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/length-and-chunked``: both framings at once (RFC 9112 §6.1, request smuggling)."""
    await exchange.chunked([b"hello"], [("Content-Length", "3")])
    raise Hangup


async def bad_length(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/bad-length``: a Content-Length that is no number."""
    await exchange.start(200, [("Content-Length", "-5")])
    await exchange.raw(b"hello")
    raise Hangup


async def surplus(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/surplus``: a whole answer and, unasked, a second one behind it on the same connection."""
    poison = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
    await exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine" + poison)


async def then_close(exchange: Exchange, state: State, args: list[str]) -> None:
    """``/then-close``: a whole keep-alive answer, then a close: the next request meets a dead socket."""
    await exchange.answer(200, b"fine\n")
    raise Hangup


BROKEN: dict[str, Route] = {
    "gzip": gzipped,
    "deflate": deflated,
    "br": brotlied,
    "cut-br": cut_brotli,
    "gzip-members": gzip_members,
    "cut-gzip": cut_gzip,
    "bad-crc": bad_crc,
    "not-gzip": not_gzip,
    "bomb": bomb,
    "short": short,
    "cut-chunk": cut_chunk,
    "cut-in-chunk": cut_in_chunk,
    "bad-chunk": bad_chunk,
    "reset": reset,
    "reset-after": reset_after,
    "hangup": hangup,
    "stall": stall,
    "stall-before": stall_before,
    "drip": drip,
    "endless": endless,
    "close-delimited": close_delimited,
    "big-header": big_header,
    "early-hints-flood": early_hints_flood,
    "garbage": garbage,
    "two-lengths": two_lengths,
    "length-and-chunked": length_and_chunked,
    "bad-length": bad_length,
    "surplus": surplus,
    "then-close": then_close,
}
EARLY = frozenset({"reset"})  # answered before the request's body is read
