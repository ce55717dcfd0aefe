"""A round is one pass over the manifest, however many runs it takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from crawler.model import Outcome
from crawler.store.ledger import Ledger
from crawler.store.records import RunInfo
from tests.store.ledgers import ended, record, run, settled


async def begun(
    state: Path, run_id: str, *, continue_round: bool = False, end: tuple[int, bool] | None
) -> RunInfo:
    ledger = Ledger.open(state, "nightly", durability="none")
    info = ledger.begin(run_id, 1e9, manifest="nightly.yaml", continue_round=continue_round)
    if end is not None:
        await ledger.finish(ended(run_id, exit_code=end[0], complete=end[1]))
    await ledger.close()
    return info


def placed(info: RunInfo) -> RunInfo:
    """Its place alone, whenever the run before it ended."""
    return replace(info, idle=None)


async def test_a_run_knows_how_long_ago_another_may_have_sent_something(tmp_path: Path) -> None:
    assert (await begun(tmp_path, "first", end=(0, True))).idle is None
    ledger = Ledger.open(tmp_path, "nightly", durability="none")
    finished = ended("first", exit_code=0, complete=True).finished
    assert ledger.begin("second", finished + 40.0, manifest="nightly.yaml").idle == 40.0
    await ledger.close()  # and never finished, as if it had been killed
    ledger = Ledger.open(tmp_path, "nightly", durability="none")
    assert ledger.begin("third", finished + 90.0, manifest="nightly.yaml").idle == 0.0
    await ledger.close()


async def test_a_run_after_a_complete_one_opens_a_new_round(tmp_path: Path) -> None:
    assert placed(await begun(tmp_path, "a", end=(0, True))) == RunInfo(1, 1, continues=False)
    assert placed(await begun(tmp_path, "b", end=(5, True))) == RunInfo(2, 2, continues=False)
    assert placed(await begun(tmp_path, "c", end=(0, True))) == RunInfo(3, 3, continues=False)


async def test_a_run_that_never_finished_or_was_stopped_is_continued_in_its_round(tmp_path: Path) -> None:
    assert (await begun(tmp_path, "a", end=None)).round == 1
    assert placed(await begun(tmp_path, "b", end=(143, False))) == RunInfo(2, 1, continues=True)
    assert placed(await begun(tmp_path, "c", end=(4, False))) == RunInfo(3, 1, continues=True)
    assert placed(await begun(tmp_path, "d", end=(0, True))) == RunInfo(4, 1, continues=True)
    assert placed(await begun(tmp_path, "e", end=(0, True))) == RunInfo(5, 2, continues=False)


async def test_a_round_may_be_continued_on_request_although_it_is_over(tmp_path: Path) -> None:
    await begun(tmp_path, "a", end=(0, True))
    await begun(tmp_path, "b", end=(4, True))
    assert placed(await begun(tmp_path, "c", continue_round=True, end=(0, True))) == RunInfo(
        3, 2, continues=False
    )


async def test_a_request_to_continue_the_round_of_an_empty_ledger_opens_the_first(tmp_path: Path) -> None:
    assert placed(await begun(tmp_path, "a", continue_round=True, end=None)) == RunInfo(1, 1, continues=False)


async def test_a_killed_retry_does_not_reopen_a_round_that_was_over(tmp_path: Path) -> None:
    await begun(tmp_path, "a", end=(4, True))
    await begun(tmp_path, "b", continue_round=True, end=None)
    assert (await begun(tmp_path, "c", end=(0, True))).round == 2


async def test_a_task_is_current_in_every_run_of_its_round_and_in_no_other(tmp_path: Path) -> None:
    async def is_current(run_id: str, *, complete: bool) -> bool:
        async with run(tmp_path, run_id, complete=complete) as ledger:
            known = ledger.find("images", "a")
            assert known is not None
            assert known.outcome is Outcome.NEW
            return known.current

    async with run(tmp_path, "a", complete=False) as ledger:
        await settled(ledger, record())
    assert await is_current("b", complete=False)
    assert await is_current("c", complete=True)
    assert not await is_current("d", complete=True)


async def test_before_a_run_has_begun_nothing_is_current(tmp_path: Path) -> None:
    async with run(tmp_path, complete=False) as ledger:
        await settled(ledger, record())
    ledger = Ledger.open(tmp_path, "nightly", durability="none")
    known = ledger.find("images", "a")
    await ledger.close()
    assert known is not None
    assert not known.current
