"""Everything that can go wrong, as a tree; each task error knows its contract class and whether to retry.

::

    CrawlerError
    ├── RunRefused            exit 2: nothing was sent
    │   └── ManifestInvalid   every problem with its position
    ├── StorageFailed         exit 3: the disk or the ledger
    ├── LockHeld              exit 6
    ├── ProgramBroken         exit 1: a bug outside of any task
    └── TaskError             becomes a ``Failure``; the run goes on
        ├── DnsFailed · ConnectFailed · TlsFailed · TimedOut · TooSlow
        ├── Truncated · DecodeFailed · ProtocolBroken · RedirectRefused · BlockedAddress
        ├── BadStatus
        │   └── TunnelRefused
        ├── TooLarge · IntegrityFailed · UnexpectedContent · SourceChanged
        └── TargetExists · UnsafePath · TemplateFailed
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from crawler.model import ErrorClass, Failure


class CrawlerError(Exception):
    """Root of every error this program raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a manifest or config; line and column count from 1, 0 where there is none."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}"


class RunRefused(CrawlerError):
    """The manifest, config, usage or a secret is wrong; no request was sent (exit 2)."""


class ManifestInvalid(RunRefused):
    """Carries every problem found, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, problems)))


class StorageFailed(CrawlerError):
    """The local disk or the ledger failed; the run stops resumable (exit 3)."""


class LockHeld(CrawlerError):
    """Another run of the same manifest is under way (exit 6)."""


class ProgramBroken(CrawlerError):
    """A bug outside of any task (exit 1). ``trace`` is its traceback; neither text holds a secret."""

    def __init__(self, message: str, trace: str) -> None:
        super().__init__(message)
        self.trace = trace

    @classmethod
    def by(cls, error: Exception, redact: Callable[[str], str]) -> Self:
        """What is told about an exception that no room foresaw."""
        trace = "".join(traceback.format_exception(error))
        return cls(redact(f"{type(error).__name__}: {error}"), redact(trace))


class TaskError(CrawlerError):
    """An attempt failed for a reason of the contract's list.

    ``sent`` says whether request bytes may have reached the server, ``answered`` whether its status
    line came back, ``accepted`` whether that was a success or a redirect to something else; together
    they decide if a non-idempotent request may be tried again.
    """

    kind: ClassVar[ErrorClass]
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, sent: bool = False, answered: bool = False) -> None:
        super().__init__(message)
        self.sent = sent
        self.answered = answered
        self.accepted = False

    def failure(self) -> Failure:
        """The same fact as data."""
        return Failure(
            kind=self.kind,
            message=str(self),
            retryable=self.retryable,
            sent=self.sent,
            answered=self.answered,
            accepted=self.accepted,
        )


class DnsFailed(TaskError):
    """The host name did not resolve."""

    kind = ErrorClass.DNS
    retryable = True


class ConnectFailed(TaskError):
    """No connection, or it was lost before an answer came."""

    kind = ErrorClass.CONNECT
    retryable = True


class TlsFailed(TaskError):
    """The server's identity could not be verified; no request byte was sent."""

    kind = ErrorClass.TLS


class TimedOut(TaskError):
    """One of the request's timeouts ran out."""

    kind = ErrorClass.TIMEOUT
    retryable = True


class TooSlow(TaskError):
    """Fewer than ``min_rate`` bytes/s over the window."""

    kind = ErrorClass.TOO_SLOW
    retryable = True


class Truncated(TaskError):
    """The body ended before its declared length or its terminator."""

    kind = ErrorClass.TRUNCATED
    retryable = True


class DecodeFailed(TaskError):
    """The content coding was damaged or ended early."""

    kind = ErrorClass.DECODE
    retryable = True


class ProtocolBroken(TaskError):
    """The peer did not speak HTTP or WebSocket as the RFCs say."""

    kind = ErrorClass.PROTOCOL


class RedirectRefused(TaskError):
    """Too many hops, an unsafe scheme, or a body that would be replayed elsewhere."""

    kind = ErrorClass.REDIRECT


class BlockedAddress(TaskError):
    """A redirect or crawled link leads to a private address."""

    kind = ErrorClass.BLOCKED_ADDRESS


class BadStatus(TaskError):
    """The server answered with an error status. Whether to retry is the retry rule's to say."""

    kind = ErrorClass.HTTP_STATUS

    def __init__(self, status: int, reason: str, retry_after: float | None = None) -> None:
        super().__init__(f"the server answered {status} {reason}".rstrip(), sent=True, answered=True)
        self.status = status
        self.retry_after = retry_after

    def failure(self) -> Failure:
        """The same fact as data, with the status and what ``Retry-After`` asked for (seconds)."""
        return Failure(
            kind=self.kind,
            message=str(self),
            retryable=False,
            status=self.status,
            retry_after=self.retry_after,
            sent=self.sent,
            answered=self.answered,
            accepted=self.accepted,
        )


class TunnelRefused(BadStatus):
    """The proxy answered CONNECT with an error status; nothing was sent to the server."""

    def __init__(self, where: str, status: int, reason: str, retry_after: float | None = None) -> None:
        super().__init__(status, reason, retry_after)
        self.args = (f"the proxy refused a tunnel to {where}: {status} {reason}".rstrip(),)
        self.sent = self.answered = False


class TooLarge(TaskError):
    """More bytes than the task's cap, on the wire or decoded."""

    kind = ErrorClass.TOO_LARGE


class IntegrityFailed(TaskError):
    """A checksum or digest did not match."""

    kind = ErrorClass.INTEGRITY


class UnexpectedContent(TaskError):
    """The answer is not what ``expect`` or ``min_bytes`` asked for."""

    kind = ErrorClass.UNEXPECTED_CONTENT


class SourceChanged(TaskError):
    """A file to upload changed while it was being sent."""

    kind = ErrorClass.SOURCE_CHANGED


class TargetExists(TaskError):
    """A file that is not ours stands at the target; it was left alone."""

    kind = ErrorClass.EXISTS


class UnsafePath(TaskError):
    """The target would leave the output root or pass through a symbolic link."""

    kind = ErrorClass.UNSAFE_PATH


class TemplateFailed(TaskError):
    """A ``${…}`` expression could not be rendered, or gave a value that cannot be used."""

    kind = ErrorClass.TEMPLATE
