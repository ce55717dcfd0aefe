"""What a round still owes: jobs that were left out, rows that a stopped run did not come to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cli.running import finals, manifest
from tests.server import Server

if TYPE_CHECKING:
    from tests.conftest import RunCrawler


def test_retry_failed_starts_the_jobs_that_were_left_out(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    threaded_server.set_answer("/late", b"not yet", status=404)
    path = manifest(
        tmp_path,
        f"""
  - {{name: get, type: download, urls: ["{threaded_server.url("/late")}"], to: late.txt}}
  - {{name: tell, type: post, needs: get, url: "{threaded_server.url("/counter/told")}", json: {{ok: true}}}}
""",
    )
    first = run_crawler("run", path, "-o", "out")
    assert first.returncode == 4
    assert threaded_server.count("told") == 0
    threaded_server.set_answer("/late", b"here it is")
    second = run_crawler("run", path, "-o", "out", "--retry-failed")
    assert second.returncode == 0, second.stderr
    assert finals(tmp_path / "out") == {"late.txt": b"here it is"}
    assert threaded_server.count("told") == 1
    third = run_crawler("run", path, "-o", "out", "--retry-failed")
    assert third.returncode == 0
    assert threaded_server.count("told") == 1


def test_a_stopped_run_counts_what_had_ended_by_then(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    rows = [threaded_server.url(f"/file/100/{n}") for n in range(20)] + [threaded_server.url("/slow/30")]
    (tmp_path / "urls.txt").write_text("\n".join(rows) + "\n")
    path = manifest(tmp_path, "  - {name: a, type: download, from: urls.txt, to: '${index}.bin'}")
    done = run_crawler("run", path, "-o", "out", "--deadline", "1s", "--json")
    assert done.returncode == 7, done.stderr
    totals = json.loads(done.stdout.splitlines()[-1])["totals"]
    assert totals["tasks"] == totals["new"] == 20
    assert "after 20 tasks" in done.stderr.splitlines()[-1]
    assert json.loads(done.stdout.splitlines()[-1])["jobs"][0]["notes"] == ["stopped before its end"]
    assert " interrupted\n" in done.stderr
    status = json.loads(run_crawler("status", path, "-o", "out", "--json").stdout)
    assert status["runs"][0]["totals"]["tasks"] == 20

    (tmp_path / "urls.txt").write_text("\n".join([*rows[:20], threaded_server.url("/file/100/last")]))
    asked = len(threaded_server.log)
    again = run_crawler("run", path, "-o", "out", "--retry-failed", "--json")
    assert again.returncode == 0, again.stderr
    assert len(threaded_server.log) - asked == 1
    assert json.loads(again.stdout.splitlines()[-1])["totals"]["tasks"] == 21


def test_half_a_list_of_rows_is_none(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    url = threaded_server.url("/list.txt")
    part = (("Content-Range", "bytes 0-30/100"),)
    threaded_server.set_answer(
        "/list.txt", threaded_server.url("/file/10").encode(), status=206, headers=part
    )
    ran = run_crawler("run", manifest(tmp_path, f"  - {{name: a, type: download, from: '{url}'}}"))
    assert ran.returncode == 4, ran.stderr
    assert "Content-Range 'bytes 0-30/100'" in ran.stderr
    assert threaded_server.requests("/file/10") == []


def test_a_stopped_run_tells_what_had_begun_from_what_had_not(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    path = manifest(
        tmp_path,
        f"""
  - {{name: under_way, type: download, urls: ["{threaded_server.url("/slow/30")}"], to: a}}
  - {{name: later, type: request, needs: under_way, url: "{threaded_server.url("/echo")}"}}
""",
    )
    ran = run_crawler("run", path, "-o", "out", "--deadline", "500ms", "--json")
    assert ran.returncode == 7, ran.stderr
    under_way, later = json.loads(ran.stdout.splitlines()[-1])["jobs"]
    assert (under_way["notes"], "notes" in later) == (["stopped before its end"], False)
    assert [line.split()[-2:] for line in ran.stderr.splitlines() if line.startswith("  later")] == [
        ["not", "started"]
    ]
    assert "stopped    1 task interrupted\n" in ran.stderr


def test_retry_failed_does_the_rows_of_a_list_that_could_not_be_fetched(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    server = threaded_server
    server.set_answer("/list.txt", b"", status=503)
    path = manifest(
        tmp_path, f"  - {{name: a, type: download, from: '{server.url('/list.txt')}', to: '${{index}}'}}"
    )
    assert run_crawler("run", path, "-o", "out").returncode == 5
    rows = "".join(f"{server.url(f'/file/10/{n}')}\n" for n in range(3))
    server.set_answer("/list.txt", rows.encode())
    ran = run_crawler("run", path, "-o", "out", "--retry-failed")
    assert ran.returncode == 0, ran.stderr
    assert len(finals(tmp_path / "out")) == 3
