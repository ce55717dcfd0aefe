"""What hosts see of a run: how many requests at once, how far apart, and what follows a bad answer."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from crawler.policy.pacing import SLACK
from tests.cli.running import events, manifest, started, wait_until
from tests.conftest import RunCrawler
from tests.serving.arrivals import Arrival, Arrivals, Reply

KINDS = ("download", "request", "upload")
QUICK = "retry: {attempts: 5, backoff: 5ms, max_backoff: 10ms}"


def job(kind: str, server: Arrivals, folder: Path, tasks: int) -> str:
    """A job of so many tasks to one host."""
    if kind == "upload":
        files = folder / "data" / "up"
        files.mkdir(parents=True)
        for number in range(tasks):
            (files / f"{number}.txt").write_text(f"file {number}\n")
        more = f"    url: {server.url('/in')}\n    method: PUT\n    as: raw\n    files: up/*.txt"
    else:
        urls = ", ".join(server.url(f"/{number}") for number in range(tasks))
        more = f"    urls: [{urls}]"
    return f"  - name: it\n    type: {kind}\n{more}"


def trouble(arrival: Arrival, hold: float = 0.0) -> Reply:
    """Some requests fail and are sent again, some are sent to another place on the same host."""
    if arrival.order % 7 == 3:
        return Reply(500, hold=hold)
    if arrival.order % 7 == 5 and not arrival.path.startswith("/moved"):
        return Reply(307, headers=(("Location", f"/moved{arrival.path}"),), hold=hold)
    return Reply(hold=hold)


def many_hosts(folder: Path, lines: list[str]) -> str:
    """A job whose rows are these URLs, in this order."""
    (folder / "rows.txt").write_text("".join(f"{line}\n" for line in lines))
    return "  - {name: it, type: request, from: rows.txt}"


def time_of(event: dict[str, Any]) -> float:
    """Seconds since the epoch."""
    return datetime.fromisoformat(event["time"]).timestamp()


def healthy(count: int) -> list[str]:
    """Addresses of hosts that have nothing to do with 127.0.0.1."""
    return [f"127.0.1.{number + 1}" for number in range(count)]


def head(hosts: str, retry: str = QUICK, more: str = "") -> str:
    return f"hosts: {{{hosts}}}\ndefaults: {{{retry}{more}}}"


@pytest.mark.parametrize("kind", KINDS)
def test_no_more_requests_are_at_a_host_than_its_rule_allows(
    kind: str, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    with Arrivals(lambda arrival: trouble(arrival, hold=0.02)) as server:
        path = manifest(tmp_path, job(kind, server, tmp_path, 30), head=head('"*": {concurrency: 3}'))
        assert run_crawler("run", path).returncode == 0
        assert server.at_once() == 3
        assert len(server.log) > 36


@pytest.mark.parametrize("kind", KINDS)
def test_requests_are_never_closer_than_the_delay(kind: str, tmp_path: Path, run_crawler: RunCrawler) -> None:
    with Arrivals(trouble) as server:
        path = manifest(tmp_path, job(kind, server, tmp_path, 12), head=head('"*": {delay: 60ms}'))
        assert run_crawler("run", path).returncode == 0
        assert len(server.log) > 14
        assert min(server.gaps()) >= 0.06


@pytest.mark.parametrize("kind", KINDS)
def test_a_rate_holds_over_every_stretch_of_a_run(kind: str, tmp_path: Path, run_crawler: RunCrawler) -> None:
    with Arrivals(trouble) as server:
        path = manifest(tmp_path, job(kind, server, tmp_path, 75), head=head('"*": {rate: 50/s}'))
        assert run_crawler("run", path).returncode == 0
        times = [arrival.arrived for arrival in server.of()]
    bucket = 1 + SLACK * 50 + 1  # a burst of one, what a late start may make up for, the fence post
    for (first, early), (last, late) in combinations(enumerate(times), 2):
        assert last - first <= 50 * (late - early) + bucket
    assert len(times) / (times[-1] - times[0]) > 50 * 0.7


@pytest.mark.parametrize("killed", [False, True])
def test_the_delay_holds_from_one_run_to_the_next(
    killed: bool, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    with Arrivals(lambda arrival: None if killed and not arrival.order else Reply()) as server:
        path = manifest(tmp_path, job("request", server, tmp_path, 1), head=head('"*": {delay: 1.2s}'))
        with started("run", path, cwd=tmp_path) as process:
            wait_until(lambda: bool(server.log))
            if killed:
                process.kill()
            process.wait(30)
        assert run_crawler("run", path).returncode == 0
        assert len(server.log) == 2
        assert server.gaps()[0] >= 1.2


def test_a_host_that_asks_for_time_gets_it_and_the_others_do_not_wait_for_it(
    tmp_path: Path, run_crawler: RunCrawler
) -> None:
    def busy(arrival: Arrival) -> Reply:
        if arrival.host == "127.0.0.1" and arrival.order < 4:
            return Reply(429, headers=(("Retry-After", "2"),), hold=0.1)
        return Reply()

    with Arrivals(busy) as server:
        hosts = ["127.0.0.1", *healthy(9)]
        lines = [server.url(f"/{number}", host) for number in range(8) for host in hosts]
        path = manifest(tmp_path, many_hosts(tmp_path, lines), head=head(""))
        assert run_crawler("run", path).returncode == 0
        asked = server.of("127.0.0.1")
        until = max(arrival.answered or 0.0 for arrival in asked[:4]) + 2
        assert len(asked) == 8 + 4
        assert min(arrival.arrived for arrival in asked[4:]) >= until
        others = [server.of(host) for host in hosts[1:]]
    assert [len(each) for each in others] == [8] * 9
    assert max(each[-1].arrived for each in others) < until


def test_a_host_that_turns_away_one_task_after_another_is_left_alone_for_longer_each_time(
    tmp_path: Path, run_crawler: RunCrawler
) -> None:
    with Arrivals(lambda arrival: Reply(503 if arrival.order < 4 else 200)) as server:
        lines = [server.url(f"/{number}") for number in range(6)]
        retry = "retry: {attempts: 2, backoff: 5ms, max_backoff: 200ms}"
        path = manifest(tmp_path, many_hosts(tmp_path, lines), head=head('"*": {concurrency: 1}', retry))
        run_crawler("run", path)
        gaps = server.gaps()
    # The third 503 at the latest is a second task's, since the first has two attempts.
    assert gaps[2] >= 0.2
    assert gaps[3] >= 0.4


def test_a_dead_host_costs_a_few_attempts_and_holds_up_nobody(
    tmp_path: Path, run_crawler: RunCrawler
) -> None:
    """Its rows come first in the list, more of them than the ready queue holds."""
    dead = 5000
    with Arrivals(lambda arrival: None if arrival.host == "127.0.0.1" else Reply()) as server:
        hosts = healthy(20)
        lines = [server.url(f"/{number}") for number in range(dead)]
        lines += [server.url(f"/{number}", host) for number in range(20) for host in hosts]
        limits = ", timeout: {sock_read: 400ms}"
        path = manifest(
            tmp_path, many_hosts(tmp_path, lines), head=head("", QUICK.replace("5,", "2,"), limits)
        )
        ran = run_crawler("run", path, "--report", "report.json", "--events", "events.jsonl")
        assert ran.returncode == 5
        totals = json.loads((tmp_path / "report.json").read_text())["totals"]
        assert (totals["new"], totals["failed"]) == (400, dead)
        failed = [each for each in events(tmp_path / "events.jsonl") if each["outcome"] == "failed"]
        assert all(each["error"]["retryable"] for each in failed)
        tried = server.of("127.0.0.1")
        assert len(tried) <= 12
        given_up = min(time_of(each) for each in failed if "given up" in each["error"]["message"])
        assert max(server.of(host)[-1].arrived for host in hosts) < given_up

        assert run_crawler("run", path).returncode == 5
        assert len(server.of("127.0.0.1")) == len(tried) + 1  # one probe


@pytest.mark.parametrize(("config", "rule"), [("bandwidth: 4MB", ""), ("", '"*": {bandwidth: 4MB}')])
def test_transfers_side_by_side_keep_to_the_bandwidth(
    config: str, rule: str, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    body = bytes(600_000)
    with Arrivals(lambda arrival: Reply(body=body, hold=0.1)) as server:
        urls = ", ".join(server.url(f"/{number}") for number in range(8))
        (tmp_path / "config.yaml").write_text(f"{config}\nconnections: {{per_host: 8}}\n")
        path = manifest(tmp_path, f"  - {{name: it, type: download, urls: [{urls}]}}", head=head(rule))
        flags = ("-c", "config.yaml", "--events", "events.jsonl")
        assert run_crawler("run", path, *flags).returncode == 0
        assert server.at_once() == 8
        ended = max(time_of(each) for each in events(tmp_path / "events.jsonl"))
        seconds = ended - server.of()[0].arrived
    assert 8 * len(body) / seconds <= 4e6 * 1.05
    assert 8 * len(body) / seconds >= 4e6 * 0.7


def test_uploads_keep_to_the_bandwidth(tmp_path: Path, run_crawler: RunCrawler) -> None:
    with Arrivals() as server:
        work = job("upload", server, tmp_path, 4)
        for file in (tmp_path / "data" / "up").iterdir():
            file.write_bytes(bytes(1_000_000))
        path = manifest(tmp_path, work, head=head('"*": {bandwidth: 4MB}'))
        assert run_crawler("run", path).returncode == 0
        arrivals = server.of()
        seconds = max(each.answered or 0.0 for each in arrivals) - arrivals[0].arrived
    assert [each.size for each in arrivals] == [1_000_000] * 4
    assert 4e6 / seconds <= 4e6 * 1.1
    assert 4e6 / seconds >= 4e6 * 0.7
