"""Files that an earlier run verified but had no time to name or to record."""

from __future__ import annotations

from collections.abc import Callable

from crawler.model import Outcome
from crawler.store.ledger import Ledger
from crawler.store.output import OutputRoot
from crawler.store.records import TaskRecord, Unfinished


async def recover(
    ledger: Ledger, files: OutputRoot, redact: Callable[[str], str], wall: Callable[[], float]
) -> int:
    """Finish what stood between ``finalizing`` and ``done``; the number of files so saved.

    A file whose bytes are not those that were verified is left to be fetched again.
    """
    recovered = 0
    for intent in ledger.unfinished():
        known = ledger.find(intent.job, intent.key)
        ours = known is not None and known.target == intent.target and known.sha256 is not None
        saved = await files.recover(intent.target, sha256=intent.sha256, size=intent.size, replace=ours)
        if saved is None:
            continue
        before = known.sha256 if known is not None else None
        outcome = Outcome.NEW if before in (None, saved.sha256) else Outcome.CHANGED
        record = TaskRecord(
            job=intent.job,
            key=intent.key,
            url=redact(intent.url),
            ordinal=0,
            outcome=outcome,
            finished=wall(),
            attempts=1,
            bytes=saved.size,
            target=saved.target,
            size=saved.size,
            mtime_ns=saved.mtime_ns,
            sha256=saved.sha256,
            etag=_etag(intent),
            last_modified=intent.checkpoint.last_modified if intent.checkpoint else None,
        )
        ledger.settle(record, _nobody_asks)
        recovered += 1
    await ledger.flush()
    return recovered


def _nobody_asks() -> None:
    """A recovered file is counted when its task comes by."""


def _etag(intent: Unfinished) -> str | None:
    return intent.checkpoint.etag if intent.checkpoint else None
