"""Hosts that were paused or given up, and notes of jobs, in every form of report."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from crawler.events import Event, HostGivenUp, HostPaused, JobFinished
from crawler.model import Counts, Outcome
from crawler.policy.redact import Redactor
from crawler.report import log, tally
from crawler.report.gauges import Gauges
from crawler.report.heartbeat import Heartbeat
from crawler.report.host_log import MOST_HOSTS
from crawler.report.json_report import KEPT_HOSTS, build
from crawler.report.log import Level, LogListener
from crawler.report.text import TextReport
from tests.report.samples import CANARY, START, Screen, ended, finished, started, tallied, tell

BUSY = "the server answered 429 Too Many Requests"
DEAD = "given up: 5 attempts in a row got no answer, the last one: no connection"


def paused(
    host: str = "a.example:80", seconds: float = 5.0, why: str = BUSY, at: float = START
) -> HostPaused:
    return HostPaused(time=at, host=host, seconds=seconds, why=why)


def given_up(host: str = "dead.example:80") -> HostGivenUp:
    return HostGivenUp(time=START, host=host, why=DEAD)


def site(*notes: str) -> JobFinished:
    return JobFinished(
        time=START, job="site", type="crawl", outcome=Outcome.NEW, counts=Counts(new=1, tasks=1), notes=notes
    )


def logged(*events: Event, level: Level = "warning") -> list[str]:
    screen = Screen()
    opened = log.configure(level, "text", screen, Redactor())
    try:
        tell(list(events), LogListener(opened.logger))
    finally:
        opened.close()
    return [line.partition("crawler: ")[2] for line in screen.text.splitlines()]


def summary(*events: Event, secrets: tuple[str, ...] = ()) -> str:
    screen, counted = Screen(), tally.Tally()
    tell(list(events), counted)
    tell([ended(counted)], TextReport(counted, screen, Redactor(secrets)))
    return screen.text


def test_a_host_is_warned_of_once_and_its_later_pauses_only_if_asked_for() -> None:
    events: list[Event] = [paused(), paused(seconds=60), paused("b.example:80"), given_up()]
    assert logged(*events) == [
        f"warning: host paused for 5.0 s: {BUSY} (host=a.example:80)",
        f"warning: host paused for 5.0 s: {BUSY} (host=b.example:80)",
        f"warning: host {DEAD}; its tasks fail, a later run tries again (host=dead.example:80)",
    ]
    assert f"info: host paused for 1 min: {BUSY} (host=a.example:80)" in logged(*events, level="info")


@pytest.mark.parametrize("event", [paused, given_up])
def test_a_thousand_hosts_do_not_fill_the_mail(event: Callable[[str], Event]) -> None:
    many = [event(f"h{n}.example:80") for n in range(1000)]
    lines = logged(*many)
    assert len(lines) == MOST_HOSTS + 1
    assert lines[-1] == "warning: more hosts were paused or given up; the summary counts them"
    assert len(logged(*many, level="info")) == 1001


def test_the_summary_adds_up_what_each_host_did() -> None:
    text = summary(
        started(), finished(), paused(), paused(seconds=60.0, why="other"), paused("b.example:80"), given_up()
    )
    assert (
        "\n1 host given up, to be tried by a later run:\n"
        f"  dead.example:80: {DEAD}\n"
        "2 hosts paused for a while, and why:\n"
        f"  a.example:80: 2 times, at most 1 min; the first: {BUSY}\n"
        f"  b.example:80: 1 time, at most 5.0 s; the first: {BUSY}\n"
    ) in text


def test_memory_and_the_summary_are_bounded_however_many_hosts_suffer() -> None:
    events = [paused(f"h{n}.example:80") for n in range(tally.KEPT_HOSTS + 500)]
    counted = tallied(started(), *events)
    assert (len(counted.hosts), counted.other_hosts) == (tally.KEPT_HOSTS, 500)
    text = summary(started(), *events)
    assert "  … and 990 more\n500 more pauses of other hosts\n" in text
    assert len(build(counted, ended(counted), Redactor()).hosts) == KEPT_HOSTS


def test_the_report_has_hosts_and_notes_only_if_there_are_any() -> None:
    plain = tallied(started(("site", "crawl")), finished(job="site"), site())
    told = json.loads(build(plain, ended(plain), Redactor()).to_json())
    assert "hosts" not in told
    assert "notes" not in told["jobs"][0]
    note = f"limit_reached: max_pages (12 not followed) {CANARY}"
    counted = tallied(started(("site", "crawl")), finished(job="site"), site(note), paused(), given_up())
    told = json.loads(build(counted, ended(counted), Redactor((CANARY,))).to_json())
    assert told["jobs"][0]["notes"] == ["limit_reached: max_pages (12 not followed) ***"]
    assert told["hosts"] == [
        {"host": "a.example:80", "pauses": 1, "longest_pause": 5.0, "why": BUSY, "given_up": None},
        {"host": "dead.example:80", "pauses": 0, "longest_pause": 0.0, "why": None, "given_up": DEAD},
    ]


def test_notes_of_a_job_stand_below_its_line_and_in_the_log() -> None:
    notes = ("limit_reached: max_pages (12 not followed)", f"skipped {CANARY}\x1b")
    text = summary(started(("site", "crawl")), finished(job="site"), site(*notes), secrets=(CANARY,))
    assert "  site  crawl  new        1 new\n    limit_reached: max_pages (12 not followed)\n" in text
    assert "    skipped ***\\x1b\n" in text
    assert logged(site(notes[0]), level="info") == [f"info: job ended: {notes[0]} (job=site)"]
    assert logged(site(notes[0])) == []


def test_a_heartbeat_says_how_many_hosts_are_paused() -> None:
    now = time.time()
    counted = tallied(
        paused(seconds=600, at=now), paused("b:80", seconds=600, at=now), paused("c:80", at=now - 60)
    )
    assert counted.paused(now) == 2
    assert ", 0 transfers under way, 2 hosts paused, " in Heartbeat(counted, Gauges(), Screen())._text(1.0, 0)
    assert "paused" not in Heartbeat(tally.Tally(), Gauges(), Screen())._text(1.0, 0)
