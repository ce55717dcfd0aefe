from __future__ import annotations

from dataclasses import asdict

from crawler.model import Counts, ErrorClass, Outcome
from crawler.report.tally import Cause, job_outcome
from tests.report.samples import TIMED_OUT, failed, finished, retried, skipped, started, tallied


def test_counts_are_kept_for_each_job_and_in_total() -> None:
    tally = tallied(
        started(("reports", "download"), ("push", "upload")),
        finished("a", bytes=100, requests=3, attempts=2),
        finished("b", Outcome.UNCHANGED),
        finished("c", Outcome.CHANGED, job="push", bytes=11),
        failed("d", job="push"),
    )
    assert asdict(tally.total) == {
        "tasks": 4,
        "new": 1,
        "changed": 1,
        "unchanged": 1,
        "skipped": 0,
        "failed": 1,
        "unknown": 0,
        "bytes": 111,
        "requests": 6,
        "retries": 1,
    }
    assert asdict(tally.jobs["push"].counts) == {
        **asdict(Counts()),
        "tasks": 2,
        "changed": 1,
        "failed": 1,
        "bytes": 11,
        "requests": 2,
    }


def test_jobs_keep_the_order_of_the_manifest() -> None:
    tally = tallied(started(("z", "post"), ("a", "upload")), finished(job="a"), finished(job="z"))
    assert list(tally.jobs) == ["z", "a"]


def test_a_jobs_outcome_is_its_weightiest() -> None:
    order = ["failed", "unknown", "changed", "new", "unchanged", "skipped"]
    for at, expected in enumerate(order):
        assert job_outcome(Counts(**dict.fromkeys(order[at:], 1))) == expected
    assert job_outcome(Counts()) is Outcome.SKIPPED


def test_a_job_that_never_started_says_why() -> None:
    tally = tallied(started(("hook", "post")), skipped("hook", "post", "nothing changed"))
    assert (tally.jobs["hook"].outcome, tally.jobs["hook"].reason) == (Outcome.SKIPPED, "nothing changed")


def test_only_the_first_hundred_failures_are_kept_but_all_are_counted() -> None:
    tally = tallied(*(failed(f"t{number}") for number in range(250)))
    assert [event.task for event in tally.failures] == [f"t{number}" for number in range(100)]
    assert tally.causes == {Cause(ErrorClass.HTTP_STATUS, 404): 250}


def test_an_unknown_outcome_is_a_cause_of_its_own_and_never_retryable() -> None:
    tally = tallied(failed(failure=TIMED_OUT), failed(failure=TIMED_OUT, outcome=Outcome.UNKNOWN))
    assert tally.causes == {
        Cause(ErrorClass.TIMEOUT, retryable=True): 1,
        Cause(ErrorClass.TIMEOUT, unknown=True): 1,
    }


def test_each_reason_for_a_retry_is_counted_with_the_story_of_its_first_task() -> None:
    tally = tallied(
        retried("a"),
        retried("b"),
        retried("a", attempt=2, kind=ErrorClass.TIMEOUT, status=None),
        finished("a", attempts=3),
        failed("b", attempts=2),
        finished("c"),
    )
    busy, slow = tally.retries.values()
    assert (busy.status, busy.count, busy.host, busy.ended) == (503, 2, "127.0.0.1:1234", Outcome.NEW)
    assert (slow.kind, slow.count, slow.attempts) == (ErrorClass.TIMEOUT, 1, 3)
    assert (tally.retried, tally.recovered) == (2, 1)


def test_files_whose_length_nobody_declared_are_counted() -> None:
    assert tallied(finished(note="unverified_length"), finished("x")).unverified_length == 1
