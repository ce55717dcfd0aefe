"""SIGTERM, SIGINT and a second one: what is under way is checkpointed, nothing is half under a final name."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.running import finals, manifest, parts, started, wait_until
from tests.conftest import crawler_environment
from tests.server import Server, file_bytes

if TYPE_CHECKING:
    from tests.conftest import RunCrawler

TRANSFERS = 200
SIZE = 200_000


def slow(server: Server, tmp_path: Path, rate: int = 20_000) -> Path:
    """As many slow transfers as there are workers, each of which would take ten seconds."""
    for n in range(TRANSFERS):
        server.set_file(str(n), file_bytes(SIZE, str(n)), throttle=rate)
    lines = "".join(f"{server.url(f'/versions/{n}')}\n" for n in range(TRANSFERS))
    (tmp_path / "urls.txt").write_text(lines)
    head = 'hosts:\n  "127.0.0.1": {concurrency: 200}'
    jobs = "  - {name: slow, type: download, from: urls.txt, to: '${index}.bin'}"
    return manifest(tmp_path, jobs, head=head)


def unfair_unshare() -> bool:
    """Whether this machine lets us make a process-id namespace."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-Urpf", "true"], check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 143)]
)
def test_a_signal_in_the_middle_of_200_slow_transfers(
    number: int, code: int, threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    path = slow(threaded_server, tmp_path)
    with started("run", path, "-o", "out", "--workers", "200", "--report", "r.json", cwd=tmp_path) as run:
        wait_until(lambda: threaded_server.most_in_flight >= TRANSFERS)
        time.sleep(0.3)
        asked = len(threaded_server.log)
        began = time.monotonic()
        run.send_signal(number)
        _, errors = run.communicate(timeout=25)
    assert time.monotonic() - began < 20
    assert run.returncode == code, errors
    assert finals(tmp_path / "out") == {}
    assert len(threaded_server.log) == asked
    assert len(parts(tmp_path / "out")) == TRANSFERS
    assert errors.strip().splitlines()[-1].startswith(f"crawler: exit {code}: stopped by")
    assert json.loads((tmp_path / "r.json").read_text())["exit_code"] == code

    # The next run continues: it asks for the rest only, and every byte is right.
    path.write_text(path.read_text().replace("urls.txt", "fast.txt"))
    for n in range(5):
        threaded_server.state.offers[str(n)].throttle = None
    fast = (tmp_path / "urls.txt").read_text().splitlines()[:5]
    (tmp_path / "fast.txt").write_text("\n".join(fast) + "\n")
    done = run_crawler("run", path, "-o", "out", "--workers", "200", timeout=60)
    assert done.returncode == 0, done.stderr
    again = threaded_server.log[asked:]
    assert len(again) == 5
    assert all(any(name == "Range" for name, _ in request.headers) for request in again)
    for n in range(5):
        assert (tmp_path / f"out/{n}.bin").read_bytes() == file_bytes(SIZE, str(n))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_ends_at_once(
    number: int, code: int, threaded_server: Server, tmp_path: Path
) -> None:
    path = slow(threaded_server, tmp_path, rate=1_000)
    with started("run", path, "-o", "out", "--workers", "200", cwd=tmp_path) as run:
        wait_until(lambda: threaded_server.most_in_flight >= TRANSFERS)
        run.send_signal(number)
        time.sleep(0.2)
        began = time.monotonic()
        run.send_signal(number)
        _, errors = run.communicate(timeout=10)
    assert time.monotonic() - began < 2
    assert run.returncode == code
    last = f"crawler: exit {code}: ended at once by a second signal; run again to continue"
    assert errors.splitlines()[-1] == last
    assert finals(tmp_path / "out") == {}


def test_a_second_signal_waits_for_nobody_who_should_read_what_it_says(
    threaded_server: Server, tmp_path: Path
) -> None:
    path = slow(threaded_server, tmp_path, rate=1_000)
    read, write = os.pipe()
    with started("run", path, "-o", "out", "--workers", "200", cwd=tmp_path, stderr=write) as run:
        wait_until(lambda: threaded_server.most_in_flight >= TRANSFERS)
        run.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        os.set_blocking(write, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(write, b"x" * 4096)
        os.set_blocking(write, True)
        run.send_signal(signal.SIGTERM)
        assert run.wait(10) == 143
    os.close(read)
    os.close(write)


def test_sigterm_reaches_process_one_of_a_namespace(threaded_server: Server, tmp_path: Path) -> None:
    if not unfair_unshare():
        pytest.skip("this machine does not let us make a process-id namespace")
    path = slow(threaded_server, tmp_path)
    wrapper = ("unshare", "-Urpf", "--kill-child")
    with started("run", path, "-o", "out", "--workers", "200", cwd=tmp_path, wrapper=wrapper) as run:
        wait_until(lambda: threaded_server.most_in_flight >= TRANSFERS)
        children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGTERM)
        run.communicate(timeout=25)
    assert run.returncode == 143
    assert finals(tmp_path / "out") == {}


def test_a_signal_before_the_manifest_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with started("run", "pipe.yaml", cwd=tmp_path) as run:
        time.sleep(0.6)
        run.send_signal(signal.SIGTERM)
        _, errors = run.communicate(timeout=10)
    assert run.returncode == 143
    assert "before any request was sent" in errors


SLOW_IMPORT = """
import pathlib, sys, time

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "click":
            pathlib.Path("importing").touch()
            time.sleep(10)

sys.meta_path.insert(0, Slow())
"""


def test_a_signal_while_the_program_is_still_being_imported(tmp_path: Path, home: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(SLOW_IMPORT)
    env = crawler_environment(home, {"PYTHONPATH": str(tmp_path)})
    command = [sys.executable, "-m", "crawler", "run", "any.yaml"]
    with subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True) as run:
        wait_until((tmp_path / "importing").exists)
        run.send_signal(signal.SIGTERM)
        _, errors = run.communicate(timeout=10)
    assert run.returncode == 143
    assert errors == "crawler: exit 143: ended by a signal before any request was sent\n"
