"""The same manifest once more: only what changed is fetched, and never two versions in one file."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from crawler.store.reader import Reader
from tests.cli.running import events, finals, manifest, parts, started, wait_until
from tests.server import Received, Server, file_bytes

if TYPE_CHECKING:
    from tests.conftest import Ran, RunCrawler

FILES = 300
CONDITIONS = ("If-None-Match", "If-Modified-Since")


def totals(ran: Ran) -> Counter[str]:
    """What the report that ``--json`` printed counts."""
    found = json.loads(ran.stdout.splitlines()[-1])["totals"]
    return Counter({name: count for name, count in found.items() if count})


def conditional(request: Received) -> bool:
    return any(request.header(name) is not None for name in CONDITIONS)


def versions(number: int, version: int) -> bytes:
    return f"file {number} in version {version}\n".encode() * 50


class Night:
    """Many small files that are fetched again and again."""

    def __init__(self, server: Server, folder: Path, run: RunCrawler, files: int, keys: str = "") -> None:
        self.server = server
        self.out = folder / "out"
        self.path = folder / "test.yaml"
        self._run = run
        for number in range(files):
            server.set_file(str(number), versions(number, 1))
        (folder / "urls.txt").write_text(
            "".join(f"{server.url(f'/versions/{number}')}\n" for number in range(files))
        )
        manifest(folder, f"  - {{name: a, type: download, from: urls.txt, to: '${{name}}.txt', {keys}}}")

    def run(self, *flags: str) -> tuple[Ran, list[Received]]:
        """How a run ended, and what the server received."""
        before = len(self.server.log)
        ran = self._run("run", self.path, "-o", self.out, "--json", "--workers", "32", *flags)
        return ran, self.server.log[before:]


def test_only_what_changed_is_fetched_again(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    night = Night(threaded_server, tmp_path, run_crawler, FILES)
    ran, asked = night.run()
    assert (ran.returncode, len(asked)) == (0, FILES)
    assert not any(map(conditional, asked))

    ran, asked = night.run()
    assert totals(ran) == Counter(tasks=FILES, unchanged=FILES, requests=FILES)  # not a byte of a body
    assert (ran.returncode, len(asked)) == (0, FILES)
    assert all(map(conditional, asked))

    gone, touched, renewed = {0, 1, 2}, {10, 11}, {20, 21, 22, 23, 24}
    for number in gone:
        (night.out / f"{number}.txt").unlink()
    for number in touched:
        (night.out / f"{number}.txt").write_text("somebody was here")
    for number in renewed:
        threaded_server.set_file(str(number), versions(number, 2))
    ran, asked = night.run()
    assert ran.returncode == 0, ran.stderr
    found = totals(ran)
    assert (found["unchanged"], found["changed"]) == (FILES - 5, 5)  # what was lost is there again, as it was
    assert found["bytes"] == sum(len(versions(n, 2 if n in renewed else 1)) for n in gone | touched | renewed)
    unconditional = {request.path for request in asked if not conditional(request)}
    assert unconditional == {f"/versions/{number}" for number in gone | touched}
    assert finals(night.out) == {f"{n}.txt": versions(n, 2 if n in renewed else 1) for n in range(FILES)}


def test_refresh_and_force_decide_what_is_asked(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    never = Night(threaded_server, tmp_path, run_crawler, 4, "refresh: never")
    assert never.run()[0].returncode == 0
    (never.out / "3.txt").unlink()
    ran, asked = never.run()
    assert [request.path for request in asked] == ["/versions/3"]
    assert totals(ran)["unchanged"] == 4

    ran, asked = never.run("--force")
    assert len(asked) == 4
    assert not any(map(conditional, asked))

    always = Night(threaded_server, tmp_path, run_crawler, 4, "refresh: always")
    threaded_server.set_file("2", versions(2, 2))
    ran, asked = always.run()
    assert not any(map(conditional, asked))
    assert totals(ran) - Counter(bytes=totals(ran)["bytes"]) == Counter(
        tasks=4, unchanged=3, changed=1, requests=4
    )


@pytest.mark.parametrize("keys", ["", "refresh: never", "refresh: always"])
def test_the_same_content_is_unchanged_however_it_comes_again(
    keys: str, threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    night = Night(threaded_server, tmp_path, run_crawler, 4, keys)
    url = threaded_server.url("/echo")
    with night.path.open("a") as more:
        more.write(f"  - {{name: tell, type: post, needs: a, when: changed, url: '{url}'}}\n")
        more.write(f"  - {{name: up, type: upload, needs: a, files: {{job: a}}, url: '{url}'}}\n")
    assert totals(night.run()[0])["new"] == 4 + 1 + 4

    def again(*flags: str) -> Counter[str]:
        ran, asked = night.run(*flags)
        assert not [request for request in asked if request.method == "POST"]  # nobody need hear of it
        return totals(ran)

    assert again("--force")["unchanged"] == 4
    os.utime(night.out / "0.txt", (1, 1))
    (night.out / "1.txt").write_text("edited")
    (night.out / "2.txt").unlink()
    assert again()["unchanged"] == 4
    assert finals(night.out) == {f"{n}.txt": versions(n, 1) for n in range(4)}
    assert night.run("--force")[0].returncode == 0
    threaded_server.set_file("3", versions(3, 2))
    found = totals(night.run("--force")[0])
    assert (found["unchanged"], found["changed"], found["new"]) == (
        3,
        1,
        2,
    )  # and one POST and one upload of it


@pytest.mark.parametrize("status", [404, 410])
def test_a_file_that_the_server_no_longer_has_is_reported_and_kept(
    status: int, threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    night = Night(threaded_server, tmp_path, run_crawler, 3)
    night.run()
    offer = threaded_server.state.offers["1"]
    offer.status = status
    ran, _ = night.run()
    assert ran.returncode == 4
    assert f"http_status {status}" in ran.stderr.splitlines()[-1]
    assert totals(ran)["unchanged"] == 2
    assert finals(night.out) == {f"{n}.txt": versions(n, 1) for n in range(3)}

    # Only the failed one is asked for, the others are counted; what is known of the file still stands.
    ran, asked = night.run("--retry-failed")
    assert [request.path for request in asked] == ["/versions/1"]
    assert ran.returncode == 4
    offer.status = 200
    ran, asked = night.run("--retry-failed")
    assert ran.returncode == 0, ran.stderr
    assert [(request.path, conditional(request)) for request in asked] == [("/versions/1", True)]
    assert totals(ran) == Counter(tasks=3, unchanged=3, requests=1)
    ran, asked = night.run("--retry-failed")
    assert (ran.returncode, asked) == (0, [])


OLD, NEW = file_bytes(300_000, "old"), file_bytes(310_000, "new")

# Files that change between two runs, and how the server errs about it in the second one.
CHANGED: dict[str, dict[str, Any]] = {
    "well": {},
    "if-range-ignored": {"ignore_if_range": True},
    "range-ignored": {"ignore_range": True},
    "no-validators-any-more": {"no_validator": True},
    "206-from-the-wrong-byte": {"ignore_if_range": True, "content_range_shift": 5},
    "206-with-a-wrong-total": {"ignore_if_range": True, "wrong_total": 7},
}
# Files that stay as they are: what they have for validators, and whether that allows to go on.
SAME: dict[str, tuple[dict[str, Any], bool]] = {
    "strong-etag": ({}, True),
    "old-date": ({"no_etag": True}, True),
    "weak-etag-old-date": ({"weak": True}, False),
    "weak-etag": ({"weak": True, "last_modified": None}, False),
    "nothing": ({"no_validator": True}, False),
}


def broken_off(server: Server, path: Path, how: Callable[[Any], None], files: int = 1) -> None:
    """A run that is ended while its slow files are under way."""
    with started("run", path, "-o", "out", cwd=path.parent) as run:
        wait_until(lambda: server.in_flight == files)
        time.sleep(0.2)  # some of each body is here
        how(run)
        run.communicate(timeout=30)


def slow_files(folder: Path, server: Server, *names: str) -> Path:
    urls = ", ".join(server.url(f"/versions/{name}") for name in names)
    jobs = f"  - {{name: a, type: download, urls: [{urls}], to: '${{name}}'}}"
    return manifest(folder, jobs, head='hosts: {"127.0.0.1": {concurrency: 16}}')


def test_what_was_broken_off_goes_on_if_it_is_the_same_and_else_ends_whole_in_its_new_version(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    for name in CHANGED:
        threaded_server.set_file(name, OLD, throttle=60_000)
    for name, (validators, _) in SAME.items():
        threaded_server.set_file(name, OLD, throttle=60_000, **validators)
    path = slow_files(tmp_path, threaded_server, *CHANGED, *SAME)
    broken_off(threaded_server, path, lambda run: run.send_signal(signal.SIGTERM), len(CHANGED) + len(SAME))
    assert finals(tmp_path / "out") == {}
    for name, switches in CHANGED.items():
        threaded_server.set_file(name, NEW, **switches)
    for name in SAME:
        threaded_server.state.offers[name].throttle = None
    asked = len(threaded_server.log)
    ran = run_crawler("run", path, "-o", "out", "--events", "e.jsonl")
    assert ran.returncode == 0, ran.stderr
    assert finals(tmp_path / "out") == dict.fromkeys(CHANGED, NEW) | dict.fromkeys(SAME, OLD)
    assert parts(tmp_path / "out") == []
    went_on = {request.path[10:] for request in threaded_server.log[asked:] if request.header("Range")}
    assert went_on == {*CHANGED, *(name for name, (_, may) in SAME.items() if may)}
    received = {event["path"]: event["bytes"] for event in events(tmp_path / "e.jsonl")}
    for name, (_, may) in SAME.items():
        assert (received[name] < len(OLD) - 50_000) is may


def test_a_file_that_changes_between_kill_9_and_the_next_run_ends_whole(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    threaded_server.set_file("f", OLD, throttle=30_000)
    path = slow_files(tmp_path, threaded_server, "f")
    broken_off(threaded_server, path, lambda run: kill_once_checkpointed(run, tmp_path / "out/.crawler"))
    threaded_server.set_file("f", NEW)
    told = run_crawler("status", path, "-o", "out").stdout
    assert "under way, or killed" in told
    assert "KiB of 293 KiB kept" in told
    asked = len(threaded_server.log)
    ran = run_crawler("run", path, "-o", "out")
    assert ran.returncode == 0, ran.stderr
    assert "an earlier run was broken off; this one continues it" in ran.stderr
    assert threaded_server.log[asked].header("Range") is not None
    assert finals(tmp_path / "out") == {"f": NEW}
    assert parts(tmp_path / "out") == []


def kill_once_checkpointed(run: Any, state: Path) -> None:
    """A transfer is checkpointed every five seconds."""
    ledger = Reader.open(state, "test")
    assert ledger is not None
    with ledger:
        wait_until(lambda: any(task.offset for task in ledger.undone()))
    run.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_run_goes_on_and_counts_what_it_did_before(
    number: int, threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    night = Night(threaded_server, tmp_path, run_crawler, 40)
    for each in range(20, 40):
        threaded_server.state.offers[str(each)].throttle = 100
    with started("run", night.path, "-o", night.out, "--workers", "8", cwd=tmp_path) as run:
        wait_until(lambda: len(list(night.out.glob("*.txt"))) == 20)
        wait_until(lambda: threaded_server.in_flight >= 4)
        run.send_signal(number)
        run.communicate(timeout=30)
    for offer in threaded_server.state.offers.values():
        offer.throttle = None
    ran, asked = night.run("--events", str(tmp_path / "e.jsonl"))
    assert ran.returncode == 0, ran.stderr
    # Those that were told done are not asked for; a kill may take the last fifth of a second's records.
    assert len(asked) >= 20
    assert {request.path for request in asked} >= {f"/versions/{n}" for n in range(20, 40)}
    if number == signal.SIGTERM:
        assert len(asked) == 20
    found = totals(ran)
    assert (found["tasks"], found["new"]) == (40, 40)
    assert finals(night.out) == {f"{n}.txt": versions(n, 1) for n in range(40)}
    ran, _ = night.run()  # that round is over: this is a new one
    assert totals(ran)["unchanged"] == 40


def test_the_loser_of_two_runs_leaves_at_once_and_a_dead_holder_holds_nothing(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    threaded_server.set_file("f", OLD, throttle=10_000)
    path = slow_files(tmp_path, threaded_server, "f")
    with started("run", path, "-o", "out", cwd=tmp_path) as holder:
        wait_until(lambda: bool(threaded_server.log))
        (tmp_path / "e.jsonl").write_text("the holder's\n")
        before = (threaded_server.connections, sorted(tmp_path.rglob("*")))
        loser = run_crawler("run", path, "-o", "out", "--report", "r.json", "--events", "e.jsonl", "--json")
        assert loser.returncode == 6
        assert loser.stdout == ""
        [line] = loser.stderr.splitlines()
        assert line.startswith("crawler: exit 6: another run of manifest 'test' is under way: it holds ")
        assert (threaded_server.connections, sorted(tmp_path.rglob("*"))) == before
        assert (tmp_path / "e.jsonl").read_text() == "the holder's\n"
        assert "under way, or killed" in run_crawler("status", path, "-o", "out").stdout
        holder.kill()
        holder.communicate(timeout=10)
    threaded_server.state.offers["f"].throttle = None
    ran = run_crawler("run", path, "-o", "out")
    assert ran.returncode == 0, ran.stderr
    assert finals(tmp_path / "out") == {"f": OLD}
