"""Credentials on the wire: basic (RFC 7617), bearer (RFC 6750) and digest (RFC 7616)."""

from __future__ import annotations

from base64 import b64encode
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from urllib.parse import unquote, urlsplit

import aiohttp

from crawler.errors import TemplateFailed
from crawler.net.exchange import CURRENT
from crawler.policy import urls
from crawler.request import Auth

MOST_DIGESTS = 256  # remembered challenges; one more costs an extra 401

Handler = Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]


def authorization(auth: Auth) -> str | None:
    """The header's value, or ``None`` for digest, which needs a challenge first."""
    if auth.scheme == "digest":
        return None
    if auth.scheme == "bearer":
        return f"Bearer {auth.secret}"
    if auth.scheme != "basic":
        raise ValueError(f"auth scheme {auth.scheme!r}")
    if ":" in auth.user:
        raise TemplateFailed("the user name of basic auth holds a colon, which RFC 7617 §2 forbids")
    return "Basic " + b64encode(f"{auth.user}:{auth.secret}".encode()).decode("ascii")


def auth_of_url(url: str) -> Auth | None:
    """``user:password@`` in a URL as basic credentials."""
    parts = urlsplit(url)
    if parts.username is None and parts.password is None:
        return None
    return Auth("basic", unquote(parts.username or ""), unquote(parts.password or ""))


class Digest:
    """aiohttp's digest middleware for one user at one origin, which also lets go of the 401 answers."""

    def __init__(self, auth: Auth) -> None:
        self._inner = aiohttp.DigestAuthMiddleware(auth.user, auth.secret)

    async def __call__(self, request: aiohttp.ClientRequest, handler: Handler) -> aiohttp.ClientResponse:
        """Send the request, a second time if the first answer is a challenge."""
        challenge: aiohttp.ClientResponse | None = None

        async def send(request: aiohttp.ClientRequest) -> aiohttp.ClientResponse:
            nonlocal challenge
            if challenge is not None:
                challenge.release()
                CURRENT.get().challenged()
            challenge = await handler(request)
            return challenge

        return await self._inner(request, send)


class Digests:
    """The digest state of every user and origin, so that a known challenge saves the 401."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str, str], Digest] = OrderedDict()

    def get(self, auth: Auth, url: str) -> Digest:
        """The middleware for these credentials at the URL's origin."""
        if ":" in auth.user:
            raise TemplateFailed("the user name of digest auth holds a colon, which RFC 7616 §3.4 forbids")
        key = (auth.user, auth.secret, urls.origin(url))
        digest = self._known.get(key)
        if digest is None:
            digest = self._known[key] = Digest(auth)
            if len(self._known) > MOST_DIGESTS:
                self._known.popitem(last=False)
        return digest
