"""Requests for other URLs on behalf of one task: what of its headers and secrets may go there."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import structs

from crawler.job_types.expand import requestable
from crawler.net.redirects import CARRIED
from crawler.policy import urls
from crawler.request import Request


def elsewhere(own: Request, url: str) -> Request:
    """``own`` sent to ``url``. Raises ``TemplateFailed`` if that cannot be requested.

    Another origin gets neither credentials nor cookies nor parameters, and of the headers only those
    that a redirect could take there as well; user info in ``url`` itself is for that origin.
    """
    url, auth = requestable(url)
    if urls.origin(url) == urls.origin(own.url):
        return structs.replace(own, url=url, auth=auth or own.auth)
    headers = tuple(pair for pair in own.headers if pair[0].lower() in CARRIED)
    return structs.replace(own, url=url, auth=auth, headers=headers, params=(), cookies=())


def mirrors(own: Request, found: Iterable[str]) -> tuple[Request, ...]:
    """A request for each mirror that is not the URL itself or one named before. Raises as above."""
    requests: dict[str, Request] = {}
    for url in found:
        request = elsewhere(own, url)
        if request.url != own.url:
            requests.setdefault(request.url, request)
    return tuple(requests.values())
