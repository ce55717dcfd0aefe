"""The request for each page of a list, made of the manifest's; pure."""

from __future__ import annotations

from urllib.parse import unquote_plus, urljoin

from msgspec import structs

from crawler.job_types.paging import Lost, Paging, Place, Way, kind_of
from crawler.net.redirects import CARRIED, without_userinfo
from crawler.policy import urls
from crawler.request import JsonBody, Pairs, Request

_KEY = "idempotency-key"  # draft-ietf-httpapi-idempotency-key


def request_for(paging: Paging, first: Request, place: Place) -> Request:
    """The request for a page; ``first`` is the manifest's. Raises ``Lost``.

    An idempotency key gets the page's number: it is not the same request again.
    """
    if place.number > 1 and any(name.lower() == _KEY for name, _ in first.headers):
        keyed = [_numbered(pair, place.number) for pair in first.headers]
        first = structs.replace(first, headers=tuple(keyed))
    if paging.counts:
        number = paging.start + (place.number - 1) * paging.step
        return _with_parameter(first, paging.param, str(number))
    if place.at is None:
        return first
    if paging.way is not Way.CURSOR:
        return _elsewhere(first, str(place.at))
    if paging.in_json:
        return _with_value(first, paging.param, place.at)
    return _with_parameter(first, paging.param, str(place.at))


def _numbered(pair: tuple[str, str], number: int) -> tuple[str, str]:
    name, value = pair
    return (name, f"{value}-{number}") if name.lower() == _KEY else pair


def next_url(reference: str, base: str, own: str) -> str:
    """The absolute URL of the next page, for a page that came from ``base``; ``own`` is the manifest's URL.

    It stays where the manifest, or a redirect of its, has led. Raises ``Lost`` for what leads elsewhere,
    from https to plain http, or nowhere.
    """
    try:
        target = urljoin(base, reference.strip())
        why = urls.problem(target)
    except ValueError as error:
        why = str(error)
    if why is not None:
        raise Lost(f"the next page is at no URL: {why}")
    target = without_userinfo(urls.wire(target))
    scheme, colon, rest = target.partition(":")
    target = scheme.lower() + colon + rest
    if base.startswith("https:") and not target.startswith("https:"):
        raise Lost(f"the next page leads from https to plain http, at {urls.slot(target)}")
    origin = urls.origin(target)
    if origin not in (urls.origin(base), urls.origin(own)):
        raise Lost(f"the next page is at another origin, {origin}; a list is followed at its own only")
    return target


def _elsewhere(first: Request, url: str) -> Request:
    """The request for a URL that an answer gave; to another origin goes what a redirect would take there."""
    away = urls.origin(url) != urls.origin(first.url)
    if not away:
        return structs.replace(first, url=url, params=(), named_by=urls.host(first.url))
    if first.body is not None:
        raise Lost(f"the next page would take the request's body to another origin, {urls.origin(url)}")
    return structs.replace(
        first,
        url=url,
        params=(),
        headers=tuple(pair for pair in first.headers if pair[0].lower() in CARRIED),
        cookies=(),
        auth=None,
        named_by=urls.host(first.url),
    )


def _with_parameter(first: Request, name: str, value: str) -> Request:
    """The request with this value of a query parameter, wherever it had another."""
    base, mark, query = first.url.partition("?")
    kept = [piece for piece in query.split("&") if unquote_plus(piece.partition("=")[0]) != name]
    url = base + mark + "&".join(kept) if any(kept) else base
    params: Pairs = tuple(pair for pair in first.params if pair[0] != name)
    return structs.replace(first, url=url, params=(*params, (name, value)))


def _with_value(first: Request, path: str, value: str | int) -> Request:
    """The request with this value in its JSON body; maps on the way there are made where they are missing."""
    if not isinstance(first.body, JsonBody):
        raise Lost("the cursor goes into the JSON body, and there is none")
    names = path.split(".")
    body = _put(first.body.value, names, value, path)
    return structs.replace(first, body=JsonBody(body))


def _put(into: object, names: list[str], value: str | int, path: str) -> object:
    if not names:
        return value
    if into is None:
        into = {}
    if not isinstance(into, dict):
        raise Lost(f"the cursor goes into the JSON body at {path!r}, where {kind_of(into)} is in its way")
    name, *rest = names
    return {**into, name: _put(into.get(name), rest, value, path)}
