"""What flows between rooms: frozen, slotted, picklable data without behaviour.

What every task makes anew is a ``Struct``, the rest dataclasses: it costs a tenth to make and to copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct

from crawler.request import Hop, Request


class Outcome(StrEnum):
    """How a task ends (contract §4)."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNKNOWN = "unknown"


class ErrorClass(StrEnum):
    """The closed list of reasons a task can fail for (contract §4)."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    TOO_SLOW = "too_slow"
    TRUNCATED = "truncated"
    DECODE = "decode"
    PROTOCOL = "protocol"
    REDIRECT = "redirect"
    HTTP_STATUS = "http_status"
    TOO_LARGE = "too_large"
    INTEGRITY = "integrity"
    UNEXPECTED_CONTENT = "unexpected_content"
    EXISTS = "exists"
    UNSAFE_PATH = "unsafe_path"
    STORAGE = "storage"
    ROBOTS = "robots"
    ROBOTS_UNREACHABLE = "robots_unreachable"
    SCOPE = "scope"
    BLOCKED_ADDRESS = "blocked_address"
    SOURCE_CHANGED = "source_changed"
    TEMPLATE = "template"
    BUG = "bug"


class When(StrEnum):
    """When a job starts, once every job it needs has ended."""

    SUCCESS = "success"
    CHANGED = "changed"
    ALWAYS = "always"


class Robots(StrEnum):
    """What robots.txt means to a task."""

    IGNORE = "ignore"  # unless a host rule says otherwise
    OBEY = "obey"  # what it disallows is a failure
    SKIP = "skip"  # what it disallows is left out, and that is all right


class Row(Struct, frozen=True):
    """One row of a source: its columns, and where it stands for error messages.

    ``own`` says that its format gives ``to``, ``checksum``, ``mirrors`` and ``headers`` their meaning.
    """

    fields: Mapping[str, object]
    source: str
    line: int
    own: bool = False


DEFAULT_RETRY_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})


@dataclass(frozen=True, slots=True)
class RetryRule:
    """How often and how patiently a task is tried (contract §2); delays in seconds."""

    attempts: int = 5
    backoff: float = 1.0
    max_backoff: float = 60.0
    statuses: frozenset[int] = DEFAULT_RETRY_STATUSES


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How much of a part file is durable, and which version of the remote file it belongs to.

    Without ``gaps`` the first ``offset`` bytes are there. With them ``offset`` is how many bytes are
    there in all, and everything is but the gaps: (start, end) pairs in order, the end not included.
    """

    offset: int
    etag: str | None
    last_modified: str | None
    url: str  # the final URL that the bytes came from
    total: int | None  # declared size of the whole file in bytes
    gaps: tuple[tuple[int, int], ...] = ()


class Known(Struct, frozen=True):
    """What the ledger remembers of a task from earlier runs.

    A *round* is one pass over the manifest: a run that was stopped or killed is continued by the next
    one, in the same round. ``current`` says that the record belongs to the round under way.
    """

    outcome: Outcome | None  # None: begun, never ended
    url: str = ""  # as recorded, redacted
    current: bool = False
    sending: bool = False  # a non-idempotent request was begun and its answer never recorded
    target: str | None = None
    size: int | None = None
    mtime_ns: int | None = None
    sha256: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    checkpoint: Checkpoint | None = None
    part: str | None = None  # the target whose part file the checkpoint describes
    begun: bool = False  # whether the checkpoint, too, belongs to the round under way
    row: int | None = None  # the ledger's number for it, if it has ended


class Task(Struct, frozen=True, kw_only=True):
    """The unit of work: one URL, one file or one request. Job types extend it."""

    job: str
    key: str  # what the ledger knows it by; unique in its job
    ordinal: int  # place in the job, from 0
    slot: str  # the host whose politeness it counts on, "host:port"
    request: Request
    target: str | None = None  # POSIX path below the output root
    retry: RetryRule = RetryRule()
    hop: Hop | None = None
    known: Known | None = None
    mirrors: tuple[Request, ...] = ()  # requests for the same content elsewhere
    source: int = 0  # whom to ask in this attempt: 0 the request itself, n the n-th mirror
    gentle: bool = False  # whether its host has the careful defaults of a crawl
    robots: Robots = Robots.IGNORE

    @property
    def url(self) -> str:
        """The URL as the manifest gave it."""
        return self.request.url

    @property
    def asked(self) -> Request:
        """The request of this attempt."""
        return self.mirrors[self.source - 1] if self.source else self.request

    @property
    def likely_target(self) -> str | None:
        """Where its file will lie, as far as can be told before the answer."""
        return self.target

    def __repr__(self) -> str:
        """Which one it is, without anything that may be secret."""
        return f"<{self.job} {self.ordinal}: {self.request!r}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an attempt, or in the end a task, failed."""

    kind: ErrorClass
    message: str
    retryable: bool
    status: int | None = None
    retry_after: float | None = None  # seconds the server asked for
    sent: bool = False  # whether request bytes may have reached the server
    answered: bool = False  # whether a status line came back
    accepted: bool = False  # whether that was a success or a redirect: the server has taken the request
    detail: str | None = None  # a bug's traceback, or the place of a bad row


class Saved(Struct, frozen=True, kw_only=True):
    """A file that is whole, verified, under its final name and (by ``durability``) on disk."""

    target: str
    size: int
    sha256: str
    mtime_ns: int
    replaced: bool


class Result(Struct, frozen=True, kw_only=True):
    """What an attempt came to. ``failure`` is set exactly for ``failed`` and ``unknown``."""

    outcome: Outcome
    status: int | None = None
    bytes: int = 0  # body bytes received, or sent for uploads
    saved: Saved | None = None
    etag: str | None = None
    last_modified: str | None = None
    failure: Failure | None = None
    note: str | None = None  # e.g. "unverified_length"
    source: str | None = None  # the mirror that the file came from, where that is not the task's URL


class GoesOn(Struct, frozen=True):
    """An attempt has done what it could: ``task`` is what is left, and waits for its host's turn again."""

    task: Task


@dataclass(slots=True, kw_only=True)
class Counts:
    """Running totals of a job or a run (contract §4)."""

    tasks: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    skipped: int = 0
    failed: int = 0
    unknown: int = 0
    bytes: int = 0
    requests: int = 0
    retries: int = 0
