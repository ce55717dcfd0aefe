"""SURT keys: URLs written so that sorting puts the pages of a site, and of its subdomains, together."""

from __future__ import annotations

import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(?:[^/?#@]*@)?([^/?#]*)([^?#]*)(?:\?([^#]*))?")
_PORT = re.compile(r":([0-9]*)$")
_WWW = re.compile(r"^www\d*\.")
_DEFAULT_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443"}
_SLASHES = re.compile(r"/{2,}")
# Session ids as web archives leave them out, so that a page has one key whatever visit it was.
_SESSIONS = re.compile(
    r"(?:(?:jsessionid|phpsessid|sid)=[0-9a-z]{32}|aspsessionid[a-z]{8}=[a-z]{24}|cfid=[^&]+&cftoken=[^&]+)(?:&|$)"
)
_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in "#%")


def surt_key(url: str) -> str:
    """``https://www.Example.org:8080/A/?b=1&a=2`` → ``org,example:8080)/a?a=2&b=1``.

    The rules are those of the ``surt`` library, by which pywb and OpenWayback look pages up: no scheme,
    no ``www``, default port or session id, lower case, escapes undone where they need not be, query sorted,
    no slash at the end. What is no URL with a host is its own key.
    """
    match = _URL.match(url)
    if match is None:
        return _escaped(url).lower()
    scheme, authority, path, query = match.groups()
    host, port = _host(authority, scheme)
    key = f"{host}{port}){_path(path)}"
    kept = _SESSIONS.sub("", _escaped(query).lower(), count=1) if query else ""
    return f"{key}?{'&'.join(sorted(kept.split('&')))}" if kept else key


def _host(authority: str, scheme: str) -> tuple[str, str]:
    """The host's labels from the right to the left, and ``:port`` if it is not the scheme's own."""
    found = _PORT.search(authority)
    port = found[1] if found else ""
    host = authority[: found.start()] if found else authority
    if host.startswith("["):
        reversed_host = host[1:-1]
    else:
        labels = _WWW.sub("", _ascii(host.strip(".").lower())).split(".")
        reversed_host = ",".join(reversed(labels))
    told = port not in ("", _DEFAULT_PORTS.get(scheme.lower()))
    return _escaped(reversed_host).lower(), f":{port}" if told else ""


def _ascii(host: str) -> str:
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host


def _path(path: str) -> str:
    kept: list[str] = []
    for segment in _SLASHES.sub("/", _escaped(path)).split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    return "/" + "/".join(kept).strip("/").lower()


def _escaped(text: str) -> str:
    """Escapes undone, those of escapes too, and then only what must be escaped."""
    raw = text.encode("utf-8", "replace")
    while (less := unquote_to_bytes(raw)) != raw:
        raw = less
    return quote_from_bytes(raw, safe=_SAFE)
