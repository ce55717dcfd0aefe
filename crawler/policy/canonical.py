"""The one way to write each URL of a crawl, so that the same page is fetched once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv6Address

from crawler.policy.parameters import DROPPED_PARAMETERS, SESSION_PARAMETERS, query_pattern, segment_pattern
from crawler.policy.urls import DEFAULT_PORTS
from crawler.syntax.urls import problem

# Bounds the work on one URL, far above what a server need take (RFC 9110 §4.1: at least 8000 octets).
LONGEST_URL = 65_536

# RFC 3986 appendix B, for http and https; a fragment is matched and left behind.
_PARTS = re.compile(r"(https?)://([^/?#\\]*)(/[^?#]*)?(?:\?([^#]*))?(?:#.*)?\Z", re.IGNORECASE | re.DOTALL)
_ENDS = "".join(map(chr, range(0x21)))  # what browsers strip from a URL's ends: C0 controls and the space
_LINE_ENDS = str.maketrans("", "", "\t\r\n")  # and what they drop inside it (WHATWG URL, basic URL parser)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

# RFC 3986 §3.3 pchar and "/", §3.4 query; what is none of these, and every "%", is looked at.
_PATH_ODD = re.compile(r"%(?:[0-9A-Fa-f]{2})?|[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]+")
_QUERY_ODD = re.compile(r"%(?:[0-9A-Fa-f]{2})?|[^A-Za-z0-9\-._~!$&'()*+,;=:@/?%]+")
_UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_ESCAPES = {"%": "%25", **{f"%{ord(char):02X}": char for char in _UNRESERVED}}
_DOTS = re.compile(r"/\.\.?(?:/|\Z)")


@dataclass(frozen=True, slots=True)
class CanonicalRules:
    """Which query parameters do not tell pages apart.

    ``dropped`` are names, or beginnings of names that end in ``*``, without regard to case;
    ``sessions`` are names whose parameter goes from queries and from path segments (``;name=…``), and
    ``NAME:N`` those that go only with a value of at least N letters and digits.
    """

    dropped: tuple[str, ...] = DROPPED_PARAMETERS
    sessions: tuple[str, ...] = SESSION_PARAMETERS
    in_query: re.Pattern[str] | None = field(init=False, repr=False, compare=False)
    in_path: re.Pattern[str] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "in_query", query_pattern(self.dropped, self.sessions))
        object.__setattr__(self, "in_path", segment_pattern(self.sessions))


DEFAULT_RULES = CanonicalRules()


def canonical(url: str, rules: CanonicalRules = DEFAULT_RULES) -> str | None:
    """The absolute URL as it is asked for and remembered, or ``None`` for what a crawl cannot fetch.

    RFC 3986 §6.2.2 and §6.2.3: scheme and host in lower case, no default port, no dot segments, unreserved
    characters decoded, other escapes in upper case, ``/`` for an empty path. Fragment, user name, password
    and an empty query go, a host's last dot too; the query keeps its order. ``None`` is for other schemes
    than http and https, hosts that cannot be asked, control characters, and more than ``LONGEST_URL``
    characters. A fixed point: the canonical form of a canonical URL is itself.
    """
    if len(url) > LONGEST_URL:
        return None
    url = url.strip(_ENDS)
    if _CONTROL.search(url):
        url = url.translate(_LINE_ENDS)
        if _CONTROL.search(url):
            return None
    match = _PARTS.match(url)
    if match is None:
        return None
    scheme, netloc, path, query = match.groups()
    origin = _origin(scheme, netloc)
    if origin is None:
        return None
    path = _path(path or "/", rules)
    if query:
        query = _query(query, rules)
        if query:
            return f"{origin}{path}?{query}"
    return origin + path


@lru_cache(maxsize=4096)  # a crawl sees few hosts, often
def _origin(scheme: str, netloc: str) -> str | None:
    """``scheme://host`` or ``scheme://host:port``, or ``None`` if nothing can be asked for there."""
    scheme = scheme.lower()
    host, port = _host_port(netloc.rpartition("@")[2])
    if host is None or problem(f"{scheme}://{host}:{port or '1'}/") is not None:
        return None
    if not port or int(port) == DEFAULT_PORTS[scheme]:
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{int(port)}"


_PORT = re.compile(r"(.+?)(?::(\d{0,5}))?\Z", re.ASCII)
_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\Z")


def _host_port(netloc: str) -> tuple[str | None, str | None]:
    match = _PORT.match(netloc)
    if match is None:
        return None, None
    name, port = match.groups()
    if name.startswith("[") and name.endswith("]"):
        try:
            return f"[{IPv6Address(name[1:-1])}]", port
        except ValueError:
            return None, None
    name = name.lower() if name.isascii() else _ascii_name(name)
    name = name.removesuffix(".")
    return (name, port) if _HOST.match(name) else (None, None)


def _ascii_name(name: str) -> str:
    """The name as DNS knows it (IDNA), or nothing if it has no such form."""
    from yarl import URL  # imported here: few hosts need it

    try:
        return (URL.build(scheme="http", host=name).raw_host or "").lower()
    except ValueError:
        return ""


def _path(path: str, rules: CanonicalRules) -> str:
    if _PATH_ODD.search(path):
        path = _PATH_ODD.sub(_escaped, path)
    if ";" in path and rules.in_path is not None:
        path = rules.in_path.sub("", path)
    if "/." in path and _DOTS.search(path):
        path = _without_dots(path)
    return path


def _query(query: str, rules: CanonicalRules) -> str:
    if _QUERY_ODD.search(query):
        query = _QUERY_ODD.sub(_escaped, query)
    dropped = rules.in_query
    if dropped is not None and dropped.search(query):
        return "&".join([each for each in query.split("&") if dropped.match(each) is None])
    return query


def _escaped(match: re.Match[str]) -> str:
    """An escape in its one form, a stray ``%`` encoded, other characters as escaped UTF-8 (RFC 3987 §3.1)."""
    text = match[0]
    if text[0] == "%":
        upper = text.upper()
        return _ESCAPES.get(upper, upper)
    return "".join([f"%{byte:02X}" for byte in text.encode()])


def _without_dots(path: str) -> str:
    """RFC 3986 §5.2.4: the path without ``.`` and ``..``, which never climb above its root."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
