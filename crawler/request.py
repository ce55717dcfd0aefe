"""What is sent: a request with its body, credentials and limits, and where a redirect has led it.

What every task makes anew is a ``Struct``, as in ``model.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import Struct


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits of one attempt in seconds, ``min_rate`` in bytes/s; ``None`` means no limit.

    The first four carry aiohttp's own names and meanings.
    """

    total: float | None = None
    connect: float | None = 15.0
    sock_connect: float | None = None
    sock_read: float | None = 60.0
    min_rate: float | None = 1024.0


@dataclass(frozen=True, slots=True)
class Auth:
    """Credentials of a request; they never cross an origin."""

    scheme: str  # "basic", "digest" or "bearer"
    user: str = ""
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class BytesBody:
    """A body that is already in memory."""

    data: bytes = field(repr=False)
    content_type: str


@dataclass(frozen=True, slots=True)
class JsonBody:
    """A value that the transport's serializer turns into JSON."""

    value: object = field(repr=False)


@dataclass(frozen=True, slots=True)
class FileBody:
    """A file streamed as the whole body; it must not change while it is sent."""

    path: str
    content_type: str


@dataclass(frozen=True, slots=True)
class FormFileBody:
    """A file's content as one field of a urlencoded form, streamed, among plain fields."""

    path: str
    field: str
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body: a text ``value``, or the file at ``path``, streamed."""

    name: str
    value: str | None = None
    path: str | None = None
    filename: str | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class MultipartBody:
    """A ``multipart/form-data`` body (RFC 7578)."""

    parts: tuple[Part, ...]


Body = BytesBody | JsonBody | FileBody | FormFileBody | MultipartBody

Pairs = tuple[tuple[str, str], ...]


class Request(Struct, frozen=True, kw_only=True):
    """What is sent. ``url`` goes out as written where it is already percent-encoded.

    ``identity`` asks the server not to encode the body (downloads). ``idempotent`` says whether the
    request may be sent again without harm: by its method (RFC 9110 §9.2.2) or an idempotency key.
    Without ``redirects`` a 3xx answer is given as it is. ``named_by`` is the bare host of the manifest's
    URL that led here, where a document there named this URL and not the manifest.
    """

    method: str = "GET"
    url: str
    headers: Pairs = ()
    params: Pairs = ()
    cookies: Pairs = ()
    auth: Auth | None = None
    proxy: str | None = None
    body: Body | None = None
    timeouts: Timeouts = Timeouts()
    idempotent: bool = True
    identity: bool = False
    redirects: bool = True
    named_by: str | None = None

    def __repr__(self) -> str:
        """What it is, without anything that may be secret."""
        return f"<{self.method} {self.url}>"


@dataclass(frozen=True, slots=True)
class Hop:
    """Where a redirect has led a task so far, so that it can wait for the new host's slot."""

    url: str
    method: str
    hops: int
    crossed_origin: bool  # credentials, cookies and custom headers stay behind
