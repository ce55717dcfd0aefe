"""What the ledger calls a task, and which file is its own: every target belongs to one task of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from msgspec import structs

from crawler.model import ErrorClass, Failure, Task
from crawler.policy.names import fold, twin

Claim = Callable[[str, str, str, str], str | None]
"""Takes a folded target, job, key and target; gives ``None``, or the target of the task that has it."""


def without_secrets_in_key(task: Task, redact: Callable[[str], str]) -> Task:
    """The ledger's key may be made of a URL, and that of a token: a hash then tells such keys apart."""
    shown = redact(task.key)
    if shown == task.key:
        return task
    return structs.replace(task, key=f"{shown} ~{hashlib.sha256(task.key.encode()).hexdigest()[:16]}")


def with_own_target(task: Task, claim: Claim) -> tuple[Task, Failure | None]:
    """The task with a target of its own: a twin by case or Unicode form gets another name.

    With a failure, and a key of its own, if another task of the run writes that very target.
    """
    if task.target is None:
        return task, None
    owner = claim(fold(task.target), task.job, str(task.ordinal), task.target)
    if owner is None:
        return task, None
    if owner != task.target:
        target = twin(task.target)
        renamed = structs.replace(task, target=target, key=twin(task.key))
        if claim(fold(target), task.job, renamed.key, target) is None:
            return renamed, None
    message = f"another task of this run already writes {task.target!r}; give one of them another `to`"
    failure = Failure(kind=ErrorClass.EXISTS, message=message, retryable=False)
    return structs.replace(task, key=f"{task.key} #{task.ordinal}"), failure
