"""Where each URL of a mirrored site has its file, and how one of these files links to another."""

from __future__ import annotations

import posixpath
from urllib.parse import quote

from crawler.policy.names import safe_target
from crawler.policy.urls import fields

# What a browser must recognise by its name when it opens a file from disk, where no header tells it. It looks
# into images itself, but for SVG; a module script needs its type (HTML standard, "fetch a single module
# script").
_HTML = (".html", ".htm", ".xhtml", ".xht", ".shtml")
_SCRIPT = (".js", ".mjs")
_EXTENSIONS = {
    "text/html": _HTML,
    "application/xhtml+xml": (".xhtml", *_HTML),
    "text/css": (".css",),
    "text/javascript": _SCRIPT,
    "application/javascript": _SCRIPT,
    "image/svg+xml": (".svg",),
}

# RFC 3986 unreserved and what means nothing in a path, in HTML or in CSS; quotes, brackets and ``&`` do.
_SAFE = "/@=+,~!$"


def mirror_target(url: str, content_type: str | None = None, *, adjust: bool = False) -> str:
    """The file of a canonical URL below the output root: ``host/path``, as ``wget -x`` lays files out.

    A folder's own page is ``index.html``; a query follows its name after ``@``. With ``adjust``, a name that
    does not tell a browser what it is gets the extension of its ``Content-Type``. Raises ``UnsafePath`` for
    a path that is too long.
    """
    known = fields(url)
    raw = f"{known['host']}/{known['path']}"
    return safe_target(with_extension(raw, content_type) if adjust else raw)


def with_extension(target: str, content_type: str | None) -> str:
    """The target with the extension of its media type, if that matters to a browser and is not there yet."""
    media_type = (content_type or "").partition(";")[0].strip().lower()
    fitting = _EXTENSIONS.get(media_type)
    if fitting is None or target.lower().endswith(fitting):
        return target
    return target + fitting[0]


def relative_link(from_target: str, to_target: str) -> str:
    """The relative URL that leads from one file below the output root to another, percent-encoded.

    It holds no character that HTML or CSS would read as more than text, and never looks absolute.
    """
    here = posixpath.dirname(from_target).split("/") if "/" in from_target else []
    there = to_target.split("/")
    shared = 0
    while shared < min(len(here), len(there) - 1) and here[shared] == there[shared]:
        shared += 1
    return quote("/".join([".."] * (len(here) - shared) + there[shared:]), safe=_SAFE)
