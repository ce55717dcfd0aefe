"""Which encoding a document is in: mark, header, its own word, a guess, UTF-8; in that order."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

from crawler.pages.tags import tags, values

# Encoding standard, "BOM sniff"; it beats the header.
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_PRESCAN = 1024  # WHATWG HTML §13.2.3.2: a declaration stands in the first 1024 bytes
_SAMPLE = 8192  # bytes to guess from: 1-20 ms, with no better answers from more
_GUESS_CONTEXT = 512  # bytes before the first that is not ASCII, which begin the sample

_HEADER = re.compile(r"charset\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s;\"']+))", re.IGNORECASE)
_XML_DECLARATION = re.compile(rb"<\?xml[^>]*?\sencoding\s*=\s*[\"']([^\"'>]+)", re.IGNORECASE)
_CSS_CHARSET = re.compile(rb'@charset "([^"]*)";')

# Encoding standard §4.2: what the web means by a label, where Python means something narrower or nothing.
_WIDER = {
    **dict.fromkeys(("ascii", "iso8859-1"), "cp1252"),
    "iso8859-9": "cp1254",
    **dict.fromkeys(("iso8859-11", "tis-620"), "cp874"),
    **dict.fromkeys(("gb2312", "gbk", "gb18030"), "gb18030"),
    **dict.fromkeys(("shift_jis", "cp932"), "cp932"),
    **dict.fromkeys(("euc_kr", "cp949"), "cp949"),
    **dict.fromkeys(("big5", "big5hkscs"), "big5hkscs"),
    "utf-16": "utf-16-le",
    "utf-8-sig": "utf-8",
}
_LABELS = {
    **dict.fromkeys(("unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "x-unicode20utf8"), "utf-8"),
    **dict.fromkeys(("unicode", "ucs-2", "iso-10646-ucs-2", "csunicode", "unicodefeff"), "utf-16-le"),
    "unicodefffe": "utf-16-be",
    **dict.fromkeys(("iso-8859-8-i", "iso-8859-8-e", "logical", "visual", "csiso88598i"), "iso8859-8"),
    **dict.fromkeys(("dos-874", "windows-874"), "cp874"),
    **dict.fromkeys(("x-mac-roman", "mac", "csmacintosh"), "mac-roman"),
    **dict.fromkeys(("x-mac-cyrillic", "x-mac-ukrainian"), "mac-cyrillic"),
    **dict.fromkeys(("koi", "koi8", "koi8_r"), "koi8-r"),
    "koi8-ru": "koi8-u",
    **dict.fromkeys(("x-gbk", "gb_2312", "gb_2312-80", "csiso58gb231280"), "gb18030"),
    **dict.fromkeys(("x-sjis", "ms932", "windows-31j"), "cp932"),
    **dict.fromkeys(("cn-big5", "x-x-big5"), "big5hkscs"),
    "x-euc-jp": "euc_jp",
    **dict.fromkeys(("windows-949", "ks_c_5601-1989", "csksc56011987"), "cp949"),
    **{f"x-cp{page}": f"cp{page}" for page in range(1250, 1259)},
    "x-user-defined": "cp1252",
}
ASCII_BELOW_128 = frozenset(
    {
        *("utf-8", "cp866", "koi8-r", "koi8-u", "mac-roman", "mac-cyrillic", "cp874"),
        *(f"iso8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)),
        *(f"cp{page}" for page in range(1250, 1259)),
    }
)
"""Codecs in which a byte below 128 is that ASCII character, wherever it stands: they need not be undone to
find tags."""
# Encoding standard §4.1. What else Python decodes (utf-7, EBCDIC, rot13) is never sent in good faith.
_KNOWN = ASCII_BELOW_128 | frozenset(
    {"utf-16-le", "utf-16-be", "gb18030", "big5hkscs", "euc_jp", "iso2022_jp", "cp932", "cp949"}
)
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")


@lru_cache(maxsize=256)
def codec(label: str) -> str | None:
    """Python's codec for what the web calls ``label`` (Encoding standard §4.2), or ``None``."""
    label = label.strip(" \t\n\f\r").lower()
    if label in _LABELS:
        return _LABELS[label]
    if not re.fullmatch(r"[a-z0-9_:\-]{1,40}", label):
        return None
    try:
        name = codecs.lookup(label).name
    except LookupError:
        return None
    name = _WIDER.get(name, name)
    return name if name in _KNOWN else None


def encoding(body: bytes, content_type: str | None = None) -> str:
    """The Python codec to decode ``body`` with, errors replaced; a byte order mark decodes to U+FEFF.

    ``content_type`` is the header's value. Without a mark or a declaration, bytes that are UTF-8 are, others
    are guessed from a sample, and what cannot be guessed is UTF-8 too. Never raises.
    """
    for mark, name in _MARKS:
        if body.startswith(mark):
            return name
    if declared := _from_header(content_type) or _from_document(body):
        return declared
    if body.isascii() or _is_utf8(body):
        return "utf-8"
    return _guessed(body) or "utf-8"


def decoded(body: bytes, content_type: str | None = None) -> str:
    """The document's text without a byte order mark, U+FFFD where bytes mean nothing. Never raises."""
    return body.decode(encoding(body, content_type), "replace").removeprefix("\ufeff")


def json_text(body: bytes, content_type: str | None = None) -> str:
    """A JSON document's text: UTF-8 (RFC 8259 §8.1), unless a byte order mark or ``content_type`` differ.

    What is inside has no say: a ``<meta>`` in one of its strings is about another document. Raises
    ValueError, as a sentence, for bytes that mean nothing.
    """
    marked = next((name for mark, name in _MARKS if body.startswith(mark)), None)
    name = marked or _from_header(content_type) or "utf-8"
    try:
        return body.decode(name).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        found = f"byte 0x{error.object[error.start]:02x} at {error.start} is no {name}"
        raise ValueError(f"{found}, which JSON is unless its Content-Type names another charset") from None


def _from_header(content_type: str | None) -> str | None:
    found = _HEADER.search(content_type) if content_type else None
    return codec(next(filter(None, found.groups()), "")) if found else None


def _from_document(body: bytes) -> str | None:
    """What ``<meta>``, ``<?xml … encoding=`` or ``@charset`` say in the document's first 1024 bytes."""
    head = body[:_PRESCAN]
    said = _XML_DECLARATION.match(head) or _CSS_CHARSET.match(head)
    name = codec(said[1].decode("latin-1")) if said else _from_meta(head.decode("latin-1"))
    # §13.2.3.2: what could be read as ASCII up to here is not UTF-16.
    return "utf-8" if name and name.startswith("utf-16") else name


def _from_meta(head: str) -> str | None:
    if "charset" not in head.lower():
        return None
    for name, start, end in tags(head):
        if name != "meta":
            continue
        found = values(head[start:end])
        label = found.get("charset")
        if label is None and found.get("http-equiv", "").strip().lower() == "content-type":
            match = _HEADER.search(found.get("content", ""))
            label = next(filter(None, match.groups()), None) if match else None
        if label and (declared := codec(label)):
            return declared
    return None


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _guessed(body: bytes) -> str | None:
    from charset_normalizer import from_bytes  # imported here: most documents say what they are

    first = _BEYOND_ASCII.search(body)
    start = max(0, first.start() - _GUESS_CONTEXT) if first else 0
    best = from_bytes(body[start : start + _SAMPLE], preemptive_behaviour=False).best()
    return codec(best.encoding) if best else None
