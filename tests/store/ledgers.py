"""What the ledger's tests share: records, and waiting for a commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from crawler.model import Checkpoint, Counts, Outcome
from crawler.policy.rounds import Asked
from crawler.store.ledger import Ledger
from crawler.store.records import RunRecord, TaskRecord

CHECKPOINT = Checkpoint(4096, '"v1"', None, "http://cdn.test/a", 9000)
FILE: dict[str, Any] = {
    "target": "a.bin",
    "size": 10,
    "mtime_ns": 1_700_000_000_123_456_789,
    "sha256": "ab" * 32,
    "etag": '"v1"',
    "last_modified": "Mon, 01 Jan 2024 00:00:00 GMT",
}


def record(key: str = "a", outcome: Outcome = Outcome.NEW, job: str = "images", **fields: Any) -> TaskRecord:
    values = {"url": f"http://example.test/{key}", "ordinal": 0, "finished": 1.5e9, "attempts": 1, **fields}
    return TaskRecord(job=job, key=key, outcome=outcome, **values)


async def settled(ledger: Ledger, *records: TaskRecord) -> None:
    """Settle them all and wait until the last ``done`` was called."""
    waiting = len(records)
    over = asyncio.Event()

    def done() -> None:
        nonlocal waiting
        waiting -= 1
        if not waiting:
            over.set()

    for each in records:
        ledger.settle(each, done)
    await over.wait()


def ended(run_id: str, *, exit_code: int = 0, complete: bool = True) -> RunRecord:
    return RunRecord(
        run_id=run_id, finished=2e9, exit_code=exit_code, complete=complete, totals=Counts(tasks=3, new=2)
    )


@asynccontextmanager
async def run(
    state: Path,
    run_id: str = "one",
    *,
    complete: bool = True,
    jobs: Sequence[str] = ("images", "pages", "push", "other", "job"),
    asked: Asked = Asked.ALL,
) -> AsyncIterator[Ledger]:
    """One run from open to close."""
    ledger = Ledger.open(state, "nightly", durability="none")
    try:
        ledger.begin(run_id, 1e9, manifest="nightly.yaml", jobs=jobs, asked=asked)
        yield ledger
        await ledger.finish(ended(run_id, complete=complete))
    finally:
        await ledger.close()
