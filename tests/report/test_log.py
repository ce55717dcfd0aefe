from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crawler.events import Event, RunStopping, Warned
from crawler.model import ErrorClass, Failure
from crawler.policy.redact import Redactor
from crawler.report.log import MOST_FAILURES, Form, Level, Log, LogListener, configure, level
from tests.report.samples import (
    CANARY,
    START,
    TIMED_OUT,
    Screen,
    failed,
    finished,
    retried,
    skipped,
    started,
    tell,
)

RUN: list[Event] = [
    started(),
    retried("a.csv"),
    finished("a.csv"),
    failed("b.csv"),
    failed(
        "c.csv",
        Failure(kind=ErrorClass.BUG, message="KeyError: 'x'", retryable=False, detail="File x\nKeyError"),
    ),
    skipped("hook", "post", "nothing changed"),
    Warned(time=START, message="robots.txt is odd"),
    RunStopping(time=START, reason="SIGTERM"),
]

Open = Callable[[Screen, Level, Form], Log]


@pytest.fixture
def opened() -> Iterator[Open]:
    logs: list[Log] = []

    def open_log(screen: Screen, threshold: Level = "info", form: Form = "text") -> Log:
        logs.append(configure(threshold, form, screen, Redactor([CANARY])))
        return logs[-1]

    yield open_log
    for log in logs:
        log.close()


def test_a_run_is_logged_in_sentences_with_the_facts_behind(opened: Open) -> None:
    screen = Screen()
    tell(RUN, LogListener(opened(screen, "info", "text").logger))
    lines = screen.text.splitlines()
    stamp = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z ")
    assert [stamp.sub("", line) for line in lines] == [
        "crawler: info: attempt 1 failed, the next in 1.2 s: the server answered 503 Service Unavailable"
        " (job=reports url=http://127.0.0.1:1234/a.csv class=http_status)",
        "crawler: warning: task failed: the server answered 404 Not Found"
        " (job=reports url=http://127.0.0.1:1234/b.csv class=http_status attempts=1 retryable=False)",
        "crawler: error: task failed: KeyError: 'x'"
        " (job=reports url=http://127.0.0.1:1234/c.csv class=bug attempts=1 retryable=False)",
        "    File x",
        "    KeyError",
        "crawler: info: job skipped: nothing changed (job=hook)",
        "crawler: warning: robots.txt is odd",
        "crawler: warning: stopping: SIGTERM; running tasks save what they have",
    ]
    assert sum(stamp.match(line) is not None for line in lines) == 6


@pytest.mark.parametrize(("threshold", "count"), [("debug", 6), ("info", 6), ("warning", 4), ("error", 1)])
def test_the_level_decides_what_is_logged(opened: Open, threshold: Level, count: int) -> None:
    screen = Screen()
    tell(RUN, LogListener(opened(screen, threshold, "text").logger))
    assert screen.text.count("crawler: ") == count


def test_json_lines_are_ascii_objects(opened: Open) -> None:
    screen = Screen()
    log = opened(screen, "info", "json")
    tell(RUN, LogListener(log.logger))
    log.logger.warning("grün \x9b", job="ü")
    lines = screen.text.splitlines()
    assert screen.text.isascii()
    values = [json.loads(line) for line in lines]
    assert list(values[0]) == ["time", "level", "event", "job", "url", "class"]
    assert values[2]["traceback"] == "File x\nKeyError"
    assert (values[-1]["event"], values[-1]["job"]) == ("grün \x9b", "ü")


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_passes_from_us_or_from_a_library(opened: Open, form: Form) -> None:
    screen = Screen()
    log = opened(screen, "debug", form)
    failure = Failure(kind=ErrorClass.BUG, message=f"a {CANARY}", retryable=False, detail=f"b {CANARY}\x1b")
    tell(
        [failed(CANARY, failure, url=f"http://u:pw@h/{CANARY}?token=t0k"), Warned(time=0, message=CANARY)],
        LogListener(log.logger),
    )
    log.logger.info("nested", headers={"Authorization": [CANARY]}, **{CANARY: 1})
    try:
        raise ValueError(f"c {CANARY}")
    except ValueError:
        logging.getLogger("aiohttp.client").exception("GET %s", f"https://u:pw@h/?key={CANARY}")
    text = screen.text
    assert text.count("GET https://u:***@h/?key=***") == 1
    assert "ValueError: c ***" in text
    assert not any(word in text for word in (CANARY, "pw@", "t0k", "\x1b"))


def test_a_library_that_formats_badly_neither_raises_nor_leaks(opened: Open) -> None:
    screen = Screen()
    log = opened(screen, "info", "text")
    log.handler.handle(logging.LogRecord("lib", logging.WARNING, "lib.py", 1, "%d", (CANARY,), None))
    assert screen.text == "crawler: error: a message of lib could not be formatted\n"


def test_the_journal_gets_priorities_and_no_times(opened: Open, tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w") as stream:
        found = os.fstat(stream.fileno())
        screen = Screen(stream, JOURNAL_STREAM=f"{found.st_dev}:{found.st_ino}")
        tell(RUN[4:6], LogListener(opened(screen, "info", "text").logger))
    lines = (tmp_path / "journal").read_text().splitlines()
    assert [line[:20] for line in lines] == [
        "<3>crawler: error: t",
        "<3>    File x",
        "<3>    KeyError",
        "<6>crawler: info: jo",
    ]


def test_flags_win_over_the_configured_level() -> None:
    assert level("warning") == "warning"
    assert (level("warning", verbose=1), level("error", verbose=3)) == ("info", "debug")
    assert level("debug", quiet=True, verbose=1) == "error"


def test_closing_gives_the_root_logger_back(opened: Open) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    screen = Screen()
    log = opened(screen, "debug", "text")
    assert root.level == logging.DEBUG
    log.close()
    assert (root.level, root.handlers) == before


def test_success_is_not_logged(opened: Open) -> None:
    screen = Screen()
    tell([started(), finished()], LogListener(opened(screen, "debug", "text").logger))
    assert screen.text == ""


def test_a_failure_says_whether_a_later_run_may_help(opened: Open) -> None:
    screen = Screen()
    tell([failed(failure=TIMED_OUT, attempts=5)], LogListener(opened(screen, "info", "text").logger))
    assert "class=timeout attempts=5 retryable=True" in screen.text


@pytest.mark.parametrize(("threshold", "lines"), [("warning", MOST_FAILURES + 1), ("info", 50)])
def test_many_failures_do_not_fill_the_mail_unless_asked_for(
    opened: Open, threshold: Level, lines: int
) -> None:
    screen = Screen()
    listener = LogListener(opened(screen, threshold, "text").logger)
    tell([failed(f"{number}.csv") for number in range(50)], listener)
    shown = screen.text.splitlines()
    assert len(shown) == lines
    assert ("more tasks failed" in shown[-1]) is (threshold == "warning")
