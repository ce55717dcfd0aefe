"""The HTTP half of a record: heads as they stood on the wire, made true for the body that is stored."""

from __future__ import annotations

import re

from crawler.store.warc.exchange import Headers, Redact

CRLF = b"\r\n"
# What the stored body no longer is keeps its header under another name, for a reader would act on it.
RENAMED = b"X-Crawler-"

_STATUS = re.compile(rb"HTTP/\S+ +(\d{3})(?: |$)")
_LINE_BREAKS = re.compile(rb"[\r\n]+")
_MIME = re.compile(rb"[!-~]+/[!-~]+")


def request_head(line: bytes, headers: Headers, redact: Redact) -> bytes:
    """A request's head up to its blank line, secrets masked."""
    return _head(line, [(name, redact(name, value)) for name, value in headers])


def response_head(line: bytes, headers: Headers, length: int | None, *, decoded: bool) -> bytes:
    """An answer's head up to its blank line, for a stored body of ``length`` bytes.

    Transfer-Encoding, Content-Encoding (if ``decoded``) and a Content-Length that is not the stored
    body's are kept as ``X-Crawler-…``, and the right Content-Length is added where one was replaced.
    ``None`` is for an answer that has no body by rule (HEAD, 1xx, 204, 304: RFC 9110 §6.4.1): as it was.
    """
    if length is None:
        return _head(line, headers)
    true_length = b"%d" % length
    told: list[tuple[bytes, bytes]] = []
    undone = right = False
    for name, value in headers:
        lowered = name.lower()
        untrue = (
            lowered == b"transfer-encoding"
            or (lowered == b"content-encoding" and decoded)
            or (lowered == b"content-length" and (right or value.strip() != true_length))
        )
        told.append((RENAMED + name if untrue else name, value))
        undone = undone or untrue
        right = right or (lowered == b"content-length" and not untrue)
    if undone and not right:
        told.append((b"Content-Length", true_length))
    return _head(line, told)


def has_body(request_line: bytes, status_line: bytes) -> bool:
    """Whether an answer to that request can have one (RFC 9110 §6.4.1)."""
    status = status_of(status_line)
    return not (request_line.startswith(b"HEAD ") or status in ("204", "304") or status.startswith("1"))


def status_of(head: bytes) -> str:
    """The three digits of a status line, ``-`` if there are none."""
    match = _STATUS.match(head)
    return match[1].decode() if match else "-"


def mime_of(head: bytes) -> str:
    """The media type that an answer's head declares, without parameters; ``unk`` if it has none."""
    for line in head.split(b"\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-type":
            mime = value.partition(b";")[0].strip().lower()
            return mime.decode() if _MIME.fullmatch(mime) else "unk"
    return "unk"


def _head(line: bytes, headers: Headers | list[tuple[bytes, bytes]]) -> bytes:
    lines = [line, *(b"%s: %s" % pair for pair in headers)]
    # A line break inside a header would be read as the head's end: obs-fold is a space (RFC 9112 §5.2).
    return CRLF.join([_LINE_BREAKS.sub(b" ", each) for each in lines]) + CRLF + CRLF
