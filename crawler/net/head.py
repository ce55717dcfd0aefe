"""What the head of an answer says about the body behind it, in values that are safe to keep."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp
from multidict import CIMultiDict

from crawler.errors import ProtocolBroken
from crawler.net.exchange import Exchange
from crawler.net.plain import PlainAnswer
from crawler.net.printable import printable
from crawler.net.transport import HeaderLines, Heads


def framing(response: aiohttp.ClientResponse | PlainAnswer) -> tuple[int | None, bool]:
    """The declared length of the body that follows, and whether its end can be told from a cut.

    RFC 9112 §6.3. Raises ``ProtocolBroken`` for a transfer coding that nobody asked for.
    """
    headers = response.headers
    if response.method == "HEAD" or response.status in (204, 304):
        return 0, True
    length = headers.get("Content-Length")
    if length is not None:
        return int(length), True  # the parser has refused what is no number
    coding = headers.get("Transfer-Encoding")
    if coding is None:
        return None, False
    if coding.strip().lower() != "chunked":
        response.close()
        raise ProtocolBroken(
            f"the server applied the transfer coding {printable(coding)!r}; expected chunked or none",
            sent=True,
            answered=True,
        )
    return None, True


def heads(response: aiohttp.ClientResponse | PlainAnswer, exchange: Exchange) -> Heads:
    """Request and answer as they went over the wire."""
    transport = exchange.protocol.transport if exchange.protocol is not None else None
    peer = transport.get_extra_info("peername") if transport is not None else None
    if isinstance(response, PlainAnswer):
        request_line, request_headers = _lines(response.sent)
        version, raw = response.message.version, response.message.raw_headers
    else:
        asked, raw = response.request_info, response.raw_headers
        version = response.version or aiohttp.HttpVersion11
        request_line = _bytes(f"{asked.method} {asked.url.raw_path_qs} HTTP/1.1")
        request_headers = tuple((_bytes(name), _bytes(value)) for name, value in asked.headers.items())
    return Heads(
        request_line=request_line,
        request_headers=request_headers,
        status_line=_bytes(f"HTTP/{version.major}.{version.minor} {response.status} {response.reason or ''}"),
        response_headers=tuple(raw),
        ip=None if peer is None else str(peer[0]),
    )


def _lines(head: bytes) -> tuple[bytes, HeaderLines]:
    """A request's head as its first line and its header lines."""
    first, *rest = head.split(b"\r\n")
    pairs = (line.split(b": ", 1) for line in rest if line)
    return first, tuple((name, value) for name, value in pairs)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def repaired(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers without lone surrogates, which would break the ledger and every report they reach."""
    if all(map(str.isascii, headers.values())):
        return headers
    return CIMultiDict((name, _text(value)) for name, value in headers.items())


def _text(value: str) -> str:
    """A header value without the stand-ins for bytes that are no UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape").decode("latin-1")
    return value
