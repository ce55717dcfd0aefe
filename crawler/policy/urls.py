"""What a URL says about itself: its slot, its origin, its wire form and the fields templates may use."""

from __future__ import annotations

import hashlib
import ipaddress
import posixpath
import re
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from yarl import URL

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
HTTP_SCHEMES = frozenset({"http", "https"})
WEBSOCKET_SCHEMES = frozenset({"ws", "wss"})

# RFC 3986 §2: every character a URL may hold on the wire. Anything else still needs quoting.
_WIRE = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*\Z")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NUMERIC_HOST = re.compile(r"(?:0[xX][0-9a-fA-F]*|\d+)(?:\.(?:0[xX][0-9a-fA-F]*|\d+))*\.?\Z")


def wire(url: str) -> str:
    """The URL as it is sent: as written if it is already encoded, quoted otherwise; no fragment.

    Re-quoting an encoded URL would break signed ones (``%27`` becoming ``'``), so it is left alone.
    Raises ValueError for what is no URL.
    """
    if "#" in url:
        url = url.partition("#")[0]
    if _WIRE.match(url) and not _STRAY_PERCENT.search(url):
        return url
    return str(URL(url))


def problem(url: str, schemes: frozenset[str] = HTTP_SCHEMES) -> str | None:
    """Why the URL cannot be requested, as a sentence, or ``None`` if it can."""
    if _CONTROL.search(url):
        return "the URL holds a control character"
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname
        wire(url)
    except ValueError as error:
        return f"not a URL: {error}"
    allowed = ", ".join(sorted(schemes))
    if not parts.scheme or "://" not in url:
        return f"not an absolute URL; it must start with a scheme ({allowed})"
    if parts.scheme.lower() not in schemes:
        return f"scheme {parts.scheme!r} is not supported here; expected {allowed}"
    if not host:
        return "the URL names no host"
    if port == 0:
        return "port 0 cannot be connected to"
    return _host_problem(host)


def _host_problem(host: str) -> str | None:
    if any(char in host for char in " \"<>\\^`{|}"):
        return f"host {host!r} holds a character that no host name may have"
    if _NUMERIC_HOST.match(host):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            return f"host {host!r} is a number but no dotted IPv4 address (four decimal parts)"
    return None


@lru_cache(maxsize=4096)
def _authority(scheme: str, netloc: str) -> str:
    host, port = _host_port(scheme, netloc)
    return f"{host}:{port}"


def _host_port(scheme: str, netloc: str) -> tuple[str, int | None]:
    parts = urlsplit(f"{scheme}://{netloc}")
    host = (parts.hostname or "").rstrip(".")
    if not host.isascii():
        host = URL.build(scheme="http", host=host).raw_host or host
    if ":" in host:
        host = f"[{host}]"
    return host, parts.port or DEFAULT_PORTS.get(scheme)


def slot(url: str) -> str:
    """The key that politeness counts on: ``host:port``, lower case, ``ws`` beside ``http``."""
    parts = urlsplit(url)
    return _authority(parts.scheme.lower(), parts.netloc)


def origin(url: str) -> str:
    """``scheme://host:port`` (RFC 6454), which credentials never cross."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return f"{scheme}://{_authority(scheme, parts.netloc)}"


def host(url: str) -> str:
    """The bare host name or address, lower case, without port or brackets."""
    return (urlsplit(url).hostname or "").rstrip(".")


def fields(url: str) -> dict[str, str]:
    """``host path name stem ext query_hash`` of a URL, as ``wget -x`` lays files out.

    ``host`` carries a port that is not the scheme's own after a ``+`` (a colon is no file name on
    every OS). A path that ends in ``/`` gets ``index.html``; a query follows the name after ``@``.
    The values are raw: ``policy.names`` makes them safe.
    """
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    name, port = _host_port(scheme, parts.netloc)
    shown = name.strip("[]")
    if port is not None and port != DEFAULT_PORTS.get(scheme):
        shown = f"{shown}+{port}"
    path = "/".join(unquote(piece).replace("/", "%2F") for piece in parts.path.split("/")).lstrip("/")
    if not path or path.endswith("/"):
        path += "index.html"
    base = posixpath.basename(path)
    stem, ext = posixpath.splitext(base)
    query = parts.query
    return {
        "host": shown,
        "path": f"{path}@{unquote(query).replace('/', '%2F')}" if query else path,
        "name": base,
        "stem": stem,
        "ext": ext,
        "query_hash": hashlib.sha256(query.encode()).hexdigest()[:8] if query else "",
    }
