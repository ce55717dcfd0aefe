"""A converted mirror in a real browser, from disk, with the server gone."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from benchmarks.chromium import chromium, program
from tests.cli.crawls import Crawls, crawl_manifest
from tests.serving.arrivals import Arrivals
from tests.serving.site import Site

BROWSER = program()
pytestmark = pytest.mark.skipif(BROWSER is None, reason="chromium is not installed")
PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
HOME = """<!DOCTYPE html><link rel=stylesheet href=/style.css><img src="/a%20picture.gif?size=1">
<a href="/below/?page=2#end">below</a> <a href="/below/a%3Fb">a name with a question mark</a>"""
BELOW = """<!DOCTYPE html><base href="/deep/er/"><link rel=stylesheet href="../../style.css">
<a href="../../">home</a> <a href="#here">here</a>
<img src="/a%20picture.gif?size=1" srcset="/a%20picture.gif?size=1 1x">"""


async def test_every_link_style_sheet_and_image_of_a_converted_mirror_is_there(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    site.put("/", HOME.encode(), "text/html")
    site.put("/below/?page=2", BELOW.encode(), "text/html")
    site.put("/below/a%3Fb", BELOW.encode(), "text/html")
    site.put("/style.css", b"body{background:url('a%20picture.gif?size=1')}", "text/css")
    site.put("/a%20picture.gif?size=1", PIXEL, "image/gif")
    crawls.run(crawl_manifest(crawls.folder, web, "convert_links: true"))
    assert BROWSER is not None
    pages = sorted(crawls.output.rglob("*.html"))
    async with chromium(BROWSER) as browser:
        opened = [await browser.open(page) for page in pages]
    assert [(each.broken, each.failed) for each in opened] == [([], [])] * 3
    assert sorted(each.links for each in opened) == [2, 2, 2]


async def test_the_browser_tells_what_is_not_there(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        "<link rel=stylesheet href=no.css><img src=no.gif><a href=no.html>no</a><a href=page.html>yes</a>"
    )
    assert BROWSER is not None
    async with chromium(BROWSER) as browser:
        opened = await browser.open(page)
    assert opened.broken == [(tmp_path / "no.html").as_uri()]
    assert {url.rpartition("/")[2] for url in opened.failed} == {"no.css", "no.gif"}
