"""``multipart/form-data`` (RFC 7578) with its exact length known before the first byte.

WSGI servers refuse or mishandle chunked requests, so the length matters.
"""

from __future__ import annotations

import mimetypes
import re
import secrets
from pathlib import PurePath

from crawler.net.sources import InMemory, Source, local_file
from crawler.request import MultipartBody, Part

# RFC 7578 §4.2 by way of the HTML standard: UTF-8 as it is, with only these three escaped. The other
# control characters have no business in a header either.
_UNSAFE = re.compile(r'["\x00-\x1f\x7f]')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def boundary() -> str:
    """Long and random, so that no content can hold it."""
    return f"crawler-{secrets.token_hex(16)}"


def multipart(body: MultipartBody, mark: str) -> list[Source]:
    """The body's bytes in order. Raises ``SourceChanged`` for a file that cannot be read."""
    sources: list[Source] = []
    opening = ""
    for part in body.parts:
        sources.append(InMemory((opening + _head(part, mark)).encode("utf-8", "replace")))
        sources.append(local_file(part.path) if part.path is not None else _text(part))
        opening = "\r\n"
    sources.append(InMemory(f"{opening}--{mark}--\r\n".encode()))
    return sources


def _text(part: Part) -> InMemory:
    return InMemory((part.value or "").encode("utf-8", "replace"))


def _head(part: Part, mark: str) -> str:
    disposition = f'form-data; name="{_quoted(part.name)}"'
    filename = part.filename
    content_type = part.content_type
    if part.path is not None:
        filename = filename or PurePath(part.path).name
        content_type = content_type or mimetypes.guess_type(filename)[0] or "application/octet-stream"
    if filename is not None:
        disposition += f'; filename="{_quoted(filename)}"'
    head = f"--{mark}\r\nContent-Disposition: {disposition}\r\n"
    if content_type is not None:
        head += f"Content-Type: {_CONTROL.sub('', content_type)}\r\n"
    return head + "\r\n"


def _quoted(text: str) -> str:
    return _UNSAFE.sub(lambda found: f"%{ord(found.group()):02X}", text)
