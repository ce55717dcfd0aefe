"""A round is one pass over the manifest, however many runs it takes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from importlib import resources
from pathlib import Path

from crawler.model import Outcome
from crawler.policy.rounds import Asked
from crawler.store import database
from crawler.store.ledger import Ledger
from crawler.store.reader import Reader
from crawler.store.records import RunInfo
from tests.store.ledgers import ended, record, run, settled


async def begun(
    state: Path, run_id: str, *, asked: Asked = Asked.ALL, end: tuple[int, bool] | None
) -> RunInfo:
    ledger = Ledger.open(state, "nightly", durability="none")
    info = ledger.begin(run_id, 1e9, manifest="nightly.yaml", jobs=("images",), asked=asked)
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
    assert placed(await begun(tmp_path, "c", asked=Asked.AGAIN, end=(0, True))) == RunInfo(
        3, 2, continues=False
    )


async def test_a_request_to_continue_the_round_of_an_empty_ledger_opens_the_first(tmp_path: Path) -> None:
    assert placed(await begun(tmp_path, "a", asked=Asked.AGAIN, end=None)) == RunInfo(1, 1, continues=False)


async def test_a_killed_retry_does_not_reopen_a_round_that_was_over(tmp_path: Path) -> None:
    await begun(tmp_path, "a", end=(4, True))
    await begun(tmp_path, "b", asked=Asked.AGAIN, end=None)
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


async def test_a_run_of_one_job_takes_nothing_from_the_others(tmp_path: Path) -> None:
    async with run(tmp_path, "a") as ledger:
        await settled(ledger, record("1"), record("2", Outcome.FAILED), record("3", job="pages"))
    async with run(tmp_path, "b", jobs=["pages"], asked=Asked.ONLY) as ledger:
        assert not ledger.find("pages", "3").current  # type: ignore[union-attr]
        await settled(ledger, record("3", Outcome.FAILED, job="pages"))
    with Reader.open(tmp_path, "nightly") as reader:  # type: ignore[union-attr]
        counts = {"images": {Outcome.NEW: 1, Outcome.FAILED: 1}, "pages": {Outcome.FAILED: 1}}
        assert reader.counts() == counts
        assert [each.key for each in reader.failures()] == ["2", "3"]
    async with run(tmp_path, "c", asked=Asked.AGAIN) as ledger:
        assert ledger.find("images", "1").current  # type: ignore[union-attr]
        assert ledger.find("pages", "3").current  # type: ignore[union-attr]


def second_version(state: Path) -> None:
    """A ledger as version 2 wrote it: a finished round, and one that was broken off twice."""
    path = database.path_of(state, "nightly")
    schema = [
        resources.files("crawler.store").joinpath(file).read_text("utf-8")
        for file in ("schema.sql", "schema_2.sql")
    ]
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("".join(schema))
        connection.execute(f"PRAGMA application_id = {database.APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 2")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executemany(
            "INSERT INTO run VALUES (?, ?, ?, 'nightly.yaml', 1e9, 1e9, 0, ?, '{}')",
            [(1, "a", 1, 0), (2, "b", 1, 1), (3, "c", 2, 0), (4, "d", 2, 0)],
        )
        connection.executemany(
            "INSERT INTO task (job, key, url, ordinal, run, outcome, attempts, bytes, seconds, finished, "
            "retryable) VALUES (?, ?, '', 0, ?, ?, 1, 0, 0, 1e9, 0)",
            [
                ("images", "1", 3, "new"),
                ("pages", "gone", 2, "failed"),
                ("pages", "2", 4, "failed"),
                ("other", "3", 2, "failed"),
            ],
        )
        connection.executemany(
            "INSERT INTO found VALUES ('pages', ?, ?, ?, ?, 0, 0, 0)",
            [(1, 1, 7, "http://a.test/old"), (2, 1, 8, "http://a.test/"), (2, 2, 9, "http://a.test/b")],
        )
        connection.commit()


async def test_a_ledger_of_version_2_goes_on_where_it_was(tmp_path: Path) -> None:
    second_version(tmp_path)
    with Reader.open(tmp_path, "nightly") as reader:  # type: ignore[union-attr]
        assert [each.key for each in reader.failures()] == ["2"]
        assert reader.counts() == {"images": {Outcome.NEW: 1}, "pages": {Outcome.FAILED: 1}}
        assert reader.taken_up() is None
    ledger = Ledger.open(tmp_path, "nightly", durability="none")
    info = ledger.begin("e", 1e9, manifest="nightly.yaml", jobs=("images", "pages", "other"))
    assert placed(info) == RunInfo(5, 2, continues=True)
    current = {
        (job, key): known.current
        for job, key in [("images", "1"), ("pages", "gone"), ("pages", "2"), ("other", "3")]
        if (known := ledger.find(job, key)) is not None
    }
    assert current == {
        ("images", "1"): True,
        ("pages", "gone"): False,
        ("pages", "2"): True,
        ("other", "3"): False,
    }
    queued = [each.found.url for each in ledger.sites.queued("pages", 0)]
    assert queued == ["http://a.test/", "http://a.test/b"]
    await ledger.close()
