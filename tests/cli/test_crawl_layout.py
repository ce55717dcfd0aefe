"""Where a crawl's files go, and where the links in them lead."""

from __future__ import annotations

import json
import posixpath
import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pytest

from crawler.job_types.crawling.documents import PARSED_AT_ONCE
from tests.cli.crawls import Crawls, crawl_manifest
from tests.cli.running import finals
from tests.serving.arrivals import Arrivals
from tests.serving.site import Site

LINK = re.compile(rb'(?:href|src)="([^"]*)"')


def links_of(files: dict[str, bytes], name: str) -> list[str]:
    """Where the links of a file lead: names of other files, or absolute URLs."""
    found = []
    for each in LINK.findall(files[name]):
        link = each.decode().replace("&amp;", "&")
        if "://" not in link:
            link = posixpath.normpath(
                posixpath.join(posixpath.dirname(name), unquote(link.partition("#")[0]))
            )
        found.append(link)
    return found


def titled(files: dict[str, bytes], title: str) -> str:
    """The file with this title."""
    (name,) = [name for name, body in files.items() if f"<h1>{title}</h1>".encode() in body]
    return name


AWKWARD = ["/a", "/a/b", "/a/b/c", "/Twin", "/twin", "/TWIN/x", "/x?q=1", "/x@q=1", "/d/", "/d/index.html"]


@pytest.mark.parametrize("keys", ["", "convert_links: true", "warc: true"])
@pytest.mark.parametrize("order", [1, -1])
def test_no_two_urls_share_a_file_and_a_file_is_never_in_the_way_of_a_folder(
    keys: str, order: int, site: Site, web: Arrivals, crawls: Crawls
) -> None:
    paths = AWKWARD[::order]
    site.page("/", *paths)
    for path in paths:
        site.page(path)
    manifest = crawl_manifest(crawls.folder, web, keys)
    first = crawls.run(manifest)
    assert first.ran.returncode == 0, first.ran.stderr
    files = finals(crawls.output)
    pages = {name: body for name, body in files.items() if not name.startswith("warc/")}
    assert len(pages) == len({name.casefold() for name in pages}) == len(AWKWARD) + 1
    if not keys.startswith("convert"):
        assert sorted(pages.values()) == sorted(each.body for each in site.documents.values())

    again = crawls.run(manifest)
    assert again.counts == {"unchanged": len(AWKWARD) + 1}
    # Links in another order, and pages that have changed, change no name.
    site.page("/", *paths[::-1])
    for path in paths:
        site.page(path, text="<p>changed</p>")
    changed = crawls.run(manifest)
    assert changed.ran.returncode == 0, changed.ran.stderr
    assert changed.counts == {"changed": len(AWKWARD) + 1}
    later = finals(crawls.output)
    assert {name for name in later if not name.startswith("warc/")} == set(pages)
    for path in paths:
        assert titled(later, path) == titled(files, path)


def test_a_page_that_comes_later_takes_no_name_that_another_has(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    site.page("/", "/x@q=1", "/folder/page", "/File")
    for path in ("/x@q=1", "/folder/page", "/File"):
        site.page(path)
    manifest = crawl_manifest(crawls.folder, web)
    assert crawls.run(manifest).counts == {"new": 4}
    before = finals(crawls.output)
    new = ["/x?q=1", "/folder", "/file", "/File/below"]
    site.page("/", *new, "/x@q=1", "/folder/page", "/File")
    for path in new:
        site.page(path)
    again = crawls.run(manifest)
    assert again.ran.returncode == 0, again.ran.stderr
    assert again.counts == {"changed": 1, "unchanged": 3, "new": 4}
    after = finals(crawls.output)
    assert len({name.casefold() for name in after}) == 8
    for path in ("/x@q=1", "/folder/page", "/File"):
        assert titled(after, path) == titled(before, path)


def test_a_file_of_somebody_else_is_left_alone(site: Site, web: Arrivals, crawls: Crawls) -> None:
    site.page("/", "/a.html")
    site.page("/a.html")
    mine = crawls.output / f"127.0.0.1+{web.port}" / "a.html"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    (crawls.output / "site.jsonl").write_text("mine")
    manifest = crawl_manifest(crawls.folder, web, "extract: {fields: {title: h1}}")
    done = crawls.run(manifest)
    assert done.ran.returncode == 4
    assert done.error("/a.html")["class"] == "exists"
    assert mine.read_text() == (crawls.output / "site.jsonl").read_text() == "mine"
    assert [each["error"]["class"] for each in done.events if each["outcome"] == "failed"] == ["exists"] * 2
    manifest = crawl_manifest(crawls.folder, web, "extract: {fields: {title: h1}}\noverwrite: true")
    assert crawls.run(manifest).ran.returncode == 0
    assert len((crawls.output / "site.jsonl").read_text().splitlines()) == 2
    assert mine.read_bytes() == site.documents["/a.html"].body


def test_converted_links_lead_to_files_and_what_is_not_there_to_the_site(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    host = f"127.0.0.1+{web.port}"
    links = [
        "/a",
        "/a/b#part",
        "/list?page=2&sort=up",
        "/moved",
        "/caf%E9",
        "/gone",
        "/deep/er/",
        "/style.css",
    ]
    site.page("/", *links, "http://elsewhere.example/x", text='<img src="/i/p.png">')
    site.page("/a", "a/b", "../")
    site.page("/a/b", "/", "c?x#y")
    site.page("/list?page=2&sort=up", "?page=1")
    site.page("/list?page=1")
    site.move("/moved", "/deep/er/")
    site.page("/caf%E9", "/")
    site.page("/deep/er/", "../../a", "./")
    site.put("/i/p.png", b"\x89PNG", "image/png")
    site.put("/style.css", "body {background: url(i/p.png)}", "text/css")
    site.page("/a/c?x")
    manifest = crawl_manifest(crawls.folder, web, "convert_links: true")
    done = crawls.run(manifest)
    assert done.ran.returncode == 4  # /gone
    files = finals(crawls.output)
    for name in files:
        for link in links_of(files, name) if name.endswith(".html") else ():
            assert link in files or link in ("http://elsewhere.example/x", web.url("/gone")), (name, link)
    start = links_of(files, f"{host}/index.html")
    deep = f"{host}/deep/er/index.html"
    assert start.count(deep) == 2  # by its own link and through the redirect
    assert web.url("/gone") in start
    assert titled(files, "/a/b") in start
    assert b'#part"' in files[f"{host}/index.html"]
    assert f"{host}/i/p.png" in start
    assert all(name.endswith((".html", ".css", ".png")) for name in files)

    again = crawls.run(manifest)
    assert again.counts == {"unchanged": 10, "skipped": 1, "failed": 1}
    assert finals(crawls.output) == files


def test_requisites_come_from_any_host_and_no_credential_goes_there(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    other = "127.0.0.2"
    site.page("/", "/next", text=f'<img src="{web.url("/far.png", other)}">')
    site.page("/next", web.url("/far.html", other))
    site.put("/far.png", b"\x89PNG", "image/png")
    site.page("/far.html")
    site.traps.append(lambda path: site.documents.get(path.partition("?")[0]))
    keys = (
        "requisites: true\nauth: {token: t0ken-of-mine}\ncookies: {session: c00kie}\n"
        "headers: {X-Key: k3y-of-mine, User-Agent: acme/1}\nparams: {api: p4ram}"
    )
    done = crawls.run(crawl_manifest(crawls.folder, web, keys))
    assert done.ran.returncode == 0, done.ran.stderr
    ours = [each for each in done.asked if each.host != other and not each.path.startswith("/robots")]
    theirs = [each for each in done.asked if each.host == other]
    assert [each.path for each in theirs] == ["/robots.txt", "/far.png"]
    assert len(ours) == 2
    for each in ours:
        assert each.headers["authorization"] == "Bearer t0ken-of-mine"
        assert each.headers["x-key"] == "k3y-of-mine"
        assert each.path.endswith("?api=p4ram")
    for each in theirs:
        assert {"authorization", "cookie", "x-key"}.isdisjoint(each.headers)
        assert each.headers["user-agent"] == "acme/1"


def test_a_link_to_a_private_address_is_not_followed(site: Site, web: Arrivals, crawls: Crawls) -> None:
    site.page("/", "http://10.255.255.1/", "/fine")
    site.page("/fine")
    done = crawls.run(crawl_manifest(crawls.folder, web, "scope: {hosts: any}\ntimeout: {connect: 2s}"))
    assert done.ran.returncode == 4
    failed = [each for each in done.events if each["outcome"] == "failed"]
    assert [each["error"]["class"] for each in failed] == ["blocked_address"]


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_fields_are_one_line_a_page_and_a_missing_one_is_a_located_failure(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    site.page("/", "/good", "/bad", "/api.json")
    site.page("/good", text='<p class="price">12</p>')
    site.page("/bad", "/beyond", text='<p class="price">dear</p>')
    site.page("/beyond", text='<p class="price">7</p>')
    site.put("/api.json", json.dumps({"items": [{"n": 1}, {"n": 2}]}), "application/json")
    keys = """extract:
  pages: ["*/good", "*/bad", "*/beyond", "*.json"]
  fields:
    title: h1
    price: {css: .price, type: int, required: true}
    items: {jmespath: "items[].n", many: true}"""
    manifest = crawl_manifest(crawls.folder, web, keys)
    done = crawls.run(manifest)
    assert done.ran.returncode == 4
    assert done.error("/bad")["class"] == "unexpected_content"
    assert "price" in done.error("/bad")["message"]
    assert "dear" in done.error("/bad")["message"]
    assert done.outcomes["/beyond"] == "new"  # its links are followed all the same
    told = lines_of(crawls.output / "site.jsonl")
    assert [(each["url"], each["price"]) for each in told] == [
        (web.url("/good"), 12),
        (web.url("/beyond"), 7),
    ]
    site.page("/bad", "/beyond", text='<p class="price">9</p>')
    crawls.run(manifest)
    assert len(lines_of(crawls.output / "site.jsonl")) == 3


def test_a_large_page_is_converted_as_a_small_one_is(site: Site, web: Arrivals, crawls: Crawls) -> None:
    """It is rewritten on a thread, which may not ask the ledger."""
    site.put("/style.css", b"body {}", "text/css")
    for number in range(5):
        site.page(f"/p{number}", "/")
    each = PARSED_AT_ONCE // 100
    links = "".join(f'<a href="/p{number}">x</a>' for number in range(7)) * each
    assert len(links) > PARSED_AT_ONCE
    head = '<link rel="stylesheet" href="/style.css" integrity="sha256-x">'
    site.put("/", f"{head}{links}<a href='https://elsewhere.test/'>y</a>".encode(), "text/html")
    done = crawls.run(crawl_manifest(crawls.folder, web, "convert_links: true"))
    assert done.counts == {"new": 7, "failed": 2}
    body = next(body for name, body in finals(crawls.output).items() if name.endswith("/index.html"))
    led = Counter(re.findall(rb'<a href="([^"]*)"', body))
    there = {f"p{number}.html".encode(): each for number in range(5)}
    assert led == there | {web.url(f"/p{number}").encode(): each for number in (5, 6)}
    assert b'<link rel="stylesheet" href="style.css" >' in body
    assert b"<a href='https://elsewhere.test/'>" in body


def test_a_query_is_asked_for_in_the_encoding_of_the_page_that_has_it(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    page = '<h1>ä</h1><a href="/ä?q=ä&p=€">both</a><a href="?q=ж">none</a><form action="/s?f=ö"></form>'
    latin = page.encode("cp1252", "xmlcharrefreplace")
    site.put("/", latin, "text/html; charset=iso-8859-1")
    site.put("/%C3%A4?q=%E4&p=%80", b"there", "text/plain")
    site.put("/?q=%26%231078%3B", b"as well", "text/plain")
    done = crawls.run(crawl_manifest(crawls.folder, web, "convert_links: true"))
    assert done.ran.returncode == 0, done.ran.stderr
    assert sorted(done.paths) == ["/", "/%C3%A4?q=%E4&p=%80", "/?q=%26%231078%3B"]
    files = finals(crawls.output)
    [home] = [name for name, body in files.items() if body.startswith(b"<h1>\xe4")]
    both, none = links_of(files, home)[:2]
    assert (files[both], files[none]) == (b"there", b"as well")
    assert web.url("/s?f=%F6").encode() in files[home]
    assert crawls.run(crawl_manifest(crawls.folder, web, "convert_links: true")).counts == {"unchanged": 3}
