"""A list that is broken off in its middle goes on with the next page: no item twice, and none lost."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest

from tests.cli.paging import WAYS, job, read, saved
from tests.cli.running import events, finals, manifest, parts, started, wait_until
from tests.conftest import RunCrawler
from tests.serving.arrivals import Arrival, Arrivals, Reply
from tests.serving.lists import Lists

LARGE = 1_900_000  # characters of an item; five make a page, and two pages are enough for a checkpoint


def broken_off(
    folder: Path, jobs: str, when: Callable[[], bool], number: int, head: str = ""
) -> tuple[int, list[str]]:
    """A run that gets a signal; its exit code and what it said."""
    path = manifest(folder, jobs, head=head)
    with started("run", path, "-o", "out", "--events", "events.jsonl", cwd=folder) as run:
        wait_until(when)
        run.send_signal(number)
        return end_of(run)


def end_of(run: Popen[str]) -> tuple[int, list[str]]:
    _, errors = run.communicate(timeout=30)
    return run.returncode, errors.splitlines()


@pytest.mark.parametrize("way", sorted(WAYS))
def test_after_a_signal_the_next_run_asks_for_the_page_that_was_next(
    way: str, lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.items, lists.lost = 50, {7}
    code, said = broken_off(tmp_path, job(shop, WAYS[way]), lambda: 7 in lists.asked, signal.SIGTERM)
    assert code == 143, said
    assert "  list  request  stopped    1 task interrupted" in said
    assert (finals(tmp_path / "out"), parts(tmp_path / "out")) == ({}, ["list.jsonl.part"])
    lists.lost, before = set(), len(lists.asked)
    ran, event = read(run_crawler, tmp_path, job(shop, WAYS[way]))
    assert (ran.returncode, event["outcome"]) == (0, "new"), ran.stderr
    assert lists.asked[before : before + 4] == [7, 8, 9, 10]
    assert saved(tmp_path) == lists.lines()


def test_after_a_signal_between_two_pages_the_requests_so_far_are_counted(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    head = 'hosts: {"*": {delay: 100s}}'
    code, said = broken_off(
        tmp_path, job(shop), lambda: bool(shop.log and shop.log[0].answered), signal.SIGINT, head
    )
    assert code == 130, said
    assert "  list  request  stopped    1 task interrupted" in said
    assert any("1 request" in line for line in said)
    ran, _ = read(run_crawler, tmp_path, job(shop))
    assert (ran.returncode, lists.asked) == (0, [1, 2, 3, 4, 5]), ran.stderr
    assert saved(tmp_path) == lists.lines()


@pytest.mark.parametrize("way", ["next", "cursor", "offset"])
def test_after_kill_the_pages_before_the_checkpoint_are_not_asked_for_again(
    way: str, lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.items, lists.padding, lists.lost = 30, LARGE, {6}
    code, said = broken_off(tmp_path, job(shop, WAYS[way]), lambda: 6 in lists.asked, signal.SIGKILL)
    assert (code, finals(tmp_path / "out")) == (-9, {}), said
    lists.lost, before = set(), len(lists.asked)
    ran, event = read(run_crawler, tmp_path, job(shop, WAYS[way]))
    assert (ran.returncode, event["outcome"]) == (0, "new"), ran.stderr
    assert lists.asked[before : before + 2] == [5, 6]
    assert saved(tmp_path) == lists.lines()


def test_killed_before_its_first_checkpoint_it_begins_again(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.lost = {4}
    broken_off(tmp_path, job(shop), lambda: 4 in lists.asked, signal.SIGKILL)
    lists.lost = set()
    ran, _ = read(run_crawler, tmp_path, job(shop))
    assert (ran.returncode, lists.asked) == (0, [1, 2, 3, 4, 1, 2, 3, 4, 5]), ran.stderr
    assert saved(tmp_path) == lists.lines()


def test_killed_again_and_again_it_comes_to_its_end_with_each_item_once(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.items, lists.padding = 40, LARGE
    for page in (3, 5, 6, 7):
        lists.lost = {page}
        broken_off(tmp_path, job(shop), lambda page=page: lists.asked[-1:] == [page], signal.SIGKILL)  # type: ignore[misc]
    lists.lost = set()
    ran, _ = read(run_crawler, tmp_path, job(shop))
    assert ran.returncode == 0, ran.stderr
    assert saved(tmp_path) == lists.lines()


@pytest.mark.parametrize("changed", ["params: {shop: 8}", "headers: {Accept: x/y}", "json: {a: 1}", "items"])
def test_it_goes_on_only_if_it_is_still_the_same_list(
    changed: str, lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.lost = {4}
    broken_off(tmp_path, job(shop, more="params: {shop: 7}"), lambda: 4 in lists.asked, signal.SIGTERM)
    lists.lost = set()
    lists.asked.clear()
    more = changed if changed.startswith("params") else f"params: {{shop: 7}}\n{changed}"
    way = WAYS["link"]
    if changed == "items":
        way, more = "{items: 'data[].id'}", "params: {shop: 7}"
    ran, _ = read(run_crawler, tmp_path, job(shop, way, more))
    assert ran.returncode == 0, ran.stderr
    assert lists.asked == ([4, 5] if changed.startswith("headers") else [1, 2, 3, 4, 5])
    assert len(saved(tmp_path)) == 25


@pytest.mark.parametrize("status", [400, 410, 200])
def test_a_server_that_has_forgotten_the_cursor_is_asked_from_the_beginning(
    status: int, lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.lost = {4}
    broken_off(tmp_path, job(shop, WAYS["cursor"]), lambda: 4 in lists.asked, signal.SIGTERM)
    lists.lost, lists.trouble = set(), {4: [Reply(status, b'{"error": "what cursor?"}')]}
    lists.asked.clear()
    ran, event = read(run_crawler, tmp_path, job(shop, WAYS["cursor"]))
    assert (ran.returncode, lists.asked) == (0, [4, 1, 2, 3, 4, 5]), ran.stderr
    assert event["attempts"] == 1
    assert saved(tmp_path) == lists.lines()


def test_force_begins_again(lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler) -> None:
    lists.lost = {4}
    broken_off(tmp_path, job(shop), lambda: 4 in lists.asked, signal.SIGTERM)
    lists.lost = set()
    lists.asked.clear()
    assert read(run_crawler, tmp_path, job(shop), "--force")[0].returncode == 0
    assert lists.asked == [1, 2, 3, 4, 5]


def test_without_a_file_it_goes_on_as_well(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.lost = {4}
    broken_off(tmp_path, job(shop, save=""), lambda: 4 in lists.asked, signal.SIGTERM)
    lists.lost = set()
    assert read(run_crawler, tmp_path, job(shop, save=""))[0].returncode == 0
    assert lists.asked == [1, 2, 3, 4, 4, 5]


def test_a_part_file_that_somebody_took_away_is_no_loss(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.lost = {4}
    broken_off(tmp_path, job(shop), lambda: 4 in lists.asked, signal.SIGTERM)
    (tmp_path / "out/list.jsonl.part").unlink()
    lists.lost = set()
    assert read(run_crawler, tmp_path, job(shop))[0].returncode == 0
    assert lists.asked == [1, 2, 3, 4, 1, 2, 3, 4, 5]
    assert saved(tmp_path) == lists.lines()


def test_a_budget_stops_it_between_two_pages_and_the_next_run_goes_on(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    jobs = job(shop, more="budget: {max_requests: 3}")
    ran, _ = read(run_crawler, tmp_path, jobs)
    assert (ran.returncode, lists.asked) == (7, [1, 2, 3]), ran.stderr
    ran, event = read(run_crawler, tmp_path, jobs)
    assert (ran.returncode, event["outcome"], lists.asked) == (0, "new", [1, 2, 3, 4, 5]), ran.stderr
    assert saved(tmp_path) == lists.lines()


POST = "method: POST\njson: {a: 1}"


def test_a_page_that_was_posted_for_and_never_answered_is_unknown_and_not_asked_for_again(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.lost = {3}
    broken_off(tmp_path, job(shop, more=POST), lambda: 3 in lists.asked, signal.SIGKILL)
    lists.lost = set()
    for flags in ((), ("--retry-failed",)):
        ran, event = read(run_crawler, tmp_path, job(shop, more=POST), *flags)
        assert (ran.returncode, event["outcome"], lists.asked) == (4, "unknown", [1, 2, 3]), ran.stderr
    assert finals(tmp_path / "out") == {}


def test_the_same_within_one_run(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.trouble = {3: [Reply(200, b'{"data": [1, 2, 3]}', cut=True)]}
    ran, event = read(run_crawler, tmp_path, job(shop, more=POST))
    assert (ran.returncode, event["outcome"], lists.asked) == (4, "failed", [1, 2, 3]), ran.stderr
    assert (event["error"]["class"], event["error"]["retryable"]) == ("truncated", False)
    lists.trouble = {3: [Reply(429)]}
    lists.asked.clear()
    ran, event = read(run_crawler, tmp_path, job(shop, more=POST))
    assert (ran.returncode, event["outcome"], lists.asked) == (0, "new", [1, 2, 3, 3, 4, 5]), ran.stderr


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_was_posted_and_answered_is_not_posted_again(
    number: int, lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    head = 'hosts: {"*": {delay: 3s}}'  # the run is killed while it waits for its turn

    def second_answered() -> bool:
        return shop.has(2) and bool(shop.log[1].answered) and time_passed(shop, 1.0)

    broken_off(tmp_path, job(shop, more=POST), second_answered, number, head)
    ran, event = read(run_crawler, tmp_path, job(shop, more=POST))
    assert (ran.returncode, event["outcome"], lists.asked) == (0, "new", [1, 2, 3, 4, 5]), ran.stderr
    assert saved(tmp_path) == lists.lines()


def test_a_posted_list_whose_next_page_is_forgotten_does_not_begin_again_by_itself(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    jobs = job(shop, more=f"{POST}\nbudget: {{max_requests: 2}}")
    assert read(run_crawler, tmp_path, jobs)[0].returncode == 7
    lists.trouble = {3: [Reply(410)]}
    ran, event = read(run_crawler, tmp_path, job(shop, more=POST))
    assert (ran.returncode, event["outcome"], lists.asked) == (4, "failed", [1, 2, 3]), ran.stderr


def time_passed(shop: Arrivals, seconds: float) -> bool:
    """Whether the last answer was given so long ago."""
    answered = shop.log[-1].answered
    return answered is not None and time.time() - answered > seconds


def test_each_posted_page_has_an_idempotency_key_of_its_own_and_may_be_asked_for_again(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.trouble = {3: [Reply(503)]}
    ran, _ = read(run_crawler, tmp_path, job(shop, more=f"{POST}\nidempotency_key: k"))
    assert (ran.returncode, lists.asked) == (0, [1, 2, 3, 3, 4, 5]), ran.stderr
    keys = [arrival.headers["idempotency-key"] for arrival in shop.log]
    assert keys == ["k", "k-2", "k-3", "k-3", "k-4", "k-5"]


def test_events_tell_the_list_once(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    read(run_crawler, tmp_path, job(shop))
    (event,) = events(tmp_path / "events.jsonl")
    assert event["task"] == f"0 GET {shop.url('/orders')}"


def test_a_list_that_was_led_to_another_host_goes_on_there(tmp_path: Path, run_crawler: RunCrawler) -> None:
    asked: list[tuple[str, str]] = []
    lost = {"/3"}

    def site(arrival: Arrival) -> Reply | None:
        asked.append((arrival.host, arrival.path))
        if arrival.path == "/orders":
            return Reply(302, headers=(("Location", f"http://127.0.0.2:{shop.port}/1"),))
        if arrival.path in lost:
            return None
        number = int(arrival.path[1:])
        body = b'{"data": [%d], "links": {"next": "/%d"}}' % (number, number + 1)
        return Reply(200, body if number < 5 else b'{"data": [5]}')

    with Arrivals(site) as shop:
        jobs = job(shop, WAYS["next"])
        broken_off(tmp_path, jobs, lambda: ("127.0.0.2", "/3") in asked, signal.SIGTERM)
        lost.clear()
        asked.clear()
        ran, event = read(run_crawler, tmp_path, jobs)
    assert (ran.returncode, event["attempts"]) == (0, 1), ran.stderr
    assert asked == [("127.0.0.2", f"/{number}") for number in (3, 4, 5)]
    assert saved(tmp_path) == [1, 2, 3, 4, 5]


def test_a_host_that_is_given_up_leaves_its_lists_where_they_are(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    """The list waits for another try at its third page when other tasks find the host dead."""
    dead = threading.Event()

    def dying(arrival: Arrival) -> Reply | None:
        if "page=3" in arrival.path:
            dead.set()
        if dead.is_set():
            raise OSError("the host is gone")
        return lists(arrival)

    shop.script = dying
    others = ", ".join(shop.url(f"/x{number}") for number in range(40))
    patient = "retry: {attempts: 50, backoff: 10ms, max_backoff: 20ms}"
    jobs = f"{job(shop, more=patient)}\n  - {{name: others, type: request, urls: [{others}]}}"
    ran, _ = read(run_crawler, tmp_path, jobs, head='hosts: {"*": {concurrency: 1}}')
    assert ran.returncode == 5, ran.stderr
    told = {event["job"]: event for event in events(tmp_path / "events.jsonl")}
    assert (told["list"]["outcome"], told["list"]["error"]["retryable"]) == ("failed", True)
    assert 1 <= told["list"]["attempts"] < 50
    shop.script = lists
    lists.asked.clear()
    ran, _ = read(run_crawler, tmp_path, job(shop), "--retry-failed")
    assert ran.returncode == 0, ran.stderr
    assert lists.asked == [3, 4, 5]
    assert saved(tmp_path) == lists.lines()


def test_status_tells_of_a_list_that_was_broken_off(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.lost = {4}
    broken_off(tmp_path, job(shop), lambda: 4 in lists.asked, signal.SIGTERM)
    told = run_crawler("status", tmp_path / "test.yaml", "-o", "out")
    assert (told.returncode, " B kept)" in told.stdout) == (0, True), told.stdout
