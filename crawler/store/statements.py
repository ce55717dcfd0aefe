"""Every change of the ledger, as SQL beside the values it binds."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from crawler.model import Checkpoint, ErrorClass, Outcome
from crawler.store.files import Finalizing
from crawler.store.records import TaskRecord

MAX_INTEGER = 2**63 - 1  # SQLite's largest; a server may declare more

OUTCOME = (
    *("url", "ordinal", "run", "outcome", "status", "attempts", "bytes", "seconds", "finished"),
    *("error_kind", "error_message", "retryable"),
)
FACTS = ("target", "size", "mtime_ns", "sha256", "etag", "last_modified")
_COLUMNS = ("job", "key", *OUTCOME, *FACTS, "file_url")
_FILE_URL = "file_url = excluded.file_url"


def _upsert(*facts: str) -> str:
    updates = [f"{name} = excluded.{name}" for name in OUTCOME]
    return (
        f"INSERT INTO task ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "
        f"ON CONFLICT (job, key) DO UPDATE SET {', '.join([*updates, *facts])}"
    )


REPLACE_FACTS = _upsert(*(f"{name} = excluded.{name}" for name in FACTS), _FILE_URL)
# A 304 updates the headers that it carries and no others (RFC 9111 §4.3.4). The same content from
# another URL is another matter: no validator is kept that the answer's own URL did not give.
_SAME_URL = "coalesce(excluded.file_url, excluded.url) = coalesce(file_url, url)"
_REFRESHED = [f"{name} = coalesce(excluded.{name}, {name})" for name in FACTS[:4]]
_VALIDATORS = [
    f"{name} = CASE WHEN {_SAME_URL} THEN coalesce(excluded.{name}, {name}) ELSE excluded.{name} END"
    for name in FACTS[4:]
]
REFRESH_FACTS = _upsert(*_REFRESHED, *_VALIDATORS, _FILE_URL)
KEEP_FACTS = _upsert("file_url = nullif(coalesce(file_url, url), excluded.url)")

SETTLE = {
    Outcome.NEW: REPLACE_FACTS,
    Outcome.CHANGED: REPLACE_FACTS,
    Outcome.UNCHANGED: REFRESH_FACTS,
    Outcome.SKIPPED: KEEP_FACTS,
    Outcome.FAILED: KEEP_FACTS,
    Outcome.UNKNOWN: KEEP_FACTS,
}
NO_FACTS = (None,) * (len(FACTS) + 1)

# One statement for many rows: each step of its own would hand the interpreter's lock to and fro.
KEEP = """
UPDATE task SET run = ?1, ordinal = kept.ordinal, outcome = 'unchanged', status = NULL, attempts = 0,
    bytes = 0, seconds = 0, finished = ?2, error_kind = NULL, error_message = NULL, retryable = 0
FROM (SELECT json_extract(value, '$[0]') AS row, json_extract(value, '$[1]') AS ordinal
      FROM json_each(?3)) AS kept
WHERE task.id = kept.row
"""
CHECKPOINT = """
INSERT INTO begun (job, key, run, url, target, offset, etag, last_modified, source, total, gaps)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (job, key) DO UPDATE SET run = excluded.run, url = excluded.url, target = excluded.target,
    offset = excluded.offset, etag = excluded.etag, last_modified = excluded.last_modified,
    source = excluded.source, total = excluded.total, gaps = excluded.gaps, sha256 = NULL, size = NULL
"""
SENDING = """
INSERT INTO begun (job, key, run, url, sending) VALUES (?, ?, ?, ?, 1)
ON CONFLICT (job, key) DO UPDATE SET run = excluded.run, url = excluded.url, sending = 1
"""
FINALIZING = """
INSERT INTO begun (job, key, run, url, target, sha256, size, file_etag, file_last_modified)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (job, key) DO UPDATE SET run = excluded.run, url = coalesce(nullif(excluded.url, ''), url),
    target = excluded.target, sha256 = excluded.sha256, size = excluded.size,
    file_etag = excluded.file_etag, file_last_modified = excluded.file_last_modified
"""
NOT_SENDING = "UPDATE begun SET sending = 0 WHERE job = ? AND key = ?"
STOPPED = "UPDATE begun SET sending = 0, sha256 = NULL, size = NULL WHERE job = ? AND key = ?"
FORGET_EMPTY = """
DELETE FROM begun WHERE job = ? AND key = ? AND sending = 0 AND offset IS NULL AND sha256 IS NULL
"""
FORGET = "DELETE FROM begun WHERE job = ? AND key = ?"


def text(value: str | None) -> str | None:
    """The value as SQLite can hold it: half of a surrogate pair, which a header may carry, is escaped."""
    if value is None or value.isascii():
        return value
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def settle(connection: sqlite3.Connection, record: TaskRecord, run: int) -> None:
    """Record how a task ended, and forget that it was begun; a failed one may resume its part file."""
    job, key = text(record.job), text(record.key)
    facts: tuple[object, ...] = NO_FACTS
    statement = SETTLE[record.outcome]
    if statement is not KEEP_FACTS:
        facts = (
            text(record.target), record.size, record.mtime_ns, record.sha256,
            text(record.etag), text(record.last_modified), text(record.file_url),
        )  # fmt: skip
    connection.execute(
        statement,
        (
            job, key, text(record.url), record.ordinal, run, record.outcome, record.status, record.attempts,
            record.bytes, record.seconds, record.finished, record.error_kind, text(record.error_message),
            record.retryable, *facts,
        ),
    )  # fmt: skip
    if record.outcome is Outcome.FAILED:
        # A disk that failed may have done so when the file had its final name already: the intent
        # stays, and the next run looks whether it does.
        connection.execute(NOT_SENDING if record.error_kind is ErrorClass.STORAGE else STOPPED, (job, key))
        connection.execute(FORGET_EMPTY, (job, key))
    else:
        connection.execute(FORGET, (job, key))


def keep(connection: sqlite3.Connection, kept: Sequence[tuple[int, int]], run: int, finished: float) -> None:
    """Record that nothing was asked and that these rows' files are as they were, with new ordinals."""
    connection.execute(KEEP, (run, finished, json.dumps(kept)))


def checkpoint(
    connection: sqlite3.Connection, job: str, key: str, url: str, target: str | None, at: Checkpoint, run: int
) -> None:
    """Record how far a part file is durable, and of which version."""
    total = None if at.total is None else min(at.total, MAX_INTEGER)
    gaps = ",".join(f"{start}-{end}" for start, end in at.gaps) or None
    version = (text(at.etag), text(at.last_modified), text(at.url), total, gaps)
    connection.execute(CHECKPOINT, (text(job), text(key), run, text(url), text(target), at.offset, *version))


def checkpoint_of(
    offset: int, etag: str | None, last_modified: str | None, url: str, total: int | None, gaps: str | None
) -> Checkpoint:
    """A checkpoint from its columns."""
    pairs = (gap.split("-") for gap in gaps.split(",")) if gaps else ()
    return Checkpoint(
        offset, etag, last_modified, url, total, tuple((int(start), int(end)) for start, end in pairs)
    )


def sending(connection: sqlite3.Connection, job: str, key: str, url: str, run: int) -> None:
    """Record that a request which must not be repeated may leave from now on."""
    connection.execute(SENDING, (text(job), text(key), run, text(url)))


def not_sending(connection: sqlite3.Connection, job: str, key: str) -> None:
    """Take `sending` back."""
    connection.execute(NOT_SENDING, (text(job), text(key)))
    connection.execute(FORGET_EMPTY, (text(job), text(key)))


def finalizing(connection: sqlite3.Connection, intent: Finalizing, run: int) -> None:
    """Record that a whole file is about to get its final name."""
    origin = intent.origin
    connection.execute(
        FINALIZING,
        (
            text(intent.job), text(intent.key), run, text(origin.url), text(intent.target), intent.sha256,
            intent.size, text(origin.etag), text(origin.last_modified),
        ),
    )  # fmt: skip
