"""A run of some jobs: what it goes on with, what it begins anew, and what it leaves to other runs."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cli.running import manifest, started, wait_until
from tests.server import Server

if TYPE_CHECKING:
    from tests.conftest import Ran, RunCrawler


def outcomes(ran: Ran) -> dict[str, str]:
    """By job, from the report that ``--json`` printed."""
    return {job["name"]: job["outcome"] for job in json.loads(ran.stdout.splitlines()[-1])["jobs"]}


def posted(server: Server) -> Counter[str]:
    return Counter(request.path for request in server.log if request.method == "POST")


def killed_after_a_post(server: Server, folder: Path, run_crawler: RunCrawler) -> Path:
    """Of three jobs one has sent a POST, one has ended and one has not begun when the run is killed."""
    path = manifest(
        folder,
        f"""
  - {{name: ended, type: post, url: "{server.url("/counter/ended")}", json: {{}}}}
  - {{name: sent, type: post, needs: ended, url: "{server.url("/slow/3")}", json: {{}}}}
  - {{name: other, type: post, needs: sent, when: always, url: "{server.url("/counter/other")}", json: {{}}}}
""",
    )
    with started("run", path, "-o", "out", cwd=folder) as run:
        wait_until(lambda: posted(server)["/slow/3"] == 1)
        run.kill()
        run.communicate(timeout=30)
    return path


def test_a_run_of_another_job_leaves_a_post_that_was_under_way_to_be_told(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    path = killed_after_a_post(threaded_server, tmp_path, run_crawler)
    ran = run_crawler("run", path, "-o", "out", "--only", "other")
    assert ran.returncode == 0, ran.stderr
    ran = run_crawler("run", path, "-o", "out", "--json")
    assert ran.returncode == 4, ran.stderr
    assert outcomes(ran) == {"ended": "new", "sent": "unknown", "other": "new"}
    assert posted(threaded_server) == {"/counter/ended": 1, "/slow/3": 1, "/counter/other": 1}

    assert "outcome unknown" not in run_crawler("run", path, "-o", "out").stderr  # a new round, of everything
    assert posted(threaded_server) == {"/counter/ended": 2, "/slow/3": 2, "/counter/other": 2}


def test_what_had_ended_is_told_once_by_name_and_then_begins_anew(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    path = killed_after_a_post(threaded_server, tmp_path, run_crawler)
    only = ("run", path, "-o", "out", "--only", "ended", "--json")
    ran = run_crawler(*only)
    assert (ran.returncode, "continues it" in ran.stderr) == (0, True)
    assert posted(threaded_server)["/counter/ended"] == 1
    ran = run_crawler(*only)  # of it nothing is broken off any more
    assert (ran.returncode, "continues it" in ran.stderr) == (0, False)
    assert posted(threaded_server)["/counter/ended"] == 2
    ran = run_crawler("run", path, "-o", "out", "--json")
    assert outcomes(ran) == {"ended": "new", "sent": "unknown", "other": "new"}
    assert posted(threaded_server) == {"/counter/ended": 2, "/slow/3": 1, "/counter/other": 1}


def test_a_job_that_was_broken_off_by_name_keeps_no_other_from_beginning_anew(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    slow = threaded_server.url("/slow/30")
    path = manifest(
        tmp_path,
        f"""
  - {{name: weekly, type: download, urls: ["{slow}"], to: w}}
  - {{name: hourly, type: post, url: "{threaded_server.url("/counter/hourly")}", json: {{}}}}
""",
    )
    assert run_crawler("run", path, "-o", "out", "--only", "weekly", "--deadline", "300ms").returncode == 7
    for hour in range(1, 4):
        assert run_crawler("run", path, "-o", "out", "--only", "hourly").returncode == 0
        assert posted(threaded_server)["/counter/hourly"] == hour


def test_after_a_run_of_one_job_all_are_done_anew(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    path = manifest(
        tmp_path,
        f"""
  - {{name: p1, type: post, url: "{threaded_server.url("/counter/p1")}", json: {{}}}}
  - {{name: p2, type: post, url: "{threaded_server.url("/counter/p2")}", json: {{}}}}
""",
    )
    for flags in ((), ("--only", "p1"), ()):
        assert run_crawler("run", path, "-o", "out", *flags).returncode == 0
    assert posted(threaded_server) == {"/counter/p1": 3, "/counter/p2": 2}


def test_retry_failed_and_the_questions_remember_what_other_jobs_came_to(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    server = threaded_server
    server.set_answer("/missing", b"", status=404)
    path = manifest(
        tmp_path,
        f"""
  - {{name: p1, type: post, url: "{server.url("/counter/p1")}", json: {{}}}}
  - {{name: p2, type: post, url: "{server.url("/counter/p2")}", json: {{}}}}
  - {{name: slow, type: post, url: "{server.url("/slow/5")}", json: {{}}, timeout: {{total: 300ms}}}}
  - {{name: bad, type: request, url: "{server.url("/missing")}"}}
""",
    )
    assert run_crawler("run", path, "-o", "out").returncode == 4
    assert run_crawler("run", path, "-o", "out", "--only", "p1").returncode == 0
    once = {"/counter/p1": 2, "/counter/p2": 1, "/slow/5": 1}
    assert posted(server) == once

    listed = run_crawler("failures", path, "-o", "out").stdout.splitlines()
    assert {(row["job"], row["outcome"]) for row in map(json.loads, listed)} == {
        ("slow", "unknown"),
        ("bad", "failed"),
    }
    told = json.loads(run_crawler("status", path, "-o", "out", "--json").stdout)
    every = {"p1": {"new": 1}, "p2": {"new": 1}, "slow": {"unknown": 1}, "bad": {"failed": 1}}
    assert told["outcomes"] == every

    dry = ("run", path, "-o", "out", "--retry-failed", "--dry-run", "--json")
    assert [task["job"] for task in json.loads(run_crawler(*dry).stdout)["tasks"]] == ["bad"]
    asked = len(server.log)
    ran = run_crawler("run", path, "-o", "out", "--retry-failed", "--json")
    assert ran.returncode == 4
    assert outcomes(ran) == {"p1": "new", "p2": "new", "slow": "unknown", "bad": "failed"}
    assert [request.path for request in server.log[asked:]] == ["/missing"]


def test_what_the_manifest_no_longer_has_is_forgotten_once_all_of_it_was_run(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    bad = f'  - {{name: bad, type: request, url: "{threaded_server.url("/status/404")}"}}\n'
    good = f'  - {{name: good, type: request, url: "{threaded_server.url("/echo")}"}}\n'
    assert run_crawler("run", manifest(tmp_path, bad + good), "-o", "out").returncode == 4
    path = manifest(tmp_path, good)
    assert run_crawler("run", path, "-o", "out", "--only", "good").returncode == 0
    assert run_crawler("failures", path, "-o", "out").stdout != ""
    assert run_crawler("run", path, "-o", "out").returncode == 0
    assert run_crawler("failures", path, "-o", "out").stdout == ""
