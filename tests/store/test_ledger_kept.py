"""Many tasks at once: what is known of them, and that their files are as they were."""

from __future__ import annotations

import asyncio
from pathlib import Path

from msgspec import structs

from crawler.model import Outcome
from crawler.store.ledger import Ledger
from tests.store.ledgers import CHECKPOINT, FILE, record, run, settled


async def keep(ledger: Ledger, rows: list[tuple[int, int]]) -> None:
    done = asyncio.Event()
    ledger.keep(rows, 9.0, done.set)
    await asyncio.wait_for(done.wait(), 5)


async def test_many_are_found_in_the_order_they_are_asked_for(tmp_path: Path) -> None:
    keys = ["b", "nobody's", "a", "ü\udc80", 'with "quotes"', "b"]
    async with run(tmp_path) as ledger:
        for key in ("a", "b", "ü\udc80", 'with "quotes"'):
            await settled(ledger, record(key=key, url=f"http://example.test/{key}"[:30], **FILE))
        known = ledger.find_all("images", keys)
        assert known == [ledger.find("images", key) for key in keys]
        assert [each is None for each in known] == [False, True, False, False, False, False]


async def test_what_is_kept_belongs_to_this_run_and_keeps_its_facts(tmp_path: Path) -> None:
    async with run(tmp_path, "one") as ledger:
        await settled(ledger, record(**FILE))
        await settled(ledger, record(key="other", **FILE))
    async with run(tmp_path, "two") as ledger:
        before, other = ledger.find_all("images", ["a", "other"])
        assert before is not None
        assert before.row is not None
        await keep(ledger, [(before.row, 7)])
        after = ledger.find("images", "a")
        assert after == structs.replace(before, outcome=Outcome.UNCHANGED, current=True)
        assert ledger.find("images", "other") == other
        assert list(ledger.produced("images", frozenset({Outcome.UNCHANGED}))) == [FILE["target"]]


async def test_a_task_that_was_begun_since_has_no_row_to_keep(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        await settled(ledger, record(**FILE))
        await ledger.checkpoint("images", "a", "http://example.test/a", "a.bin", CHECKPOINT)
        known = ledger.find("images", "a")
        assert known is not None
        assert known.row is None
