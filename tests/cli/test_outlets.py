"""Where report and events go: streams that are open already, files that cannot be written, lost lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crawler.errors import StorageFailed
from crawler.store.reader import Reader
from tests.cli.running import manifest
from tests.conftest import RunCrawler, crawler_environment
from tests.server import Server

LONG = "x" * 400  # longer than any file's name may be


@pytest.fixture
def path(threaded_server: Server, tmp_path: Path) -> Path:
    url = threaded_server.url("/file/10")
    return manifest(tmp_path, f'  - {{name: a, type: download, urls: ["{url}"], to: a}}')


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command line in a shell, where ``crawler`` is ours."""
    (folder / "home").mkdir(exist_ok=True)
    return subprocess.run(
        ["sh", "-c", f'crawler() {{ "{sys.executable}" -m crawler "$@"; }}; {command}'],
        cwd=folder,
        env=crawler_environment(folder / "home"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_report_on_stdout_or_stderr_goes_down_a_pipe(path: Path, tmp_path: Path) -> None:
    done = shell("crawler run test.yaml -o out -q --report /dev/stdout", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["totals"]["new"] == 1
    done = shell("crawler run test.yaml -o out -q --report /dev/stderr", tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert json.loads(done.stderr)["totals"]["unchanged"] == 1


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
@pytest.mark.parametrize("flag", ["--report", "--events"])
def test_what_stdout_is_redirected_to_keeps_what_it_has(
    flag: str, name: str, path: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to("/dev/stdout")
    done = shell(f"{{ echo before; crawler run test.yaml -o out {flag} {name}; echo after; }} >log", tmp_path)
    assert done.returncode == 0, done.stderr
    before, line, after = (tmp_path / "log").read_text().splitlines()
    assert (before, after) == ("before", "after")
    assert json.loads(line)["run_id"]
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("events", ["--events /dev/full", "--events - >/dev/full"])
def test_lost_events_are_exit_3_after_the_whole_run(events: str, path: Path, tmp_path: Path) -> None:
    done = shell(f"crawler run test.yaml -o out -q --report r.json {events}", tmp_path)
    assert done.returncode == 3
    assert done.stderr.startswith("crawler: exit 3: local storage failed: the events could not be written")
    assert "No space left on device" in done.stderr
    assert (tmp_path / "out/a").exists()
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["exit_code"], report["totals"]["new"]) == (3, 1)


def test_a_reader_of_events_who_has_left_is_no_failure(path: Path, tmp_path: Path) -> None:
    done = shell("{ crawler run test.yaml -o out -q --events -; echo $? >code; } | true", tmp_path)
    assert (done.stderr, (tmp_path / "code").read_text()) == ("", "0\n")


@pytest.mark.parametrize("flag", ["--report", "--events"])
@pytest.mark.parametrize("file", [f"{LONG}/r.json", LONG])
def test_a_name_that_is_too_long_is_refused_before_anything_is_sent(
    flag: str, file: str, path: Path, threaded_server: Server, run_crawler: RunCrawler
) -> None:
    ran = run_crawler("run", path, "-o", "out", flag, file)
    assert ran.returncode == 2, ran.stderr
    assert "File name too long" in ran.stderr
    assert threaded_server.log == []


def test_a_folder_that_cannot_be_entered_is_refused_for_report_and_events(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crawler import RunRefused, run

    stat = os.stat

    def refusing(name: object, *args: object, **keywords: object) -> os.stat_result:
        if str(name).endswith("closed/r.json"):
            raise PermissionError(13, "Permission denied", str(name))
        return stat(name, *args, **keywords)  # type: ignore[arg-type]

    (tmp_path / "closed").mkdir()
    monkeypatch.setattr(os, "stat", refusing)
    for outlet in ("report", "events"):
        with pytest.raises(RunRefused, match=f"--{outlet} .*/closed/r.json: Permission denied"):
            run(path, output=tmp_path / "out", **{outlet: tmp_path / "closed/r.json"})  # type: ignore[arg-type]


@pytest.mark.parametrize("command", ["status", "failures", "verify", "plan", "explain", "run"])
@pytest.mark.parametrize("flag", ["-o", "--state"])
def test_a_state_folder_that_cannot_be_looked_into_is_exit_3(
    flag: str, command: str, path: Path, threaded_server: Server, run_crawler: RunCrawler
) -> None:
    url = [threaded_server.url("/file/10")] if command == "explain" else []
    ran = run_crawler(command, path, *url, flag, LONG)
    assert ran.returncode == 3, ran.stderr
    assert "Traceback" not in ran.stderr
    assert "ile name too long" in ran.stderr


def test_a_ledger_that_may_not_be_seen_is_a_storage_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", refusing)
    with pytest.raises(StorageFailed, match="Permission denied"):
        Reader.open(tmp_path, "a")


@pytest.mark.parametrize("flag", ["--report", "--events"])
def test_what_the_run_itself_needs_is_no_place_for_report_or_events(
    flag: str, path: Path, tmp_path: Path, threaded_server: Server, run_crawler: RunCrawler
) -> None:
    (tmp_path / "c.yaml").write_text("workers: 2\n")
    assert run_crawler("run", path, "-o", "out").returncode == 0
    own = [
        path,
        tmp_path / "c.yaml",
        tmp_path / "out/.crawler/test.sqlite",
        tmp_path / "out/.crawler/test.lock",
    ]
    before = [each.read_bytes() for each in own]
    for each in own:
        ran = run_crawler("run", path, "-o", "out", "-c", "c.yaml", flag, each)
        assert ran.returncode == 2, ran.stderr
        assert "expected another file" in ran.stderr
    assert [each.read_bytes() for each in own] == before
    assert len(threaded_server.log) == 1
