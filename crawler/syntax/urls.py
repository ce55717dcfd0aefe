"""What makes text a URL that can be requested, and how it is written on the wire."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

HTTP_SCHEMES = frozenset({"http", "https"})
WEBSOCKET_SCHEMES = frozenset({"ws", "wss"})

# RFC 3986 §2: every character a URL may hold on the wire. Anything else still needs quoting.
_WIRE = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*\Z")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# A URL about which nothing is special, its authority in group 1: almost all of a long list.
_PLAIN = re.compile(r"https?://([a-z0-9.\-]+(?::[0-9]+)?)(?:/[A-Za-z0-9\-._~:/?@!$&'()*+,;=]*)?\Z")
_NUMERIC_HOST = re.compile(r"(?:0[xX][0-9a-fA-F]*|\d+)(?:\.(?:0[xX][0-9a-fA-F]*|\d+))*\.?\Z")


def plain(url: str) -> bool:
    """Whether the URL needs no second look: it can be requested, is in wire form and has no user info.

    Cheaper than ``problem`` and ``wire``; ``False`` says nothing.
    """
    match = _PLAIN.match(url)
    return match is not None and _sound(match[1])


@lru_cache(maxsize=4096)
def _sound(netloc: str) -> bool:
    return problem(f"http://{netloc}/") is None


def wire(url: str) -> str:
    """The URL as it is sent: as written if it is already encoded, quoted otherwise; no fragment.

    Re-quoting an encoded URL would break signed ones (``%27`` becoming ``'``), so it is left alone.
    Raises ValueError for what is no URL.
    """
    if "#" in url:
        url = url.partition("#")[0]
    if _WIRE.match(url) and not _STRAY_PERCENT.search(url):
        return url
    from yarl import URL  # imported here: most URLs never need it, and it costs 20 ms

    return str(URL(url))


def problem(url: str, schemes: frozenset[str] = HTTP_SCHEMES) -> str | None:
    """Why the URL cannot be requested, as a sentence, or ``None`` if it can."""
    if _CONTROL.search(url):
        return "the URL holds a control character"
    try:
        parts = urlsplit(url)
        host, port = _host_and_port(parts.netloc)
        wire(url)
    except ValueError as error:
        return f"not a URL: {_reason(error)}"
    if parts.scheme not in schemes or "://" not in url:
        return _scheme_problem(url, parts.scheme, schemes)
    if not host:
        return "the URL names no host"
    if port == 0:
        return "port 0 cannot be connected to"
    return _host_problem(host)


def _scheme_problem(url: str, scheme: str, schemes: frozenset[str]) -> str:
    allowed = ", ".join(sorted(schemes))
    if not scheme or "://" not in url:
        return f"not an absolute URL; it must start with a scheme ({allowed})"
    return f"scheme {scheme!r} is not supported here; expected {allowed}"


@lru_cache(maxsize=4096)
def _host_and_port(netloc: str) -> tuple[str | None, int | None]:
    parts = SplitResult("", netloc, "", "", "")
    return parts.hostname, parts.port


def _reason(error: ValueError) -> str:
    """The parser's complaint without the text it quotes, which may be a password."""
    complaint = str(error)
    if complaint.startswith("Port"):
        return "the port must be a number from 1 to 65535"
    if "IPv6" in complaint:
        return "an IPv6 address must stand in brackets"
    return "host or port cannot be read"


@lru_cache(maxsize=4096)
def _host_problem(host: str) -> str | None:
    if any(char in host for char in ' "<>\\^`{|}'):
        return f"host {host!r} holds a character that no host name may have"
    if _NUMERIC_HOST.match(host):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            return f"host {host!r} is a number but no dotted IPv4 address (four decimal parts)"
    return None
