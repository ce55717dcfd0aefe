"""A request that must not be repeated is delivered at most once, whenever the run that sends it dies."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.running import manifest, started, wait_until
from tests.conftest import RunCrawler
from tests.server import Server
from tests.torture import strace
from tests.torture.memory import recall

PLACE = ("-o", "out", "--report", "report.json")


@dataclass(frozen=True, slots=True)
class Job:
    """One job that sends a POST, behind one that is slow to begin; the report of its last run."""

    folder: Path
    path: Path

    @classmethod
    def post(cls, folder: Path, url: str, *, before: str = "", more: str = "") -> Job:
        first = f'  - {{name: before, type: request, url: "{before}"}}\n' if before else ""
        needs = ", needs: [before]" if before else ""
        jobs = f'{first}  - {{name: send, type: post, url: "{url}", json: {{a: 1}}{needs}{more}}}'
        return cls(folder, manifest(folder, jobs, name="torture.yaml"))

    @property
    def intended(self) -> bool:
        """Whether the ledger says that the request may have left."""
        return bool(recall(self.folder / "out/.crawler").unanswered)

    def unknown(self) -> int:
        return int(json.loads((self.folder / "report.json").read_text())["totals"]["unknown"])


@contextmanager
def nobody_accepts() -> Iterator[str]:
    """A URL whose host neither accepts nor refuses a connection: its queue is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


def test_killed_before_the_intent_it_is_sent_by_the_next_run(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    job = Job.post(tmp_path, threaded_server.url("/counter/a"), before=threaded_server.url("/slow/0.3"))
    with started("run", job.path, *PLACE, cwd=tmp_path) as run:
        wait_until(lambda: bool(threaded_server.log))
        run.kill()
    assert not job.intended
    assert run_crawler("run", job.path, *PLACE).returncode == 0
    assert threaded_server.count("a") == 1


def test_killed_between_intent_and_first_byte_it_is_unknown_and_not_sent(
    tmp_path: Path, run_crawler: RunCrawler
) -> None:
    with nobody_accepts() as url:
        job = Job.post(tmp_path, url)
        with started("run", job.path, *PLACE, cwd=tmp_path) as run:
            wait_until(lambda: job.intended)
            run.kill()
        done = run_crawler("run", job.path, *PLACE)
    assert done.returncode == 4, done.stderr
    assert "unknown" in done.stderr.strip().splitlines()[-1]
    assert job.unknown() == 1


def test_killed_while_the_server_works_on_it_it_is_unknown_and_not_sent_again(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    job = Job.post(tmp_path, threaded_server.url("/slow/0.3"))
    with started("run", job.path, *PLACE, cwd=tmp_path) as run:
        wait_until(lambda: bool(threaded_server.log))
        run.kill()
    assert job.intended
    done = run_crawler("run", job.path, *PLACE)
    assert done.returncode == 4, done.stderr
    assert "outcome unknown" in done.stderr.strip().splitlines()[-1]
    assert job.unknown() == 1
    assert len(threaded_server.log) == 1
    # That it is unknown has been told; the round is over, and the next one sends its own.
    assert run_crawler("run", job.path, *PLACE).returncode == 0
    assert len(threaded_server.log) == 2


def test_killed_with_an_idempotency_key_it_is_sent_again_and_ends_well(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    job = Job.post(tmp_path, threaded_server.url("/slow/0.3"), more=", idempotency_key: k-1")
    with started("run", job.path, *PLACE, cwd=tmp_path) as run:
        wait_until(lambda: bool(threaded_server.log))
        run.kill()
    done = run_crawler("run", job.path, *PLACE)
    assert done.returncode == 0, done.stderr
    keys = [request.header("Idempotency-Key") for request in threaded_server.log]
    assert keys == ["k-1", "k-1"]


@pytest.mark.timeout(300)
def test_killed_at_one_write_to_the_ledger_after_another_it_is_delivered_at_most_once(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    if reason := strace.missing():
        pytest.skip(reason)
    job, log = Job.post(tmp_path, threaded_server.url("/counter/a")), tmp_path / "calls"
    assert run_crawler("run", job.path, *PLACE).returncode == 0
    seen = set()
    for number in range(2, 40, 2):
        threaded_server.state.counters.clear()
        round_before = recall(tmp_path / "out/.crawler").rounds
        wrapper = strace.killing(log, "pwrite64", number)
        with started("run", job.path, *PLACE, cwd=tmp_path, wrapper=wrapper) as run:
            run.communicate(timeout=60)
        if run.returncode == 0:
            break
        memory = recall(tmp_path / "out/.crawler")
        arrived = threaded_server.count("a")
        done = run_crawler("run", job.path, *PLACE)
        unknown = bool(job.unknown())
        assert unknown == bool(memory.unanswered)
        assert done.returncode == (4 if unknown else 0), done.stderr
        # A run that was killed when its round was over is followed by the next round's delivery.
        rounds = 1 + (memory.over and memory.rounds == round_before + 1)
        assert rounds - unknown <= threaded_server.count("a") <= rounds, f"killed at {number}"
        assert arrived <= 1
        seen.add(unknown)
    else:
        pytest.fail("the run never ended undisturbed")
    assert seen == {True, False}
