"""The URL of a request as it goes out: encoded once, parameters appended, credentials taken out."""

from __future__ import annotations

from urllib.parse import urlencode

from crawler.errors import TemplateFailed
from crawler.net.printable import printable
from crawler.net.redirects import without_userinfo
from crawler.policy import urls
from crawler.request import Request


def requested_url(request: Request) -> str:
    """Its URL in wire form with ``params`` behind whatever query it has, which stays as written.

    Raises ``TemplateFailed`` for what is no URL.
    """
    try:
        url = urls.wire(request.url)
    except ValueError as error:
        raise TemplateFailed(f"not a URL that can be requested: {printable(error)}") from error
    if "@" in url:
        url = without_userinfo(url)
    if request.params:
        query = urlencode(request.params, errors="replace")
        separator = "" if url.endswith(("?", "&")) else "&" if "?" in url else "?"
        url = f"{url}{separator}{query}"
    return url
