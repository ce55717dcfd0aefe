"""A list that comes in pages is one task and one file, whichever way it leads on and whatever goes wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.paging import WAYS, job, read, saved
from tests.cli.running import finals, parts
from tests.conftest import RunCrawler
from tests.serving.arrivals import Arrival, Arrivals, Reply
from tests.serving.lists import Lists

EVERY_WAY = pytest.mark.parametrize("way", sorted(WAYS))


@EVERY_WAY
def test_every_way_leads_to_the_same_file(
    way: str, lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    ran, event = read(run_crawler, tmp_path, job(shop, WAYS[way]))
    assert ran.returncode == 0, ran.stderr
    assert (event["outcome"], event["status"], event["attempts"]) == ("new", 200, 1)
    assert saved(tmp_path) == lists.lines()
    ends_empty = way in ("page", "offset")
    assert lists.asked == [1, 2, 3, 4, 5, 6] if ends_empty else [1, 2, 3, 4, 5]
    assert parts(tmp_path / "out") == []


def test_the_second_run_reads_all_again_and_tells_what_it_found(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    told = [read(run_crawler, tmp_path, job(shop))[1]["outcome"] for _ in range(2)]
    lists.items += 1
    told.append(read(run_crawler, tmp_path, job(shop))[1]["outcome"])
    assert told == ["new", "unchanged", "changed"]
    assert saved(tmp_path) == lists.lines()
    assert len(lists.asked) == 5 + 5 + 6


def test_numbers_and_letters_come_out_as_they_came(tmp_path: Path, run_crawler: RunCrawler) -> None:
    items = (
        '{"id":12345678901234567890123,"price":1.10,"tiny":1E-400,"pi":3.14159265358979323846264338,"n":"ü"}'
    )
    with Arrivals(lambda arrival: Reply(200, f'{{"data": [{items}, -0.0, [1.50]]}}'.encode())) as shop:
        ran, _ = read(run_crawler, tmp_path, job(shop))
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "out/list.jsonl").read_text() == f"{items}\n-0.0\n[1.50]\n"


def test_without_items_each_page_is_a_line(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    ran, _ = read(run_crawler, tmp_path, job(shop, "{}"))
    assert ran.returncode == 0, ran.stderr
    assert [len(page["data"]) for page in saved(tmp_path)] == [5] * 5


def test_without_save_the_pages_are_read_and_each_is_as_expected(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    expected = "expect: {text: data, content_type: application/json}"
    ran, event = read(run_crawler, tmp_path, job(shop, more=expected, save=""))
    assert (ran.returncode, event["path"], finals(tmp_path / "out")) == (0, None, {}), ran.stderr
    assert event["bytes"] > 500
    lists.trouble = {4: [Reply(200, b"<h1>Sign in</h1>", (("Content-Type", "text/html"),))]}
    ran, event = read(run_crawler, tmp_path, job(shop, more=expected, save=""))
    assert (ran.returncode, event["error"]["class"]) == (4, "unexpected_content"), ran.stderr


def test_an_empty_list_is_an_empty_file(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.items = 0
    ran, event = read(run_crawler, tmp_path, job(shop, WAYS["page"]))
    assert (ran.returncode, event["outcome"]) == (0, "new"), ran.stderr
    assert (tmp_path / "out/list.jsonl").read_bytes() == b""


def test_each_row_is_a_list_of_its_own(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    (tmp_path / "shops.csv").write_text("shop\nberlin\nparis\nrome\n")
    jobs = f"""  - name: list
    type: request
    from: shops.csv
    url: {shop.url("/${row.shop}")}
    paginate: {WAYS["next"]}
    save: ${{row.shop}}.jsonl"""
    ran, _ = read(run_crawler, tmp_path, jobs)
    assert ran.returncode == 0, ran.stderr
    for city in ("berlin", "paris", "rome"):
        assert saved(tmp_path, f"{city}.jsonl") == lists.lines()
    assert sorted(lists.asked) == sorted([1, 2, 3, 4, 5] * 3)


def test_a_cursor_may_go_into_the_json_body(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    way = "{cursor: {jmespath: meta.cursor, param: variables.after, in: json}, items: data}"
    query = 'method: POST\njson: {query: "{ orders }", variables: {shop: 7}}'
    ran, event = read(run_crawler, tmp_path, job(shop, way, query))
    assert (ran.returncode, event["outcome"]) == (0, "new"), ran.stderr
    assert saved(tmp_path) == lists.lines()
    assert json.loads(shop.log[2].body) == {"query": "{ orders }", "variables": {"shop": 7, "after": "c3"}}
    assert {arrival.path for arrival in shop.log} == {"/orders"}


@EVERY_WAY
def test_a_page_that_is_turned_away_or_cut_is_asked_for_again_and_no_other(
    way: str, lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.items = 100
    cut = replace(lists.answer(Arrival("", "GET", "/orders", 0.0, 0, 0), 9), cut=True)
    lists.trouble = {page: [Reply(503)] for page in (1, 4, 5, 12, 20)} | {9: [cut]}
    ran, event = read(run_crawler, tmp_path, job(shop, WAYS[way]), "--json")
    assert (ran.returncode, event["attempts"]) == (0, 7), ran.stderr
    assert saved(tmp_path) == lists.lines()
    assert [page for page in lists.asked if lists.asked.count(page) == 2] == [
        *(1, 1, 4, 4, 5, 5, 9, 9, 12, 12, 20, 20)
    ]
    totals = json.loads(ran.stdout.splitlines()[-1])["totals"]
    assert (totals["tasks"], totals["retries"], totals["requests"]) == (1, 6, len(lists.asked))


def test_a_page_that_never_comes_fails_the_list_and_retry_failed_goes_on_with_that_page(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.trouble = {3: [Reply(503), Reply(503)]}
    ran, event = read(run_crawler, tmp_path, job(shop))
    assert (ran.returncode, event["outcome"], event["attempts"]) == (5, "failed", 2), ran.stderr
    assert (event["status"], event["error"]["retryable"]) == (503, True)
    assert finals(tmp_path / "out") == {}
    lists.asked.clear()
    ran, event = read(run_crawler, tmp_path, job(shop), "--retry-failed")
    assert (ran.returncode, event["outcome"], lists.asked) == (0, "new", [3, 4, 5]), ran.stderr
    assert saved(tmp_path) == lists.lines()


def test_the_next_night_begins_with_the_first_page_whatever_the_last_one_has_left(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.trouble = {3: [Reply(503), Reply(503)]}
    assert read(run_crawler, tmp_path, job(shop))[0].returncode == 5
    lists.asked.clear()
    ran, _ = read(run_crawler, tmp_path, job(shop))
    assert (ran.returncode, lists.asked) == (0, [1, 2, 3, 4, 5]), ran.stderr
    assert saved(tmp_path) == lists.lines()


@pytest.mark.parametrize(
    "reply", [Reply(404), Reply(200, b"[1"), Reply(200, b"{}"), Reply(200, b'{"data": 7}')]
)
def test_what_is_no_page_is_a_failure_and_no_end(
    reply: Reply, lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.trouble = {3: [reply]}
    ran, event = read(run_crawler, tmp_path, job(shop))
    assert (ran.returncode, event["outcome"]) == (4, "failed"), ran.stderr
    assert event["status"] == 404 or "page 3" in event["error"]["message"]
    assert (finals(tmp_path / "out"), parts(tmp_path / "out")) == ({}, [])
    lists.asked.clear()
    ran, event = read(run_crawler, tmp_path, job(shop), "--retry-failed")
    assert (ran.returncode, lists.asked) == (0, [1, 2, 3, 4, 5]), ran.stderr
    assert saved(tmp_path) == lists.lines()


CIRCLES: dict[str, tuple[Callable[[int], int], str]] = {
    "link": (
        lambda page: min(page + 1, 3),
        "page 3: the list goes in circles: the next page after this one is itself",
    ),
    "next": (
        lambda page: page % 4 + 1,
        "goes in circles: the next page after this one is one that was there before",
    ),
    "cursor": (lambda page: page + 1 if page < 6 else 3, "page 7: the list goes in circles"),
}


@pytest.mark.parametrize("way", sorted(CIRCLES))
def test_a_list_that_goes_in_circles_is_found_out(way: str, tmp_path: Path, run_crawler: RunCrawler) -> None:
    leads, said = CIRCLES[way]
    lists = Lists()

    def circle(arrival: Arrival) -> Reply:
        page = lists.page_of(arrival)
        lists.asked.append(page)
        following = leads(page)
        body = {
            "data": [{"page": page}],
            "links": {"next": f"?page={following}"},
            "meta": {"cursor": following},
        }
        link = (("Link", f"<?page={following}>; rel=next"),)
        return Reply(200, json.dumps(body).encode(), link)

    with Arrivals(circle) as shop:
        ran, event = read(run_crawler, tmp_path, job(shop, WAYS[way]))
    assert (ran.returncode, event["error"]["class"]) == (4, "unexpected_content"), ran.stderr
    assert said in event["error"]["message"]
    assert finals(tmp_path / "out") == {}
    assert len(lists.asked) < 20


@pytest.mark.parametrize("way", ["page", "offset"])
def test_a_server_that_does_not_heed_the_number_is_found_out(
    way: str, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    with Arrivals(lambda arrival: Reply(200, b'{"data": [{"id": 1}, {"id": 2}]}')) as shop:
        ran, event = read(run_crawler, tmp_path, job(shop, WAYS[way]))
        assert len(shop.log) == 2
    assert (ran.returncode, event["error"]["class"]) == (4, "unexpected_content"), ran.stderr
    assert f"it is page 1 once more: the server does not count by '{way}'" in event["error"]["message"]


def test_with_processes_it_is_the_same(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.trouble = {2: [Reply(503)]}
    ran, event = read(run_crawler, tmp_path, job(shop), "--processes", "2")
    assert (ran.returncode, event["attempts"], lists.asked) == (0, 2, [1, 2, 2, 3, 4, 5]), ran.stderr
    assert saved(tmp_path) == lists.lines()


def test_an_endless_list_ends_well_at_max_pages_and_says_so(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.items = 10**9
    ran, event = read(run_crawler, tmp_path, job(shop, "{items: data, max_pages: 3}"), "--json")
    assert (ran.returncode, event["outcome"], lists.asked) == (0, "new", [1, 2, 3]), ran.stderr
    assert saved(tmp_path) == [lists.item(number) for number in range(15)]
    assert "    limit_reached: max_pages (1 list)\n" in ran.stderr
    (told,) = json.loads(ran.stdout.splitlines()[-1])["jobs"]
    assert told["notes"] == ["limit_reached: max_pages (1 list)"]


def test_a_list_of_just_so_many_pages_was_not_cut(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    ran, _ = read(run_crawler, tmp_path, job(shop, "{items: data, max_pages: 5}"))
    assert (ran.returncode, "limit_reached" in ran.stderr) == (0, False), ran.stderr
    assert saved(tmp_path) == lists.lines()
