"""What earlier runs came to, for people and programs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from crawler.app import Prepared
from crawler.model import Outcome
from crawler.report.clock import rfc3339
from crawler.report.human import plural, size
from crawler.store.reader import Reader
from crawler.store.records import FailedTask, PastRun, Undone

LISTED = 20  # undone tasks and failures that are named; all of them are counted or in `failures`


def history(reader: Reader | None, name: str, limit: int) -> dict[str, Any]:
    """The last ``limit`` runs and what is left of the last round, as JSON values."""
    if reader is None:
        return {"manifest": name, "runs": [], "outcomes": {}, "failures": [], "undone": []}
    return {
        "manifest": name,
        "runs": [_run(run) for run in reader.runs(limit)],
        "outcomes": {
            job: {outcome.value: count for outcome, count in counts.items()}
            for job, counts in reader.counts().items()
        },
        "failures": [failure_row(task) for task in islice(reader.failures(), LISTED)],
        "undone": [_undone(task) for task in islice(reader.undone(), LISTED)],
    }


def never_ran(prepared: Prepared) -> str:
    """What to say where there is no ledger; a wrong ``--output`` is the usual reason."""
    return (
        f"{prepared.manifest.name} has not run yet: there is no ledger of it in {prepared.config.state_root}"
    )


def failure_row(task: FailedTask) -> dict[str, Any]:
    """A failed task as a row: ``url`` first, so that ``from:`` finds it."""
    return {
        "url": task.url,
        "job": task.job,
        "task": task.key,
        "outcome": task.outcome.value,
        "class": task.error_kind and task.error_kind.value,
        "message": task.error_message,
        "status": task.status,
        "attempts": task.attempts,
        "retryable": task.retryable and task.outcome is not Outcome.UNKNOWN,
        "finished": rfc3339(task.finished),
    }


def lines(told: dict[str, Any]) -> Iterator[str]:
    """The same for a person."""
    if not told["runs"]:
        return
    yield f"{told['manifest']}: last runs, newest first"
    for run in told["runs"]:
        yield f"  {run['started']}  {_ended(run)}"
    if told["outcomes"]:
        yield "last round:"
    for job, counts in told["outcomes"].items():
        yield f"  {job}: {', '.join(f'{count:,} {outcome}' for outcome, count in counts.items())}"
    if told["undone"]:
        yield "left undone:"
    for task in told["undone"]:
        yield f"  {task['job']}: {task['url']} ({_how_far(task)})"
    if told["failures"]:
        yield "failed (all of them: crawler failures; try them again: crawler run --retry-failed):"
    for task in told["failures"]:
        yield f"  {task['job']}: {task['url'] or task['task']}: {task['class']}: {task['message']}"


def _run(run: PastRun) -> dict[str, Any]:
    totals = run.totals
    return {
        "run_id": run.run_id,
        "round": run.round,
        "started": rfc3339(run.started),
        "finished": None if run.finished is None else rfc3339(run.finished),
        "seconds": None if run.finished is None else round(run.finished - run.started, 3),
        "exit_code": run.exit_code,
        "complete": run.complete,
        "totals": None if totals is None else {name: getattr(totals, name) for name in totals.__slots__},
    }


def _undone(task: Undone) -> dict[str, Any]:
    return {
        "job": task.job,
        "task": task.key,
        "url": task.url,
        "path": task.target,
        "sending": task.sending,
        "bytes": task.offset,
        "of": task.total,
    }


def _ended(run: dict[str, Any]) -> str:
    if run["finished"] is None:
        return "under way, or killed"
    totals = run["totals"]
    done = plural(totals["tasks"], "task")
    failed = totals["failed"] + totals["unknown"]
    return (
        f"exit {run['exit_code']} after {run['seconds']} s: {done}, {failed} failed, {size(totals['bytes'])}"
    )


def _how_far(task: dict[str, Any]) -> str:
    if task["sending"]:
        return "sent, and its answer never recorded"
    if task["bytes"] is None:
        return "begun"
    of = "" if task["of"] is None else f" of {size(task['of'])}"
    return f"{size(task['bytes'])}{of} kept"
