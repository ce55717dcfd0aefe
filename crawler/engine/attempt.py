"""One task, once: whatever the job type raises becomes data here and nowhere else."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from crawler.errors import StorageFailed, TaskError
from crawler.job_types.tools import Tools
from crawler.model import ErrorClass, Failure, GoesOn, Outcome, Result, Task
from crawler.net.transport import MovedAway
from crawler.policy import retry
from crawler.request import Hop


@dataclass(frozen=True, slots=True)
class Moved:
    """The task was redirected to another host and must wait for that host's slot."""

    hop: Hop
    slot: str


Ended = Result | Moved | GoesOn
"""What an attempt comes to."""

Perform = Callable[[Any, Tools], Awaitable[Any]]
"""A job type's ``perform``, whoever makes the attempt."""


async def attempt(perform: Perform, task: Task, tools: Tools) -> Ended:
    """Perform the task; cancellation is the only thing that gets out."""
    try:
        result = await perform(task, tools)
    except MovedAway as moved:
        return Moved(moved.hop, moved.slot)
    except TaskError as error:
        return ended_badly(task, error.failure())
    except StorageFailed as error:
        return ended_badly(
            task, Failure(kind=ErrorClass.STORAGE, message=str(error), retryable=False, sent=True)
        )
    except Exception as error:
        return ended_badly(task, bug(error))
    if not isinstance(result, Result | GoesOn):
        return ended_badly(task, bug(TypeError(f"{task.job}: perform gave {type(result).__name__}")))
    return result


def bug(error: Exception) -> Failure:
    """An exception that no room foresaw, with its traceback."""
    return Failure(
        kind=ErrorClass.BUG,
        message=f"unexpected {type(error).__name__}: {error}",
        retryable=False,
        sent=True,
        detail="".join(traceback.format_exception(error)),
    )


def cut_off(task: Task) -> Result:
    """How a request ends that must not be repeated and was on its way when the run stopped."""
    message = "the run was stopped while it was under way"
    return ended_badly(task, Failure(kind=ErrorClass.CONNECT, message=message, retryable=False, sent=True))


def ended_badly(task: Task, failure: Failure) -> Result:
    """``failed``; or ``unknown`` when a request that must not be repeated got no answer."""
    idempotent = task.request.idempotent
    again = retry.retryable(failure, task.retry, idempotent=idempotent)
    message = failure.message
    if not again and retry.passing(failure, task.retry):
        message += f"; the server had accepted the {task.request.method} by then, so it is not sent again"
    failure = replace(failure, retryable=again, message=message)
    unanswered = failure.sent and not failure.answered and not idempotent
    lost = unanswered and failure.kind is not ErrorClass.BUG
    if lost:
        failure = replace(
            failure,
            retryable=False,
            message=f"sent, but no answer came ({failure.message}); it is not sent again, since that "
            f"could do twice what {task.request.method} does",
        )
    return Result(outcome=Outcome.UNKNOWN if lost else Outcome.FAILED, status=failure.status, failure=failure)
