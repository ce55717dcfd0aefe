"""Reading an answer's body within its caps, and refusing answers that are none."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from crawler.errors import BadStatus, ProtocolBroken, TooLarge, UnexpectedContent
from crawler.job_types.tools import Gauge
from crawler.net.transport import Response
from crawler.policy import retry_after

# What a crash may cost at most: this many bytes or seconds of a transfer are fetched again.
CHECKPOINT_BYTES = 16 * 1024 * 1024
CHECKPOINT_SECONDS = 5.0
PARTIAL_CONTENT = 206


async def pour(
    response: Response, gauge: Gauge, cap: int | None, take: Callable[[bytes], Awaitable[None]], done: int = 0
) -> int:
    """Hand the decoded body to ``take`` piece by piece; the number of bytes that came in.

    ``cap`` counts ``done`` earlier bytes too. Raises ``TooLarge`` as soon as the declared or the
    received length passes it, and whatever ``Response.chunks`` raises.
    """
    refuse_declared(response, cap, done)
    whole = response.small_body()
    if whole is not None:
        refuse_length(done + len(whole), cap)
        gauge.add(len(whole))
        if whole:
            await take(whole)
        return len(whole)
    received = 0
    async for chunk in response.chunks():
        received += len(chunk)
        refuse_length(done + received, cap)
        gauge.add(len(chunk))
        await take(chunk)
    return received


async def whole_body(response: Response, gauge: Gauge, cap: int) -> bytes:
    """The body in memory. Raises ``TooLarge`` past ``cap`` bytes."""
    kept: list[bytes] = []

    async def keep(piece: bytes) -> None:
        kept.append(piece)

    await pour(response, gauge, cap, keep)
    return b"".join(kept)


def refuse_part(response: Response) -> None:
    """Raise ``ProtocolBroken`` for a 206 to a request without Range: it is no whole (RFC 9110 §15.3.7)."""
    if response.status == PARTIAL_CONTENT:
        span = response.headers.get("Content-Range")
        raise ProtocolBroken(
            f"the server answered 206 with Content-Range {span!r} to a request without Range; "
            "expected 200 and the whole file",
            sent=True,
            answered=True,
        )


def refuse_declared(response: Response, cap: int | None, done: int = 0) -> None:
    """Raise ``TooLarge`` at once when the declared length alone is past the cap."""
    if response.length is not None and cap is not None and done + response.length > cap:
        raise TooLarge(
            f"the server announces {done + response.length} bytes; the task takes at most {cap}",
            sent=True,
            answered=True,
        )


def refuse_length(received: int, cap: int | None) -> None:
    """Raise ``TooLarge`` once more than the cap has come in."""
    if cap is not None and received > cap:
        raise TooLarge(f"the body is longer than the {cap} bytes the task takes", sent=True, answered=True)


def refuse_short(received: int, least: int | None) -> None:
    """Raise ``UnexpectedContent`` for a whole body that is smaller than ``min_bytes``."""
    if least is not None and received < least:
        raise UnexpectedContent(
            f"the body is {received} bytes; expected at least {least}", sent=True, answered=True
        )


def bad_status(response: Response, expected: str = "") -> BadStatus:
    """The error for an answer whose status is not wanted, with what its ``Retry-After`` asks for."""
    asked = response.headers.get("Retry-After")
    seconds = retry_after.parse(asked, time.time()) if asked is not None else None
    wanted = f" (expected {expected})" if expected else ""
    return BadStatus(response.status, f"{response.reason}{wanted}", seconds)
