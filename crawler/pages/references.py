"""How a reference in a document becomes the absolute URL of another (RFC 3986 §5)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

_PARTS = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.\-]*):)?(?://([^/?#]*))?([^?#]*)(\?[^#]*)?", re.DOTALL)
_ENDS = "".join(
    map(chr, range(0x21))
)  # WHATWG URL, basic URL parser: C0 controls and space go from both ends
_LINE_ENDS = str.maketrans("", "", "\t\n\r")  # and these from everywhere
_BACKSLASHED = re.compile(r"[^?#]*")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
_FETCHED = ("http", "https")


@dataclass(frozen=True, slots=True)
class Base:
    """The absolute http or https URL that references are relative to, and its parts."""

    url: str
    scheme: str
    authority: str
    path: str
    query: str
    folder: str  # absolute, with its slash at the end
    root: int  # the length of scheme://authority/
    queries: str  # the codec that queries are written in, "" for UTF-8


def base(url: str, codec: str = "") -> Base:
    """The base that ``url`` makes; its fragment is no part of it. Raises ValueError for no http(s) URL.

    ``codec`` is Python's of the document that refers to others: their queries are in its encoding.
    """
    scheme, authority, path, query = _split(clean(url).partition("#")[0])
    if scheme not in _FETCHED or not authority:
        raise ValueError(f"expected an absolute http or https URL, found {url!r}")
    path = _without_dots(path) or "/"
    origin = f"{scheme}://{authority}"
    folder = origin + path[: path.rfind("/") + 1]
    queries = "" if codec.startswith("utf-") else codec  # of UTF-16 documents, too, they are UTF-8
    return Base(f"{origin}{path}{query}", scheme, authority, path, query, folder, len(origin) + 1, queries)


def rebased(here: Base, href: str) -> Base:
    """The base that ``<base href>`` makes in the document ``here``; none if that is no http(s) URL."""
    url = resolve(here, clean(href))
    return base(url, here.queries) if url else here


def clean(reference: str) -> str:
    """The reference as browsers read it: no space around, no tab or line end in it, ``/`` for a backslash."""
    reference = reference.strip(_ENDS)
    if not reference.isprintable():
        reference = reference.translate(_LINE_ENDS)
    if "\\" in reference and not reference.lower().startswith(("data:", "javascript:", "mailto:")):
        path = _BACKSLASHED.match(reference)
        end = path.end() if path else 0
        reference = reference[:end].replace("\\", "/") + reference[end:]
    return reference


def resolve(here: Base, reference: str) -> str | None:
    """The absolute URL of a cleaned reference without its fragment; ``None`` if it is not http or https.

    Follows RFC 3986 §5.2.2, with the leave of its last paragraph for ``http:page``, which is read as ``page``
    as browsers do. An empty reference is the base itself.
    """
    if "#" in reference:
        reference = reference.partition("#")[0]
    if here.queries and not reference.isascii():
        reference = _with_escaped_query(reference, here.queries)
    rest, folder = reference, here.folder
    while rest.startswith("../"):  # the usual references need not be taken apart
        rest = rest[3:]
        if len(folder) > here.root:
            folder = folder[: folder.rfind("/", 0, -1) + 1]
    if rest and rest[0] not in "./?" and ":" not in rest and "/." not in rest:
        return folder + rest
    return _resolve_any(here, reference)


def _with_escaped_query(reference: str, codec: str) -> str:
    """WHATWG URL, "percent-encode after encoding": what the encoding lacks is written ``&#NNN;``.

    More of it is escaped than there, which means the same: bytes that look like ASCII in a longer character.
    """
    path, mark, query = reference.partition("?")
    return path + mark + _BEYOND_ASCII.sub(lambda run: _escaped(run[0], codec), query)


def _escaped(text: str, codec: str) -> str:
    return quote(text.encode(codec, "xmlcharrefreplace"), safe="")


def _resolve_any(here: Base, reference: str) -> str | None:
    """RFC 3986 §5.2.2 as it stands there."""
    scheme, authority, path, query = _split(reference)
    if scheme and scheme not in _FETCHED:
        return None
    if authority:
        return f"{scheme or here.scheme}://{authority}{_without_dots(path)}{query}"
    if authority is not None or (scheme and scheme != here.scheme):
        return None  # it names no host
    origin = here.folder[: here.root - 1]
    if not path:
        return f"{origin}{here.path}{query or here.query}"
    if not path.startswith("/"):
        path = here.folder[here.root - 1 :] + path
    return f"{origin}{_without_dots(path)}{query}"


def _split(url: str) -> tuple[str, str | None, str, str]:
    """Scheme in lower case, authority if there is one, path, and query with its mark."""
    match = _PARTS.match(url)
    assert match, "every part may be empty"
    scheme, authority, path, query = match.groups()
    return (scheme or "").lower(), authority, path, query or ""


def _without_dots(path: str) -> str:
    """RFC 3986 §5.2.4, for paths that begin with a slash or are empty."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
