"""Where a redirect leads, what goes along and what stays behind; pure, by RFC 9110 §15.4."""

from __future__ import annotations

from urllib.parse import quote, urljoin

from msgspec import Struct

from crawler.errors import RedirectRefused
from crawler.net.printable import printable
from crawler.policy import urls
from crawler.request import Body, Hop, Pairs, Request

STATUSES = frozenset({301, 302, 303, 307, 308})
MOST_HOPS = 10

# What may cross an origin: it says nothing about who we are. Anything else may be a secret.
CARRIED = frozenset(
    {
        "user-agent",
        "accept",
        "accept-language",
        "accept-encoding",
        "range",
        "if-range",
        "if-none-match",
        "if-modified-since",
    }
)


class Leg(Struct, frozen=True):
    """One request of a redirect chain. ``url`` is in wire form; ``crossed`` stays true once it is."""

    url: str
    method: str
    body: Body | None
    hops: int = 0
    crossed: bool = False


def first_leg(request: Request, url: str, hop: Hop | None) -> Leg:
    """Where a chain begins, or goes on after it waited for another host's slot."""
    if hop is None:
        return Leg(url, request.method, request.body)
    body = None if hop.crossed_origin or hop.method != request.method else request.body
    return Leg(urls.wire(hop.url), hop.method, body, hop.hops, hop.crossed_origin)


def next_leg(leg: Leg, status: int, location: str | None) -> Leg | None:
    """The request that an answer asks for next, or ``None`` if the answer is the end of the chain.

    Raises ``RedirectRefused`` for more than ten hops, a target that is no http(s) URL, a way from https
    to http, and a body that would be sent to another origin.
    """
    if status not in STATUSES or not location:
        return None
    if leg.hops >= MOST_HOPS:
        raise _refused(f"more than {MOST_HOPS} redirects; the last one leads to {_shown(location)}")
    target = _target(leg.url, location)
    if leg.url.startswith("https:") and not target.startswith("https:"):
        raise _refused(f"the redirect leads from https to plain http, at {urls.slot(target)}")
    crossed = leg.crossed or urls.origin(target) != urls.origin(leg.url)
    method = _method(status, leg.method)
    # 303 asks for another resource, so a body has no place there even if the method stays.
    body = leg.body if method == leg.method and status != 303 else None
    if body is not None and crossed:
        raise _refused(
            f"the {status} redirect would send the request's body to another origin, {urls.origin(target)}"
        )
    return Leg(target, method, body, leg.hops + 1, crossed)


def _method(status: int, method: str) -> str:
    """RFC 9110 §15.4.2–4: 303 always becomes GET; 301 and 302 turn POST into GET, as browsers do."""
    if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
        return "GET"
    return method


def _target(base: str, location: str) -> str:
    """The absolute URL in wire form (RFC 3986 §5), as written where it is already encoded."""
    if not location.isascii():
        # The bytes of the header, whatever charset the server had in mind.
        location = quote(location.encode("utf-8", "surrogateescape"), safe="".join(map(chr, range(128))))
    try:
        target = urljoin(base, location.strip())
    except ValueError as error:
        raise _refused(f"the redirect to {_shown(location)} leads nowhere: {error}") from error
    if why := urls.problem(target):
        raise _refused(f"the redirect to {_shown(location)} leads nowhere: {why}")
    target = without_userinfo(urls.wire(target))
    scheme, colon, rest = target.partition(":")
    return scheme.lower() + colon + rest


def without_userinfo(url: str) -> str:
    """The URL without ``user:password@``: whoever wrote the redirect chose them, so they prove nothing."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = _split_authority(rest)
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"


def _split_authority(rest: str) -> tuple[str, str, str]:
    ends = [at for mark in "/?#" if (at := rest.find(mark)) >= 0]
    end = min(ends, default=len(rest))
    return rest[:end], rest[end : end + 1], rest[end + 1 :]


def carried(headers: Pairs, leg: Leg, *, had_body: bool) -> Pairs:
    """The request's own headers that go with this leg."""
    if leg.crossed:
        return tuple(pair for pair in headers if pair[0].lower() in CARRIED)
    if had_body and leg.body is None:
        return tuple(pair for pair in headers if not pair[0].lower().startswith("content-"))
    return headers


def _shown(location: str) -> str:
    """A Location without its query, which may be a signature."""
    return printable(location.partition("?")[0])


def _refused(message: str) -> RedirectRefused:
    return RedirectRefused(message, sent=True, answered=True)
