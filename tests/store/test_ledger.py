"""What the ledger remembers of a task, and what it lets go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from crawler.errors import StorageFailed
from crawler.model import Checkpoint, ErrorClass, Known, Outcome
from crawler.store.files import Finalizing, Origin
from crawler.store.ledger import Ledger
from crawler.store.records import TaskRecord
from tests.store.ledgers import CHECKPOINT, FILE, ended, record, run, settled


def found(ledger: Ledger, key: str = "a") -> Known:
    known = ledger.find("images", key)
    assert known is not None
    return structs.replace(known, row=None)  # the ledger's own affair


async def test_a_settled_task_is_found_with_every_fact_of_its_file(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        await settled(ledger, record(**FILE))
        assert found(ledger) == Known(outcome=Outcome.NEW, url="http://example.test/a", current=True, **FILE)
        assert ledger.find("images", "other") is None
        assert ledger.find("other", "a") is None


async def test_what_was_settled_outlives_the_process_that_settled_it(tmp_path: Path) -> None:
    async with run(tmp_path, "one") as ledger:
        await settled(ledger, record(**FILE))
    async with run(tmp_path, "two") as ledger:
        assert found(ledger).sha256 == FILE["sha256"]
        assert not found(ledger).current


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.UNKNOWN, Outcome.SKIPPED])
async def test_a_bad_end_keeps_the_facts_of_the_good_file(tmp_path: Path, outcome: Outcome) -> None:
    async with run(tmp_path) as ledger:
        await settled(ledger, record(**FILE))
        worse = record(outcome=outcome, status=404, target="elsewhere", size=3, sha256="00", etag='"x"')
        await settled(ledger, worse)
        assert found(ledger) == Known(outcome=outcome, url="http://example.test/a", current=True, **FILE)


async def test_a_failure_without_a_file_leaves_no_facts(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        await settled(ledger, record(outcome=Outcome.FAILED, target="a.bin", etag='"v1"'))
        assert found(ledger) == Known(outcome=Outcome.FAILED, url="http://example.test/a", current=True)


async def test_changed_replaces_every_fact_even_by_nothing(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        await settled(ledger, record(**FILE))
        await settled(ledger, record(outcome=Outcome.CHANGED, **{**FILE, "size": 11, "etag": None}))
        assert (found(ledger).size, found(ledger).etag) == (11, None)


async def test_unchanged_refreshes_the_validators_it_brings_and_keeps_the_rest(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        await settled(ledger, record(**FILE))
        await settled(ledger, record(outcome=Outcome.UNCHANGED, status=304, etag='"v1b"'))
        known = found(ledger)
        assert (known.etag, known.last_modified, known.size) == ('"v1b"', FILE["last_modified"], 10)


async def test_the_url_of_a_file_stays_with_it_when_another_url_fails(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        await settled(ledger, record(**FILE))
        for _ in range(2):
            await settled(ledger, record(outcome=Outcome.FAILED, url="http://moved.test/a"))
            assert found(ledger).url == "http://example.test/a"
        await settled(ledger, record(outcome=Outcome.FAILED))
        assert found(ledger).url == "http://example.test/a"
        await settled(ledger, record(outcome=Outcome.CHANGED, url="http://moved.test/a", **FILE))
        assert found(ledger).url == "http://moved.test/a"


async def test_a_checkpoint_is_there_when_the_call_returns(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        await ledger.checkpoint("images", "a", "http://example.test/a", "a.bin", CHECKPOINT)
        assert found(ledger) == Known(
            outcome=None,
            url="http://example.test/a",
            current=True,
            checkpoint=CHECKPOINT,
            part="a.bin",
            begun=True,
        )


async def test_a_checkpoint_of_an_earlier_round_is_told_apart(tmp_path: Path) -> None:
    async with run(tmp_path, "one") as ledger:
        await ledger.checkpoint("images", "a", "", "a.bin", CHECKPOINT)
    async with run(tmp_path, "two", complete=False) as ledger:
        assert (found(ledger).checkpoint, found(ledger).begun) == (CHECKPOINT, False)
        await settled(ledger, record(outcome=Outcome.FAILED))
    async with run(tmp_path, "three") as ledger:
        known = found(ledger)
        assert (known.checkpoint, known.current, known.begun) == (CHECKPOINT, True, False)


async def test_a_later_checkpoint_replaces_an_earlier_one(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        await ledger.checkpoint("images", "a", "", "a.bin", CHECKPOINT)
        later = Checkpoint(0, None, "Mon, 01 Jan 2024 00:00:00 GMT", "http://cdn.test/b", None)
        await ledger.checkpoint("images", "a", "", "b.bin", later)
        assert (found(ledger).checkpoint, found(ledger).part) == (later, "b.bin")


async def test_a_checkpoint_remembers_the_gaps_until_one_without_them_comes(tmp_path: Path) -> None:
    async with run(tmp_path, "one", complete=False) as ledger:
        scattered = replace(CHECKPOINT, gaps=((10, 20), (500, 9000)))
        await ledger.checkpoint("images", "a", "", "a.bin", scattered)
    async with run(tmp_path, "two") as ledger:
        assert found(ledger).checkpoint == scattered
        await ledger.checkpoint("images", "a", "", "a.bin", CHECKPOINT)
        assert found(ledger).checkpoint == CHECKPOINT


async def test_a_file_from_a_mirror_belongs_to_the_mirrors_url(tmp_path: Path) -> None:
    mirror = "http://mirror.test/a"
    async with run(tmp_path) as ledger:
        await settled(ledger, record(**FILE, file_url=mirror))
        assert found(ledger).url == mirror
        await settled(ledger, record(outcome=Outcome.FAILED))
        assert found(ledger).url == mirror
        await settled(ledger, record(outcome=Outcome.UNCHANGED, file_url=mirror))
        assert (found(ledger).url, found(ledger).etag) == (mirror, FILE["etag"])


async def test_no_validator_of_one_url_is_kept_for_another(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        await settled(ledger, record(**FILE, file_url="http://mirror.test/a"))
        await settled(ledger, record(outcome=Outcome.UNCHANGED, last_modified=FILE["last_modified"]))
        known = found(ledger)
        assert (known.url, known.etag) == ("http://example.test/a", None)
        assert (known.last_modified, known.sha256) == (FILE["last_modified"], FILE["sha256"])


@pytest.mark.parametrize("outcome", [Outcome.NEW, Outcome.UNCHANGED, Outcome.SKIPPED, Outcome.UNKNOWN])
async def test_an_end_that_nothing_can_be_added_to_clears_what_was_begun(
    tmp_path: Path, outcome: Outcome
) -> None:
    async with run(tmp_path) as ledger:
        await ledger.sending("images", "a", "http://example.test/a")
        await ledger.checkpoint("images", "a", "", "a.bin", CHECKPOINT)
        await settled(ledger, record(outcome=outcome))
        assert (found(ledger).sending, found(ledger).checkpoint) == (False, None)


async def test_a_failure_keeps_the_checkpoint_and_clears_the_rest(tmp_path: Path) -> None:
    async with run(tmp_path, "one") as ledger:
        await ledger.sending("images", "a", "http://example.test/a")
        await ledger.checkpoint("images", "a", "", "a.bin", CHECKPOINT)
        ledger.finalizing([Finalizing("images", "a", "a.bin", "ab", 9000)])
        await settled(ledger, record(outcome=Outcome.FAILED, error_kind=ErrorClass.TIMEOUT, retryable=True))
        assert (found(ledger).sending, found(ledger).checkpoint) == (False, CHECKPOINT)
    async with run(tmp_path, "two") as ledger:
        assert list(ledger.unfinished()) == []


async def test_a_disk_that_failed_leaves_the_intent_for_the_next_run_to_look(tmp_path: Path) -> None:
    async with run(tmp_path, "one") as ledger:
        ledger.finalizing([Finalizing("images", "a", "a.bin", "ab", 9000)])
        await settled(ledger, record(outcome=Outcome.FAILED, error_kind=ErrorClass.STORAGE))
    async with run(tmp_path, "two") as ledger:
        assert [each.target for each in ledger.unfinished()] == ["a.bin"]


async def test_a_request_being_sent_is_known_until_it_is_taken_back(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        await ledger.sending("images", "a", "http://example.test/a")
        assert found(ledger) == Known(outcome=None, url="http://example.test/a", current=True, sending=True)
        ledger.not_sending("images", "a")
        await ledger.sending("images", "b", "")  # committed in order, so the first is too
        assert ledger.find("images", "a") is None


async def test_a_task_begun_again_in_this_round_has_no_outcome_yet_but_its_file(tmp_path: Path) -> None:
    async with run(tmp_path, "one") as ledger:
        await settled(ledger, record(**FILE))
    async with run(tmp_path, "two", complete=False) as ledger:
        await ledger.sending("images", "a", "http://example.test/a")
    async with run(tmp_path, "three") as ledger:
        assert found(ledger) == Known(
            outcome=None, url="http://example.test/a", current=True, sending=True, **FILE
        )


async def test_text_that_is_not_unicode_is_recorded_escaped_and_found_again(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        await settled(ledger, record("k\udcff", etag='"\udc80"', error_message="caf\udce9 é"))
        assert found(ledger, "k\udcff").etag == '"\\udc80"'


async def test_a_declared_size_beyond_any_integer_does_not_break_the_ledger(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        await ledger.checkpoint("images", "a", "", "a.bin", Checkpoint(1, None, None, "", 10**30))
        checkpoint = found(ledger).checkpoint
        assert checkpoint is not None
        assert checkpoint.total == 2**63 - 1


async def test_the_intents_of_earlier_runs_are_unfinished_and_those_of_this_one_are_not(
    tmp_path: Path,
) -> None:
    intents = [Finalizing("images", f"{n:04}", f"{n}.bin", f"{n:064x}", n) for n in range(1203)]
    async with run(tmp_path, "one", complete=False) as ledger:
        await ledger.checkpoint("images", "0001", "http://example.test/1", "1.bin", CHECKPOINT)
        ledger.finalizing(intents)
        await settled(ledger, record("0002"))
        assert list(ledger.unfinished()) == []
    async with run(tmp_path, "two") as ledger:
        ledger.finalizing([Finalizing("images", "0000", "0.bin", "ff", 1)])
        left = list(ledger.unfinished())
    assert [each.key for each in left] == [f"{n:04}" for n in range(1203) if n not in (0, 2)]
    assert (left[0].target, left[0].sha256, left[0].size) == ("1.bin", f"{1:064x}", 1)
    assert (left[0].url, left[0].etag) == ("http://example.test/1", None)


async def test_an_intent_remembers_where_the_file_came_from_and_leaves_the_checkpoint_alone(
    tmp_path: Path,
) -> None:
    origin = Origin("http://example.test/a", 'W/"weak"', "Tue, 14 Nov 2023 22:13:20 GMT")
    async with run(tmp_path, "one", complete=False) as ledger:
        await ledger.checkpoint("images", "a", "http://example.test/a", "a.bin", CHECKPOINT)
        ledger.finalizing([Finalizing("images", key, f"{key}.bin", "ab", 1, origin) for key in "ab"])
    async with run(tmp_path, "two") as ledger:
        for intent in ledger.unfinished():
            assert Origin(intent.url, intent.etag, intent.last_modified) == origin
        assert found(ledger).checkpoint == CHECKPOINT


async def test_an_intent_to_replace_a_known_file_knows_its_url(tmp_path: Path) -> None:
    async with run(tmp_path, "one", complete=False) as ledger:
        await settled(ledger, record(**FILE))
        ledger.finalizing([Finalizing("images", key, "a.bin", "cd", 11) for key in "ab"])
    async with run(tmp_path, "two") as ledger:
        assert [each.url for each in ledger.unfinished()] == ["http://example.test/a", ""]


async def test_what_a_job_produced_are_its_targets_of_this_round_by_outcome(tmp_path: Path) -> None:
    def fetched(key: str, outcome: Outcome) -> TaskRecord:
        return record(key, outcome, **{**FILE, "target": f"{key}.bin"})

    async with run(tmp_path, "one") as ledger:
        await settled(ledger, fetched("old", Outcome.NEW))
    async with run(tmp_path, "two", complete=False) as ledger:
        await settled(ledger, fetched("0", Outcome.NEW), fetched("1", Outcome.UNCHANGED))
    async with run(tmp_path, "three") as ledger:
        await settled(ledger, *(fetched(f"c{n:04}", Outcome.CHANGED) for n in range(1100)))
        await settled(ledger, record("answer"), record("x", Outcome.FAILED), record("y", job="other", **FILE))
        fresh = ["0.bin", *(f"c{n:04}.bin" for n in range(1100))]
        assert list(ledger.produced("images", frozenset({Outcome.NEW, Outcome.CHANGED}))) == fresh
        assert list(ledger.produced("images", frozenset({Outcome.UNCHANGED}))) == ["1.bin"]
        assert list(ledger.produced("images", frozenset())) == []


async def test_flush_returns_when_all_that_was_queued_is_committed(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        for n in range(2500):
            ledger.settle(record(str(n)), lambda: None)
        await ledger.flush()
        assert all(ledger.find("images", str(n)) for n in range(2500))


async def test_a_target_goes_to_the_first_task_of_a_run_that_asks(tmp_path: Path) -> None:
    async with run(tmp_path, "one") as ledger:
        assert ledger.claim_target("a.txt", "images", "1", "A.txt") is None
        assert ledger.claim_target("a.txt", "images", "1", "A.txt") is None
        assert ledger.claim_target("a.txt", "images", "2", "a.txt") == "A.txt"
        assert ledger.claim_target("a.txt", "other", "1", "a.txt") == "A.txt"
        assert ledger.claim_target("b.txt", "images", "2", "b.txt") is None
        assert ledger.claim_target("b.txt", "images", "3", "B.txt") == "b.txt"
    async with run(tmp_path, "two") as ledger:
        assert ledger.claim_target("a.txt", "images", "2", "a.txt") is None


async def test_after_close_nothing_can_be_recorded_and_a_second_close_does_nothing(tmp_path: Path) -> None:
    async with run(tmp_path) as ledger:
        pass
    await ledger.close()
    with pytest.raises(StorageFailed, match="closed"):
        ledger.settle(record(), lambda: None)
    with pytest.raises(StorageFailed, match="closed"):
        await ledger.finish(ended("one"))


async def test_close_commits_what_was_queued_and_folds_the_log_into_one_file(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path, "nightly", durability="full")
    ledger.begin("one", 1e9, manifest="nightly.yaml")
    for n in range(1500):
        ledger.settle(record(str(n)), lambda: None)
    await ledger.close()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["nightly.lock", "nightly.sqlite"]
    async with run(tmp_path, "two") as ledger:
        assert all(ledger.find("images", str(n)) for n in range(1500))
