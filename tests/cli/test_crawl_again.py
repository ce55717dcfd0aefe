"""The second crawl of a site: asked for changes only, links from last time followed, nothing lost."""

from __future__ import annotations

import json

import pytest

from tests.cli.crawls import Crawls, crawl_manifest
from tests.cli.running import finals
from tests.serving.arrivals import Arrivals
from tests.serving.site import Document, Site, pages

KINDS = {
    "files": "",
    "archive": "to: null\nwarc: true",
    "both": "warc: {folder: archive, name: site}",
    "converted": "convert_links: true",
    "extracted": "extract: {fields: {title: h1, paragraphs: {css: p, many: true}}}",
}


def file_of(crawls: Crawls, web: Arrivals, path: str) -> str:
    return f"127.0.0.1+{web.port}{path}"


@pytest.mark.parametrize("kind", KINDS)
def test_an_unchanged_site_costs_conditional_requests_only(
    kind: str, site: Site, web: Arrivals, crawls: Crawls
) -> None:
    pages(site, 25)
    site.page("/part1/page1.html", "/old", "/part3/page3.html", "/part4/page4.html", "/")
    site.move("/old", "/part2/page2.html")
    path = crawl_manifest(crawls.folder, web, KINDS[kind])
    first = crawls.run(path)
    assert first.ran.returncode == 0, first.ran.stderr
    assert first.counts == {"new": 25, "skipped": 1}
    kept = finals(crawls.output)

    for _ in range(2):
        again = crawls.run(path)
        assert again.ran.returncode == 0, again.ran.stderr
        assert again.counts == {"unchanged": 25, "skipped": 1}
        assert sorted(again.paths) == sorted(first.paths)
        assert {each.path for each in again.asked if "if-none-match" not in each.headers} == {"/old"}
        assert again.report["totals"]["bytes"] == 0
        left = finals(crawls.output)
        assert {name: left[name] for name in kept} == kept


@pytest.mark.parametrize("kind", KINDS)
def test_what_changed_is_fetched_and_its_new_links_are_followed(
    kind: str, site: Site, web: Arrivals, crawls: Crawls
) -> None:
    site.page("/", "/a.html", "/b.html", "/c.html")
    for name in ("a", "b", "c"):
        site.page(f"/{name}.html", f"/{name}/deep.html")
        site.page(f"/{name}/deep.html", "/")
    path = crawl_manifest(crawls.folder, web, KINDS[kind])
    assert crawls.run(path).counts == {"new": 7}
    site.page("/a.html", "/a/new.html", text="<p>changed</p>")  # no longer to /a/deep.html
    site.page("/a/new.html")
    del site.documents["/b.html"]
    del site.documents["/c/deep.html"]
    site.page("/c/deep.html", "/", text="<p>changed</p>")
    again = crawls.run(path)
    assert again.ran.returncode == 4
    assert again.outcomes == {
        "/": "unchanged",
        "/a.html": "changed",
        "/a/new.html": "new",
        "/b.html": "failed",
        "/c.html": "unchanged",
        "/c/deep.html": "changed",
    }
    assert again.error("/b.html")["class"] == "http_status"
    assert "kept" in again.error("/b.html")["message"]
    if "to: null" not in KINDS[kind]:
        left = finals(crawls.output)
        for name in ("/b.html", "/b/deep.html", "/a/deep.html"):
            assert file_of(crawls, web, name) in left
        assert b"changed" in left[file_of(crawls, web, "/a.html")]


def test_a_file_that_was_deleted_or_edited_is_fetched_again(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    paths = pages(site, 6)
    path = crawl_manifest(crawls.folder, web)
    crawls.run(path)
    before = finals(crawls.output)
    (crawls.output / file_of(crawls, web, paths[1])).unlink()
    (crawls.output / file_of(crawls, web, paths[2])).write_text("edited")
    again = crawls.run(path)
    assert again.ran.returncode == 0, again.ran.stderr
    assert {each.path for each in again.asked if "if-none-match" not in each.headers} == {*paths[1:3]}
    assert again.counts == {"unchanged": 6}
    assert finals(crawls.output) == before


@pytest.mark.parametrize(
    "change",
    ["scope: {depth: 3}", "scope: {max_pages: 50}", "scope: {allow: ['*']}", "scope: {drop_parameters: []}"],
)
def test_a_wider_scope_reads_pages_again_that_have_not_changed(
    change: str, site: Site, web: Arrivals, crawls: Crawls
) -> None:
    paths = pages(site, 20, links=2)
    narrow = "scope: {depth: 1, max_pages: 3, allow: ['*/', '*/page1.html', '*/page2.html']}"
    first = crawls.run(crawl_manifest(crawls.folder, web, narrow))
    assert len(first.paths) == 3
    wide = crawls.run(crawl_manifest(crawls.folder, web, change))
    assert wide.ran.returncode == 0, wide.ran.stderr
    assert set(wide.paths) == set(paths) if "depth" not in change else len(wide.paths) > 8


def test_other_fields_are_taken_from_pages_that_have_not_changed(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    pages(site, 5)
    crawls.run(crawl_manifest(crawls.folder, web, "extract: {fields: {title: h1}}"))
    one = [json.loads(line) for line in (crawls.output / "site.jsonl").read_text().splitlines()]
    again = crawls.run(crawl_manifest(crawls.folder, web, "extract: {fields: {title: h1, text: p}}"))
    assert again.ran.returncode == 0, again.ran.stderr
    two = [json.loads(line) for line in (crawls.output / "site.jsonl").read_text().splitlines()]
    assert [{"url": each["url"], "title": each["title"]} for each in two] == one
    assert all(each["text"] for each in two)
    assert len(two) == 5


def test_a_manifest_that_wants_the_files_elsewhere_gets_them_there(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    pages(site, 5)
    crawls.run(crawl_manifest(crawls.folder, web))
    moved = crawls.run(crawl_manifest(crawls.folder, web, "to: mirror/${path}"))
    assert moved.ran.returncode == 0, moved.ran.stderr
    assert len([name for name in finals(crawls.output) if name.startswith("mirror/")]) == 5
    plain = crawls.run(crawl_manifest(crawls.folder, web, "to: mirror/${path}\nconvert_links: true"))
    assert plain.ran.returncode == 0, plain.ran.stderr
    assert b'href="../index.html"' in finals(crawls.output)["mirror/part1/page1.html"]
    back = crawls.run(crawl_manifest(crawls.folder, web, "to: mirror/${path}"))
    assert back.ran.returncode == 0, back.ran.stderr
    assert finals(crawls.output)["mirror/part1/page1.html"] == site.documents["/part1/page1.html"].body


def test_retry_failed_follows_what_a_page_leads_to_that_has_failed(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    site.page("/", "/a", "/b")
    site.page("/a")
    site.page("/b", "/b/c")
    site.page("/b/c")
    sound = site.documents.pop("/b")
    path = crawl_manifest(crawls.folder, web)
    assert crawls.run(path).ran.returncode == 4
    site.documents["/b"] = sound
    again = crawls.run(path, "--retry-failed")
    assert again.ran.returncode == 0, again.ran.stderr
    assert again.paths == ["/b", "/b/c"]


def folders(site: Site) -> None:
    """A start page, three pages, and one below each of the first two."""
    site.page("/", "/a.html", "/b.html", "/c.html")
    site.page("/a.html", "/a/deep.html")
    site.page("/b.html", "/b/deep.html")
    for path in ("/c.html", "/a/deep.html", "/b/deep.html"):
        site.page(path)


@pytest.mark.parametrize("nights", [1, 9])
def test_what_stands_behind_a_page_that_was_out_of_order_is_crawled_again_when_it_is_back(
    nights: int, site: Site, web: Arrivals, crawls: Crawls
) -> None:
    folders(site)
    path = crawl_manifest(crawls.folder, web)
    whole = crawls.run(path)
    assert whole.counts == {"new": 6}
    kept = {name: site.documents.pop(name) for name in ("/", "/a.html")}
    for _ in range(nights):
        assert crawls.run(path).counts == {"failed": 1}
    site.documents.update(kept)
    back = crawls.run(path)
    assert back.ran.returncode == 0
    assert sorted(back.paths) == sorted(whole.paths)
    assert back.counts == {"unchanged": 6}


def test_a_link_that_goes_and_returns_leads_on_to_what_it_led_to(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    folders(site)
    path = crawl_manifest(crawls.folder, web)
    assert crawls.run(path).counts == {"new": 6}
    site.page("/", "/b.html", "/c.html")
    for _ in range(9):
        crawls.run(path)
    site.page("/", "/a.html", "/b.html", "/c.html", text="<p>again</p>")
    assert "/a/deep.html" in crawls.run(path).paths


def test_other_nights_of_the_manifest_lose_no_page_of_a_job_that_was_left_out(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    folders(site)
    path = crawl_manifest(crawls.folder, web)
    with path.open("a") as more:
        more.write(f"\n  - {{name: other, type: request, url: '{web.url('/c.html')}'}}\n")
    assert crawls.run(path, "--only", "site").counts == {"new": 6}
    for _ in range(9):
        crawls.run(path, "--only", "other")
    assert crawls.run(path, "--only", "site").counts == {"unchanged": 6}


def test_a_sitemap_that_was_gone_lists_its_pages_again_when_it_is_back(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    site.page("/")
    site.page("/only-listed.html")
    listing = f"<urlset><url><loc>{web.url('/only-listed.html')}</loc></url></urlset>"
    path = crawl_manifest(crawls.folder, web, f"sitemaps: ['{web.url('/map.xml')}']")
    site.documents["/map.xml"] = Document(listing.encode(), "application/xml")
    assert "/only-listed.html" in crawls.run(path).paths
    kept = site.documents.pop("/map.xml")
    for _ in range(9):
        crawls.run(path)
    site.documents["/map.xml"] = kept
    assert "/only-listed.html" in crawls.run(path).paths


def test_links_that_a_bound_refused_are_followed_once_there_is_room(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    site.page("/", "/a.html", "/b.html")
    for name in ("a", "b"):
        site.page(f"/{name}.html", *(f"/{name}/{number}.html" for number in range(5)))
        for number in range(5):
            site.page(f"/{name}/{number}.html")
    path = crawl_manifest(
        crawls.folder, web, "scope: {max_pages: 6}", hosts='"*": {delay: 0, concurrency: 1}'
    )
    first = crawls.run(path)
    assert sorted(first.counts.values()) == [6]
    assert "limit_reached: max_pages (7 links)" in first.notes
    again = crawls.run(path)
    assert again.counts == {"unchanged": 6}
    assert "limit_reached: max_pages" in again.notes
    site.page("/a.html", text="<p>no links any more</p>")
    later = crawls.run(path)
    assert {f"/b/{number}.html" for number in range(3)} <= set(later.paths)
    assert len(later.paths) == 6


@pytest.mark.parametrize("scope", ["depth: 1", "max_pages: 3", "max_queries: 1"])
def test_what_a_bound_left_out_is_told_of_an_unchanged_site_and_of_a_round_that_goes_on(
    scope: str, site: Site, web: Arrivals, crawls: Crawls
) -> None:
    site.page("/", "/a.html", "/b.html", "/q?x=1", "/q?x=2", "/r/r/r/x.html")
    site.page("/a.html", "/deep.html")
    for each in ("/b.html", "/q?x=1", "/q?x=2", "/r/r/r/x.html", "/deep.html"):
        site.page(each)
    slow = '"*": {delay: 0, concurrency: 1}'
    path = crawl_manifest(crawls.folder, web, f"scope: {{{scope}}}", hosts=slow)
    first = crawls.run(path)
    assert f"limit_reached: {scope.partition(':')[0]}" in first.notes
    again = crawls.run(path)
    assert set(again.counts) == {"unchanged"}
    assert again.notes == first.notes
    site.page("/b.html", text="<p>changed</p>")
    site.hold = 0.4
    cut = crawls.run(path, "--deadline", "0.9s")
    assert cut.ran.returncode == 7
    site.hold = 0.0
    rest = crawls.run(path)
    assert rest.ran.returncode == 0
    assert rest.notes == first.notes


def test_runs_of_other_jobs_take_no_crawl_its_memory(site: Site, web: Arrivals, crawls: Crawls) -> None:
    pages(site, 10)
    path = crawl_manifest(crawls.folder, web)
    path.write_text(f"{path.read_text()}\n  - {{name: other, type: request, url: {web.url('/')}}}\n")
    assert crawls.run(path).counts == {"new": 11}
    for _ in range(3):
        assert crawls.run(path, "--only", "other").counts == {"new": 1}
    again = crawls.run(path)
    assert again.counts == {"unchanged": 10, "new": 1}, again.ran.stderr
