"""Two tasks must not write one file: found before the run where the manifest itself tells the targets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from crawler.job_types.asking import as_written
from crawler.job_types.base import Job, Misfit
from crawler.manifest.drafts import Draft
from crawler.manifest.findings import Findings
from crawler.model import Outcome, Row, Task
from crawler.policy.names import fold
from crawler.syntax.nodes import Node
from crawler.syntax.words import shown

MAX_TASKS = 100_000  # two seconds' work; what lies beyond is caught when the second task opens its file

# Spec fields that make tasks out of what does not stand in the manifest: rows, local files.
_FROM_OUTSIDE = ("rows", "files")


_Claim = tuple[str, Node]  # the job, and where the task is written


class _Nothing:
    """Sources for jobs that need none."""

    output = Path()

    def rows(self, job: Job) -> Iterator[Row | Misfit]:
        return iter(())

    def may_block(self, job: Job) -> bool:
        return False

    def produced(self, job: str, outcomes: frozenset[Outcome]) -> Iterable[str]:
        return ()


def check_tasks(jobs: Sequence[tuple[Draft, Job]], findings: Findings) -> None:
    """Make the tasks that are written in the manifest; report those that cannot be made or share a target."""
    first: dict[str, _Claim] = {}
    number = 0
    for draft, job in jobs:
        if any(getattr(draft.spec, field, None) is not None for field in _FROM_OUTSIDE):
            continue
        for task in draft.job_type.tasks(as_written(job), _Nothing()):
            number += 1
            if number > MAX_TASKS:
                return
            if isinstance(task, Misfit):
                if job.asks.unforeseen:
                    continue  # the values that it lacks may make it a good one
                message = task.failure.message
                if (written := _written(draft.node, message)) is not None:
                    findings.add(written, message)
                elif not findings.holds(message):
                    findings.add(_place(draft, task.ordinal), message)
            elif isinstance(task, Task) and task.target is not None:
                _claim(draft, task, first, findings)


def _claim(draft: Draft, task: Task, first: dict[str, _Claim], findings: Findings) -> None:
    assert task.target is not None
    place = _place(draft, task.ordinal)
    own = (task.job, place)
    earlier = first.setdefault(fold(task.target), own)
    if earlier is not own:
        job, there = earlier
        where = f"job {job!r} at line {there.line}, column {there.column}"
        key = "save" if hasattr(draft.spec, "save") else "to"
        findings.add(place, f"target {shown(task.target, 200)} is also one of {where}; set another {key!r}")


def _written(node: Node, message: str) -> Node | None:
    """Where the template stands that a message begins with."""
    expression = message.partition("}: ")[0]
    if not expression.startswith("${"):
        return None
    inside: list[Node] = [node]
    while inside:
        at = inside.pop()
        if isinstance(at.value, str) and expression + "}" in at.value:
            return at
        if isinstance(at.value, dict):
            inside += reversed(at.value.values())
        elif isinstance(at.value, list):
            inside += reversed(at.value)
    return None


def _place(draft: Draft, ordinal: int) -> Node:
    """Where the task's target is written: its entry's own ``to``, or the entry, or the job's."""
    entry = draft.at("urls", ordinal)
    if isinstance(entry.value, dict) and entry is not draft.node and "to" in entry.value:
        return entry.value["to"]
    if entry is not draft.node:
        return entry
    for key in ("to", "save", "url"):
        if (node := draft.at(key)) is not draft.node:
            return node
    return draft.node
