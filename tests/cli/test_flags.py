"""The flags and variables of ``run``, each seen in what it does."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crawler.config import load_config
from crawler.job_types.table import JOB_TYPES
from crawler.options import Options
from tests.cli.running import events, finals, manifest
from tests.conftest import crawler_environment
from tests.server import Server, file_bytes

if TYPE_CHECKING:
    from tests.conftest import RunCrawler


def test_a_manifest_from_stdin_with_a_variable_and_one_job(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    text = f"""
version: 1
vars: {{base: "http://nowhere.invalid", day: monday}}
jobs:
  - {{name: a, type: download, urls: ["${{base}}/file/10"], to: "${{day}}"}}
  - {{name: b, type: download, needs: [a], urls: ["${{base}}/file/20"], to: b}}
  - {{name: c, type: download, urls: ["{threaded_server.url("/status/404")}"], to: c}}
"""
    settings = ("--set", f"base={threaded_server.base}", "--set", "day=a=b")
    ran = run_crawler("run", "-", *settings, "--only", "a", "--only", "b", "-o", "out", "-q", stdin=text)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")  # cron would send no mail
    assert finals(tmp_path / "out") == {"a=b": file_bytes(10), "b": file_bytes(20)}
    alone = run_crawler("run", "-", *settings, "--only", "b", "-o", "alone", stdin=text)
    assert alone.returncode == 0, alone.stderr
    assert finals(tmp_path / "alone") == {"b": file_bytes(20)}  # what it needs counts as done
    bad = run_crawler("run", "-", "--set", "dya=x", "-o", "out", stdin=text)
    assert bad.returncode == 2
    assert "did you mean 'day'" in bad.stderr


def test_rows_from_stdin_and_events_and_report_on_stdout(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    path = manifest(tmp_path, "  - {name: a, type: download, from: '-', to: '${index}.bin'}")
    rows = "".join(f"{threaded_server.url(f'/file/{n}')}\n" for n in (10, 20, 30)) + "no url\n"
    ran = run_crawler(
        *("run", path, "-o", "out", "--events", "-", "--json", "--report", "r.json"), stdin=rows
    )
    assert ran.returncode == 4
    *lines, last = map(json.loads, ran.stdout.splitlines())
    assert sorted((line["outcome"], line["bytes"]) for line in lines) == [
        ("failed", 0),
        ("new", 10),
        ("new", 20),
        ("new", 30),
    ]
    [failed] = [line for line in lines if line["outcome"] == "failed"]
    assert (failed["error"]["class"], failed["error"]["message"][:8]) == ("template", "stdin:4:")
    assert last == json.loads((tmp_path / "r.json").read_text())
    assert {line["run_id"] for line in lines} == {last["run_id"]}
    assert last["totals"]["tasks"] == 4
    assert finals(tmp_path / "out") == {f"{n}.bin": file_bytes(10 * (n + 1)) for n in range(3)}


def test_a_deadline_stops_the_run_resumable(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    for n in range(12):
        threaded_server.set_file(str(n), b"x" * 100, throttle=None if n < 4 else 30)
    (tmp_path / "urls.txt").write_text(
        "".join(threaded_server.url(f"/versions/{n}") + "\n" for n in range(12))
    )
    path = manifest(tmp_path, "  - {name: a, type: download, from: urls.txt, to: '${name}'}")
    ran = run_crawler("run", path, "-o", "out", "--deadline", "500ms", "--report", "r.json")
    assert ran.returncode == 7, ran.stderr
    last = ran.stderr.splitlines()[-1]
    assert last == (
        "crawler: exit 7: stopped by the deadline of 0.5 s after 4 tasks, 0 failed; run again to continue; "
        "report: r.json"
    )
    assert json.loads((tmp_path / "r.json").read_text())["exit_code"] == 7
    for offer in threaded_server.state.offers.values():
        offer.throttle = None
    asked = len(threaded_server.log)
    again = run_crawler("run", path, "-o", "out", "--json", "--deadline", "1m")
    assert again.returncode == 0, again.stderr
    assert {request.path for request in threaded_server.log[asked:]} == {
        f"/versions/{n}" for n in range(4, 12)
    }
    assert json.loads(again.stdout)["totals"]["tasks"] == 12


def test_settings_are_taken_from_flag_environment_and_file_in_this_order(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    for n in range(12):
        threaded_server.set_file(str(n), b"x", delay=0.1)
    (tmp_path / "urls.txt").write_text(
        "".join(threaded_server.url(f"/versions/{n}") + "\n" for n in range(12))
    )
    path = manifest(
        tmp_path,
        "  - {name: a, type: download, from: urls.txt, to: '${name}'}",
        head='hosts: {"127.0.0.1": {concurrency: 100}}',
    )
    (tmp_path / "c.yaml").write_text(f"workers: 2\noutput: {tmp_path}/of-file\n")
    variables = {"CRAWLER_CONFIG": "c.yaml", "CRAWLER_OUTPUT": "of-environment", "CRAWLER_WORKERS": "5"}

    def most(*flags: str, env: dict[str, str]) -> int:
        threaded_server.most_in_flight = 0
        ran = run_crawler("run", path, *flags, env=env)
        assert ran.returncode == 0, ran.stderr
        return threaded_server.most_in_flight

    assert most(env={"CRAWLER_CONFIG": "c.yaml"}) == 2
    assert most(env=variables) == 5
    assert most("-o", "of-flag", "--workers", "9", env=variables) == 9
    for folder in ("of-file", "of-environment", "of-flag"):
        assert len(finals(tmp_path / folder)) == 12
        assert (tmp_path / folder / ".crawler/test.sqlite").exists()
    most("-o", "apart", "--state", "ledgers", env={})
    assert (tmp_path / "ledgers/test.sqlite").exists()
    assert not (tmp_path / "apart/.crawler").exists()


def on_a_terminal(*args: str | Path, cwd: Path, variables: dict[str, str]) -> tuple[int, bytes, bytes]:
    """Exit code, stdout, and what a person at the terminal sees."""
    (cwd / "home").mkdir(exist_ok=True)
    ours, theirs = pty.openpty()
    env = {key: value for key, value in crawler_environment(cwd / "home").items() if key != "NO_COLOR"}
    done = subprocess.Popen(
        [sys.executable, "-m", "crawler", *args],
        cwd=cwd,
        env={**env, "TERM": "xterm", **variables},
        stderr=theirs,
        stdout=subprocess.PIPE,
    )
    os.close(theirs)
    shown = bytearray()
    with open(ours, "rb", buffering=0) as terminal:
        try:
            while piece := terminal.read(4096):
                shown += piece
        except OSError:
            pass  # Linux says EIO once the other end is closed
    stdout, _ = done.communicate(timeout=30)
    return done.returncode, stdout, bytes(shown)


@pytest.mark.parametrize(("variables", "colored"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_colour_unless_no_color_says_otherwise(
    variables: dict[str, str], colored: bool, threaded_server: Server, tmp_path: Path
) -> None:
    bad = threaded_server.url("/status/404")
    path = manifest(tmp_path, f'  - {{name: a, type: request, url: "{bad}"}}')
    code, stdout, shown = on_a_terminal("run", path, "-o", "out", cwd=tmp_path, variables=variables)
    assert (code, stdout) == (4, b"")
    assert (re.search(rb"\x1b\[3\dm", shown) is not None) is colored
    assert b"crawler: exit 4: 1 of 1 task failed for good (http_status 404" in shown


@pytest.mark.parametrize("flags", [(), ("--progress", "bar")])
def test_quiet_draws_no_bar_whatever_flags_config_and_environment_say(
    flags: tuple[str, ...], threaded_server: Server, tmp_path: Path
) -> None:
    url = threaded_server.url("/file/10")
    path = manifest(tmp_path, f'  - {{name: a, type: download, urls: ["{url}"], to: a}}')
    (tmp_path / "c.yaml").write_text("progress: bar\n")
    where = ("-o", "out", "-c", "c.yaml", "-q", *flags)
    for what in (("run", str(path)), ("get", url)):
        said = on_a_terminal(*what, *where, cwd=tmp_path, variables={"CRAWLER_PROGRESS": "bar"})
        assert said == (0, b"", b"")
    assert finals(tmp_path / "out") == {"a": file_bytes(10), "10": file_bytes(10)}


def test_quiet_has_no_heartbeat_whatever_config_and_environment_say() -> None:
    quiet = Options(manifest=Path("m.yaml"), quiet=True, progress="plain")
    environ = {"CRAWLER_PROGRESS": "plain", "HOME": "/nowhere"}
    assert load_config(None, environ, quiet.overrides()).progress == "none"
    assert load_config(None, environ, Options(manifest=Path("m.yaml")).overrides()).progress == "plain"


def test_the_log_is_json_for_those_who_want_it_and_verbose_tells_of_retries(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    url = threaded_server.url("/flaky/k/1")
    path = manifest(tmp_path, f'  - {{name: a, type: download, urls: ["{url}"], to: a}}')
    (tmp_path / "c.yaml").write_text("log: {format: json}\n")
    ran = run_crawler("run", path, "-o", "out", "-v", "-c", "c.yaml", "--progress", "plain")
    assert ran.returncode == 0, ran.stderr
    [line] = [json.loads(line) for line in ran.stderr.splitlines() if line.startswith("{")]
    assert (line["level"], line["job"], line["class"]) == ("info", "a", "http_status")
    assert "attempt 1 failed" in line["event"]


def test_the_demo_is_quiet_if_told_so_and_its_report_is_the_only_thing_on_stdout(
    tmp_path: Path, run_crawler: RunCrawler
) -> None:
    ran = run_crawler("demo", "-o", "shown", "-q", "--json", timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")
    report = json.loads(ran.stdout)
    assert report["exit_code"] == 0
    assert {job["type"] for job in report["jobs"]} == set(JOB_TYPES)
    assert len(finals(tmp_path / "shown")) > 5


def test_events_are_one_whole_line_a_task(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lines = "".join(f"{threaded_server.url('/file/10')}?{n}\n" for n in range(200))
    (tmp_path / "urls.txt").write_text(lines)
    path = manifest(tmp_path, "  - {name: a, type: download, from: urls.txt, to: '${index}'}")
    assert run_crawler("run", path, "-o", "out", "--events", "e.jsonl").returncode == 0
    told = events(tmp_path / "e.jsonl")
    assert sorted(int(event["path"]) for event in told) == list(range(200))
    assert {len(event["sha256"]) for event in told} == {64}
