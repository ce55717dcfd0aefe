from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from crawler.errors import StorageFailed
from crawler.events import JobFinished
from crawler.model import Counts, Failure, Outcome
from crawler.policy.redact import Redactor
from crawler.report.json_report import Report, build, write
from crawler.report.tally import Tally
from tests.report.samples import (
    CANARY,
    TIMED_OUT,
    ended,
    failed,
    finished,
    retried,
    skipped,
    started,
    tallied,
)

COUNTS = {
    "tasks": 0,
    "new": 0,
    "changed": 0,
    "unchanged": 0,
    "skipped": 0,
    "failed": 0,
    "unknown": 0,
    "bytes": 0,
    "requests": 0,
    "retries": 0,
}


def a_report(*secrets: str) -> Report:
    tally = tallied(
        started(("reports", "download"), ("hook", "post")),
        retried("a.csv"),
        finished("a.csv", bytes=2048, attempts=2, requests=2),
        failed("b.csv?token=abc"),
        skipped("hook", "post", "nothing changed"),
    )
    return build(tally, ended(tally), Redactor(secrets))


def test_answers_without_a_length_are_counted_in_the_notes_of_their_job() -> None:
    tally = tallied(
        started(("reports", "download"), ("hook", "post")),
        finished("a", note="unverified_length"),
        finished("b", note="from mirror http://h/b; unverified_length"),
        finished("c"),
        JobFinished(
            time=0,
            job="reports",
            type="download",
            outcome=Outcome.NEW,
            counts=Counts(),
            notes=("limit_reached: x",),
        ),
    )
    reports, hook = json.loads(build(tally, ended(tally), Redactor(())).to_json())["jobs"]
    expected = "unverified_length: 2 answers came without a length or an end mark"
    assert reports["notes"] == ["limit_reached: x", expected]
    assert "notes" not in hook


def test_the_report_has_exactly_the_keys_of_the_contract_in_order() -> None:
    text = a_report().to_json()
    assert json.loads(text) == {
        "manifest": "nightly",
        "run_id": "r1",
        "started": "2026-11-22T09:30:00.000Z",
        "finished": "2026-11-22T09:30:12.300Z",
        "seconds": 12.3,
        "exit_code": 4,
        "totals": COUNTS | {"tasks": 2, "new": 1, "failed": 1, "bytes": 2048, "requests": 3, "retries": 1},
        "jobs": [
            {"name": "reports", "type": "download", "outcome": "failed"}
            | COUNTS
            | {"tasks": 2, "new": 1, "failed": 1, "bytes": 2048, "requests": 3, "retries": 1},
            {"name": "hook", "type": "post", "outcome": "skipped"} | COUNTS,
        ],
        "failures": [
            {
                "job": "reports",
                "task": "b.csv?token=***",
                "url": "http://127.0.0.1:1234/b.csv?token=***",
                "class": "http_status",
                "message": "the server answered 404 Not Found",
                "status": 404,
                "attempts": 1,
                "retryable": False,
                "path": "reports/b.csv?token=abc",
            }
        ],
    }
    assert list(json.loads(text)) == [
        *("manifest", "run_id", "started", "finished", "seconds", "exit_code", "totals", "jobs", "failures")
    ]


def test_an_unknown_task_is_listed_and_never_called_retryable() -> None:
    tally = tallied(started(), failed(failure=TIMED_OUT, outcome=Outcome.UNKNOWN))
    report = build(tally, ended(tally), Redactor())
    assert (report.exit_code, report.failures[0].retryable) == (4, False)
    assert report.totals.unknown == 1


def test_no_secret_reaches_the_report() -> None:
    failure = Failure(kind=TIMED_OUT.kind, message=f"echoed {CANARY}", retryable=True)
    tally = tallied(started(), failed(f"x/{CANARY}", failure, url=f"http://h/{CANARY}"))
    text = build(tally, ended(tally), Redactor([CANARY])).to_json().decode()
    assert CANARY not in text
    assert text.count("***") == 4


def test_the_report_is_one_line_of_ascii_whatever_a_server_says() -> None:
    failure = Failure(kind=TIMED_OUT.kind, message="\x1b[2J\n\x9b\x7fü\u2028\udc80", retryable=True)
    tally = tallied(started(), failed(failure=failure))
    text = build(tally, ended(tally), Redactor()).to_json()
    assert all(0x20 <= octet < 0x7F for octet in text)
    assert json.loads(text)["failures"][0]["message"] == "\x1b[2J\n\x9b\x7fü\u2028\ufffd"


def test_there_is_no_report_of_a_run_that_never_started() -> None:
    with pytest.raises(ValueError, match="RunStarted"):
        build(Tally(), ended(Tally()), Redactor())


def test_an_older_report_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old" * 100_000)
    write(a_report(), str(path))
    assert json.loads(path.read_bytes())["exit_code"] == 4
    assert path.read_bytes().endswith(b"}\n")
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "latest.json").symlink_to("real/today.json")
    write(a_report(), str(tmp_path / "latest.json"))
    assert (tmp_path / "latest.json").is_symlink()
    assert json.loads((tmp_path / "real/today.json").read_bytes())["run_id"] == "r1"


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write(a_report(), str(pipe))
    reader.join(10)
    assert json.loads(got[0])["run_id"] == "r1"
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("path", ["/dev/full", "/proc/nowhere/report.json"])
def test_a_report_that_cannot_be_written_is_a_storage_failure(path: str) -> None:
    with pytest.raises(StorageFailed, match=f"report could not be written to {path}: "):
        write(a_report(), path)
