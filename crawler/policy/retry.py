"""Whether a failed attempt is worth another, and how long to wait for it."""

from __future__ import annotations

from crawler.model import ErrorClass, Failure, RetryRule

# Within this many seconds a server's Retry-After is obeyed as asked. A run cannot wait for more (a
# mistyped date in the year 9999 is a known fault of servers): such an answer is clamped to max_backoff.
LONGEST_RETRY_AFTER = 3600.0

TOO_MANY_REQUESTS = 429


def retryable(failure: Failure, rule: RetryRule, *, idempotent: bool) -> bool:
    """Whether the failure's class is a passing one (contract §4), by this task's retry statuses.

    None is for a request that must not be repeated and that the server has accepted (contract §6).
    """
    if failure.accepted and not idempotent:
        return False
    return passing(failure, rule)


def passing(failure: Failure, rule: RetryRule) -> bool:
    """Whether the failure's class alone lets hope that another attempt ends well."""
    if failure.kind is ErrorClass.HTTP_STATUS:
        return failure.status in rule.statuses
    return failure.retryable


def may_resend(failure: Failure, *, idempotent: bool) -> bool:
    """Whether sending again can do no harm.

    RFC 9110 §9.2.2: a non-idempotent request must not be repeated automatically unless it is known
    not to have been acted on: it never left, or the server turned it away with 429. A 429 of what a
    redirect led to afterwards says nothing about the request itself.
    """
    turned_away = failure.status == TOO_MANY_REQUESTS and not failure.accepted
    return idempotent or not failure.sent or turned_away


def never_again(failure: Failure, *, idempotent: bool) -> bool:
    """Whether no later run of the round may send the request again either: the server has accepted it.

    A whole answer that only the manifest's ``expect`` disliked is left to whoever says ``--retry-failed``.
    """
    disliked = failure.kind is ErrorClass.UNEXPECTED_CONTENT or (failure.status or 500) < 400
    return failure.accepted and not idempotent and not disliked


def delay(
    failure: Failure, *, attempts: int, rule: RetryRule, idempotent: bool, chance: float
) -> float | None:
    """Seconds until the next attempt after ``attempts`` of them, or ``None`` to give up.

    Exponential with full jitter: uniform between 0 and ``backoff * 2**(attempts-1)``, capped by
    ``max_backoff``; ``chance`` in [0, 1) is the draw. ``Retry-After`` lengthens it.
    """
    if attempts >= rule.attempts or not retryable(failure, rule, idempotent=idempotent):
        return None
    if not may_resend(failure, idempotent=idempotent):
        return None
    ceiling = min(rule.max_backoff, rule.backoff * 2.0 ** min(attempts - 1, 60))
    asked = failure.retry_after or 0.0
    if asked > LONGEST_RETRY_AFTER:
        return rule.max_backoff
    return max(asked, chance * ceiling)
