"""``import crawler``: the same work from Python, which leaves the host program as it found it."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import assert_type

import pytest

import crawler
from tests.cli.running import events, finals, manifest, wait_until
from tests.server import Server, file_bytes


def jobs(server: Server) -> str:
    return f"""
  - {{name: a, type: download, urls: ["{server.url("/file/1000")}", "{server.url("/status/404")}"],
     to: "${{index}}"}}
  - {{name: b, type: post, url: "{server.url("/echo")}", json: {{day: "${{vars.day}}", n: 1}}}}
"""


@pytest.fixture
def path(threaded_server: Server, tmp_path: Path) -> Path:
    return manifest(tmp_path, jobs(threaded_server), head="vars: {day: monday}")


def test_a_run_from_python_gives_the_report_and_says_nothing(
    path: Path, threaded_server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    report = crawler.run(
        path,
        output=tmp_path / "out",
        settings={"day": "tuesday"},
        report=tmp_path / "r.json",
        events=tmp_path / "e.jsonl",
        json_bytes=lambda value: json.dumps(value, indent=3).encode(),
    )
    assert_type(report, crawler.Report)
    assert (report.exit_code, report.totals.new, report.totals.failed) == (4, 2, 1)
    [failure] = report.failures
    assert (failure.kind, failure.status) == (crawler.ErrorClass.HTTP_STATUS, 404)
    assert [job.outcome for job in report.jobs] == [crawler.Outcome.FAILED, crawler.Outcome.NEW]
    [post] = threaded_server.requests("/echo")
    assert post.body == b'{\n   "day": "tuesday",\n   "n": 1\n}'
    assert post.header("Content-Type") == "application/json"
    assert finals(tmp_path / "out") == {"0": file_bytes(1000)}
    assert json.loads((tmp_path / "r.json").read_text()) == json.loads(report.to_json())
    assert len(events(tmp_path / "e.jsonl")) == 3
    assert tuple(capfd.readouterr()) == ("", "")
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == handlers
    assert (root.level, list(root.handlers)) == before


def test_the_hosts_own_log_gets_our_messages_redacted(
    threaded_server: Server,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_TOKEN", "hunter2hunter2")
    url = threaded_server.url("/status/403") + "?with=${env.MY_TOKEN}"
    path = manifest(tmp_path, f'  - {{name: a, type: request, url: "{url}"}}')
    with caplog.at_level(logging.INFO):
        crawler.run(path, output=tmp_path / "out")
    [record] = [record for record in caplog.records if record.name == "crawler"]
    assert "403" in record.getMessage()
    assert "hunter2" not in caplog.text


def test_one_job_with_two_workers_and_a_deadline_of_its_own(
    path: Path, threaded_server: Server, tmp_path: Path
) -> None:
    report = crawler.run(str(path), output=str(tmp_path / "out"), only=["b"], workers=2, deadline=30)
    assert (report.exit_code, report.totals.tasks) == (0, 1)
    assert [request.path for request in threaded_server.log] == ["/echo"]
    assert crawler.run(path, output=tmp_path / "out", only=["b"], force=True).totals.new == 1
    assert crawler.run(path, output=tmp_path / "out", only=["b"], retry_failed=True).totals.requests == 0


async def test_the_async_twin_runs_on_the_callers_loop(server: Server, tmp_path: Path) -> None:
    path = manifest(tmp_path, jobs(server), head="vars: {day: monday}")
    first, second = await asyncio.gather(
        crawler.run_async(path, output=tmp_path / "one"), crawler.run_async(path, output=tmp_path / "two")
    )
    assert first.totals.new == second.totals.new == 2
    assert first.run_id != second.run_id
    with pytest.raises(RuntimeError, match="run_async"):
        crawler.run(path, output=tmp_path / "three")


async def test_cancelling_the_async_twin_saves_what_is_under_way(server: Server, tmp_path: Path) -> None:
    url = server.url("/file/200000?throttle=100000")
    path = manifest(tmp_path, f'  - {{name: a, type: download, urls: ["{url}"], to: a}}')
    run = asyncio.create_task(crawler.run_async(path, output=tmp_path / "out"))
    while not server.log:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert finals(tmp_path / "out") == {}
    report = await crawler.run_async(path, output=tmp_path / "out")
    assert report.exit_code == 0
    assert finals(tmp_path / "out") == {"a": file_bytes(200_000)}
    assert server.log[-1].header("Range") is not None


def test_it_works_on_a_thread_that_cannot_have_signal_handlers(path: Path, tmp_path: Path) -> None:
    found: list[crawler.Report] = []
    thread = threading.Thread(target=lambda: found.append(crawler.run(path, output=tmp_path / "out")))
    thread.start()
    thread.join()
    assert found[0].exit_code == 4


def test_what_keeps_a_run_from_beginning_is_raised(path: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("version: 1\njobs: []\nnmae: x\n")
    with pytest.raises(crawler.ManifestInvalid) as invalid:
        crawler.run(tmp_path / "bad.yaml", output=tmp_path / "out")
    assert [(problem.line, problem.column) for problem in invalid.value.problems] == [(2, 7), (3, 1)]
    with pytest.raises(crawler.RunRefused, match="there is no folder"):
        crawler.run(path, output=tmp_path / "out", report=tmp_path / "no/r.json")
    with pytest.raises(TypeError, match="sequence of job names"):
        crawler.run(path, only="b")
    with pytest.raises(TypeError, match="wrokers"):
        crawler.run(path, wrokers=3)  # type: ignore[call-arg]
    assert not (tmp_path / "out").exists()


def test_importing_costs_nothing_and_the_public_names_are_there() -> None:
    program = "import sys, crawler; print(sorted(n for n in sys.modules if n.startswith('crawler.')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    for name in crawler.__all__:
        assert getattr(crawler, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'rnu'"):
        crawler.rnu  # type: ignore[attr-defined]  # noqa: B018


def test_with_quiet_off_a_script_gets_the_summary_on_stderr(
    path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    crawler.run(path, output=tmp_path / "out", quiet=False)
    out, err = capfd.readouterr()
    assert out == ""
    assert "3 tasks" in err
    assert err.splitlines()[-1].startswith("crawler: exit 4: 1 of 3 tasks failed for good")


INTERRUPTED = """
import sys, crawler
try:
    crawler.run(sys.argv[1], output="out")
except KeyboardInterrupt:
    print("stopped by the host's own Ctrl-C")
"""


def test_ctrl_c_in_a_host_program_is_a_keyboard_interrupt_after_what_is_under_way_was_saved(
    threaded_server: Server, tmp_path: Path
) -> None:
    url = threaded_server.url("/file/200000?throttle=100000")
    path = manifest(tmp_path, f'  - {{name: a, type: download, urls: ["{url}"], to: a}}')
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, path],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as host:
        wait_until(lambda: bool(threaded_server.log))
        time.sleep(0.2)
        host.send_signal(signal.SIGINT)
        out, err = host.communicate(timeout=30)
    assert (host.returncode, out, err) == (0, "stopped by the host's own Ctrl-C\n", "")
    assert finals(tmp_path / "out") == {}
    assert crawler.run(path, output=tmp_path / "out").exit_code == 0
    assert threaded_server.log[-1].header("Range") is not None


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("under_way", [True, False])
async def test_cancelled_at_any_moment_it_leaves_no_process_that_holds_the_lock(
    times: int, under_way: bool, server: Server, tmp_path: Path
) -> None:
    url = server.url("/file/200000?throttle=100000")
    path = manifest(tmp_path, f'  - {{name: a, type: download, urls: ["{url}"], to: a}}')
    run = asyncio.create_task(crawler.run_async(path, output=tmp_path / "out", processes=4))
    while not (server.log if under_way else making_transfers()):
        await asyncio.sleep(0)
    for _ in range(times):
        run.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await run
    assert making_transfers() == []
    assert (await crawler.run_async(path, output=tmp_path / "out")).exit_code == 0
    assert finals(tmp_path / "out") == {"a": file_bytes(200_000)}


def making_transfers() -> list[int]:
    """The processes that our runs have started for it."""
    found = []
    for each in Path("/proc/self/task").glob("*/children"):
        for pid in each.read_text().split():
            with suppress(OSError):
                if b"processes.child" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(int(pid))
    return found
