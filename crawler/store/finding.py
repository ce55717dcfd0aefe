"""What is committed about tasks, asked for many at a time: a read transaction costs more than a look-up."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from crawler.model import Known, Outcome
from crawler.store import statements
from crawler.store.statements import text

# One statement, whichever of the two rows exist.
FIND = """
SELECT t.id, t.outcome, t.run, coalesce(t.file_url, t.url),
       t.target, t.size, t.mtime_ns, t.sha256, t.etag, t.last_modified,
       b.run, b.url, b.sending, b.target, b.offset, b.etag, b.last_modified, b.source, b.total, b.gaps
FROM json_each(?2) AS sought
LEFT JOIN task AS t ON t.job = ?1 AND t.key = sought.value
LEFT JOIN begun AS b ON b.job = ?1 AND b.key = sought.value
ORDER BY sought.id
"""
# For a job of which nothing is under way.
FIND_SETTLED = """
SELECT t.id, t.outcome, t.run, coalesce(t.file_url, t.url),
       t.target, t.size, t.mtime_ns, t.sha256, t.etag, t.last_modified, NULL
FROM json_each(?2) AS sought LEFT JOIN task AS t ON t.job = ?1 AND t.key = sought.value
ORDER BY sought.id
"""
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}


def sought(job: str, keys: Iterable[str]) -> tuple[str | None, str]:
    """What ``FIND`` is bound to."""
    return text(job), json.dumps([text(key) for key in keys])


def known_of(row: Sequence[Any], round_start: int) -> Known | None:
    """One answer; ``None`` if nothing is known.

    A task that was begun in this round and last settled in an earlier one counts as begun: it has no
    outcome, but what is known of its file stands.
    """
    number, outcome, run, url, target, size, mtime_ns, sha256, etag, last_modified, begun = row[:11]
    if begun is None:
        if outcome is None:
            return None
        return Known(
            outcome=_OUTCOMES[outcome],
            url=url,
            current=run >= round_start,
            target=target,
            size=size,
            mtime_ns=mtime_ns,
            sha256=sha256,
            etag=etag,
            last_modified=last_modified,
            row=number,
        )
    settled = run is not None and run >= round_start
    started = begun >= round_start
    begun_url, sending, part, offset, *version = row[11:]
    return Known(
        outcome=None if outcome is None or (started and not settled) else Outcome(outcome),
        url=url or begun_url or "",
        current=settled or started,
        sending=bool(sending),
        target=target,
        size=size,
        mtime_ns=mtime_ns,
        sha256=sha256,
        etag=etag,
        last_modified=last_modified,
        checkpoint=None if offset is None else statements.checkpoint_of(offset, *version),
        part=None if offset is None else part,
        begun=started and offset is not None,
    )
