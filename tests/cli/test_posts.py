"""A request that must not be repeated: what ends it, what is told, and that nobody sends it twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.cli.running import events, manifest
from tests.server import Server

if TYPE_CHECKING:
    from tests.conftest import Ran, RunCrawler

METHODS = ["POST", "PATCH"]


def leads_to(server: Server, path: str, status: int) -> str:
    return server.url(f"/redirect-to?status={status}&url={quote(path, safe='')}")


def send(
    run_crawler: RunCrawler, folder: Path, url: str, method: str, *flags: str, more: str = ""
) -> tuple[Ran, dict[str, Any]]:
    """One request, run once; the event that tells how it ended."""
    job = f'  - {{name: send, type: request, method: {method}, url: "{url}", json: {{a: 1}}{more}}}'
    told = folder / "events.jsonl"
    told.unlink(missing_ok=True)
    ran = run_crawler("run", manifest(folder, job), "-o", "out", "--events", "events.jsonl", *flags)
    (event,) = events(told)
    return ran, event


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("method", METHODS)
def test_sent_again_by_a_redirect_and_never_answered_it_is_unknown(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler, status: int, method: str
) -> None:
    url = leads_to(threaded_server, "/counter/c?answer=no", status)
    ran, event = send(run_crawler, tmp_path, url, method)
    assert (ran.returncode, event["outcome"]) == (4, "unknown"), ran.stderr
    assert not event["error"]["retryable"]
    ran, event = send(run_crawler, tmp_path, url, method, "--retry-failed")
    assert (ran.returncode, event["outcome"]) == (4, "unknown"), ran.stderr
    assert threaded_server.count("c") == 1


@pytest.mark.parametrize("status", [301, 302, 303])
@pytest.mark.parametrize("turned_away", [429, 503])
def test_what_an_accepted_post_leads_to_may_turn_us_away_and_the_post_is_not_sent_again(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler, status: int, turned_away: int
) -> None:
    url = leads_to(threaded_server, f"/status/{turned_away}", status)
    ran, event = send(run_crawler, tmp_path, url, "POST")
    assert (ran.returncode, event["outcome"], event["attempts"]) == (4, "failed", 1), ran.stderr
    assert (event["status"], event["error"]["retryable"]) == (turned_away, False)
    assert "the server had accepted the POST by then" in event["error"]["message"]
    assert len(threaded_server.requests("/redirect-to")) == 1


def test_the_same_holds_for_a_patch_and_for_an_upload(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    url = leads_to(threaded_server, "/status/429", 303)
    ran, event = send(run_crawler, tmp_path, url, "PATCH")
    assert (ran.returncode, event["error"]["retryable"]) == (4, False), ran.stderr
    (tmp_path / "out" / "a.bin").write_bytes(b"x")
    job = f'  - {{name: up, type: upload, url: "{url}", files: a.bin}}'
    ran = run_crawler("run", manifest(tmp_path, job, name="up.yaml"), "-o", "out")
    assert ran.returncode == 4, ran.stderr
    assert len(threaded_server.requests("/redirect-to")) == 2


def test_a_post_that_is_turned_away_itself_is_sent_again_also_behind_a_307(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    url = leads_to(threaded_server, "/retry-after/0/429/1", 307)
    ran, event = send(run_crawler, tmp_path, url, "POST")
    assert (ran.returncode, event["outcome"], event["attempts"]) == (0, "new", 2), ran.stderr


@pytest.mark.parametrize(
    ("path", "kind"), [("/short", "truncated"), ("/cut-gzip", "decode"), ("/stall", "timeout")]
)
@pytest.mark.parametrize("method", METHODS)
def test_a_broken_body_of_a_success_is_a_failure_for_good(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler, path: str, kind: str, method: str
) -> None:
    more = ", timeout: {sock_read: 0.3}"
    ran, event = send(run_crawler, tmp_path, threaded_server.url(path), method, more=more)
    assert (ran.returncode, event["outcome"], event["attempts"]) == (4, "failed", 1), ran.stderr
    assert (event["error"]["class"], event["error"]["retryable"]) == (kind, False)
    ran, event = send(run_crawler, tmp_path, threaded_server.url(path), method, "--retry-failed")
    assert (ran.returncode, event["outcome"]) == (4, "unknown"), ran.stderr
    assert len(threaded_server.log) == 1


def test_with_an_idempotency_key_it_is_tried_again(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    url, more = threaded_server.url("/short"), ", idempotency_key: k"
    ran, event = send(run_crawler, tmp_path, url, "POST", more=more)
    assert (ran.returncode, event["error"]["retryable"], event["attempts"]) == (5, True, 2), ran.stderr


@pytest.mark.parametrize("path", ["/hangup", "/reset", "/stall-before"])
def test_an_accepted_post_whose_next_page_does_not_answer_failed_for_good(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler, path: str
) -> None:
    more = ", timeout: {sock_read: 0.3}"
    ran, event = send(run_crawler, tmp_path, leads_to(threaded_server, path, 303), "POST", more=more)
    assert (ran.returncode, event["outcome"], event["error"]["retryable"]) == (4, "failed", False), ran.stderr
    assert len(threaded_server.requests("/redirect-to")) == 1


def test_an_accepted_post_whose_next_host_is_given_up_failed_for_good(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    dead = "http://localhost:1/"
    jobs = f"""  - {{name: dead, type: request, urls: [{", ".join(f'"{dead}{n}"' for n in range(9))}]}}
  - {{name: send, type: post, needs: [dead], when: always, url: "{leads_to(threaded_server, dead, 303)}"}}"""
    ran = run_crawler("run", manifest(tmp_path, jobs), "-o", "out", "--events", "events.jsonl")
    event = events(tmp_path / "events.jsonl")[-1]
    assert "given up" in event["error"]["message"]
    assert (event["job"], event["error"]["retryable"]) == ("send", False), ran.stderr


def test_an_answer_that_only_expect_dislikes_is_asked_for_again_by_retry_failed(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    url = threaded_server.url("/counter/c")
    ran, event = send(run_crawler, tmp_path, url, "POST", more=", expect: {json: {count: 2}}")
    assert (ran.returncode, event["error"]["class"]) == (4, "unexpected_content"), ran.stderr
    ran, event = send(
        run_crawler, tmp_path, url, "POST", "--retry-failed", more=", expect: {json: {count: 2}}"
    )
    assert (ran.returncode, event["outcome"]) == (0, "new"), ran.stderr


def test_a_deadline_in_its_middle_leaves_it_unknown_in_this_very_run(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    url = threaded_server.url("/stall-before")
    jobs = f"""  - {{name: send, type: post, url: "{url}", timeout: 0}}
  - {{name: file, type: download, urls: ["{url}"]}}
  - {{name: later, type: post, needs: [send], url: "{url}"}}"""
    ran = run_crawler("run", manifest(tmp_path, jobs), "-o", "out", "--deadline", "500ms", "--json")
    assert ran.returncode == 4, ran.stderr
    last = ran.stderr.splitlines()[-1]
    assert "1 of 1 task sent without an answer, outcome unknown" in last
    assert "stopped early by the deadline of 0.5 s" in last
    totals = json.loads(ran.stdout.splitlines()[-1])["totals"]
    assert (totals["tasks"], totals["unknown"], totals["requests"]) == (1, 1, 2)
    assert "  file   download  stopped    1 task interrupted" in ran.stderr
    assert len(threaded_server.log) == 2
