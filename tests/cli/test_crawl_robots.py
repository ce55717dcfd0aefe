"""robots.txt and its kin, as RFC 9309 has them: asked for first, once a day, and obeyed."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from functools import partial

import pytest

from tests.cli.crawls import EAGER, Crawls, crawl_manifest
from tests.cli.running import manifest, started, wait_until
from tests.serving.arrivals import Arrival, Arrivals, Reply
from tests.serving.site import Site, pages


def small(site: Site) -> None:
    site.page("/", "/open", "/private/a", "/private/open")
    for path in ("/open", "/private/a", "/private/open"):
        site.page(path)


def age(crawls: Crawls, seconds: float) -> None:
    """Make what the ledger knows of robots.txt older."""
    with closing(sqlite3.connect(crawls.output / ".crawler" / "test.sqlite")) as ledger:
        ledger.execute("UPDATE robots SET fetched = fetched - ?", (seconds,))
        ledger.commit()


@pytest.mark.parametrize("status", [500, 503, 429])
def test_where_robots_txt_cannot_be_had_no_page_is_asked_for(
    status: int, site: Site, web: Arrivals, crawls: Crawls
) -> None:
    small(site)
    site.robots("busy", status)
    path = crawl_manifest(crawls.folder, web)
    done = crawls.run(path)
    assert done.ran.returncode == 5, done.ran.stderr
    assert done.paths == []
    assert len(done.asked) == 2  # two attempts
    assert done.error("/")["class"] == "robots_unreachable"
    assert done.error("/")["retryable"]
    site.robots("")
    assert crawls.run(path).ran.returncode == 0  # nothing of it was kept


def test_a_robots_txt_that_never_answers_counts_as_unreachable(site: Site, crawls: Crawls) -> None:
    small(site)

    def silent(arrival: Arrival) -> Reply | None:
        return None if arrival.path == "/robots.txt" else site(arrival)

    with Arrivals(silent) as web:
        path = crawl_manifest(crawls.folder, web, "timeout: {sock_read: 200ms}")
        done = crawls.run(path)
        assert done.ran.returncode == 5, done.ran.stderr
        assert {each.path for each in web.log} == {"/robots.txt"}
        assert done.error("/")["class"] == "robots_unreachable"


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_4xx_allows_everything(status: int, site: Site, web: Arrivals, crawls: Crawls) -> None:
    small(site)
    site.robots("User-agent: *\nDisallow: /", status)
    done = crawls.run(crawl_manifest(crawls.folder, web))
    assert done.ran.returncode == 0
    assert len(done.paths) == 4
    assert [each.path for each in done.asked].count("/robots.txt") == 1


def test_what_is_disallowed_is_left_out_quietly(site: Site, web: Arrivals, crawls: Crawls) -> None:
    small(site)
    site.robots("User-agent: *\nDisallow: /private/\nAllow: /private/open\n")
    done = crawls.run(crawl_manifest(crawls.folder, web))
    assert done.ran.returncode == 0, done.ran.stderr
    assert done.asked[0].path == "/robots.txt"
    assert sorted(done.paths) == ["/", "/open", "/private/open"]
    assert done.outcomes["/private/a"] == "skipped"


def test_a_disallowed_start_url_is_a_failure(site: Site, web: Arrivals, crawls: Crawls) -> None:
    small(site)
    site.robots("User-agent: *\nDisallow: /private/\n")
    done = crawls.run(crawl_manifest(crawls.folder, web, start="/private/a"))
    assert done.ran.returncode == 4
    assert done.error("/private/a")["class"] == "robots"
    assert done.paths == []


def test_robots_false_asks_nobody(site: Site, web: Arrivals, crawls: Crawls) -> None:
    small(site)
    site.robots("User-agent: *\nDisallow: /\n")
    done = crawls.run(crawl_manifest(crawls.folder, web, "robots: false"))
    assert done.ran.returncode == 0
    assert len(done.paths) == len(done.asked) == 4


def test_a_group_of_our_own_name_counts_alone(site: Site, web: Arrivals, crawls: Crawls) -> None:
    small(site)
    site.robots("User-agent: *\nDisallow: /\n\nUser-agent: acme-batch\nDisallow: /private/\n")
    keys = 'headers: {User-Agent: "acme-batch/1.0 (+mailto:ops@example.org)"}'
    done = crawls.run(crawl_manifest(crawls.folder, web, keys))
    assert sorted(done.paths) == ["/", "/open"]
    assert {each.headers["user-agent"] for each in done.asked} == {"acme-batch/1.0 (+mailto:ops@example.org)"}


def test_a_rule_in_the_last_of_500_kilobytes_holds_and_one_beyond_does_not(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    small(site)
    filler = "# nothing\n" * 49_900
    rules = f"User-agent: *\n{filler}Disallow: /private/a\n"
    assert 499_000 < len(rules) < 500 * 1024
    rules += "#" * (500 * 1024 - len(rules)) + "\nDisallow: /open\n" + "# more\n" * 100_000
    site.robots(rules)
    done = crawls.run(crawl_manifest(crawls.folder, web))
    assert sorted(done.paths) == ["/", "/open", "/private/open"]


def test_robots_txt_may_be_five_redirects_away_on_other_hosts(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    small(site)
    hosts = [f"127.0.0.{number}" for number in range(2, 7)]
    site.move("/robots.txt", web.url("/hop/0", hosts[0]))
    for number in range(4):
        site.move(f"/hop/{number}", web.url(f"/hop/{number + 1}", hosts[number + 1]))
    site.put("/hop/4", "User-agent: *\nDisallow: /private/\n", "text/plain")
    done = crawls.run(crawl_manifest(crawls.folder, web))
    assert done.ran.returncode == 0, done.ran.stderr
    assert [each.path for each in done.asked if each.path.startswith(("/hop", "/robots"))] == [
        "/robots.txt",
        *(f"/hop/{number}" for number in range(5)),
    ]
    pages_asked = [path for path in done.paths if not path.startswith("/hop")]
    assert sorted(pages_asked) == ["/", "/open"]


def test_endless_redirects_of_robots_txt_are_as_good_as_none(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    small(site)
    site.move("/robots.txt", "/robots.txt")
    done = crawls.run(crawl_manifest(crawls.folder, web))
    assert done.ran.returncode == 0
    assert len(done.paths) == 4


def test_robots_txt_is_kept_for_a_day(site: Site, web: Arrivals, crawls: Crawls) -> None:
    small(site)
    site.robots("User-agent: *\nDisallow: /private/a\n")
    path = crawl_manifest(crawls.folder, web)
    crawls.run(path)
    site.robots("User-agent: *\nDisallow: /private/open\n")
    again = crawls.run(path)
    assert "/robots.txt" not in [each.path for each in again.asked]
    assert "/private/open" in again.paths
    age(crawls, 24 * 3600 + 5)
    later = crawls.run(path)
    assert later.asked[0].path == "/robots.txt"
    assert "/private/open" not in later.paths
    assert "/private/a" in later.paths


@pytest.mark.parametrize(("asked", "least"), [("0.3", 0.3), ("0", 0.0)])
def test_crawl_delay_slows_the_crawl_down(
    asked: str, least: float, site: Site, web: Arrivals, crawls: Crawls
) -> None:
    small(site)
    site.robots(f"User-agent: *\nCrawl-delay: {asked}\n")
    done = crawls.run(crawl_manifest(crawls.folder, web))
    assert len(done.paths) == 4
    assert min(web.gaps()[1:]) >= least


@pytest.mark.parametrize(("hosts", "how"), [("", signal.SIGKILL), (EAGER, signal.SIGTERM)])
def test_crawl_delay_holds_from_one_run_to_the_next(
    hosts: str, how: signal.Signals, site: Site, web: Arrivals, crawls: Crawls
) -> None:
    # Starting takes a second, so that the delay must be longer to show.
    pages(site, 4)
    site.robots("User-agent: *\nCrawl-delay: 2.5\n")
    path = crawl_manifest(crawls.folder, web, hosts=hosts)
    for asked in (2, 3):
        with started("run", path, cwd=crawls.folder) as process:
            wait_until(partial(web.has, asked))
            process.send_signal(how)
            process.wait(30)
    assert [each.path for each in web.of()].count("/robots.txt") == 1
    assert min(web.gaps()) >= 2.5


def test_pages_may_ask_that_their_links_are_not_followed(site: Site, web: Arrivals, crawls: Crawls) -> None:
    nofollow = '<meta name="robots" content="noindex, nofollow">'
    site.page("/", "/meta", "/header", "/others", text='<a rel="nofollow ugc" href="/rel">x</a>')
    site.page("/meta", "/beyond1", head=nofollow)
    site.page(
        "/header", "/beyond2", headers=[("X-Robots-Tag", "otherbot: noindex"), ("X-Robots-Tag", "none")]
    )
    site.page("/others", "/fine", headers=[("X-Robots-Tag", "otherbot: nofollow")])
    site.page("/fine")
    done = crawls.run(crawl_manifest(crawls.folder, web))
    assert sorted(done.paths) == ["/", "/fine", "/header", "/meta", "/others"]
    site.page("/rel")
    site.page("/beyond1")
    site.page("/beyond2")
    path = crawl_manifest(crawls.folder, web, "robots: false")
    done = crawls.run(path, "--state", crawls.folder / "other", "-o", crawls.folder / "out")
    assert len(done.paths) == 8


def test_sitemaps_that_robots_txt_names_are_read(site: Site, web: Arrivals, crawls: Crawls) -> None:
    site.page("/")
    site.page("/lonely")
    site.page("/nested")
    urls = "".join(f"<url><loc>{web.url(path)}</loc></url>" for path in ("/lonely", "/", "/hidden"))
    site.put("/map.xml", f"<urlset>{urls}</urlset>", "application/xml")
    index = f"<sitemapindex><sitemap><loc>{web.url('/more.txt')}</loc></sitemap></sitemapindex>"
    site.put("/index.xml", index, "application/xml")
    site.put("/more.txt", web.url("/nested") + "\n", "text/plain")
    site.robots(
        "Sitemap: /map.xml\nSitemap: /index.xml\nSitemap: /no.xml\nUser-agent: *\nDisallow: /hidden\n"
    )
    path = crawl_manifest(crawls.folder, web)
    done = crawls.run(path)
    assert done.ran.returncode == 0, done.ran.stderr
    assert sorted(done.paths) == ["/", "/index.xml", "/lonely", "/map.xml", "/more.txt", "/nested", "/no.xml"]
    again = crawls.run(path)
    assert again.ran.returncode == 0
    assert sorted(again.paths) == sorted(done.paths)
    assert {each.path for each in again.asked if "if-none-match" not in each.headers} == {"/no.xml"}
    assert again.counts == {"unchanged": 6, "skipped": 2}
    quiet = crawls.run(crawl_manifest(crawls.folder, web, "sitemaps: false"), "--state", crawls.folder / "s2")
    assert "/map.xml" not in quiet.paths


def test_a_host_rule_makes_a_list_of_downloads_ask_too(site: Site, web: Arrivals, crawls: Crawls) -> None:
    small(site)
    site.robots("User-agent: *\nDisallow: /private/\n")
    urls = ", ".join(web.url(path) for path in ("/open", "/private/a"))
    job = f"  - {{name: list, type: download, urls: [{urls}]}}"
    head = 'hosts: {"127.0.0.1": {robots: true}}\ndefaults: {retry: {attempts: 2, backoff: 10ms}}'
    done = crawls.run(manifest(crawls.folder, job, head=head))
    assert done.ran.returncode == 4
    assert done.asked[0].path == "/robots.txt"
    assert done.paths == ["/open"]
    assert done.error("/private/a")["class"] == "robots"


def test_robots_txt_counts_among_the_requests_of_its_host(site: Site, web: Arrivals, crawls: Crawls) -> None:
    pages(site, 3)
    path = crawl_manifest(crawls.folder, web, hosts='"*": {delay: 250ms}')
    done = crawls.run(path)
    assert len(done.asked) == 4
    assert min(web.gaps()) >= 0.25
    assert web.at_once() == 1
