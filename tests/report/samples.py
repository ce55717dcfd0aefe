"""Small runs told as events, for every form of report."""

from __future__ import annotations

import io
from typing import IO, Any

from crawler.events import (
    Event,
    JobFinished,
    Listener,
    RunFinished,
    RunStarted,
    TaskFinished,
    TaskRetried,
)
from crawler.model import Counts, ErrorClass, Failure, Outcome, Result, Saved
from crawler.report.console import Console
from crawler.report.exit_code import decide
from crawler.report.tally import Tally

START = 1_795_339_800.0  # 2026-11-22T09:30:00Z
CANARY = "s3cr3t/canary+7"
SHA = "ab" * 32

NOT_FOUND = Failure(
    kind=ErrorClass.HTTP_STATUS, message="the server answered 404 Not Found", retryable=False, status=404
)
TIMED_OUT = Failure(kind=ErrorClass.TIMEOUT, message="no byte for 60 s (sock_read)", retryable=True)


def started(*jobs: tuple[str, str]) -> RunStarted:
    return RunStarted(
        manifest="nightly",
        run_id="r1",
        time=START,
        jobs=jobs or (("reports", "download"),),
        workers=4,
        output="/data/out",
    )


def finished(task: str = "a.csv", outcome: Outcome = Outcome.NEW, **given: Any) -> TaskFinished:
    """A finished task; what ``Result`` takes goes there, the rest into the event."""
    inside = {name: given.pop(name) for name in ("bytes", "failure", "note", "status") if name in given}
    target = given.get("target", f"reports/{task}")
    saved = None
    if outcome in (Outcome.NEW, Outcome.CHANGED) and target:
        saved = Saved(
            target=target,
            size=inside.get("bytes", 0),
            sha256=SHA,
            mtime_ns=0,
            replaced=outcome is Outcome.CHANGED,
        )
    fields: dict[str, Any] = {
        "time": START + 1.25,
        "run_id": "r1",
        "job": "reports",
        "task": task,
        "ordinal": 0,
        "url": f"http://127.0.0.1:1234/{task}",
        "method": "GET",
        "target": target,
        "seconds": 0.25,
        "attempts": 1,
        "requests": 1,
    }
    return TaskFinished(result=Result(outcome=outcome, saved=saved, **inside), **(fields | given))


def failed(task: str = "b.csv", failure: Failure = NOT_FOUND, **given: Any) -> TaskFinished:
    outcome = given.pop("outcome", Outcome.FAILED)
    return finished(task, outcome, failure=failure, status=failure.status, **given)


def retried(task: str = "a.csv", **given: Any) -> TaskRetried:
    fields: dict[str, Any] = {
        "time": START + 1,
        "job": "reports",
        "task": task,
        "url": f"http://127.0.0.1:1234/{task}",
        "attempt": 1,
        "delay": 1.2,
        "kind": ErrorClass.HTTP_STATUS,
        "message": "the server answered 503 Service Unavailable",
        "status": 503,
    }
    return TaskRetried(**(fields | given))


def skipped(job: str, kind: str, reason: str) -> JobFinished:
    return JobFinished(
        time=START + 2, job=job, type=kind, outcome=Outcome.SKIPPED, counts=Counts(), reason=reason
    )


def ended(tally: Tally, seconds: float = 12.3) -> RunFinished:
    verdict = decide(tally.total.tasks, tally.causes)
    return RunFinished(time=START + seconds, run_id="r1", exit_code=verdict.code, reason=verdict.reason)


def tell(events: list[Event], *listeners: Listener) -> None:
    for event in events:
        for listener in listeners:
            listener.on(event)


def tallied(*events: Event) -> Tally:
    tally = Tally()
    tell(list(events), tally)
    return tally


class Screen(Console):
    """A console in memory."""

    def __init__(self, stream: IO[str] | None = None, **env: str) -> None:
        super().__init__(io.StringIO() if stream is None else stream, env)  # type: ignore[arg-type]

    @property
    def text(self) -> str:
        assert isinstance(self.stream, io.StringIO)
        return self.stream.getvalue()
