"""A crawl by the real command: how far it goes, what it leaves out, and that no trap holds it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.cli.crawls import Crawls, crawl_manifest
from tests.cli.running import finals, manifest, parts
from tests.conftest import RunCrawler
from tests.server import Server
from tests.serving.arrivals import Arrivals
from tests.serving.site import Document, Site, calendar, chain, crowd, echoing, pages, sessions


def test_every_page_is_fetched_once_and_kept_as_it_came(site: Site, web: Arrivals, crawls: Crawls) -> None:
    paths = pages(site, 60)
    done = crawls.run(crawl_manifest(crawls.folder, web))
    assert done.ran.returncode == 0, done.ran.stderr
    assert sorted(done.paths) == sorted(paths)
    assert done.asked[0].path == "/robots.txt"
    host = f"127.0.0.1+{web.port}"
    kept = {
        f"{host}{path}" + ("index.html" if path == "/" else ""): site.documents[path].body for path in paths
    }
    assert finals(crawls.output) == kept
    assert done.counts == {"new": 60}
    assert done.notes == ""


@pytest.mark.parametrize(
    ("scope", "expected", "note"),
    [
        ("{depth: 1}", {"/", "/a", "/x/", "/b?q=1"}, "limit_reached: depth"),
        ("{max_pages: 3}", None, "limit_reached: max_pages"),
        ("{max_pages: 7}", None, ""),
        ("{deny: ['*/a*']}", {"/", "/x/", "/x/y/z", "/b?q=1", "/x/p"}, ""),
        ("{allow: ['*/x/*']}", {"/", "/x/", "/x/y/z", "/x/p"}, ""),
        ("{allow: ['re:/(a|x/)$']}", {"/", "/a", "/x/"}, ""),
        (
            "{max_parameters: 0}",
            {"/", "/a", "/a/b", "/x/", "/x/y/z", "/x/p"},
            "limit_reached: max_parameters",
        ),
        ("{max_url_length: 27}", {"/", "/a", "/a/b", "/x/", "/x/p"}, "limit_reached: max_url_length"),
    ],
)
def test_a_scope_bounds_the_crawl(
    scope: str, expected: set[str] | None, note: str, site: Site, web: Arrivals, crawls: Crawls
) -> None:
    site.page("/", "/a", "/x/", "/b?q=1", "http://elsewhere.example/")
    site.page("/a", "/a/b")
    site.page("/a/b", "/")
    site.page("/x/", "y/z", "p")
    site.page("/x/y/z")
    site.page("/x/p")
    site.page("/b?q=1")
    done = crawls.run(crawl_manifest(crawls.folder, web, f"scope: {scope}"))
    assert done.ran.returncode == 0, done.ran.stderr
    if expected is None:
        assert len(done.paths) == int(scope.strip("{}").partition(":")[2])
    else:
        assert set(done.paths) == expected
    assert len(done.paths) == len(set(done.paths))
    assert note in done.notes
    assert bool(note) == ("limit_reached" in done.notes)


def test_below_keeps_to_the_start_urls_folder(site: Site, web: Arrivals, crawls: Crawls) -> None:
    site.page("/docs/index.html", "a.html", "../other.html", "/docs/deep/b.html")
    site.page("/docs/a.html")
    site.page("/docs/deep/b.html", "../../", "../a.html")
    keys = "scope: {below: true}"
    done = crawls.run(crawl_manifest(crawls.folder, web, keys, start="/docs/index.html"))
    assert set(done.paths) == {"/docs/index.html", "/docs/a.html", "/docs/deep/b.html"}


@pytest.mark.parametrize(
    ("hosts", "visited"),
    [
        ("same-host", {"127.0.0.1"}),
        ("any", {"127.0.0.1", "127.0.0.2", "127.0.0.3"}),
        ("['127.0.0.1:*', '127.0.0.3:*']", {"127.0.0.1", "127.0.0.3"}),
        ("[same-host, 127.0.0.2]", {"127.0.0.1", "127.0.0.2"}),
    ],
)
def test_hosts_say_where_links_may_lead(
    hosts: str, visited: set[str], site: Site, web: Arrivals, crawls: Crawls
) -> None:
    (crawls.folder / "config.yaml").write_text("allow_private: true\n")
    site.page("/", web.url("/two", "127.0.0.2"), web.url("/three", "127.0.0.3"))
    site.page("/two")
    site.page("/three")
    keys = f"scope: {{hosts: {hosts}}}"
    done = crawls.run(crawl_manifest(crawls.folder, web, keys), "-c", "config.yaml")
    assert done.ran.returncode == 0, done.ran.stderr
    assert {each.host for each in done.asked} == visited
    for host in visited:
        first, *rest = [each.path for each in done.asked if each.host == host]
        assert first == "/robots.txt"
        assert "/robots.txt" not in rest


def test_content_types_and_sizes_leave_answers_out(site: Site, web: Arrivals, crawls: Crawls) -> None:
    site.page("/", "/small.pdf", "/page", "/large", "/streamed")
    site.put("/small.pdf", b"%PDF", "application/pdf")
    site.page("/page")
    site.put("/large", b"x" * 5000, "text/plain")
    keys = "scope: {content_types: ['text/*'], max_file_bytes: 4000}"
    done = crawls.run(crawl_manifest(crawls.folder, web, keys))
    assert done.outcomes["/small.pdf"] == "skipped"
    assert done.outcomes["/large"] == "skipped"
    assert done.outcomes["/streamed"] == "failed"  # there is no such page
    assert "limit_reached: max_file_bytes" in done.notes
    assert len(finals(crawls.output)) == 2


def test_no_body_is_begun_beyond_max_bytes(site: Site, web: Arrivals, crawls: Crawls) -> None:
    for number in range(20):
        site.put(f"/{number}", bytes(1000), "text/plain")
    site.page("/", *(f"/{number}" for number in range(20)))
    path = crawl_manifest(crawls.folder, web, "scope: {max_bytes: 5KB}")
    done = crawls.run(path)
    assert done.ran.returncode == 0
    assert "limit_reached: max_bytes" in done.notes
    fetched = [path for path in done.paths if path != "/"]
    assert 2 <= len(fetched) <= 5


@pytest.mark.parametrize(
    ("start", "scope", "most", "note"),
    [
        ("/calendar?month=1", "{max_queries: 30}", 30, "limit_reached: max_queries"),
        ("/calendar?month=1", "{depth: 12}", 13, "limit_reached: depth"),
        ("/a/", "{}", 8, "limit_reached: max_repeats"),
        ("/shop", "{}", 1, ""),
    ],
)
def test_a_trap_ends_well(
    start: str, scope: str, most: int, note: str, site: Site, web: Arrivals, crawls: Crawls
) -> None:
    site.traps += [calendar, echoing, sessions]
    done = crawls.run(crawl_manifest(crawls.folder, web, f"scope: {scope}", start=start))
    assert done.ran.returncode == 0, done.ran.stderr
    assert 1 <= len(done.paths) <= most + 1
    assert note in done.notes


def test_redirect_rings_and_chains_end_well(site: Site, web: Arrivals, crawls: Crawls) -> None:
    site.traps.append(chain)
    site.page("/", "/ring/1", "/chain/1", "/self", "/moved")
    site.move("/ring/1", "/ring/2")
    site.move("/ring/2", "/ring/3", 302)
    site.move("/ring/3", "/ring/1", 307)
    site.move("/self", "/self")
    site.move("/moved", "/new")
    site.page("/new")
    done = crawls.run(crawl_manifest(crawls.folder, web))
    assert done.ran.returncode == 0, done.ran.stderr
    assert len(done.paths) == len(set(done.paths))
    assert len([path for path in done.paths if path.startswith("/chain/")]) <= 11
    assert "limit_reached: redirects" in done.notes
    assert done.outcomes["/new"] == "new"
    assert done.outcomes["/moved"] == "skipped"


def test_a_start_url_that_only_redirects_is_a_failure(site: Site, web: Arrivals, crawls: Crawls) -> None:
    site.traps.append(chain)
    done = crawls.run(crawl_manifest(crawls.folder, web, start="/chain/1"))
    assert done.ran.returncode == 4
    assert done.error("/chain/11")["class"] == "redirect"


def test_a_start_url_that_redirects_to_itself_is_a_failure(site: Site, web: Arrivals, crawls: Crawls) -> None:
    site.move("/", "/?PHPSESSID=0123456789abcdef0123456789abcdef", 302)
    done = crawls.run(crawl_manifest(crawls.folder, web))
    assert done.ran.returncode == 4
    assert done.error("/")["class"] == "redirect"
    assert "itself" in done.error("/")["message"]


@pytest.mark.parametrize("ring", [["/", "/login"], ["/", "/a", "/b"], ["/", "/a", "/b", "/a"]])
def test_a_start_url_in_a_ring_of_redirects_is_a_failure(
    ring: list[str], site: Site, web: Arrivals, crawls: Crawls
) -> None:
    for here, there in pairwise(ring if ring.count(ring[-1]) > 1 else [*ring, "/"]):
        site.move(here, there, 302)
    path = crawl_manifest(crawls.folder, web)
    for _ in range(2):  # what the first run remembers of the pages makes no difference
        done = crawls.run(path)
        assert done.ran.returncode == 4, done.ran.stderr
        [failed] = [each for each in done.events if each["outcome"] == "failed"]
        assert failed["error"]["class"] == "redirect"
        assert "ring" in failed["error"]["message"]


@pytest.mark.parametrize("goal", ["ftp://127.0.0.1/", "mailto:ann@example.org", "about:blank"])
def test_a_start_url_that_leads_out_of_the_web_is_a_failure(
    goal: str, site: Site, web: Arrivals, crawls: Crawls
) -> None:
    site.move("/", goal, 302)
    done = crawls.run(crawl_manifest(crawls.folder, web))
    assert done.ran.returncode == 4, done.ran.stderr
    assert done.error("/")["class"] == "redirect"
    assert goal in done.error("/")["message"]


def test_two_start_urls_may_lead_to_one_page_or_to_each_other_s(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    for old, new in (("/one", "/home"), ("/two", "/home"), ("/three", "/one")):
        site.move(old, new)
    site.page("/home", "/ftp")
    site.move("/ftp", "ftp://127.0.0.1/")  # a link that leads nowhere is no failure
    path = crawl_manifest(crawls.folder, web)
    starts = ", ".join(web.url(each) for each in ("/one", "/two", "/three", "/home"))
    path.write_text(path.read_text().replace(f"start: {web.url('/')}", f"start: [{starts}]"))
    for _ in range(2):
        done = crawls.run(path)
        assert done.ran.returncode == 0, done.ran.stderr
        assert sorted(done.paths) == ["/ftp", "/home", "/one", "/three", "/two"]


def test_a_part_that_nobody_asked_for_is_no_page(site: Site, web: Arrivals, crawls: Crawls) -> None:
    part = (("Content-Range", "bytes 0-9/100"),)
    site.put("/", "<html>\n<bo", "text/html", status=206, headers=part)
    site.put("/sitemap.xml", web.url("/listed"), "text/plain", status=206, headers=part)
    site.page("/listed")
    done = crawls.run(crawl_manifest(crawls.folder, web, f"sitemaps: {web.url('/sitemap.xml')}"))
    assert done.ran.returncode == 4, done.ran.stderr
    for path in ("/", "/sitemap.xml"):
        assert done.error(path)["class"] == "protocol"
        assert "bytes 0-9/100" in done.error(path)["message"]
    assert finals(crawls.output) == {}


def test_half_a_robots_txt_is_none(site: Site, web: Arrivals, crawls: Crawls) -> None:
    site.page("/")
    part = (("Content-Range", "bytes 0-9/100"),)
    site.put("/robots.txt", "User-agent: *\n", "text/plain", status=206, headers=part)
    done = crawls.run(crawl_manifest(crawls.folder, web))
    assert done.ran.returncode == 5, done.ran.stderr
    assert done.paths == []
    assert done.error("/")["class"] == "robots_unreachable"


def test_credentials_of_a_start_url_go_to_its_origin_alone(site: Site, web: Arrivals, crawls: Crawls) -> None:
    site.page("/", "/next", web.url("/far", "127.0.0.2"))
    site.page("/next")
    site.page("/far")
    path = crawl_manifest(crawls.folder, web, "scope: {hosts: any}")
    path.write_text(path.read_text().replace("http://127.0.0.1", "http://ann:s3cret@127.0.0.1"))
    done = crawls.run(path)
    assert done.ran.returncode == 0, done.ran.stderr
    assert len(done.paths) == 3
    for each in done.asked:
        ours = each.host == "127.0.0.1" and each.path != "/robots.txt"
        assert ("authorization" in each.headers) is ours, each


def test_a_body_without_end_is_left_where_it_gets_too_large(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    url = threaded_server.url("/endless")
    job = f"  - {{name: site, type: crawl, start: '{url}', warc: true, scope: {{max_file_bytes: 3MB}}}}"
    ran = run_crawler("run", manifest(tmp_path, job, head='hosts: {"*": {delay: 0}}'))
    assert ran.returncode == 0, ran.stderr
    assert "limit_reached: max_file_bytes" in ran.stderr
    assert finals(tmp_path / "data") == {}
    assert parts(tmp_path / "data") == []


def test_a_start_url_may_be_moved_to_another_host(site: Site, web: Arrivals, crawls: Crawls) -> None:
    site.move("/start", web.url("/home/", "127.0.0.2"))
    site.page("/home/", "page", web.url("/other", "127.0.0.1"))
    site.page("/home/page")
    site.page("/other")
    done = crawls.run(crawl_manifest(crawls.folder, web, start="/start"))
    assert done.ran.returncode == 0, done.ran.stderr
    assert {(each.host, each.path) for each in done.asked if each.path != "/robots.txt"} == {
        ("127.0.0.1", "/start"),
        ("127.0.0.2", "/home/"),
        ("127.0.0.2", "/home/page"),
        ("127.0.0.1", "/other"),
    }


def test_a_page_with_a_million_links_is_bounded_in_memory(site: Site, web: Arrivals, crawls: Crawls) -> None:
    site.documents["/"] = crowd(1_000_000)
    site.traps.append(lambda path: Document(b"<a href=/>back</a>"))
    path = crawl_manifest(crawls.folder, web, "scope: {max_pages: 20}")
    done, peak = crawls.measured(path)
    assert done.ran.returncode == 0, done.ran.stderr
    assert len(done.paths) == 20
    assert "limit_reached: max_pages" in done.notes
    assert "limit_reached: links of one document" in done.notes
    assert peak < 400 * 2**20, peak
