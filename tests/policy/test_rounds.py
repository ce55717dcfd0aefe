"""Which round a run's jobs are in, and what is left to do of one that was broken off."""

from __future__ import annotations

import pytest

from crawler.model import Known, Outcome
from crawler.policy.rounds import Asked, Intent, JobRound, Standing, placed, standing


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (None, Standing.DO),
        (Known(outcome=Outcome.NEW), Standing.DO),
        (Known(outcome=Outcome.UNKNOWN), Standing.DO),
        (Known(outcome=None, sending=True), Standing.UNANSWERED),  # of an earlier round, and never told
        (Known(outcome=Outcome.NEW, current=True), Standing.CARRY),
        (Known(outcome=Outcome.UNCHANGED, current=True), Standing.CARRY),
        (Known(outcome=Outcome.FAILED, current=True), Standing.DO),
        (Known(outcome=None, current=True), Standing.DO),
        (Known(outcome=None, current=True, sending=True), Standing.UNANSWERED),
        (Known(outcome=Outcome.UNKNOWN, current=True), Standing.UNANSWERED),
    ],
)
def test_a_round_goes_on_where_it_was(known: Known | None, expected: Standing) -> None:
    assert standing(known, Intent()) is expected


def test_retry_failed_leaves_what_the_last_round_never_reached() -> None:
    intent = Intent(retry_failed=True)
    assert standing(None, intent) is Standing.LEAVE
    assert standing(Known(outcome=Outcome.FAILED, current=True), intent) is Standing.DO
    assert standing(Known(outcome=Outcome.NEW, current=True), intent) is Standing.CARRY


def test_retry_failed_does_the_jobs_that_were_left_out() -> None:
    assert standing(None, Intent(retry_failed=True), job_whole=False) is Standing.DO


def test_force_does_everything_again_but_never_resends_what_went_unanswered() -> None:
    intent = Intent(force=True)
    assert standing(Known(outcome=Outcome.NEW, current=True), intent) is Standing.DO
    assert standing(Known(outcome=None, current=True, sending=True), intent) is Standing.UNANSWERED


# Before run 9, in round 6: one job is open, one is over, and one was done again by name since.
KNOWN = {
    "open": JobRound(6, 7),
    "over": JobRound(6, 7, over=True, whole=True),
    "named": JobRound(6, 8, over=True, whole=True),
    "old": JobRound(5, 6, over=True),
}


def firsts(asked: Asked, *jobs: str, known: dict[str, JobRound] = KNOWN) -> tuple[int, dict[str, int]]:
    """The round, and the run that each job's part in it began with."""
    number, found = placed(jobs, known, asked, run=9, newest=6)
    return number, {job: each.first for job, each in found.items()}


def test_a_run_of_all_jobs_goes_on_with_an_open_round_and_repeats_nothing_in_it() -> None:
    every = ("open", "over", "named", "old", "never")
    assert firsts(Asked.ALL, *every) == (6, {"open": 7, "over": 7, "named": 8, "old": 9, "never": 9})


def test_a_run_of_all_jobs_begins_anew_if_only_jobs_that_are_gone_were_broken_off() -> None:
    assert firsts(Asked.ALL, "over", "named") == (7, {"over": 9, "named": 9})


def test_a_job_that_is_asked_for_by_name_goes_on_if_it_was_broken_off_and_else_begins_anew() -> None:
    assert firsts(Asked.ONLY, "open") == (6, {"open": 7})
    assert firsts(Asked.ONLY, "over") == (6, {"over": 9})  # and counts for the round that "open" holds open
    assert firsts(Asked.ONLY, "old") == (7, {"old": 9})
    assert firsts(Asked.ONLY, "open", "old") == (6, {"open": 7, "old": 9})


def test_to_do_again_what_failed_every_job_stays_in_its_own_round() -> None:
    number, found = placed(["over", "old", "never"], KNOWN, Asked.AGAIN, run=9, newest=6)
    assert number == 6
    assert found == {"over": KNOWN["over"], "old": KNOWN["old"], "never": JobRound(6, 9, over=True)}


def test_the_first_run_opens_the_first_round() -> None:
    for asked in Asked:
        assert placed(["a"], {}, asked, run=1, newest=0)[0] == 1
