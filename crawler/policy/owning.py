"""What the ledger calls a task, and which file is its own: every target belongs to one task of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from msgspec import structs

from crawler.errors import UnsafePath
from crawler.model import ErrorClass, Failure, Task
from crawler.policy.layout import mirror_target
from crawler.policy.names import fold, twin
from crawler.policy.redact import MASK
from crawler.policy.urls import fields

Claim = Callable[[str, str, str, str], str | None]
"""Takes a folded target, job, key and target; gives ``None``, or the target of the task that has it."""


def without_secrets(task: Task, redact: Callable[[str], str]) -> Task:
    """The task with a key, and a name of its file, that may be stored and shown.

    Both may be made of a URL, and that of a token: a hash then tells them apart. A target that the manifest
    gives stays as it is.
    """
    shown = redact(task.key)
    key = task.key if shown == task.key else f"{shown} ~{_hash(task.key, 16)}"
    if task.target is not None and (key != task.key or "=" in task.target):
        url = redact(task.url)
        if url != task.url and task.target == mirror_target(task.url):
            target = _named_after(url, _hash(task.url, 8))
            return structs.replace(task, target=target, key=target if task.key == task.target else key)
    return task if key == task.key else structs.replace(task, key=key)


def _named_after(shown: str, mark: str) -> str:
    """The target of a URL in which ``mark`` stands for what is hidden."""
    try:
        return mirror_target(shown.replace(MASK, f"~{mark}"))
    except UnsafePath:  # it was just short enough before
        return f"{fields(shown)['host']}/~{mark}"


def _hash(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


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
