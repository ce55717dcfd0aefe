"""What the head of an answer says about the body behind it, in values that are safe to keep."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp
from multidict import CIMultiDict

from crawler.errors import ProtocolBroken
from crawler.net.printable import printable


def framing(response: aiohttp.ClientResponse) -> tuple[int | None, bool]:
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
