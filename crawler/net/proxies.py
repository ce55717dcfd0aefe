"""The proxy that a request goes through."""

from __future__ import annotations

from functools import lru_cache

from yarl import URL

SCHEMES = ("http", "https")


@lru_cache(maxsize=64)
def proxy_url(proxy: str | None) -> URL | None:
    """The proxy's URL, ``user:password@`` included. Raises ``ValueError`` for one that cannot be used."""
    if not proxy:
        return None
    try:
        url = URL(proxy)
    except ValueError as error:
        raise ValueError(f"proxy is not a URL ({error}); expected http://[user:password@]host:port") from None
    if url.scheme not in SCHEMES or not url.host:
        raise ValueError(
            f"proxy {url.with_user(None) if url.host else url} cannot be used; "
            "expected http://[user:password@]host:port"
        )
    return url
