"""What a URL says about itself: its slot, its origin, its wire form and the fields templates may use."""

from __future__ import annotations

import hashlib
import posixpath
import re
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from yarl import URL

from crawler.syntax.urls import HTTP_SCHEMES, WEBSOCKET_SCHEMES, plain, problem, wire

__all__ = [
    "DEFAULT_PORTS",
    "HTTP_SCHEMES",
    "WEBSOCKET_SCHEMES",
    "fields",
    "host",
    "origin",
    "plain",
    "problem",
    "slot",
    "wire",
]

# The beginning of almost every URL; ``urlsplit`` would find the same authority in ten times the time.
_USUAL = re.compile(r"(https?)://([a-z0-9.\-]+(?::[0-9]+)?)(?:/|\Z)")

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


@lru_cache(maxsize=4096)
def _authority(scheme: str, netloc: str) -> str:
    host, port = _host_port(scheme, netloc)
    return f"{host}:{port}"


@lru_cache(maxsize=4096)
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
    if (match := _USUAL.match(url)) is not None:
        return _authority(match[1], match[2])
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
    path = parts.path
    if "%" in path:
        path = "/".join([unquote(piece).replace("/", "%2F") for piece in path.split("/")])
    path = path.lstrip("/")
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
