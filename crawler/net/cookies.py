"""Cookies that go back to the host that set them and nowhere else, in bounded memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from http.cookies import Morsel

import aiohttp
from yarl import URL

MOST_A_HOST = 50  # RFC 6265 §6.1 asks for at least this; aiohttp bounds the whole jar to 3300
MOST_BYTES = 4096  # name, value and attributes, as there

# Without a list of public suffixes nobody can tell whether Domain=co.uk is a registrable domain. A cookie
# without Domain belongs to its host alone (RFC 6265 §5.3), which is always safe.
_DOMAIN = re.compile(r";\s*domain\s*(?:=[^;]*)?(?=;|\Z)", re.IGNORECASE)


class HostCookies(aiohttp.CookieJar):
    """aiohttp's jar, hosts that are IP addresses included, with every cookie bound to its host."""

    def __init__(self) -> None:
        super().__init__(unsafe=True)
        self.on_set: Callable[[str, tuple[str, ...]], None] | None = None  # told URL and headers of answers

    def update_cookies_from_headers(self, headers: Sequence[str], response_url: URL) -> None:
        """Keep what an answer's Set-Cookie headers set, and tell it; the host's oldest cookies make room."""
        self.take(headers, response_url)
        if self.on_set is not None:
            self.on_set(str(response_url), tuple(headers))

    def take(self, headers: Sequence[str], response_url: URL) -> None:
        """The same for an answer that came to another process."""
        fitting = [_DOMAIN.sub("", header) for header in headers if len(header) <= MOST_BYTES]
        super().update_cookies_from_headers(fitting, response_url)
        own = self._of(response_url.raw_host or "")
        if len(own) > MOST_A_HOST:
            surplus = set(map(id, own[:-MOST_A_HOST]))
            self.clear(lambda morsel: id(morsel) in surplus)

    def _of(self, host: str) -> list[Morsel[str]]:
        return [
            morsel
            for (domain, _), cookies in self.cookies.items()
            if domain == host
            for morsel in cookies.values()
        ]
