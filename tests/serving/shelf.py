"""Files on offer: validators, ranges and conditions as RFC 9110 has them, and the ways to get them wrong."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate, parsedate_to_datetime
from typing import Protocol

from tests.serving.wire import PIECE, Exchange, Hangup, Pairs

OLD = 1_700_000_000.0  # 2023-11-14: long enough ago for Last-Modified to be a strong validator


class Content(Protocol):
    """Bytes that can be read from anywhere, in memory or made up on the way."""

    @property
    def size(self) -> int: ...

    def slice(self, start: int, stop: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Stored:
    """Content in memory."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def slice(self, start: int, stop: int) -> bytes:
        return self.data[start:stop]


@dataclass(frozen=True, slots=True)
class Generated:
    """Deterministic content of any size: every block differs, so that a splice never goes unseen."""

    size: int
    seed: str = ""
    _block: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_block", hashlib.shake_256(self.seed.encode()).digest(PIECE - 8))

    def slice(self, start: int, stop: int) -> bytes:
        stop = min(stop, self.size)
        first, last = start // PIECE, max(start, stop - 1) // PIECE
        whole = b"".join(index.to_bytes(8, "big") + self._block for index in range(first, last + 1))
        return whole[start - first * PIECE : stop - first * PIECE]

    def pieces(self) -> Iterator[bytes]:
        """The content from start to end, a block at a time."""
        for start in range(0, self.size, PIECE):
            yield self.slice(start, start + PIECE)


def file_bytes(size: int, seed: str = "") -> bytes:
    """What ``/file/<size>/<seed>`` serves."""
    return Generated(size, seed).slice(0, size)


def file_sha256(size: int, seed: str = "") -> str:
    """The SHA-256 of what ``/file/<size>/<seed>`` serves, without holding it in memory."""
    digest = hashlib.sha256()
    for piece in Generated(size, seed).pieces():
        digest.update(piece)
    return digest.hexdigest()


@dataclass(slots=True)
class Offer:
    """A file and the switches that make the server err; a test may change any of them at any time."""

    content: Content
    etag: str | None = None  # as sent, quotes included
    last_modified: float | None = OLD  # seconds since the epoch
    content_type: str = "application/octet-stream"
    headers: list[tuple[str, str]] = field(default_factory=list)  # sent besides the usual ones
    status: int = 200  # anything else is answered without the file
    ignore_range: bool = False  # always 200 with everything
    ignore_if_range: bool = False  # 206 even of another version
    ignore_conditions: bool = False  # never 304
    content_range_shift: int = 0  # a 206 starts this many bytes beside what was asked for
    wrong_total: int = 0  # added to the total of Content-Range
    surplus: int = 0  # so many bytes more in a 206 than its Content-Range says; fewer if negative
    chunked: bool = False  # no Content-Length
    close_delimited: bool = False  # no Content-Length either: the close is the end
    delay: float = 0.0  # seconds before each read of ``read_size`` bytes
    read_size: int = PIECE
    throttle: float | None = None  # bytes/s
    cut_after: int | None = None  # close the connection after so many body bytes of one answer …
    cuts: int = 1_000_000_000  # … this many times

    def validators(self) -> Pairs:
        """The ETag and Last-Modified headers, where there are such."""
        pairs = []
        if self.etag is not None:
            pairs.append(("ETag", self.etag))
        if self.last_modified is not None:
            pairs.append(("Last-Modified", formatdate(self.last_modified, usegmt=True)))
        return pairs


def _seconds(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None


def _opaque(tag: str) -> str:
    return tag.strip().removeprefix("W/")


def unchanged(exchange: Exchange, offer: Offer) -> bool:
    """Whether If-None-Match, or else If-Modified-Since, asks for a 304 (RFC 9110 §13.2.2)."""
    tags = exchange.request.header("If-None-Match")
    if tags is not None:
        if offer.etag is None:
            return False
        return tags.strip() == "*" or _opaque(offer.etag) in map(_opaque, tags.split(","))
    since = _seconds(exchange.request.header("If-Modified-Since") or "")
    return since is not None and offer.last_modified is not None and int(offer.last_modified) <= since


def _range_applies(exchange: Exchange, offer: Offer) -> bool:
    """Whether If-Range, where it is sent, names the version on offer by a strong comparison."""
    wanted = exchange.request.header("If-Range")
    if wanted is None or offer.ignore_if_range:
        return True
    if wanted.startswith(('"', "W/")):
        return wanted == offer.etag and not wanted.startswith("W/")
    return offer.last_modified is not None and _seconds(wanted) == int(offer.last_modified)


def _range(exchange: Exchange, offer: Offer) -> tuple[int, int] | None:
    """The one range asked for, as (start, stop); ``stop <= start`` cannot be satisfied, ``None`` is all."""
    header = exchange.request.header("Range")
    if header is None or not header.startswith("bytes=") or "," in header or offer.ignore_range:
        return None
    if not _range_applies(exchange, offer):
        return None
    first, _, last = header.removeprefix("bytes=").partition("-")
    size = offer.content.size
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size


async def serve(exchange: Exchange, offer: Offer) -> None:
    """Answer with the file, a part of it, or 304, 412, 416, as asked and as the switches say."""
    if offer.status != 200:
        return await exchange.answer(offer.status, b"not here\n", offer.headers, "text/plain")
    headers = [*offer.headers, *offer.validators(), ("Accept-Ranges", "bytes")]
    match = exchange.request.header("If-Match")
    if match is not None and (offer.etag is None or offer.etag not in map(str.strip, match.split(","))):
        return await exchange.answer(412, b"", headers)
    if unchanged(exchange, offer) and not offer.ignore_conditions:
        return await exchange.answer(304, b"", headers)
    size = offer.content.size
    wanted = _range(exchange, offer)
    headers.append(("Content-Type", offer.content_type))
    if wanted is None:
        return await _send(exchange, offer, 200, headers, 0, size)
    start, stop = wanted[0] + offer.content_range_shift, wanted[1]
    total = size + offer.wrong_total
    if stop <= start or start < 0:
        return await exchange.answer(416, b"", [*headers, ("Content-Range", f"bytes */{total}")])
    headers.append(("Content-Range", f"bytes {start}-{stop - 1}/{total}"))
    return await _send(exchange, offer, 206, headers, start, stop + offer.surplus)


async def _send(exchange: Exchange, offer: Offer, status: int, headers: Pairs, start: int, stop: int) -> None:
    if offer.chunked:
        await exchange.start(status, [*headers, ("Transfer-Encoding", "chunked")])
    elif offer.close_delimited:
        await exchange.start(status, [*headers, ("Connection", "close")])
    else:
        await exchange.start(status, headers, stop - start)
    if exchange.request.method == "HEAD":
        return
    limit = stop
    if offer.cut_after is not None and offer.cuts > 0:
        limit = min(stop, start + offer.cut_after)
    step = offer.read_size
    if offer.throttle is not None:
        step = max(1, min(step, int(offer.throttle / 20)))
    content = offer.content  # a change in the middle of an answer must not mix versions
    for at in range(start, limit, step):
        if pause := offer.delay + (step / offer.throttle if offer.throttle else 0.0):
            await asyncio.sleep(pause)
        end = min(at + step, limit)
        piece = content.slice(at, end).ljust(end - at, b"?")
        await exchange.raw(b"%x\r\n%s\r\n" % (len(piece), piece) if offer.chunked else piece)
    if limit < stop:
        offer.cuts -= 1
        raise Hangup
    if offer.close_delimited:
        raise Hangup
    if offer.chunked:
        await exchange.raw(b"0\r\n\r\n")
