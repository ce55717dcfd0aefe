"""Sitemaps that a crawl cannot read, or not whole: nothing of them is lost without a word."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable

import pytest

from crawler.job_types.crawling.listed import MOST_URLS
from tests.cli.crawls import Crawls, crawl_manifest
from tests.serving.arrivals import Arrivals
from tests.serving.site import Site

LISTED = 300


def urlset(web: Arrivals, *more: str) -> bytes:
    """A sitemap of /page and many a URL that is out of scope, so that it is long; ``more`` comes behind."""
    urls = [web.url("/page"), *(f"http://far.example/{os.urandom(20).hex()}" for _ in range(LISTED))]
    entries = "".join(f"<url><loc>{url}</loc></url>\n" for url in urls)
    return f"<urlset>{entries}{''.join(more)}</urlset>".encode()


def index(url: str) -> str:
    return f"<sitemapindex><sitemap><loc>{url}</loc></sitemap></sitemapindex>"


def cut(web: Arrivals) -> bytes:
    packed = gzip.compress(urlset(web))
    return packed[: len(packed) * 9 // 10]


def flipped(web: Arrivals) -> bytes:
    packed = bytearray(gzip.compress(urlset(web)))
    packed[-8] ^= 1  # of the checksum
    return bytes(packed)


def broken_off(web: Arrivals) -> bytes:
    return urlset(web)[:-20]


def padded(web: Arrivals) -> bytes:
    """Small when packed, 60 MB when not."""
    return gzip.compress(urlset(web, f"<!--{' ' * 1_000_000}-->" * 60))


def ill_written(web: Arrivals) -> bytes:
    return urlset(web, "<url><lastmod>2026-01-01</lastmod></url>", "<url><loc>page.html</loc></url>")


IN_PART = [
    (cut, "unreadable: a sitemap, or the rest of it (1 link)"),
    (flipped, "unreadable: a sitemap, or the rest of it (1 link)"),
    (broken_off, "unreadable: a sitemap, or the rest of it (1 link)"),
    (padded, "limit_reached: bytes of one sitemap (1 link)"),
    (ill_written, "unreadable: entries of a sitemap (2 links)"),
]


@pytest.mark.parametrize("named", ["the manifest", "robots.txt"])
@pytest.mark.parametrize(("made", "note"), IN_PART)
def test_what_can_be_read_of_a_damaged_sitemap_is_followed_and_the_rest_is_told(
    made: Callable[[Arrivals], bytes], note: str, named: str, site: Site, web: Arrivals, crawls: Crawls
) -> None:
    site.page("/")
    site.page("/page")
    site.put("/map", made(web), "application/octet-stream")
    site.robots(f"Sitemap: {web.url('/map')}\n")
    keys = f"sitemaps: {web.url('/map')}" if named == "the manifest" else ""
    path = crawl_manifest(crawls.folder, web, keys)
    for _ in range(2):  # told again by the next run, though it is as it was
        done = crawls.run(path)
        assert done.ran.returncode == 0, done.ran.stderr
        assert sorted(done.paths) == ["/", "/map", "/page"]
        assert note in done.notes
        assert note in done.ran.stderr


UNREADABLE = [
    (b"<!DOCTYPE html><html><body>There is no such page</body></html>", "DTD"),
    (b"<html><body>There is no such page</body></html>", "found <html>"),
    (b'<!DOCTYPE urlset [<!ENTITY a "b">]><urlset><url><loc>&a;</loc></url></urlset>', "DTD"),
    (gzip.compress(bytes(100_000_000), mtime=0), "50 MiB"),
    (gzip.compress(b"", mtime=0)[:10] + b"no deflated bytes", "damaged"),
    (b"There is no such page\n", "no http or https URL"),
]


@pytest.mark.parametrize(("body", "detail"), UNREADABLE)
def test_a_sitemap_that_is_none_fails_where_the_manifest_names_it(
    body: bytes, detail: str, site: Site, web: Arrivals, crawls: Crawls
) -> None:
    site.page("/")
    site.put("/map", body, "application/octet-stream")
    path = crawl_manifest(crawls.folder, web, f"sitemaps: {web.url('/map')}")
    for _ in range(2):
        done = crawls.run(path)
        assert done.ran.returncode == 4, done.ran.stderr
        assert done.error("/map")["class"] == "unexpected_content"
        assert detail in done.error("/map")["message"]
        assert done.outcomes["/"] in ("new", "unchanged")


@pytest.mark.parametrize("body", [body for body, _ in UNREADABLE])
def test_a_sitemap_that_is_none_is_told_where_robots_txt_or_an_index_names_it(
    body: bytes, site: Site, web: Arrivals, crawls: Crawls
) -> None:
    site.page("/")
    site.put("/map", body, "application/octet-stream")
    site.put("/index", index(web.url("/map")), "application/xml")
    site.robots(f"Sitemap: {web.url('/map')}\n")
    for keys in ("", f"sitemaps: {web.url('/index')}"):
        done = crawls.run(crawl_manifest(crawls.folder, web, keys))
        assert done.ran.returncode == 0, done.ran.stderr
        assert "unreadable: " in done.notes or "limit_reached: bytes of one sitemap" in done.notes
        assert done.outcomes["/map"] != "failed"


def test_a_sitemap_without_any_entry_is_in_order(site: Site, web: Arrivals, crawls: Crawls) -> None:
    site.page("/")
    site.put("/map", "<urlset></urlset>", "application/xml")
    done = crawls.run(crawl_manifest(crawls.folder, web, f"sitemaps: {web.url('/map')}"))
    assert done.ran.returncode == 0, done.ran.stderr
    assert done.notes == ""


def test_the_urls_of_a_sitemap_beyond_its_bound_are_counted(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    site.page("/")
    lines = "\n".join(web.url(f"/{number}") for number in range(MOST_URLS + 1234))
    site.put("/map", lines, "text/plain")
    keys = f"sitemaps: {web.url('/map')}\nscope: {{max_pages: 1}}"
    done = crawls.run(crawl_manifest(crawls.folder, web, keys))
    assert done.ran.returncode == 0, done.ran.stderr
    assert "limit_reached: URLs of one sitemap (1,234 links)" in done.notes


def test_indexes_that_list_indexes_for_ever_are_told(site: Site, web: Arrivals, crawls: Crawls) -> None:
    site.page("/")
    for level in range(6):
        below = web.url(f"/{level + 1}.xml")
        site.put(
            f"/{level}.xml", f"<sitemapindex><sitemap><loc>{below}</loc></sitemap></sitemapindex>", "text/xml"
        )
    done = crawls.run(crawl_manifest(crawls.folder, web, f"sitemaps: {web.url('/0.xml')}"))
    assert done.ran.returncode == 0, done.ran.stderr
    assert sorted(done.paths) == ["/", "/0.xml", "/1.xml", "/2.xml", "/3.xml"]
    assert "limit_reached: sitemaps within sitemaps (1 link)" in done.notes
