"""What the commands answer that ask and do nothing: status, failures, verify, schema."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cli.running import finals, manifest
from tests.conftest import crawler_environment
from tests.server import Server, file_bytes

if TYPE_CHECKING:
    from tests.conftest import RunCrawler


def mixed(server: Server, folder: Path) -> Path:
    """Three files, two that fail for good, one that may come later, and a job that waits for them."""
    return manifest(
        folder,
        f"""
  - name: files
    type: download
    urls: [{server.url("/file/1000/a")}, {server.url("/file/2000/b")}, {server.url("/file/3000/c")}]
    to: files/${{name}}
  - name: bad
    type: download
    urls: ["{server.url("/status/404")}?token=abc123", {server.url("/status/403")},
           {server.url("/status/503")}]
    to: bad/${{name}}
  - {{name: after, type: post, needs: [bad], url: "{server.url("/echo")}"}}
""",
    )


def test_before_the_first_run_every_question_says_that_there_was_none(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    path = mixed(threaded_server, tmp_path)
    for command in ("status", "failures", "verify"):
        ran = run_crawler(command, path, "-o", "out")
        assert (ran.returncode, ran.stdout) == (0, "")
        assert ran.stderr == "crawler: test has not run yet: there is no ledger of it in out/.crawler\n"
    ran = run_crawler("status", path, "-o", "out", "--json")
    assert json.loads(ran.stdout)["runs"] == []
    assert not (tmp_path / "out").exists()
    assert threaded_server.connections == 0


def test_status_tells_the_last_runs_and_what_failed(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    path = mixed(threaded_server, tmp_path)
    for _ in range(2):
        assert run_crawler("run", path, "-o", "out").returncode == 4
    asked = len(threaded_server.log)
    shown = run_crawler("status", path, "-o", "out")
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = shown.stdout.splitlines()
    assert lines[0] == "test: last runs, newest first"
    assert re.fullmatch(r"  \S+Z  exit 4 after [\d.]+ s: 6 tasks, 3 failed, 0 B", lines[1])
    assert re.fullmatch(r"  \S+Z  exit 4 after [\d.]+ s: 6 tasks, 3 failed, 5.86 KiB", lines[2])
    assert "  files: 3 unchanged" in lines
    assert "  bad: 3 failed" in lines
    assert (
        f"  bad: {threaded_server.url('/status/403')}: http_status: the server answered 403 Forbidden"
        in lines
    )
    assert "abc123" not in shown.stdout

    told = json.loads(run_crawler("status", path, "-o", "out", "--json", "-n", "1").stdout)
    [run] = told["runs"]
    assert (run["exit_code"], run["complete"], run["totals"]["unchanged"]) == (4, True, 3)
    assert told["outcomes"] == {"files": {"unchanged": 3}, "bad": {"failed": 3}}
    assert {task["status"] for task in told["failures"]} == {404, 403, 503}
    assert len(threaded_server.log) == asked


def test_failures_are_rows_that_another_manifest_reads(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    threaded_server.set_answer("/one", b"gone", status=410)
    threaded_server.set_answer("/two", b"gone", status=404)
    urls = ", ".join(map(threaded_server.url, ("/file/10", "/one", "/two")))
    path = manifest(tmp_path, f"  - {{name: a, type: download, urls: [{urls}], to: '${{name}}'}}")
    assert run_crawler("run", path, "-o", "out").returncode == 4
    listed = run_crawler("failures", path, "-o", "out")
    assert (listed.returncode, listed.stderr) == (0, "")
    (tmp_path / "failed.jsonl").write_text(listed.stdout)
    rows = [json.loads(line) for line in listed.stdout.splitlines()]  # as they ended, side by side
    assert sorted((row["url"], row["status"], row["class"], row["retryable"]) for row in rows) == [
        (threaded_server.url("/one"), 410, "http_status", False),
        (threaded_server.url("/two"), 404, "http_status", False),
    ]

    for name in ("/one", "/two"):
        threaded_server.set_answer(name, name.encode())
    other = manifest(
        tmp_path,
        "  - {name: again, type: download, from: failed.jsonl, to: 'again/${row.status}-${name}'}",
        name="other.yaml",
    )
    ran = run_crawler("run", other, "-o", "out")
    assert ran.returncode == 0, ran.stderr
    assert finals(tmp_path / "out/again") == {"410-one": b"/one", "404-two": b"/two"}


def test_verify_finds_what_is_no_longer_as_it_was_fetched(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    path = mixed(threaded_server, tmp_path)
    run_crawler("run", path, "-o", "out")
    asked = len(threaded_server.log)
    good = run_crawler("verify", path, "-o", "out")
    assert (good.returncode, good.stdout) == (0, "")
    assert good.stderr == "crawler: 3 files checked: all as they were when they were fetched\n"

    files = tmp_path / "out/files"
    (files / "a").write_bytes(file_bytes(1000, "z"))  # the same size
    (files / "b").write_bytes(b"short")
    (files / "c").unlink()
    bad = run_crawler("verify", path, "-o", "out")
    assert bad.returncode == 4
    first, second, third = sorted(
        bad.stdout.splitlines()
    )  # three files fetched side by side end in any order
    assert first.startswith("files/a: sha256 is ")
    assert second == "files/b: 5 bytes, expected 2000"
    assert third == "files/c: missing"
    assert bad.stderr.startswith("crawler: exit 4: 3 of 3 files differ; ")
    assert len(threaded_server.log) == asked

    for name in ("a", "b"):  # what the last line says to do
        (files / name).unlink()
    run_crawler("run", path, "-o", "out")
    assert run_crawler("verify", path, "-o", "out").returncode == 0


def test_schemas_are_json_that_knows_every_job_type(run_crawler: RunCrawler) -> None:
    schema = run_crawler("schema", "manifest")
    assert (schema.returncode, schema.stderr) == (0, "")
    assert json.loads(schema.stdout)["$schema"] == "http://json-schema.org/draft-07/schema#"
    for name in ("download", "request", "post", "upload", "websocket"):
        assert f'"{name}"' in schema.stdout
    config = json.loads(run_crawler("schema", "config").stdout)
    assert {"workers", "timeout", "retry", "durability"} <= set(config["properties"])


def piped(tmp_path: Path, line: str) -> subprocess.CompletedProcess[str]:
    """A line of shell in which ``crawler`` is the command; the exit code is crawler's own."""
    (tmp_path / "home").mkdir(exist_ok=True)
    return subprocess.run(
        [
            "bash",
            "-c",
            f'crawler() {{ "{sys.executable}" -m crawler "$@"; }}; {line}; exit ${{PIPESTATUS[0]}}',
        ],
        cwd=tmp_path,
        env=crawler_environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_reader_that_leaves_changes_no_exit_code_and_a_full_disk_is_told(
    threaded_server: Server, tmp_path: Path
) -> None:
    lines = "".join(f"{threaded_server.url('/status/404')}?{n}\n" for n in range(300))
    (tmp_path / "urls.txt").write_text(lines)
    manifest(tmp_path, "  - {name: a, type: request, from: urls.txt}")
    (tmp_path / "bad.yaml").write_text("version: 1\njobs:\n" + "  - x\n" * 3000)
    for line, code in {
        "crawler run test.yaml -o out --json | true": 4,
        "crawler run test.yaml -o out --json --events - | head -n 1": 4,
        "crawler failures test.yaml -o out | head -n 1": 0,
        "crawler status test.yaml -o out --json | true": 0,
        "crawler check bad.yaml | head -n 1": 2,
        "crawler schema manifest | head -n 1": 0,
        "crawler --help | true": 0,
    }.items():
        done = piped(tmp_path, line)
        assert done.returncode == code, (line, done.stderr)
        assert "Traceback" not in done.stderr, line
        assert "Exception ignored" not in done.stderr, line
        assert len(done.stdout.splitlines()) <= 1

    run = piped(tmp_path, "crawler run test.yaml -o out --json -q >/dev/full")
    assert run.returncode == 4
    assert "crawler: warning: the report is lost: stdout cannot be written: No space left" in run.stderr
    question = piped(tmp_path, "crawler failures test.yaml -o out >/dev/full")
    assert question.returncode == 3
    assert question.stderr == "crawler: exit 3: stdout cannot be written: No space left on device\n"
    events = piped(tmp_path, "crawler run test.yaml -o out --events - 2>err >/dev/full")
    assert events.returncode == 3  # nobody would know what became of the tasks
    assert "events can no longer be written" in (tmp_path / "err").read_text()
