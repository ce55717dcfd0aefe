"""A command that was started warm is the command: it says and leaves what a cold one does."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.running import manifest
from tests.conftest import RunCrawler, crawler_environment
from tests.server import Server
from tests.warm import Warm

COMMANDS = {
    "help": "--help",
    "version": "--version",
    "unknown": "fetch",
    "check": "check test.yaml",
    "plan": "plan test.yaml -o out",
    "explain": "explain test.yaml -o out {url}",
    "status": "status test.yaml -o out",
    "failures": "failures test.yaml -o out",
    "verify": "verify test.yaml -o out",
    "schema": "schema",
    "get": "get {url} -q",
    "run": "run test.yaml -o out -q",
    "refused": "run gone.yaml",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_cold_and_warm_are_alike(
    command: str, threaded_server: Server, tmp_path: Path, run_cold: RunCrawler, run_crawler: RunCrawler
) -> None:
    url = threaded_server.url("/status/404")
    manifest(tmp_path, f'  - {{name: a, type: request, url: "{url}"}}')
    run_crawler("run", "test.yaml", "-o", "out")
    args = COMMANDS[command].format(url=url).split()
    assert run_cold(*args) == run_crawler(*args)


@pytest.fixture
def started_warm(warm: Warm | None) -> Warm:
    if warm is None:
        pytest.skip("--cold was asked for")
    return warm


def test_arguments_environment_and_folder_are_its_own(
    started_warm: Warm, tmp_path: Path, home: Path, threaded_server: Server
) -> None:
    url = threaded_server.url("/echo")
    manifest(tmp_path, f'  - {{name: a, type: request, url: "{url}?${{env.MINE}}", save: a.json}}')
    env = crawler_environment(home, {"MINE": "here"})
    ran = started_warm.run(["run", "test.yaml", "-o", "out"], cwd=tmp_path, env=env, timeout=30)
    assert ran.returncode == 0, ran.stderr
    assert [request.target for request in threaded_server.log] == ["/echo?here"]
    assert (tmp_path / "out/a.json").exists()
    assert "MINE" not in os.environ


def test_one_that_takes_too_long_is_ended(
    started_warm: Warm, tmp_path: Path, home: Path, threaded_server: Server
) -> None:
    manifest(tmp_path, f'  - {{name: a, type: request, url: "{threaded_server.url("/slow/30")}"}}')
    env = crawler_environment(home)
    with pytest.raises(subprocess.TimeoutExpired):
        started_warm.run(["run", "test.yaml"], cwd=tmp_path, env=env, timeout=0.5)
    assert started_warm.run(["--version"], cwd=tmp_path, env=env, timeout=30).returncode == 0


def test_a_signal_is_told_as_it_is(
    started_warm: Warm, tmp_path: Path, home: Path, threaded_server: Server
) -> None:
    def end(_: object) -> None:
        [child] = Path(f"/proc/{started_warm.pid}/task/{started_warm.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGKILL)

    threaded_server.on_request = end
    manifest(tmp_path, f'  - {{name: a, type: request, url: "{threaded_server.url("/slow/30")}"}}')
    ran = started_warm.run(["run", "test.yaml"], cwd=tmp_path, env=crawler_environment(home), timeout=30)
    assert ran.returncode == -signal.SIGKILL


def test_an_environment_that_python_itself_reads_wants_a_cold_start(started_warm: Warm) -> None:
    assert started_warm.suits({**os.environ, "CRAWLER_WORKERS": "3", "TOKEN": "t"})
    assert not started_warm.suits({**os.environ, "PYTHONPATH": "/elsewhere"})
    assert not started_warm.suits({**os.environ, "SSL_CERT_FILE": "/own.pem"})
