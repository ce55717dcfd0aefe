"""How gentle a crawl is: one request at a time, a second apart, unless who may say so says more."""

from __future__ import annotations

import signal
from itertools import pairwise

from tests.cli.crawls import Crawls, crawl_manifest
from tests.cli.running import finals, started, wait_until
from tests.serving.arrivals import Arrival, Arrivals, Reply
from tests.serving.site import Site, pages


def test_without_a_rule_requests_are_a_second_apart_and_one_at_a_time(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    pages(site, 2)
    site.hold = 0.05
    done = crawls.run(crawl_manifest(crawls.folder, web, hosts=""))
    assert done.ran.returncode == 0
    assert [each.path for each in done.asked][:1] == ["/robots.txt"]
    assert len(done.asked) == 3
    assert min(web.gaps()) >= 1.0
    assert web.at_once() == 1


def test_a_host_rule_may_raise_it(site: Site, web: Arrivals, crawls: Crawls) -> None:
    pages(site, 30, links=10)
    site.hold = 0.05
    done = crawls.run(crawl_manifest(crawls.folder, web, hosts='"*": {concurrency: 4, delay: 0}'))
    assert done.counts == {"new": 30}
    assert web.at_once() == 4


def test_the_delay_holds_for_retries_redirects_and_what_is_not_there(site: Site, crawls: Crawls) -> None:
    pages(site, 6)
    site.move("/moved", "/part1/page1.html")
    site.page("/", "/moved", "/gone", "/part2/page2.html", "/part3/page3.html")

    def troubled(arrival: Arrival) -> Reply:
        bad = arrival.path.startswith("/part") and not arrival.again
        return Reply(500) if bad else site(arrival)

    with Arrivals(troubled) as web:
        path = crawl_manifest(crawls.folder, web, hosts='"*": {delay: 80ms}')
        assert crawls.run(path).ran.returncode == 4
        gaps = web.gaps()
        assert len(gaps) > 8
        assert min(gaps) >= 0.08


def test_sigterm_ends_in_order_and_the_next_run_goes_on(site: Site, web: Arrivals, crawls: Crawls) -> None:
    paths = pages(site, 25)
    path = crawl_manifest(crawls.folder, web, hosts='"*": {delay: 20ms}')
    with started("run", path, cwd=crawls.folder) as process:
        wait_until(lambda: len(web.log) > 8)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143
    before = [each.path for each in web.log if each.path != "/robots.txt"]
    after = crawls.run(path)
    assert after.ran.returncode == 0, after.ran.stderr
    assert "continues it" in after.ran.stderr
    assert sorted([*before, *after.paths]) == sorted(paths)
    assert "/robots.txt" not in [each.path for each in after.asked]
    assert after.counts == {"new": 25}


def test_a_file_that_is_lost_between_two_runs_of_a_round_is_fetched_again(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    pages(site, 25)
    path = crawl_manifest(crawls.folder, web, hosts='"*": {delay: 20ms}')
    with started("run", path, cwd=crawls.folder) as process:
        wait_until(lambda: len(web.log) > 8)
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    for name in finals(crawls.output):
        (crawls.output / name).unlink()
    assert crawls.run(path).ran.returncode == 0
    assert len(finals(crawls.output)) == 25


def test_a_start_url_that_moved_to_another_host_is_remembered_after_a_stop(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    other = "127.0.0.2"
    names = [f"/{number}" for number in range(12)]
    site.move("/start", web.url("/", other))
    site.page("/", names[0])
    for one, two in pairwise(names):
        site.page(one, two)
    site.page(names[-1])
    path = crawl_manifest(crawls.folder, web, start="/start", hosts='"*": {delay: 20ms}')
    with started("run", path, cwd=crawls.folder) as process:
        wait_until(lambda: len(web.of(other)) > 5)
        process.kill()
    assert crawls.run(path).ran.returncode == 0
    assert len(finals(crawls.output)) == 13
