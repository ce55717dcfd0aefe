"""What is put into an archive: one request and its answer, and what later captures need to know of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

Headers = tuple[tuple[bytes, bytes], ...]  # names and values as they stood on the wire
Redact = Callable[[bytes, bytes], bytes]  # a request header's name and value → the value to archive

MASK = b"***"
_CREDENTIALS = frozenset({b"authorization", b"proxy-authorization", b"cookie"})


@dataclass(frozen=True, slots=True)
class BodyFile:
    """A body in an open file: its first ``length`` bytes, read by ``pread`` and never all at once.

    The descriptor is copied when the exchange is handed in, so the caller may close his at any time.
    """

    fd: int
    length: int


@dataclass(frozen=True, slots=True)
class Capture:
    """A stored response that later ones may refer to instead of being stored again."""

    url: str  # its WARC-Target-URI
    date: str  # its WARC-Date, as it stands in the record
    payload_digest: str | None = None  # ``sha1:…``; without it only a 304 can refer to the capture
    record_id: str | None = None  # ``urn:uuid:…``


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedExchange:
    """One request and its answer; lines without their CRLF.

    ``body`` is the payload with its transfer coding undone, and with its content coding undone too if
    ``decoded``. ``earlier`` is what an earlier capture of the same page came to: if the answer is 304, or
    its payload has the same digest, a ``revisit`` that refers to it is written instead of a ``response``.
    """

    url: str
    started: float  # seconds since the epoch, when the request was sent
    request_line: bytes
    request_headers: Headers
    status_line: bytes
    response_headers: Headers
    body: bytes | BodyFile = field(default=b"", repr=False)
    decoded: bool = False
    ip: str | None = None  # of the server
    earlier: Capture | None = None
    seconds: float | None = None  # from sending the request to the last byte of the answer
    via: str | None = None  # the page where the link was found
    hops: int | None = None  # links between the seed and this page
    outlinks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Who made an archive and how; it becomes the ``warcinfo`` record of each of its files."""

    software: str  # name/version
    manifest: str
    run_id: str
    robots: str  # the policy: ``obey`` or ``ignore``
    operator: str | None = None  # with a way to be reached
    user_agent: str | None = None


def hide_credentials(name: bytes, value: bytes) -> bytes:
    """The value of a request header, ``***`` if it is a credential by its name."""
    return MASK if name.lower() in _CREDENTIALS else value
