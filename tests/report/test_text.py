from __future__ import annotations

import pytest

from crawler.events import Event, JobStarted, TaskInterrupted
from crawler.model import ErrorClass, Failure, Outcome
from crawler.policy.redact import Redactor
from crawler.report.advice import advice
from crawler.report.tally import Tally
from crawler.report.text import TextReport
from tests.report.samples import (
    CANARY,
    TIMED_OUT,
    Screen,
    ended,
    failed,
    finished,
    retried,
    skipped,
    started,
    tell,
)


def summary(
    *events: Event,
    screen: Screen | None = None,
    secrets: tuple[str, ...] = (),
    quiet: bool = False,
    report: str | None = None,
    warnings: tuple[str, ...] = (),
) -> str:
    screen = screen or Screen()
    tally = Tally()
    form = TextReport(tally, screen, Redactor(secrets), quiet=quiet, report=report, warnings=warnings)
    tell(list(events), tally, form)
    tell([ended(tally)], tally, form)
    return screen.text


def test_a_good_run_is_told_in_four_lines() -> None:
    assert summary(started(), finished(bytes=2048), finished("b", Outcome.UNCHANGED)) == (
        "nightly finished after 12.3 s: 2 tasks, 2 KiB at 167 B/s, 2 requests\n"
        "  reports  download  new        1 new, 1 unchanged, 2 KiB\n"
        "\n"
        "files:  /data/out\n"
    )


def test_what_was_interrupted_is_told_as_that() -> None:
    jobs = [("big", "download"), ("some", "download"), ("idle", "download"), ("last", "post")]
    begun = [JobStarted(time=1.0, job=name) for name, _ in jobs[:3]]
    cut = [TaskInterrupted(time=2.0, job=name, task="t", url="", requests=2) for name, _ in jobs[:2]]
    text = summary(started(*jobs), *begun, finished("a", job="some", bytes=0), *cut)
    assert text.splitlines()[:5] == [
        "nightly finished after 12.3 s: 1 task, 0 B at 0 B/s, 5 requests",
        "  big   download  stopped    1 task interrupted",
        "  some  download  new        1 new, 1 task interrupted",
        "  idle  download  stopped    no task ended",
        "  last  post      skipped    not started",
    ]


def test_a_mixed_run_is_told_with_what_to_do_about_it() -> None:
    assert summary(
        started(("reports", "download"), ("push", "upload"), ("hook", "post")),
        retried("a.csv"),
        finished("a.csv", bytes=2 * 1024**2, attempts=2, requests=2),
        failed("b.csv?token=abc"),
        failed("c", TIMED_OUT, outcome=Outcome.UNKNOWN, job="push"),
        finished("d", note="unverified_length"),
        skipped("hook", "post", "push did not end well"),
        report="/var/report.json",
        warnings=("events can no longer be written",),
    ) == (
        "nightly finished after 12.3 s: 4 tasks, 2 MiB at 167 KiB/s, 5 requests\n"
        "  reports  download  failed     2 new, 1 failed, 2 MiB\n"
        "  push     upload    unknown    1 unknown\n"
        "  hook     post      skipped    push did not end well\n"
        "\n"
        "1 task was retried: 503 from 127.0.0.1:1234, succeeded on attempt 2\n"
        "\n"
        "1 answer came without a length or an end mark (unverified_length): "
        "whether they are whole cannot be told\n"
        "\n"
        "1 task failed: http_status 404\n"
        "  → correct the URL, or leave it out (`deny` it in a crawl) if the resource is gone\n"
        "  reports: http://127.0.0.1:1234/b.csv?token=***\n"
        "    the server answered 404 Not Found (1 attempt, permanent)\n"
        "\n"
        "1 task with an unknown outcome: timeout\n"
        "  → check at the server whether it arrived before you send it again\n"
        "  push: http://127.0.0.1:1234/c\n"
        "    no byte for 60 s (sock_read) (1 attempt, not sent again)\n"
        "\n"
        "warning: events can no longer be written\n"
        "\n"
        "files:  /data/out\n"
        "report: /var/report.json\n"
        "crawler: exit 4: 1 of 4 tasks failed for good (http_status 404 ×1); "
        "1 of 4 tasks sent without an answer, outcome unknown (timeout ×1); report: /var/report.json\n"
    )


def test_several_retries_are_counted_by_reason() -> None:
    text = summary(
        started(),
        retried("a"),
        retried("b"),
        retried("b", attempt=2, kind=ErrorClass.TIMEOUT, status=None),
        finished("a", attempts=2),
        failed("b", TIMED_OUT, attempts=3),
    )
    assert (
        "2 tasks needed more than one attempt, 1 ended well:\n"
        "  2 × 503; the first: 503 from 127.0.0.1:1234, succeeded on attempt 2\n"
        "  1 × timeout; the first: timeout from 127.0.0.1:1234, failed after 3 attempts\n"
    ) in text


def test_ten_failures_are_listed_and_the_others_counted() -> None:
    text = summary(
        started(),
        *(failed(f"gone{number}") for number in range(300)),
        *(failed(f"late{number}", TIMED_OUT) for number in range(7)),
    )
    assert text.count("http://127.0.0.1:1234/gone") == 5
    assert "300 tasks failed: http_status 404\n" in text
    assert "7 tasks failed: timeout\n" in text
    assert "  … and 302 more; --report lists the first 100, --events all of them\n" in text


def test_quiet_says_nothing_after_success() -> None:
    assert summary(started(), finished(), quiet=True) == ""


def test_quiet_says_only_the_reason_after_failure() -> None:
    assert summary(started(), failed(failure=TIMED_OUT), quiet=True) == (
        "crawler: exit 5: 1 of 1 task failed but may succeed on a later run (timeout ×1)\n"
    )


def test_nothing_secret_and_no_control_character_is_shown() -> None:
    nasty = Failure(
        kind=ErrorClass.CONNECT, message=f"refused {CANARY}\x1b[2J\r\nroot: \u202eok", retryable=True
    )
    text = summary(
        started(),
        retried("x", url=f"http://u:{CANARY}@h:1/"),
        failed("x", nasty, url=f"http://u:pw@h/{CANARY}"),
        skipped("hook", "post", f"because {CANARY}\x07"),
        secrets=(CANARY,),
        report=f"/{CANARY}/r.json",
        warnings=(f"{CANARY}\x1b",),
    )
    assert CANARY not in text
    assert "u:pw@" not in text
    assert "refused ***\\x1b[2J\\x0d\\x0aroot: \\u202eok (1 attempt" in text
    assert not set(text) & {"\x1b", "\r", "\x07", "\u202e"}


def test_colour_is_used_only_where_it_is_wanted() -> None:
    run = (started(), failed())
    assert "\x1b" not in summary(*run)
    assert "\x1b[31mfailed   \x1b[0m" in summary(*run, screen=Screen(FORCE_COLOR="1"))
    assert "\x1b" not in summary(*run, screen=Screen(FORCE_COLOR="1", NO_COLOR="1"))
    assert "\x1b" in summary(*run, screen=Screen(FORCE_COLOR="1", NO_COLOR=""))


class Narrow(Screen):
    """As a terminal of 60 columns would say of itself."""

    width = 60


def test_prose_fits_the_terminal_and_urls_stay_whole() -> None:
    url = "http://127.0.0.1:1234/" + "long/" * 20
    text = summary(
        started(), failed("x", url=url), skipped("hook", "post", "a reason " * 20), screen=Narrow()
    )
    assert url in text
    prose = [line for line in text.splitlines()[1:-1] if "http" not in line]
    assert all(len(line) <= 60 for line in prose)
    assert any(line.endswith("…") for line in prose)


@pytest.mark.parametrize("kind", list(ErrorClass))
def test_every_class_has_advice(kind: ErrorClass) -> None:
    assert advice(kind, 500).strip()


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (401, "credentials"),
        (404, "URL"),
        (408, "again"),
        (429, "rate"),
        (503, "later"),
        (400, "documentation"),
    ],
)
def test_advice_on_a_status_fits_the_status(status: int, word: str) -> None:
    assert word in advice(ErrorClass.HTTP_STATUS, status)
