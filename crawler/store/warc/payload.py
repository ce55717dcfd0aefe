"""The body of an answer as it is stored, in pieces, and digests as archives write them."""

from __future__ import annotations

import hashlib
import os
from base64 import b32encode
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crawler.errors import IntegrityFailed
from crawler.store.warc.exchange import BodyFile

if TYPE_CHECKING:
    from hashlib import _Hash

PIECE = 256 * 1024  # bytes read at a time


class Payload:
    """Bytes, or the first bytes of a file; read twice, for the digests stand before the bytes."""

    __slots__ = ("_body", "_digest", "length")

    def __init__(self, body: bytes | BodyFile) -> None:
        self._body = body
        self._digest: str | None = None
        self.length = body.length if isinstance(body, BodyFile) else len(body)

    def digests(self, prefix: bytes) -> tuple[str, str]:
        """Of the payload, and of a block made of ``prefix`` and the payload. Raises as ``pieces``."""
        payload, block = sha1(), sha1(prefix)
        for piece in self._pieces():
            payload.update(piece)
            block.update(piece)
        self._digest = shown(payload)
        return self._digest, shown(block)

    def pieces(self) -> Iterator[bytes]:
        """The payload. Raises ``IntegrityFailed`` if the file is shorter than told or has changed."""
        if not isinstance(self._body, BodyFile):
            yield from self._pieces()
            return
        digest = sha1()
        for piece in self._pieces():
            digest.update(piece)
            yield piece
        if self._digest not in (None, shown(digest)):
            raise IntegrityFailed("a body changed while it was being archived; expected the same bytes twice")

    def sample(self, size: int) -> bytes:
        """The first ``size`` bytes, or fewer. Raises OSError."""
        body = self._body
        return os.pread(body.fd, min(size, body.length), 0) if isinstance(body, BodyFile) else body[:size]

    def _pieces(self) -> Iterator[bytes]:
        body = self._body
        if not isinstance(body, BodyFile):
            if body:
                yield body
            return
        done = 0
        while done < body.length:
            piece = os.pread(body.fd, min(PIECE, body.length - done), done)
            if not piece:
                raise IntegrityFailed(f"a body to archive ends after {done} bytes; expected {body.length}")
            yield piece
            done += len(piece)


def sha1(start: bytes = b"") -> _Hash:
    """SHA-1, the digest that web archives identify payloads by; the ledger has a stronger one."""
    return hashlib.sha1(start, usedforsecurity=False)


def shown(digest: _Hash) -> str:
    """A labelled digest in Base32, as in the examples of WARC 1.1 §5.8."""
    return f"{digest.name}:{b32encode(digest.digest()).decode()}"
