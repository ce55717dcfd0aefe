from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.events import RunFinished
from crawler.model import Failure, Outcome
from crawler.policy.redact import Redactor
from crawler.report import ascii_json, events_file
from crawler.report.events_file import EventsFile, open_events
from tests.report.samples import CANARY, SHA, START, TIMED_OUT, failed, finished, retried, started, tell

END = RunFinished(time=START + 9, run_id="r1", exit_code=0, reason=None)


def test_one_line_a_finished_task_with_exactly_the_keys_of_the_contract(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    events = EventsFile(open_events(str(path)), Redactor())
    tell([started(), retried(), finished(bytes=9, status=200), failed("b.csv", attempts=3), END], events)
    events.close()
    first, second = map(json.loads, path.read_text().splitlines())
    assert first == {
        "time": "2026-11-22T09:30:01.250Z",
        "run_id": "r1",
        "job": "reports",
        "task": "a.csv",
        "url": "http://127.0.0.1:1234/a.csv",
        "outcome": "new",
        "status": 200,
        "bytes": 9,
        "seconds": 0.25,
        "attempts": 1,
        "path": "reports/a.csv",
        "sha256": SHA,
        "error": None,
    }
    assert list(second) == list(first)
    assert second["error"] == {
        "class": "http_status",
        "message": "the server answered 404 Not Found",
        "retryable": False,
    }
    assert (second["status"], second["attempts"], second["sha256"]) == (404, 3, None)


def test_each_run_writes_a_fresh_file(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text("of yesterday\n")
    EventsFile(open_events(str(path)), Redactor()).close()
    assert path.read_text() == ""


async def test_a_line_waits_at_most_one_interval_even_when_no_other_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_file, "FLUSH_EVERY", 0.05)
    path = tmp_path / "events.jsonl"
    events = EventsFile(open_events(str(path)), Redactor())
    events.on(finished())
    assert path.read_bytes() == b""
    for _ in range(100):
        await asyncio.sleep(0.02)
        if path.read_bytes():
            break
    assert json.loads(path.read_bytes())["task"] == "a.csv"
    events.close()


async def test_many_lines_do_not_wait_for_the_interval(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    events = EventsFile(open_events(str(path)), Redactor())
    for number in range(1000):
        events.on(finished(f"t{number}"))
    assert path.stat().st_size > events_file.FLUSH_BYTES
    events.close()
    assert len(path.read_bytes().splitlines()) == 1000


def test_a_full_disk_ends_the_events_with_one_warning_before_the_summary() -> None:
    warnings: list[str] = []
    events = EventsFile(open_events("/dev/full"), Redactor(), warn=warnings.append)
    tell([finished(), finished("b"), END], events)
    assert warnings == [
        "events can no longer be written: [Errno 28] No space left on device; the run goes on without them"
    ]
    assert events.warning == warnings[0]
    events.on(finished("c"))
    events.close()
    assert len(warnings) == 1


def test_a_reader_who_closed_the_pipe_is_no_warning() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb", buffering=0) as pipe:
        events = EventsFile(pipe, Redactor())
        tell([finished(), END], events)
        events.close()
    assert events.warning is None


def test_stdout_that_was_closed_by_its_reader_leaves_stderr_clean_and_exit_0() -> None:
    code = (
        "from crawler.policy.redact import Redactor\n"
        "from crawler.report.events_file import EventsFile, open_events\n"
        "from tests.report.samples import finished\n"
        "events = EventsFile(open_events('-'), Redactor())\n"
        "for _ in range(3000): events.on(finished())\n"
        "events.close()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(30) == 0


def test_a_stdout_in_memory_is_written_to_and_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", memory)
    events = EventsFile(open_events("-"), Redactor())
    events.on(finished())
    events.close()
    assert json.loads(memory.buffer.getvalue())["task"] == "a.csv"


def test_no_secret_and_no_control_character_reaches_the_events(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    events = EventsFile(open_events(str(path)), Redactor([CANARY]))
    failure = Failure(kind=TIMED_OUT.kind, message=f"\x1b[2J {CANARY}", retryable=True)
    events.on(failed("x", failure, url=f"http://u:pw@h/{CANARY}?sig=99", outcome=Outcome.UNKNOWN))
    events.close()
    line = path.read_bytes()
    assert CANARY.encode() not in line
    assert b"\x1b" not in line
    assert json.loads(line)["url"] == "http://u:***@h/***?sig=***"
    assert json.loads(line)["error"]["retryable"] is False


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_every_value_becomes_one_line_of_printable_ascii_and_comes_back(value: object) -> None:
    text = ascii_json.dumps(value)
    assert all(0x20 <= octet < 0x7F for octet in text)
    assert json.loads(text) == json.loads(json.dumps(value))


def test_a_lone_surrogate_becomes_the_replacement_character() -> None:
    assert ascii_json.dumps({"a\udc80": ["\udfff"]}) == b'{"a\\ufffd":["\\ufffd"]}'
