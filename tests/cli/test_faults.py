"""Each fault of the misbehaving server: the right class and exit code, nothing under the final name."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.running import events, finals, manifest, parts
from tests.server import Server, file_bytes

if TYPE_CHECKING:
    from tests.conftest import RunCrawler

TIMES = "timeout: {sock_read: 0.3}"

# path, error class, exit code, more keys of the job
FAULTS = [
    ("/short", "truncated", 5, ""),
    ("/cut-chunk", "truncated", 5, ""),
    ("/cut-in-chunk", "truncated", 5, ""),
    ("/cut-gzip", "decode", 5, ""),
    ("/cut-br", "decode", 5, ""),
    ("/bad-crc", "decode", 5, ""),
    ("/reset", "connect", 5, ""),
    ("/reset-after/5000", "truncated", 5, ""),
    ("/hangup", "connect", 5, ""),
    ("/stall", "timeout", 5, TIMES),
    ("/stall-before", "timeout", 5, TIMES),
    ("/drip/100000/20", "timeout", 5, "timeout: {total: 0.4}"),
    ("/redirect-loop", "redirect", 4, ""),
    ("/redirect-to?url=file%3A%2F%2F%2Fetc%2Fpasswd", "redirect", 4, ""),
    ("/redirect-to?url=ftp%3A%2F%2F127.0.0.1%2Fx", "redirect", 4, ""),
    ("/redirect-to?url=http%3A%2F%2F169.254.169.254%2Flatest", "blocked_address", 4, ""),
    ("/big-header", "protocol", 4, ""),
    ("/garbage", "protocol", 4, ""),
    ("/two-lengths", "protocol", 4, ""),
    ("/length-and-chunked", "protocol", 4, ""),
    ("/bad-length", "protocol", 4, ""),
    ("/status/404", "http_status", 4, ""),
    ("/status/403", "http_status", 4, ""),
    ("/status/500", "http_status", 5, ""),
    ("/flaky/always/99", "http_status", 5, ""),
    ("/endless", "too_large", 4, "max_bytes: 100KiB"),
    ("/bomb/50", "too_large", 4, "max_bytes: 1MiB"),
    ("/login-page", "unexpected_content", 4, "expect: {content_type: text/csv}"),
    ("/file/10", "unexpected_content", 4, "min_bytes: 11"),
    ("/file/10", "integrity", 4, f"checksum: 'sha256:{'0' * 64}'"),
    ("/digest/repr/wrong", "integrity", 4, ""),
]


@pytest.mark.parametrize(("path", "kind", "code", "more"), FAULTS, ids=[f"{f[0]}-{f[1]}" for f in FAULTS])
def test_a_fault_is_told_as_it_is_and_harms_no_other_task(
    path: str,
    kind: str,
    code: int,
    more: str,
    threaded_server: Server,
    tmp_path: Path,
    run_crawler: RunCrawler,
) -> None:
    jobs = f"""
  - {{name: bad, type: download, urls: ["{threaded_server.url(path)}"], to: bad.bin, {more}}}
  - {{name: good, type: download, urls: ["{threaded_server.url("/file/2000/7")}"], to: good.bin}}
"""
    done = run_crawler(
        "run", manifest(tmp_path, jobs), "-o", "out", "--events", "events.jsonl", "--report", "report.json"
    )
    assert done.returncode == code, done.stderr
    told = {event["job"]: event for event in events(tmp_path / "events.jsonl")}
    assert told["bad"]["outcome"] == "failed"
    assert told["bad"]["error"]["class"] == kind, told["bad"]["error"]
    assert told["bad"]["error"]["retryable"] is (code == 5)
    assert told["bad"]["attempts"] == (2 if code == 5 else 1)
    assert finals(tmp_path / "out") == {"good.bin": file_bytes(2000, "7")}
    assert all(part.startswith("bad.bin") for part in parts(tmp_path / "out"))
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"crawler: exit {code}: ")
    assert kind in last


def test_a_dead_port_and_an_unknown_name(tmp_path: Path, run_crawler: RunCrawler) -> None:
    jobs = """
  - {name: port, type: download, urls: ["http://127.0.0.1:9/x"], to: a}
  - {name: host, type: download, urls: ["http://no-such-host.invalid/x"], to: b}
"""
    done = run_crawler("run", manifest(tmp_path, jobs), "-o", "out", "--events", "events.jsonl")
    assert done.returncode == 5, done.stderr
    assert {event["job"]: event["error"]["class"] for event in events(tmp_path / "events.jsonl")} == {
        "port": "connect",
        "host": "dns",
    }


def test_a_retry_after_is_waited_for_and_then_all_is_well(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    url = threaded_server.url("/retry-after/1/429/1")
    done = run_crawler(
        "run", manifest(tmp_path, f'  - {{name: a, type: download, urls: ["{url}"], to: a}}'), "-o", "out"
    )
    assert done.returncode == 0, done.stderr
    first, second = threaded_server.log
    assert second.time - first.time >= 1.0
    assert "1 task was retried: 429" in done.stderr


@pytest.mark.parametrize("year", [1600, 1969, 2300, 9999])
def test_a_time_far_away_harms_neither_this_run_nor_the_next(
    year: int, threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    date = format_datetime(datetime(year, 1, 1, tzinfo=UTC), usegmt=True)
    threaded_server.set_answer(
        "/a", b"<p>body", headers=[("Last-Modified", date), ("Content-Type", "text/html")]
    )
    url = threaded_server.url("/a")
    jobs = f"""
  - {{name: a, type: download, urls: ["{url}"], to: a}}
  - {{name: c, type: crawl, start: "{url}", robots: false, to: "c/${{name}}", convert_links: true}}
  - {{name: r, type: request, url: "{url}", save: r}}
"""
    path = manifest(tmp_path, jobs, head="hosts: {'*': {delay: 0}}")
    for outcomes in ({"new"}, {"unchanged", "new"}):
        done = run_crawler("run", path, "-o", "out", "--events", "events.jsonl")
        assert done.returncode == 0, done.stderr
        assert {event["outcome"] for event in events(tmp_path / "events.jsonl")} <= outcomes
        os.utime(tmp_path / "out/r", (2**34, 2**34))  # as somebody else may do
    assert run_crawler("run", path, "-o", "out", "--force").returncode == 0
    assert run_crawler("verify", path, "-o", "out").returncode == 0
    assert run_crawler("get", url, "--to", "here").returncode == 0
    assert run_crawler("get", url, "--to", "here").returncode == 0


def test_a_foreign_file_is_left_alone(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("do not touch")
    url = threaded_server.url("/file/100")
    path = manifest(tmp_path, f'  - {{name: a, type: download, urls: ["{url}"], to: mine.txt}}')
    done = run_crawler("run", path, "-o", "out")
    assert done.returncode == 4
    assert "exists" in done.stderr
    assert finals(tmp_path / "out") == {"mine.txt": b"do not touch"}


def test_a_body_without_a_length_is_kept_and_counted(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    url = threaded_server.url("/close-delimited")
    path = manifest(tmp_path, f'  - {{name: a, type: download, urls: ["{url}"], to: a}}')
    done = run_crawler("run", path, "-o", "out")
    assert done.returncode == 0
    assert "length" in done.stderr
