"""Which failures are tried again, and after how long."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.model import ErrorClass, Failure, RetryRule
from crawler.policy import retry

RULE = RetryRule(attempts=5, backoff=1.0, max_backoff=60.0)


def failure(kind: ErrorClass = ErrorClass.CONNECT, **more: object) -> Failure:
    passing = kind in {ErrorClass.CONNECT, ErrorClass.TIMEOUT, ErrorClass.DNS, ErrorClass.TRUNCATED}
    return Failure(kind=kind, message="it broke", retryable=passing, **more)  # type: ignore[arg-type]


def status(code: int, after: float | None = None) -> Failure:
    return failure(ErrorClass.HTTP_STATUS, status=code, retry_after=after, sent=True, answered=True)


def wait(what: Failure, attempts: int = 1, *, idempotent: bool = True, chance: float = 0.5) -> float | None:
    return retry.delay(what, attempts=attempts, rule=RULE, idempotent=idempotent, chance=chance)


@given(st.integers(1, 4), st.floats(0, 1, exclude_max=True))
def test_backoff_doubles_under_a_cap_with_full_jitter(attempts: int, chance: float) -> None:
    delay = wait(failure(), attempts, chance=chance)
    assert delay is not None
    assert 0 <= delay <= min(60.0, 2.0 ** (attempts - 1))


def test_the_last_attempt_is_the_last() -> None:
    assert wait(failure(), attempts=4) is not None
    assert wait(failure(), attempts=5) is None


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524])
def test_the_retry_statuses_are_retried(code: int) -> None:
    assert wait(status(code)) is not None


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 501, 505])
def test_other_statuses_are_final(code: int) -> None:
    assert wait(status(code)) is None


@pytest.mark.parametrize("kind", [ErrorClass.TLS, ErrorClass.INTEGRITY, ErrorClass.EXISTS, ErrorClass.BUG])
def test_permanent_classes_are_final(kind: ErrorClass) -> None:
    assert wait(failure(kind)) is None


def test_retry_after_is_waited_for() -> None:
    assert wait(status(503, 7.0), chance=0.0) == 7.0


def test_an_absurd_retry_after_is_clamped_to_max_backoff() -> None:
    assert wait(status(503, 1e11), chance=0.0) == 60.0


def test_a_post_is_resent_only_if_it_never_left_or_was_turned_away() -> None:
    assert wait(failure(sent=False), idempotent=False) is not None
    assert wait(status(429), idempotent=False) is not None
    assert wait(failure(sent=True), idempotent=False) is None
    assert wait(status(503), idempotent=False) is None
    assert wait(failure(ErrorClass.TIMEOUT, sent=True), idempotent=False) is None


@pytest.mark.parametrize("code", [429, 503])
def test_a_post_that_was_accepted_is_never_resent_whatever_came_behind_it(code: int) -> None:
    behind = replace(status(code), accepted=True)
    for accepted in (behind, failure(ErrorClass.TRUNCATED, sent=True, answered=True, accepted=True)):
        assert wait(accepted, idempotent=False) is None
        assert not retry.retryable(accepted, RULE, idempotent=False)
        assert retry.never_again(accepted, idempotent=False)
        assert wait(accepted, idempotent=True) is not None
        assert not retry.never_again(accepted, idempotent=True)


@pytest.mark.parametrize("disliked", [status(200), failure(ErrorClass.UNEXPECTED_CONTENT, answered=True)])
def test_an_answer_that_only_the_manifest_dislikes_may_be_asked_for_once_more(disliked: Failure) -> None:
    assert not retry.never_again(replace(disliked, accepted=True), idempotent=False)
