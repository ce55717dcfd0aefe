"""What a run and a job may spend: they stop with 7 when it is gone, and the next run goes on to the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.running import events, finals, manifest
from tests.server import Server

if TYPE_CHECKING:
    from tests.conftest import Ran, RunCrawler

TASKS = 8


def files(server: Server, name: str = "files", *, keys: str = "", count: int = TASKS) -> str:
    """A job of ``count`` files of 1000 bytes, asked for one at a time."""
    urls = ", ".join(server.url(f"/file/1000/{name}{n}") for n in range(count))
    return (
        f'  - {{name: {name}, type: download, urls: [{urls}], to: "{name}/${{name}}", refresh: never, '
        f'hosts: {{"*": {{concurrency: 1}}}}{keys}}}\n'
    )


def report(ran: Ran) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def until_done(run_crawler: RunCrawler, path: Path, most: int = 4) -> list[int]:
    """Runs again until one ends with anything but 7; how each ended."""
    codes: list[int] = []
    while not codes or (codes[-1] == 7 and len(codes) < most):
        codes.append(run_crawler("run", path, "-o", "out", "--workers", "1").returncode)
    return codes


@pytest.mark.parametrize(
    ("budget", "sentence"),
    [("max_requests: 5", "max_requests (5) of the run"), ("max_bytes: 4500", "max_bytes (4,500) of the run")],
)
def test_a_run_stops_with_7_and_the_next_ones_go_on_to_the_end(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler, budget: str, sentence: str
) -> None:
    path = manifest(tmp_path, files(threaded_server), head=f"budget: {{{budget}}}")
    ran = run_crawler("run", path, "-o", "out", "--workers", "1", "--json")
    assert ran.returncode == 7, ran.stderr
    assert 1 <= report(ran)["totals"]["new"] <= 6
    last = ran.stderr.splitlines()[-1]
    assert last.startswith(f"crawler: exit 7: stopped by {sentence} after ")
    assert last.endswith("0 failed; run again to continue")
    assert f"stopping: {sentence}" in ran.stderr
    assert len(threaded_server.log) <= 6

    codes = until_done(run_crawler, path)
    assert codes[-1] == 0
    assert len(finals(tmp_path / "out")) == TASKS
    assert len(threaded_server.log) <= TASKS + len(codes)  # what is done is not asked for again


def test_requests_never_exceed_the_runs_budget(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    urls = ", ".join(threaded_server.url(f"/file/100/{n}") for n in range(40))
    path = manifest(
        tmp_path,
        f'  - {{name: a, type: download, urls: [{urls}], to: "${{name}}"}}',
        head="budget: {max_requests: 7}",
    )
    assert run_crawler("run", path, "-o", "out").returncode == 7
    assert len(threaded_server.log) == 7


@pytest.mark.parametrize("of_job", [True, False])
@pytest.mark.parametrize("budget", ["max_requests: 8", "max_bytes: 8000", "max_failures: 0"])
def test_a_budget_that_is_just_enough_is_kept(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler, budget: str, of_job: bool
) -> None:
    urls = ", ".join(threaded_server.url(f"/file/1000/{n}") for n in range(8))
    own = f", budget: {{{budget}}}" if of_job else ""
    path = manifest(
        tmp_path,
        f'  - {{name: a, type: download, urls: [{urls}], to: "${{name}}"{own}}}',
        head="" if of_job else f"budget: {{{budget}}}",
    )
    ran = run_crawler("run", path, "-o", "out", "--workers", "1")
    assert ran.returncode == 0, ran.stderr
    assert len(finals(tmp_path / "out")) == len(threaded_server.log) == 8


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_request_that_gets_no_answer_is_one_request(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler, method: str
) -> None:
    url = threaded_server.url("/hangup")
    jobs = f'  - {{name: a, type: request, url: "{url}", method: {method}}}'
    path = manifest(tmp_path, jobs, head="budget: {max_requests: 1}")
    assert run_crawler("run", path, "-o", "out").returncode == 7
    assert len(threaded_server.log) == 1


def test_a_jobs_budget_leaves_the_other_jobs_alone(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    path = manifest(
        tmp_path,
        files(threaded_server, "cut", keys=", budget: {max_requests: 5}")
        + files(threaded_server, "whole")
        + f'  - {{name: after, type: request, needs: cut, url: "{threaded_server.url("/echo")}"}}\n',
    )
    ran = run_crawler("run", path, "-o", "out", "--json")
    assert ran.returncode == 7, ran.stderr
    told = report(ran)
    cut, whole, after = told["jobs"]
    assert (whole["new"], whole["tasks"]) == (TASKS, TASKS)
    assert 5 <= cut["new"] <= 6
    assert cut["notes"] == ["limit_reached: max_requests (5) of the job; run again to continue"]
    assert "notes" not in whole
    assert (after["outcome"], after["tasks"]) == ("skipped", 0)
    assert "stopped by max_requests (5) of job cut after " in ran.stderr.splitlines()[-1]
    assert "    limit_reached: max_requests (5) of the job" in ran.stderr
    assert "it needs 'cut', which did not end well" in ran.stderr

    codes = until_done(run_crawler, path)
    assert codes[-1] == 0
    assert len(finals(tmp_path / "out")) == 2 * TASKS
    assert len(threaded_server.requests("/echo")) == 1


@pytest.mark.parametrize(("status", "code"), [(404, 4), (503, 5)])
@pytest.mark.parametrize("of_job", [True, False])
def test_too_many_failures_stop_the_work_with_the_code_of_the_failures(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler, status: int, code: int, of_job: bool
) -> None:
    for n in range(20):
        threaded_server.set_answer(f"/bad/{n}", b"", status=status)
    urls = ", ".join(threaded_server.url(f"/bad/{n}") for n in range(20))
    job = f"  - {{name: bad, type: request, urls: [{urls}], retry: {{attempts: 1}}"
    path = manifest(
        tmp_path,
        job + (", max_failures: 2}" if of_job else "}"),
        head="" if of_job else "budget: {max_failures: 2}",
    )
    ran = run_crawler("run", path, "-o", "out", "--workers", "1", "--json")
    assert ran.returncode == code, ran.stderr
    assert 3 <= report(ran)["totals"]["failed"] <= 4
    where = "job bad" if of_job else "the run"
    assert f"stopped early by max_failures (2) of {where}" in ran.stderr.splitlines()[-1]
    for n in range(20):
        threaded_server.set_answer(f"/bad/{n}", b"")
    assert run_crawler("run", path, "-o", "out", "--events", "e").returncode == 0
    assert len(events(tmp_path / "e")) == 20


def test_failures_that_are_borne_stop_nothing(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    urls = ", ".join(threaded_server.url(f"/status/404?{n}") for n in range(2))
    path = manifest(
        tmp_path,
        f"  - {{name: bad, type: request, max_failures: 2, urls: [{urls}]}}\n" + files(threaded_server),
    )
    ran = run_crawler("run", path, "-o", "out", "--json")
    assert ran.returncode == 4
    assert "stopped" not in ran.stderr.splitlines()[-1]
    assert report(ran)["totals"]["new"] == TASKS


def test_bad_rows_are_borne_up_to_max_failures(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    good = "".join(threaded_server.url(f"/file/10/{n}") + "\n" for n in range(3))
    (tmp_path / "urls.txt").write_text("".join(f"bad {n}\n" for n in range(40)) + good)
    job = '  - {{name: a, type: download, from: urls.txt, to: "${{name}}", max_failures: {}}}'
    ran = run_crawler("run", manifest(tmp_path, job.format(9)), "-o", "out", "--json")
    assert ran.returncode == 4, ran.stderr
    assert (report(ran)["totals"]["failed"], report(ran)["failures"][0]["class"]) == (10, "template")
    assert report(ran)["failures"][0]["message"].startswith("urls.txt:1: ")
    assert "stopped early by max_failures (9) of job a" in ran.stderr.splitlines()[-1]
    ran = run_crawler("run", manifest(tmp_path, job.format(40)), "-o", "out", "--json")
    assert (ran.returncode, report(ran)["totals"]["failed"], report(ran)["totals"]["new"]) == (4, 40, 3)


def test_too_many_failures_of_a_job_and_then_of_the_run_end_the_round_too(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    bad = threaded_server.url("/status/404")
    path = manifest(
        tmp_path,
        f"""
  - {{name: hook, type: post, url: "{threaded_server.url("/counter/hook")}", json: {{}}}}
  - {{name: one, type: request, url: "{bad}", needs: hook, max_failures: 0}}
  - {{name: two, type: request, url: "{bad}", needs: one, when: always}}
  - {{name: after, type: request, url: "{threaded_server.url("/echo")}", needs: two, when: always}}
""",
        head="budget: {max_failures: 1}",
    )
    for night in range(1, 3):
        assert run_crawler("run", path, "-o", "out").returncode == 4
        assert threaded_server.count("hook") == night


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("of_job", [True, False])
def test_failures_that_come_every_night_keep_no_other_job_from_its_work(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler, of_job: bool, left: bool
) -> None:
    """Whether the bound is a job's or the run's, and whether it leaves tasks undone."""
    server = threaded_server
    server.set_answer("/bad", b"", status=404)
    bad = [server.url("/bad"), *(server.url(f"/file/1/{n}") for n in range(40 if left else 0))]
    path = manifest(
        tmp_path,
        f"""
  - {{name: hook, type: post, url: "{server.url("/counter/hook")}", json: {{}}}}
  - {{name: bad, type: request, urls: [{", ".join(bad)}], {"max_failures: 0, " if of_job else ""}
     needs: hook, hosts: {{"*": {{concurrency: 1}}}}}}
""",
        head="" if of_job else "budget: {max_failures: 0}",
    )
    for night in range(1, 4):
        ran = run_crawler("run", path, "-o", "out", "--workers", "1")
        assert ran.returncode == 4
        assert "stopped early by max_failures (0)" in ran.stderr.splitlines()[-1]
        assert "continues it" not in ran.stderr
        assert server.count("hook") == night
    if left:
        server.set_answer("/bad", b"")
        ran = run_crawler("run", path, "-o", "out", "--retry-failed", "--json")
        assert ran.returncode == 0, ran.stderr
        assert (report(ran)["totals"]["tasks"], server.count("hook")) == (42, 3)
