"""A converted mirror stays one while the site moves: links of unchanged pages lead to where all is now."""

from __future__ import annotations

import shutil

import pytest

from tests.cli.crawls import Crawls, crawl_manifest
from tests.cli.running import finals
from tests.cli.test_crawl_layout import links_of
from tests.serving.arrivals import Arrivals
from tests.serving.site import Document, Site

CONVERTED = "convert_links: true"


def home_leads_to(crawls: Crawls, web: Arrivals) -> list[str]:
    """The links of the start page's file, without the folder that all are in."""
    folder = f"127.0.0.1+{web.port}/"
    return [link.removeprefix(folder) for link in links_of(finals(crawls.output), f"{folder}index.html")]


@pytest.mark.parametrize("flags", [(), ("--retry-failed",)])
def test_a_page_that_could_not_be_had_at_first_is_led_to_in_the_run_that_has_it(
    flags: tuple[str, ...], site: Site, web: Arrivals, crawls: Crawls
) -> None:
    site.page("/", "/a.html", "/b.html")
    site.page("/a.html", "/b.html")
    site.documents["/b.html"] = Document(status=500)
    path = crawl_manifest(crawls.folder, web, f"{CONVERTED}\nretry: {{attempts: 1}}")
    assert crawls.run(path).counts == {"new": 2, "failed": 1}
    assert home_leads_to(crawls, web) == ["a.html", web.url("/b.html")]
    site.page("/b.html", "/")
    crawls.run(path, *flags)
    assert home_leads_to(crawls, web) == ["a.html", "b.html"]
    for _ in range(2):  # the first fetches them once more, to be sure of all other links
        crawls.run(path)
        assert home_leads_to(crawls, web) == ["a.html", "b.html"]
    again = crawls.run(path)
    assert again.counts == {"unchanged": 3}
    assert all("if-none-match" in each.headers for each in again.asked if each.path != "/robots.txt")


def test_a_wider_scope_makes_links_lead_to_what_is_there_now(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    site.page("/", "/a.html")
    site.page("/a.html", "/deep.html")
    site.page("/deep.html")
    narrow = crawl_manifest(crawls.folder, web, f"{CONVERTED}\nscope: {{depth: 0}}")
    crawls.run(narrow)
    assert home_leads_to(crawls, web) == [web.url("/a.html")]
    wide = crawl_manifest(crawls.folder, web, CONVERTED)
    crawls.run(wide)
    assert home_leads_to(crawls, web) == ["a.html"]


def test_a_redirect_that_leads_elsewhere_is_followed_by_the_links_to_it(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    site.page("/", "/latest")
    site.page("/one.html")
    site.page("/two.html")
    site.move("/latest", "/one.html")
    path = crawl_manifest(crawls.folder, web, CONVERTED)
    crawls.run(path)
    assert home_leads_to(crawls, web) == ["one.html"]
    site.move("/latest", "/two.html")
    crawls.run(path)
    crawls.run(path)
    assert home_leads_to(crawls, web) == ["two.html"]


def test_a_document_of_another_kind_is_led_to_under_its_new_name(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    site.page("/", "/x")
    site.put("/x", b"{}", "application/json")
    path = crawl_manifest(crawls.folder, web, CONVERTED)
    crawls.run(path)
    assert home_leads_to(crawls, web) == ["x"]
    site.page("/x")
    crawls.run(path)
    crawls.run(path)
    assert home_leads_to(crawls, web) == ["x.html"]


def test_a_file_that_was_deleted_is_converted_again(site: Site, web: Arrivals, crawls: Crawls) -> None:
    site.page("/", "/a.html")
    site.page("/a.html")
    path = crawl_manifest(crawls.folder, web, CONVERTED)
    crawls.run(path)
    kept = finals(crawls.output)
    shutil.rmtree(crawls.output / f"127.0.0.1+{web.port}")
    crawls.run(path)
    assert finals(crawls.output) == kept
