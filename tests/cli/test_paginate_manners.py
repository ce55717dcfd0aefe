"""Between two pages of a list the same manners hold as between two tasks, and nothing leaks on the way."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.cli.paging import WAYS, job, read, saved
from tests.cli.running import finals, manifest, started, wait_until
from tests.conftest import RunCrawler
from tests.serving.arrivals import Arrival, Arrivals, Reply
from tests.serving.lists import Lists

SECRET = "hush-hush-4711"


@pytest.mark.parametrize("way", sorted(WAYS))
def test_the_delay_is_kept_between_pages(
    way: str, lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.trouble = {3: [Reply(500)]}
    ran, _ = read(run_crawler, tmp_path, job(shop, WAYS[way]), head='hosts: {"*": {delay: 80ms}}')
    assert ran.returncode == 0, ran.stderr
    assert len(shop.log) >= 6
    assert min(shop.gaps()) >= 0.08


def test_lists_share_their_host_and_none_is_ahead_of_its_concurrency(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.hold = 0.02
    (tmp_path / "shops.txt").write_text("".join(f"{shop.url(f'/{number}')}\n" for number in range(8)))
    jobs = f"""  - name: list
    type: request
    from: shops.txt
    paginate: {WAYS["link"]}
    save: ${{name}}.jsonl"""
    ran, _ = read(run_crawler, tmp_path, jobs, head='hosts: {"*": {concurrency: 2}}')
    assert (ran.returncode, shop.at_once()) == (0, 2), ran.stderr
    assert all(saved(tmp_path, f"{number}.jsonl") == lists.lines() for number in range(8))
    # What has begun comes to its end before another list begins.
    begun = [arrival.path for arrival in shop.log if "page" not in arrival.path]
    third = next(place for place, arrival in enumerate(shop.log) if arrival.path == begun[2])
    assert third >= 5


def test_more_lists_than_workers_wait_with_their_files_closed(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    """Each on a host of its own that wants its time, so that all have begun before one comes to its end."""
    hosts = [f"127.0.1.{number}" for number in range(1, 13)]
    (tmp_path / "shops.txt").write_text("".join(f"{shop.url('/o', host)}\n" for host in hosts))
    lists.trouble = {4: [Reply(500)] * 3}
    jobs = f"""  - name: list
    type: request
    from: shops.txt
    paginate: {WAYS["link"]}
    save: ${{index}}.jsonl"""
    ran, _ = read(run_crawler, tmp_path, jobs, "--workers", "2", head='hosts: {"*": {delay: 100ms}}')
    assert ran.returncode == 0, ran.stderr
    assert all(saved(tmp_path, f"{number}.jsonl") == lists.lines() for number in range(12))
    assert len(shop.log) == 12 * 5 + 3
    last_begun = max(place for place, arrival in enumerate(shop.log) if arrival.path == "/o")
    assert not any("page=5" in arrival.path for arrival in shop.log[:last_begun])


def test_a_pause_that_the_server_asks_for_is_kept_before_the_same_page(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.trouble = {2: [Reply(429, headers=(("Retry-After", "1"),))]}
    ran, _ = read(run_crawler, tmp_path, job(shop))
    assert (ran.returncode, lists.asked) == (0, [1, 2, 2, 3, 4, 5]), ran.stderr
    assert shop.gaps()[1] >= 0.95


def test_robots_txt_holds_for_each_page(tmp_path: Path, run_crawler: RunCrawler) -> None:
    def site(arrival: Arrival) -> Reply:
        if arrival.path == "/robots.txt":
            return Reply(200, b"User-agent: *\nDisallow: /more/\n")
        return Reply(200, b"[1]", (("Link", "</more/2>; rel=next"),))

    with Arrivals(site) as shop:
        ran, event = read(run_crawler, tmp_path, job(shop, "{}"), head='hosts: {"*": {robots: true}}')
        assert [arrival.path for arrival in shop.log] == ["/robots.txt", "/orders"]
    assert (ran.returncode, event["error"]["class"]) == (4, "robots"), ran.stderr


def leads_to(url: str) -> Reply:
    body = json.dumps({"data": [1], "links": {"next": url}}).encode()
    return Reply(200, body, (("Link", f'<{url}>; rel="next"'),))


@pytest.mark.parametrize("way", ["link", "next"])
@pytest.mark.parametrize(
    "where", ["http://127.0.0.2:{port}/2", "//127.0.0.2:{port}/2", "https://127.0.0.1/2", "ftp://x/"]
)
def test_a_next_page_at_another_origin_is_refused_and_nothing_is_sent_there(
    way: str, where: str, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    with Arrivals(lambda arrival: leads_to(where.format(port=shop.port))) as shop:
        ran, event = read(run_crawler, tmp_path, job(shop, WAYS[way], f"auth: {{token: {SECRET}}}"))
        assert len(shop.log) == 1
    assert (ran.returncode, event["error"]["class"]) == (4, "unexpected_content"), ran.stderr
    assert "the next page" in event["error"]["message"]


def test_credentials_go_along_at_home_and_not_behind_a_redirect_to_another_host(
    tmp_path: Path, run_crawler: RunCrawler
) -> None:
    def site(arrival: Arrival) -> Reply:
        if arrival.path == "/away":
            return Reply(307, headers=(("Location", f"http://127.0.0.2:{shop.port}/1"),))
        if arrival.path.endswith("3"):
            return Reply(200, b'{"data": [3]}')
        return leads_to(f"/{3 if arrival.path.endswith('2') else 2}")

    secret = (
        f"auth: {{token: {SECRET}}}\nheaders: {{X-Key: {SECRET}, User-Agent: me}}\ncookies: {{sid: {SECRET}}}"
    )
    with Arrivals(site) as shop:
        ran, _ = read(run_crawler, tmp_path, job(shop, more=secret))
        assert ran.returncode == 0, ran.stderr
        assert [arrival.headers["authorization"] for arrival in shop.log] == [f"Bearer {SECRET}"] * 3
        assert saved(tmp_path) == [1, 1, 3]
        shop.log.clear()
        away = job(shop, more=secret).replace("/orders", "/away").replace("list.jsonl", "away.jsonl")
        ran, _ = read(run_crawler, tmp_path, away)
        assert ran.returncode == 0, ran.stderr
        assert [(each.host, each.path) for each in shop.log] == [
            *[("127.0.0.1", "/away"), ("127.0.0.2", "/1"), ("127.0.0.2", "/2"), ("127.0.0.2", "/3")]
        ]
        assert all(SECRET not in str(each.headers) for each in shop.of("127.0.0.2"))
        assert all(each.headers["user-agent"] == "me" for each in shop.log)
    assert saved(tmp_path, "away.jsonl") == [1, 1, 3]


@pytest.mark.parametrize("secret", ["&token=abc123xyz", f"&q={SECRET}"])
def test_a_next_url_with_a_secret_in_it_is_written_down_nowhere_and_the_list_begins_again(
    secret: str, lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.query, lists.lost = secret, {4}
    path = manifest(tmp_path, job(shop, more=f"auth: {{token: {SECRET}}}"))
    flags = ("--events", "events.jsonl", "--report", "report.json", "-v")
    with started("run", path, "-o", "out", *flags, cwd=tmp_path) as run:
        wait_until(lambda: 4 in lists.asked)
        run.send_signal(signal.SIGTERM)
        said = run.communicate(timeout=30)
    assert run.returncode == 143
    lists.lost, lists.trouble = set(), {4: [Reply(404)]}
    ran, _ = read(run_crawler, tmp_path, job(shop, more=f"auth: {{token: {SECRET}}}"))
    assert (ran.returncode, lists.asked) == (4, [1, 2, 3, 4, 1, 2, 3, 4]), ran.stderr
    hidden = secret.rpartition("=")[2]
    written = [each.read_bytes() for each in (tmp_path / "out" / ".crawler").rglob("*") if each.is_file()]
    written += [(tmp_path / name).read_bytes() for name in ("events.jsonl", "report.json")]
    assert not any(hidden.encode() in each for each in written)
    assert hidden not in "".join([*said, ran.stdout, ran.stderr])


def test_a_page_is_held_in_memory_up_to_its_bound(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.padding = 1000
    ran, event = read(run_crawler, tmp_path, job(shop, more="expect: {max_bytes: 2KiB}"))
    assert (ran.returncode, event["error"]["class"]) == (4, "too_large"), ran.stderr


def test_a_file_that_is_not_ours_is_left_alone_and_nothing_is_sent(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/list.jsonl").write_text("mine\n")
    ran, event = read(run_crawler, tmp_path, job(shop))
    assert (ran.returncode, event["error"]["class"], shop.log) == (4, "exists", []), ran.stderr
    assert finals(tmp_path / "out") == {"list.jsonl": b"mine\n"}


def test_a_host_that_dies_in_the_middle_leaves_what_it_gave_for_the_next_run(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    lists.trouble = {3: [Reply(503)] * 50}
    ran, event = read(run_crawler, tmp_path, job(shop))
    assert (ran.returncode, event["outcome"]) == (5, "failed"), ran.stderr
    lists.trouble = {}
    lists.asked.clear()
    ran, _ = read(run_crawler, tmp_path, job(shop), "--retry-failed")
    assert (ran.returncode, lists.asked) == (0, [3, 4, 5]), ran.stderr
    assert saved(tmp_path) == lists.lines()


def test_plan_explain_and_schema_know_of_it(
    lists: Lists, shop: Arrivals, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    path = manifest(tmp_path, job(shop))
    planned = run_crawler("plan", path)
    assert (planned.returncode, "list.jsonl" in planned.stdout) == (0, True), planned.stderr
    explained = run_crawler("explain", path, shop.url("/orders"))
    assert (explained.returncode, "list.jsonl" in explained.stdout) == (0, True), explained.stderr
    schema = json.loads(run_crawler("schema", "manifest").stdout)
    assert "max_pages" in json.dumps(schema)
    assert shop.log == []
