"""What status, failures and verify can ask, during a run and after it."""

from __future__ import annotations

from pathlib import Path

from crawler.model import Counts, ErrorClass, Outcome
from crawler.store.files import Finalizing
from crawler.store.reader import Reader
from crawler.store.records import KnownFile, Undone
from tests.store.ledgers import CHECKPOINT, FILE, record, run, settled


def opened(state: Path) -> Reader:
    reader = Reader.open(state, "nightly")
    assert reader is not None
    return reader


def test_a_manifest_that_has_never_run_has_no_reader_and_none_is_made(tmp_path: Path) -> None:
    assert Reader.open(tmp_path / "state", "nightly") is None
    assert not (tmp_path / "state").exists()


async def test_a_reader_sees_what_a_run_under_way_has_committed(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        with opened(tmp_path) as reader:
            [under_way] = reader.runs(5)
            assert (under_way.finished, under_way.exit_code, under_way.complete) == (None, None, False)
            assert reader.counts() == {}
            await settled(ledger, record("a"), record("b", Outcome.FAILED))
            assert reader.counts() == {"images": {Outcome.NEW: 1, Outcome.FAILED: 1}}


async def test_runs_come_newest_first_with_their_totals(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        async with run(tmp_path, name):
            pass
    with opened(tmp_path) as reader:
        latest, before = reader.runs(2)
    assert (latest.run_id, latest.round, before.run_id) == ("three", 3, "two")
    assert (latest.manifest, latest.started, latest.exit_code) == ("nightly.yaml", 1e9, 0)
    assert latest.totals == Counts(tasks=3, new=2)


async def test_counts_are_those_of_the_last_round_by_job(tmp_path: Path) -> None:
    async with run(tmp_path, "one") as ledger:
        await settled(ledger, record("a"), record("gone"), record("z", job="pages"))
    async with run(tmp_path, "two", complete=False) as ledger:
        await settled(ledger, record("a", Outcome.UNCHANGED))
    async with run(tmp_path, "three") as ledger:
        await settled(ledger, record("z", Outcome.CHANGED, job="pages"))
    with opened(tmp_path) as reader:
        assert reader.counts() == {"images": {Outcome.UNCHANGED: 1}, "pages": {Outcome.CHANGED: 1}}


async def test_failures_are_those_of_the_last_round_unless_all_are_asked_for(tmp_path: Path) -> None:
    async with run(tmp_path, "one") as ledger:
        await settled(ledger, record("old", Outcome.FAILED), record("cured", Outcome.FAILED))
    async with run(tmp_path, "two") as ledger:
        why = {"error_kind": ErrorClass.HTTP_STATUS, "error_message": "the server answered 503"}
        await settled(
            ledger,
            record("cured"),
            record("down", Outcome.FAILED, status=503, attempts=5, retryable=True, ordinal=7, **why),
            record("sent", Outcome.UNKNOWN),
        )
    with opened(tmp_path) as reader:
        down, sent = reader.failures()
        assert [each.key for each in reader.failures(all_rounds=True)] == ["old", "down", "sent"]
    assert (down.key, down.url, down.ordinal) == ("down", "http://example.test/down", 7)
    assert (down.status, down.attempts, down.retryable) == (503, 5, True)
    assert (down.error_kind, down.error_message) == (ErrorClass.HTTP_STATUS, "the server answered 503")
    assert (sent.outcome, sent.error_kind, sent.retryable) == (Outcome.UNKNOWN, None, False)


async def test_files_and_failures_are_read_to_the_end_page_by_page(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        await settled(
            ledger,
            *(record(f"f{n}", **{**FILE, "target": f"{n}.bin"}) for n in range(1001)),
            *(record(f"x{n}", Outcome.FAILED) for n in range(1001)),
            record("answer"),
        )
    with opened(tmp_path) as reader:
        files = list(reader.files())
        assert [each.key for each in reader.failures()] == [f"x{n}" for n in range(1001)]
    assert [each.target for each in files] == [f"{n}.bin" for n in range(1001)]
    assert files[0] == KnownFile("images", "f0", "0.bin", 10, FILE["mtime_ns"], FILE["sha256"])


async def test_a_file_whose_task_failed_later_is_still_one_to_verify(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        await settled(ledger, record(**FILE))
        await settled(ledger, record(outcome=Outcome.FAILED, status=404))
    with opened(tmp_path) as reader:
        assert [each.target for each in reader.files()] == ["a.bin"]


async def test_undone_tells_how_far_each_task_came(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        await ledger.checkpoint("images", "a", "http://example.test/a", "a.bin", CHECKPOINT)
        await ledger.sending("push", "b", "http://example.test/b")
        ledger.finalizing([Finalizing("push", "c", "c.bin", "ab", 7)])
    with opened(tmp_path) as reader:
        part, sent, moved = reader.undone()
    assert part == Undone("images", "a", "http://example.test/a", "a.bin", False, False, 4096, 9000)
    assert (sent.key, sent.sending, sent.finalizing, sent.offset) == ("b", True, False, None)
    assert (moved.key, moved.sending, moved.finalizing, moved.target) == ("c", False, True, "c.bin")
