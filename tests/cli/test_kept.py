"""``refresh: never``: what is there is not asked for again, and what is not there any more is."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.running import events, finals, manifest
from tests.conftest import RunCrawler
from tests.server import Server, file_bytes

FILES = 150


def rows(folder: Path, server: Server, numbers: list[int]) -> Path:
    (folder / "rows.csv").write_text(
        "id,url\n" + "".join(f"{number},{server.url(f'/file/100/{number}')}\n" for number in numbers)
    )
    job = '  - {name: it, type: download, from: rows.csv, to: "${row.id}.bin", refresh: never}'
    return manifest(folder, job)


def run(run_crawler: RunCrawler, path: Path, *flags: str) -> dict[str, int]:
    """The totals that are not 0."""
    ran = run_crawler("run", path, "--json", "--events", "events.jsonl", *flags)
    assert ran.returncode == 0, ran.stderr
    totals = json.loads(ran.stdout.splitlines()[-1])["totals"]
    return {name: totals[name] for name in ("new", "changed", "unchanged", "requests") if totals[name]}


def test_what_is_there_is_unchanged_without_a_request(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    path = rows(tmp_path, threaded_server, list(range(FILES)))
    assert run(run_crawler, path) == {"new": FILES, "requests": FILES}
    (tmp_path / "events.jsonl").unlink()
    assert run(run_crawler, path) == {"unchanged": FILES}
    told = events(tmp_path / "events.jsonl")
    assert len(told) == FILES
    assert {(each["outcome"], each["attempts"], each["path"] is None) for each in told} == {
        ("unchanged", 0, False)
    }
    assert all(each["sha256"] for each in told)
    assert len(threaded_server.log) == FILES


def test_a_file_that_was_deleted_or_edited_is_fetched_again(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    path = rows(tmp_path, threaded_server, list(range(FILES)))
    run(run_crawler, path)
    (tmp_path / "data" / "3.bin").unlink()
    (tmp_path / "data" / "77.bin").write_bytes(b"mine now")
    counts = run(run_crawler, path)
    assert counts["requests"] == 2
    assert counts["unchanged"] >= FILES - 2
    files = finals(tmp_path / "data")
    assert files["3.bin"] == file_bytes(100, "3")
    assert files["77.bin"] == file_bytes(100, "77")


def test_a_rule_that_was_added_since_is_held_against_what_is_there(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    url = threaded_server.url("/file/100/1")
    job = '  - {{name: it, type: download, urls: ["{}"], to: a.bin, refresh: never, {}}}'
    for rule, code in [
        ("", 0),
        (f"checksum: 'sha256:{'1' * 64}'", 4),
        ("max_bytes: 99", 4),
        ("min_bytes: 9", 0),
    ]:
        ran = run_crawler("run", manifest(tmp_path, job.format(url, rule)))
        assert ran.returncode == code, ran.stderr
    assert len(threaded_server.log) == 3
    assert finals(tmp_path / "data") == {"a.bin": file_bytes(100, "1")}


def test_a_rule_that_was_added_since_is_held_against_what_the_round_has_done_too(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    good, gone = threaded_server.url("/file/100/1"), threaded_server.url("/status/404")
    job = '  - {{name: it, type: download, urls: [{{url: "{}", {}}}, "{}"], to: "${{name}}.bin"}}'
    checksum = f"checksum: 'sha256:{'1' * 64}'"
    for rule, flags in [("", ()), ("", ("--retry-failed",)), (checksum, ("--retry-failed",))]:
        path = manifest(tmp_path, job.format(good, rule, gone))
        assert run_crawler("run", path, "--events", "events.jsonl", *flags).returncode == 4
    told = [each["error"]["class"] for each in events(tmp_path / "events.jsonl") if each["error"]]
    assert sorted(told) == ["http_status", "integrity"]
    assert len(threaded_server.requests("/file/100/1")) == 2


def test_rows_may_come_in_another_order_with_new_ones_among_them(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    path = rows(tmp_path, threaded_server, list(range(50)))
    run(run_crawler, path)
    rows(tmp_path, threaded_server, list(reversed(range(70))))
    assert run(run_crawler, path) == {"unchanged": 50, "new": 20, "requests": 20}
    assert run_crawler("verify", path).returncode == 0


def test_force_fetches_everything(threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler) -> None:
    path = rows(tmp_path, threaded_server, list(range(10)))
    run(run_crawler, path)
    assert run(run_crawler, path, "--force")["requests"] == 10


def test_failures_that_are_tried_again_leave_what_was_kept_alone(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    path = rows(tmp_path, threaded_server, list(range(10)))
    run(run_crawler, path)
    run(run_crawler, path)
    asked = len(threaded_server.log)
    assert run_crawler("run", path, "--retry-failed").returncode == 0
    assert len(threaded_server.log) == asked
