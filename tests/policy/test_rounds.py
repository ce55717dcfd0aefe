"""What is left to do of a round that was broken off."""

from __future__ import annotations

import pytest

from crawler.model import Known, Outcome
from crawler.policy.rounds import Intent, Standing, standing


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (None, Standing.DO),
        (Known(outcome=Outcome.NEW), Standing.DO),
        (Known(outcome=Outcome.UNKNOWN), Standing.DO),
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
    assert standing(None, Intent(retry_failed=True), job_reached=False) is Standing.DO


def test_force_does_everything_again_but_never_resends_what_went_unanswered() -> None:
    intent = Intent(force=True)
    assert standing(Known(outcome=Outcome.NEW, current=True), intent) is Standing.DO
    assert standing(Known(outcome=None, current=True, sending=True), intent) is Standing.UNANSWERED
