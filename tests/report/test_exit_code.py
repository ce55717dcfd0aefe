from __future__ import annotations

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.model import ErrorClass
from crawler.report.exit_code import Ending, decide, last_line
from crawler.report.tally import Cause

GONE = Cause(ErrorClass.HTTP_STATUS, 404)
DAMAGED = Cause(ErrorClass.INTEGRITY)
LATE = Cause(ErrorClass.TIMEOUT, retryable=True)
BUSY = Cause(ErrorClass.HTTP_STATUS, 503, retryable=True)
LOST = Cause(ErrorClass.TIMEOUT, unknown=True)
BUG = Cause(ErrorClass.BUG)
DISK = Cause(ErrorClass.STORAGE)

TERM = Ending(signal=signal.SIGTERM)
LATE_DAY = Ending(budget="the deadline of 2h")


@pytest.mark.parametrize(
    ("causes", "ending", "code", "reason"),
    [
        ({}, Ending(), 0, None),
        ({BUG: 1}, TERM, 1, "a bug in the program: 1 of 14 tasks met an unexpected exception"),
        ({}, Ending(bug="KeyError: 'x'"), 1, "a bug in the program: KeyError: 'x'"),
        (
            {GONE: 1},
            Ending(storage="[Errno 28] No space left on device", signal=15),
            3,
            "local storage failed: [Errno 28] No space left on device; "
            "clear the cause and run again to continue",
        ),
        (
            {DISK: 2},
            Ending(),
            3,
            "local storage failed: 2 of 14 tasks could not be stored; "
            "clear the cause and run again to continue",
        ),
        ({GONE: 1}, TERM, 143, "stopped by SIGTERM after 14 tasks, 1 failed; run again to continue"),
        ({}, Ending(signal=2), 130, "stopped by SIGINT after 14 tasks, 0 failed; run again to continue"),
        (
            {GONE: 1, DAMAGED: 1},
            Ending(),
            4,
            "2 of 14 tasks failed for good (http_status 404 ×1, integrity ×1)",
        ),
        (
            {GONE: 1, LATE: 2},
            Ending(),
            4,
            "1 of 14 tasks failed for good (http_status 404 ×1); "
            "2 of 14 tasks failed but may succeed on a later run (timeout ×2)",
        ),
        (
            {LOST: 1},
            LATE_DAY,
            4,
            "1 of 14 tasks sent without an answer, outcome unknown (timeout ×1); "
            "stopped early by the deadline of 2h",
        ),
        (
            {LATE: 1, BUSY: 3},
            Ending(),
            5,
            "4 of 14 tasks failed but may succeed on a later run (http_status 503 ×3, timeout ×1)",
        ),
        (
            {},
            LATE_DAY,
            7,
            "stopped by the deadline of 2h after 14 tasks, 0 failed; run again to continue",
        ),
    ],
)
def test_the_verdict_follows_the_contract(
    causes: dict[Cause, int], ending: Ending, code: int, reason: str | None
) -> None:
    verdict = decide(14, causes, ending)
    assert (verdict.code, verdict.reason) == (code, reason)


CAUSES = st.dictionaries(
    st.sampled_from([GONE, DAMAGED, LATE, BUSY, LOST, BUG, DISK]), st.integers(1, 9), max_size=4
)
ENDINGS = st.builds(
    Ending,
    bug=st.none() | st.just("KeyError"),
    storage=st.none() | st.just("EIO"),
    signal=st.none() | st.sampled_from([2, 15]),
    budget=st.none() | st.just("the deadline"),
)


@given(CAUSES, ENDINGS)
def test_the_stronger_of_two_reasons_decides_and_every_non_zero_exit_has_one(
    causes: dict[Cause, int], ending: Ending
) -> None:
    possible = [
        (1, ending.bug or BUG in causes),
        (3, ending.storage or DISK in causes),
        (128 + (ending.signal or 0), ending.signal),
        (4, {GONE, DAMAGED, LOST} & set(causes)),
        (5, {LATE, BUSY} & set(causes)),
        (7, ending.budget),
        (0, True),
    ]
    verdict = decide(20, causes, ending)
    assert verdict.code == next(code for code, holds in possible if holds)
    assert (verdict.reason is None) == (verdict.code == 0)


def test_the_last_line_names_code_reason_and_report() -> None:
    assert last_line(4, "why", "/r.json") == "crawler: exit 4: why; report: /r.json"
    assert last_line(7, "why") == "crawler: exit 7: why"
