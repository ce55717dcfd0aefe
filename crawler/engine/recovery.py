"""Files that an earlier run verified but had no time to name or to record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from msgspec import structs

from crawler.model import Outcome
from crawler.store.files import Finalizing, Origin
from crawler.store.ledger import Ledger
from crawler.store.output import OutputRoot
from crawler.store.records import TaskRecord


class Intents:
    """The ledger as the output root's journal: what it writes down of URLs is redacted first."""

    def __init__(self, ledger: Ledger, redact: Callable[[str], str]) -> None:
        self._ledger = ledger
        self._redact = redact

    def finalizing(self, batch: Sequence[Finalizing]) -> None:
        """Commit the batch durably before returning; called on the committer's thread."""
        self._ledger.finalizing([replace(each, origin=self._shown(each.origin)) for each in batch])

    def _shown(self, origin: Origin) -> Origin:
        return structs.replace(origin, url=self._redact(origin.url))


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
            etag=intent.etag,
            last_modified=intent.last_modified,
        )
        ledger.settle(record, _nobody_asks, lambda _: None)  # refused, it is fetched again
        recovered += 1
    await ledger.flush()
    return recovered


def _nobody_asks() -> None:
    """A recovered file is counted when its task comes by."""
