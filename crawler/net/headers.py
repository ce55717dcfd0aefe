"""The header fields of a request: the manifest's as written, then what we add."""

from __future__ import annotations

import re

from multidict import CIMultiDict

from crawler.errors import TemplateFailed
from crawler.net.redirects import Leg, carried
from crawler.request import Pairs, Request

# RFC 9110 §5.5 and §5.6.2. Lone surrogates cannot be encoded.
_BAD_VALUE = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")

_FRAMING = ("Content-Length", "Transfer-Encoding")  # follow from the body that is really sent


def request_headers(
    request: Request, leg: Leg, *, user_agent: str, accept_encoding: str, authorization: str | None
) -> CIMultiDict[str]:
    """What goes out on this leg, in the manifest's order and case; its fields win over ours.

    Raises ``TemplateFailed`` for a field that HTTP cannot carry.
    """
    own = request.headers
    if leg.hops:
        own = carried(own, leg, had_body=request.body is not None)
    if own:
        check(own)
    headers = CIMultiDict(_spelled_alike(own))
    for name in _FRAMING:
        headers.popall(name, None)
    if request.cookies and not leg.crossed:
        check(request.cookies)
        cookies = "; ".join(f"{name}={value}" for name, value in request.cookies)
        written = headers.get("Cookie")
        headers["Cookie"] = f"{written}; {cookies}" if written else cookies
    if authorization is not None and "Authorization" not in headers:
        check((("Authorization", authorization),))
        headers["Authorization"] = authorization
    if "Accept-Encoding" not in headers:
        headers["Accept-Encoding"] = "identity" if request.identity else accept_encoding
    if "User-Agent" not in headers:
        headers["User-Agent"] = user_agent
    return headers


def _spelled_alike(pairs: Pairs) -> Pairs:
    """Repeated names in the case of the first one; aiohttp loses all but the last otherwise."""
    if len(pairs) < 2:
        return pairs
    spelling: dict[str, str] = {}
    return tuple((spelling.setdefault(name.lower(), name), value) for name, value in pairs)


def check(pairs: Pairs) -> None:
    """Raises ``TemplateFailed`` for a name or value that would break out of its field."""
    for name, value in pairs:
        if not _NAME.match(name):
            raise TemplateFailed(f"{name!r} is no name for a header field or cookie (RFC 9110 §5.6.2)")
        if found := _BAD_VALUE.search(value):
            raise TemplateFailed(
                f"the value of {name} holds the character {found.group()!r} at position {found.start() + 1}; "
                "header fields and cookies carry no control characters"
            )
