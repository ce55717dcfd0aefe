"""``--processes``: more of them make the same run, and the loss of any of them is no loss of work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.running import alive, events, finals, helpers, manifest, parts, started, wait_until
from tests.server import Server, file_bytes

if TYPE_CHECKING:
    from tests.conftest import RunCrawler

SIZE = 400_000
WIDE = 'hosts:\n  "127.0.0.1": {concurrency: 32}'
THREE = ("-o", "out", "--processes", "3")


def children(run: subprocess.Popen[str]) -> list[int]:
    return helpers(run.pid)


def slow(server: Server, tmp_path: Path, count: int, rate: int = 100_000) -> Path:
    """Transfers that take some seconds."""
    for n in range(count):
        server.set_file(str(n), file_bytes(SIZE, str(n)), throttle=rate)
    lines = "".join(f"{server.url(f'/versions/{n}')}\n" for n in range(count))
    (tmp_path / "urls.txt").write_text(lines)
    retry = "{attempts: 4, backoff: 10ms}"
    jobs = f"  - {{name: slow, type: download, from: urls.txt, to: '${{index}}.bin', retry: {retry}}}"
    return manifest(tmp_path, jobs, head=WIDE)


def whole(folder: Path, count: int) -> bool:
    return finals(folder) == {f"{n}.bin": file_bytes(SIZE, str(n)) for n in range(count)}


def test_a_run_comes_to_the_same_in_one_process_and_in_three(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    url = threaded_server.url
    threaded_server.set_answer("/login", b"{}", headers=(("Set-Cookie", "sid=7; Path=/"),))
    jobs = f"""
  - {{name: login, type: post, url: "{url("/login")}", json: {{a: 1}}, save: login.json}}
  - name: files
    type: download
    needs: login
    urls: [{", ".join(f"{url(f'/file/{size}/x')}" for size in (0, 10, 70_000, 3_000_000))}]
    to: files/${{path}}
  - name: bad
    type: download
    urls: ["{url("/status/404")}", "{url("/status/503")}", "{url("/redirect/2")}", "{url("/redirect-loop")}"]
    to: bad/${{path}}
  - {{name: send, type: upload, needs: files, url: "{url("/echo")}", files: "files/**", save: "s/${{index}}"}}
  - {{name: echo, type: request, needs: login, url: "{url("/echo")}", expect: {{text: "sid=7"}}}}
  - {{name: split, type: download, urls: ["{url("/file/500000/s")}"], segments: 4, to: split.bin}}
"""
    told = {}
    for count in ("1", "3"):
        path = manifest(tmp_path, jobs, head=WIDE, name=f"n{count}.yaml")
        ran = run_crawler(
            "run",
            path,
            "-o",
            f"out{count}",
            "--processes",
            count,
            "--events",
            f"e{count}",
            "--report",
            f"r{count}",
        )
        assert ran.returncode == 4, ran.stderr
        report = json.loads((tmp_path / f"r{count}").read_text())
        named = sorted(
            (
                each["job"],
                each["task"],
                each["outcome"],
                each["status"],
                each["attempts"],
                each["bytes"],
                each["sha256"],
            )
            for each in events(tmp_path / f"e{count}")
            if each["job"] not in {"send", "echo"}  # their answers tell ports
        )
        totals = {key: report["totals"][key] for key in ("tasks", "new", "failed", "requests", "retries")}
        told[count] = (
            named,
            totals,
            [job["outcome"] for job in report["jobs"]],
            sorted(finals(tmp_path / f"out{count}")),
        )
    assert told["1"] == told["3"]


def test_a_lost_process_costs_one_attempt_of_what_it_had_under_way(
    threaded_server: Server, tmp_path: Path
) -> None:
    path = slow(threaded_server, tmp_path, 12)
    with started("run", path, *THREE, "--events", "e", cwd=tmp_path) as run:
        wait_until(lambda: threaded_server.most_in_flight >= 12)
        first, second = children(run)
        os.kill(first, signal.SIGKILL)
        _, errors = run.communicate(timeout=60)
    assert run.returncode == 0, errors
    assert "signal 9" in errors
    assert whole(tmp_path / "out", 12)
    assert not alive(second)
    again = [each["attempts"] for each in events(tmp_path / "e")]
    assert {1, 2} <= set(again)


def test_without_any_process_left_the_engine_goes_on_alone(threaded_server: Server, tmp_path: Path) -> None:
    path = slow(threaded_server, tmp_path, 6)
    with started("run", path, *THREE, cwd=tmp_path) as run:
        wait_until(lambda: threaded_server.most_in_flight >= 6)
        for child in children(run):
            os.kill(child, signal.SIGKILL)
        _, errors = run.communicate(timeout=60)
    assert run.returncode == 0, errors
    assert whole(tmp_path / "out", 6)


def test_a_post_that_a_lost_process_had_sent_is_unknown_and_never_sent_again(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    url = threaded_server.url("/slow/20")
    path = manifest(tmp_path, f'  - {{name: send, type: post, url: "{url}", json: {{a: 1}}}}')
    with started("run", path, *THREE, "--events", "e", cwd=tmp_path) as run:
        wait_until(lambda: len(threaded_server.log) == 1)
        for child in children(run):
            os.kill(child, signal.SIGKILL)
        _, errors = run.communicate(timeout=30)
    assert run.returncode == 4, errors
    [event] = events(tmp_path / "e")
    assert (event["outcome"], event["error"]["retryable"]) == ("unknown", False)
    assert run_crawler("run", path, *THREE, "--retry-failed").returncode == 4
    assert len(threaded_server.log) == 1


def test_a_post_under_way_gets_its_answer_when_the_terminal_is_closed(
    threaded_server: Server, tmp_path: Path
) -> None:
    url = threaded_server.url("/slow/3")
    path = manifest(tmp_path, f'  - {{name: send, type: post, url: "{url}", json: {{a: 1}}}}')
    with started("run", path, *THREE, "--events", "e", cwd=tmp_path) as run:
        wait_until(lambda: len(threaded_server.log) == 1)
        for pid in (*children(run), run.pid):  # as the kernel does to all that belong to the terminal
            os.kill(pid, signal.SIGHUP)
        _, errors = run.communicate(timeout=25)
    [event] = events(tmp_path / "e")
    assert (run.returncode, event["outcome"]) == (143, "new"), errors
    assert "was lost" not in errors


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 143)]
)
def test_a_signal_checkpoints_what_is_under_way_in_every_process(
    number: int, code: int, threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    path = slow(threaded_server, tmp_path, 20, rate=20_000)
    with started("run", path, *THREE, "--workers", "20", cwd=tmp_path) as run:
        wait_until(lambda: threaded_server.most_in_flight >= 20)
        time.sleep(0.3)
        ours = children(run)
        os.killpg(run.pid, number) if os.getpgid(run.pid) == run.pid else run.send_signal(number)
        for child in ours:
            os.kill(child, number)  # as a terminal or a service manager does
        _, errors = run.communicate(timeout=25)
    assert run.returncode == code, errors
    assert not any(map(alive, ours))
    assert finals(tmp_path / "out") == {}
    assert len(parts(tmp_path / "out")) == 20
    asked = len(threaded_server.log)
    for offer in threaded_server.state.offers.values():
        offer.throttle = None
    assert run_crawler("run", path, "-o", "out").returncode == 0
    assert whole(tmp_path / "out", 20)
    assert all("Range" in dict(each.headers) for each in threaded_server.log[asked:])


def test_killed_as_a_whole_nothing_is_lost_and_no_process_is_left(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    path = slow(threaded_server, tmp_path, 12)
    with started("run", path, *THREE, "--workers", "12", cwd=tmp_path) as run:
        wait_until(lambda: threaded_server.most_in_flight >= 12)
        ours = children(run)
        assert len(ours) == 2
        run.kill()
        run.wait(10)
    # The lock is the children's as well: nobody works beside what they have not yet left.
    wait_until(lambda: not any(map(alive, ours)), 10)
    for offer in threaded_server.state.offers.values():
        offer.throttle = None
    done = run_crawler("run", path, *THREE)
    assert done.returncode == 0, done.stderr
    assert whole(tmp_path / "out", 12)
    assert parts(tmp_path / "out") == []


def test_the_lock_is_held_until_the_last_process_is_gone(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    path = slow(threaded_server, tmp_path, 4)
    with started("run", path, *THREE, cwd=tmp_path) as run:
        wait_until(lambda: threaded_server.most_in_flight >= 4)
        ours = children(run)
        for child in ours:
            os.kill(child, signal.SIGSTOP)
        run.kill()
        run.wait(10)
        assert run_crawler("run", path, *THREE).returncode == 6
        for child in ours:
            os.kill(child, signal.SIGCONT)
    wait_until(lambda: not any(map(alive, ours)), 10)
    assert run_crawler("check", path).returncode == 0


@pytest.mark.parametrize("given", ["0", "many", "-1", "257", "1.5"])
def test_a_wrong_number_is_refused(given: str, tmp_path: Path, run_crawler: RunCrawler) -> None:
    path = manifest(tmp_path, "  - {name: a, type: request, url: 'http://127.0.0.1:9/'}")
    flag = run_crawler("run", path, "--processes", given)
    assert flag.returncode == 2
    assert "processes" in flag.stderr
    variable = run_crawler("run", path, env={"CRAWLER_PROCESSES": given})
    assert variable.returncode == 2
    assert "CRAWLER_PROCESSES" in variable.stderr


def test_auto_is_one_for_each_core(threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler) -> None:
    path = manifest(tmp_path, f'  - {{name: a, type: request, url: "{threaded_server.url("/echo")}"}}')
    (tmp_path / "c.yaml").write_text("processes: auto\n")
    assert run_crawler("run", path, "-c", "c.yaml").returncode == 0
    assert run_crawler("run", path, "--processes", "auto").returncode == 0


def test_a_bound_of_all_connections_is_kept_by_one_process(threaded_server: Server, tmp_path: Path) -> None:
    path = slow(threaded_server, tmp_path, 2)
    (tmp_path / "c.yaml").write_text("connections: {total: 8}\n")
    with started("run", path, *THREE, "-c", "c.yaml", cwd=tmp_path) as run:
        wait_until(lambda: threaded_server.most_in_flight >= 2)
        assert children(run) == []
        run.kill()
