"""The report: what a run came to, for programs and for ``crawler.run``."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from crawler.errors import StorageFailed
from crawler.events import RunFinished, TaskFinished
from crawler.model import Counts, ErrorClass, Outcome
from crawler.policy.redact import Redactor
from crawler.report import ascii_json, outlet
from crawler.report.clock import rfc3339
from crawler.report.human import plural
from crawler.report.tally import HostTally, JobTally, Tally

KEPT_HOSTS = 100  # in the report, as of failures


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Tasks by outcome, body bytes, requests sent and repeated attempts."""

    tasks: int
    new: int
    changed: int
    unchanged: int
    skipped: int
    failed: int
    unknown: int
    bytes: int
    requests: int
    retries: int

    @classmethod
    def of(cls, counts: Counts) -> Totals:
        """The counts as they stand now."""
        return cls(**asdict(counts))


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """One job: the weightiest outcome of its tasks, and its counts."""

    name: str
    type: str
    outcome: Outcome
    totals: Totals
    notes: tuple[str, ...] = ()  # JSON has the key only if there are any


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReport:
    """One host or group that was paused or given up; ``longest_pause`` in seconds."""

    host: str
    pauses: int
    longest_pause: float
    why: str | None  # it was paused the first time
    given_up: str | None  # why


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureReport:
    """One failed or unknown task; ``kind`` is called ``class`` in JSON."""

    job: str
    task: str
    url: str
    kind: ErrorClass
    message: str
    status: int | None
    attempts: int
    retryable: bool
    path: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run came to (contract §4). Times are RFC 3339 in UTC; every text is redacted."""

    manifest: str
    run_id: str
    started: str
    finished: str
    seconds: float
    exit_code: int
    totals: Totals
    jobs: tuple[JobReport, ...]
    failures: tuple[FailureReport, ...]  # the first 100
    hosts: tuple[HostReport, ...] = ()  # the first 100; JSON has the key only if there are any

    def to_json(self) -> bytes:
        """One line of ASCII JSON without a newline, keys in the order of the contract."""
        value = asdict(self)
        for job in value["jobs"]:
            notes = job.pop("notes")
            job |= job.pop("totals") | ({"notes": notes} if notes else {})
        if not value["hosts"]:
            del value["hosts"]
        value["failures"] = [_renamed(failure) for failure in value["failures"]]
        return ascii_json.dumps(value)


def build(tally: Tally, finished: RunFinished, redactor: Redactor) -> Report:
    """The report of a run that has ended; raises ValueError if it never started."""
    run = tally.run
    if run is None:
        raise ValueError("no report without a RunStarted event")
    return Report(
        manifest=redactor.text(run.manifest),
        run_id=run.run_id,
        started=rfc3339(run.time),
        finished=rfc3339(finished.time),
        seconds=round(finished.time - run.time, 3),
        exit_code=finished.exit_code,
        totals=Totals.of(tally.total),
        jobs=tuple(
            JobReport(
                name=job.name,
                type=job.type,
                outcome=job.outcome,
                totals=Totals.of(job.counts),
                notes=tuple(map(redactor.text, _notes(job))),
            )
            for job in tally.jobs.values()
        ),
        failures=tuple(_failure(event, redactor) for event in tally.failures),
        hosts=tuple(_host(host, redactor) for host in islice(tally.hosts.values(), KEPT_HOSTS)),
    )


def _notes(job: JobTally) -> tuple[str, ...]:
    if not job.unverified_length:
        return job.remarks
    answers = plural(job.unverified_length, "answer")
    return (*job.remarks, f"unverified_length: {answers} came without a length or an end mark")


def write(report: Report, path: str) -> None:
    """Replace the file at ``path`` atomically and durably; raises ``StorageFailed``.

    A symbolic link is followed. What is no regular file (a pipe, ``/dev/stdout``) is written to as it
    is: replacing it would destroy it, and a log that stdout was redirected to as well.
    """
    data = report.to_json() + b"\n"
    try:
        if (stream := outlet.open_stream(path)) is None:
            _replace(Path(os.path.realpath(path)), data)
            return
        with stream:
            outlet.write_all(stream, data)
    except OSError as error:
        raise StorageFailed(f"the report could not be written to {path}: {error}") from error


def _replace(target: Path, data: bytes) -> None:
    part = target.with_name(f".crawler-report-{secrets.token_hex(6)}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(target)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _failure(event: TaskFinished, redactor: Redactor) -> FailureReport:
    failure = event.result.failure
    assert failure is not None
    return FailureReport(
        job=event.job,
        task=redactor.url(event.task),
        url=redactor.url(event.url),
        kind=failure.kind,
        message=redactor.text(failure.message),
        status=event.result.status if failure.status is None else failure.status,
        attempts=event.attempts,
        retryable=failure.retryable and event.result.outcome is not Outcome.UNKNOWN,
        path=event.target and redactor.text(event.target),
    )


def _host(host: HostTally, redactor: Redactor) -> HostReport:
    return HostReport(
        host=host.host,
        pauses=host.pauses,
        longest_pause=round(host.longest, 3),
        why=host.why and redactor.text(host.why),
        given_up=host.given_up and redactor.text(host.given_up),
    )


def _renamed(failure: dict[str, object]) -> dict[str, object]:
    return {"class" if key == "kind" else key: value for key, value in failure.items()}
